"""An idea, its plan, its files and what was found wrong with them → the prompts for the plan and for the files.

Every sentence comes from `prompts/idea/`. What others wrote stands between marks that occur nowhere in it, as in every
prompt of the house; the same input is always the same prompt.
"""

from collections.abc import Iterable, Mapping, Sequence
from string import Template

from msgspec import Struct

from daemon.drops import Idea
from daemon.text import tokens
from daemon.text.plan import Plan
from daemon.text.prompt import Prompt, Quoting
from daemon.words import Words

FILES_CHARACTERS = 60_000  # of the files shown again; what is more is only named
FINDINGS_SHOWN = 20


class Asked(Struct, frozen=True, kw_only=True):
    """All that goes into a prompt besides the words of the house.

    `findings` are those of the score, the dearest first; `refusals` are why the last answer was not used, and `before`
    is what was wrong with an earlier run's project. A base run has no `rung`, and no words of one.
    """

    idea: Idea
    name: str = ""
    plan: Plan | None = None
    files: dict[str, str] = {}
    findings: list[str] = []
    refusals: list[str] = []
    before: list[str] = []
    hint: str = ""
    level: str = ""
    rung: str = ""


def plan_prompt(words: Words, asked: Asked) -> Prompt:
    """Ask for a plan; `plan.read` reads the answer."""
    return _prompt(words, asked, "plan_format", "last_plan")


def files_prompt(words: Words, asked: Asked) -> Prompt:
    """Ask for the files of the plan, or, where there are files, for edits that mend them; `edits.read` reads it."""
    return _prompt(words, asked, "files_format", "last_mend" if asked.files else "last_files")


def _prompt(words: Words, asked: Asked, form: str, last: str) -> Prompt:
    quoting = Quoting(asked)
    shown, named = _shown(asked.files)
    user = "\n".join(
        filter(
            None,
            (
                _section(words, "idea", _idea(asked, quoting)),
                _section(words, "acceptance", _raw(quoting, "acceptance-test", asked.idea.acceptance_tests)),
                _section(words, "planned", _plan(asked.plan, quoting)),
                _section(
                    words, "files", [*_raw(quoting, "file", shown), quoting.quote("also-there", "\n".join(named))]
                ),
                _section(words, "refusals", [quoting.quote("refusal", one) for one in asked.refusals[:FINDINGS_SHOWN]]),
                _section(words, "findings", [quoting.quote("finding", one) for one in asked.findings[:FINDINGS_SHOWN]]),
                _section(words, "before", _before(asked, quoting)),
                _approach(words, asked),
                _fill(words, last, name=asked.name),
            ),
        )
    )
    system = _fill(words, "system", format=words.templates[f"idea/{form}"].strip(), mark=quoting.mark)
    estimate = tokens.most(system, user)
    manifest: dict[str, object] = {
        "mark": quoting.mark,
        "asked_for": "plan" if form == "plan_format" else "files",
        "files": list(shown),
        "files_named": named,
        "findings": len(asked.findings),
        "refusals": len(asked.refusals),
        "level": asked.level,
        "rung": asked.rung,
        "cuts": quoting.cuts,
        "tokens": estimate,
    }
    return Prompt(system, user, estimate, manifest)


def _fill(words: Words, template: str, /, **values: str) -> str:
    return Template(words.templates[f"idea/{template}"]).substitute(values)


def _section(words: Words, name: str, quoted: Sequence[str]) -> str:
    return _fill(words, name, quoted="\n\n".join(filter(None, quoted))) if any(quoted) else ""


def _approach(words: Words, asked: Asked) -> str:
    """What a rung says of how to go about it."""
    if not asked.rung:
        return ""
    parts = (words.templates[name].strip() for name in (f"levels/{asked.level}", f"variants/{asked.rung}"))
    return _fill(words, "approach", approach="\n\n".join(parts))


def _before(asked: Asked, quoting: Quoting) -> list[str]:
    """What an earlier run ended with, until there are findings of this one."""
    told = [] if asked.findings else asked.before[:FINDINGS_SHOWN]
    return [quoting.quote("finding", one) for one in told]


def _idea(asked: Asked, quoting: Quoting) -> list[str]:
    idea = asked.idea
    return [
        quoting.quote("title", idea.title),
        quoting.quote("description", idea.description, longest="problem"),
        quoting.quote("constraints", "\n".join(idea.constraints)),
        quoting.quote("dependencies", "\n".join(idea.dependencies)),
        quoting.quote("entry-point", idea.entry_point),
        quoting.quote("sample-code", idea.sample_code, longest="problem"),
        quoting.quote("hint", asked.hint),
    ]


def _plan(plan: Plan | None, quoting: Quoting) -> list[str]:
    if plan is None:
        return []
    lines = [f"FILE: {file.path} | {file.purpose}".rstrip(" |") for file in plan.files]
    lines += [f"DEPENDENCIES: {', '.join(plan.dependencies) or 'none'}", f"RUN: {plan.run}", f"TEST: {plan.test}"]
    return [quoting.quote("plan", "\n".join(lines), longest="problem")]


def _raw(quoting: Quoting, kind: str, files: Mapping[str, str]) -> list[str]:
    numbered = kind == "file"
    return [quoting.raw(kind, path, _numbered(text) if numbered else text) for path, text in sorted(files.items())]


def _numbered(text: str) -> str:
    lines = text.splitlines()
    return "\n".join(f"{number:>{len(str(len(lines)))}}| {line}" for number, line in enumerate(lines, 1))


def _shown(files: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """The files to show whole, the small ones first, and the names of those for which there is no room."""
    left = FILES_CHARACTERS
    shown: dict[str, str] = {}
    for path in _small_first(files):
        if len(files[path]) <= left:
            shown[path] = files[path]
            left -= len(files[path])
    return shown, sorted(set(files) - set(shown))


def _small_first(files: Mapping[str, str]) -> Iterable[str]:
    return sorted(files, key=lambda path: (len(files[path]), path))
