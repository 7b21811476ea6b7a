"""The folder `prompts/` on disk → `Words`: the sentences for a model as a value, so that prompts need no disk.

A skill is a page of advice that is shown when the failure looks like its subject. A broken template of ours is a defect
and raises; a broken skill of the user's is left out and told in `troubles`, and never stops a repair.
"""

import re
from pathlib import Path

from msgspec import Struct

OURS = Path(__file__).parent / "prompts"
SKILL_LINES = 60  # a longer one crowds out the code
SKILL_BYTES = 16_384
SKILL_FIELDS = ("title", "always", "levels", "errors", "deltas", "words")
FORM = (
    "a skill begins with a line ---, then `title:` and `errors:`, `deltas:`, `words:` or `always: yes`, then --- again"
)


class Skill(Struct, frozen=True):
    """Advice, and what a failure looks like that asks for it. A word may end in `*`; no `levels` means all."""

    name: str
    title: str
    text: str
    always: bool = False
    levels: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    deltas: tuple[str, ...] = ()
    words: tuple[str, ...] = ()


class Words(Struct, frozen=True):
    """Every sentence that a model is told: templates by their path below `prompts/`, without the suffix."""

    templates: dict[str, str]
    skills: tuple[Skill, ...] = ()
    troubles: tuple[str, ...] = ()


class SkillRefused(ValueError):  # noqa: N818  said of the skill
    """A page that is not in the form of a skill; the message says what is wrong and what the form is."""


def read_words(folder: Path = OURS, own_skills_folder: Path | None = None) -> Words:
    """The words of the house, and the user's own skills beside them: one of the same name takes our one's place."""
    templates = {
        path.relative_to(folder).with_suffix("").as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(folder.rglob("*.txt"))
    }
    skills = {path.stem: as_skill(path.stem, path.read_text(encoding="utf-8")) for path in pages(folder / "skills")}
    troubles = []
    if own_skills_folder is not None and not own_skills_folder.is_dir():
        troubles.append(f"there is no folder {own_skills_folder} to read skills from")
    for path in pages(own_skills_folder) if own_skills_folder else ():
        try:
            if path.stat().st_size > SKILL_BYTES:
                raise SkillRefused(f"it is longer than {SKILL_BYTES} bytes")
            skills[path.stem] = as_skill(path.stem, path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            troubles.append(f"the skill {path.name} is left out: {error}")
    return Words(templates, tuple(skills[name] for name in sorted(skills)), tuple(troubles))


def pages(folder: Path) -> list[Path]:
    """The skills in a folder, in the order of their names."""
    return sorted(path for path in folder.glob("*.md") if path.name.lower() != "readme.md" and path.is_file())


def as_skill(name: str, text: str) -> Skill:
    """A page with its front matter."""
    match = re.match(r"---\n(.*?)\n---\n(.*)", text.replace("\r\n", "\n"), re.DOTALL)
    if match is None:
        raise SkillRefused(FORM)
    fields: dict[str, str] = {}
    for line in match[1].split("\n"):
        key, colon, value = line.partition(":")
        if not colon or key.strip() not in SKILL_FIELDS:
            raise SkillRefused(f"{line!r} is none of {', '.join(SKILL_FIELDS)}; {FORM}")
        fields[key.strip()] = value.strip()
    body = match[2].strip()
    if not fields.get("title") or not body:
        raise SkillRefused(f"it has no {'text' if fields.get('title') else 'title'}; {FORM}")
    if body.count("\n") >= SKILL_LINES:
        raise SkillRefused(f"it has more than {SKILL_LINES} lines")
    if not {"always", "errors", "deltas", "words"} & fields.keys():
        raise SkillRefused(f"it does not say when it helps; {FORM}")
    listed = {
        key: tuple(part.strip() for part in fields.get(key, "").split(",") if part.strip()) for key in SKILL_FIELDS
    }
    return Skill(
        name,
        fields["title"],
        body,
        fields.get("always", "").lower() in ("yes", "true"),
        listed["levels"],
        listed["errors"],
        listed["deltas"],
        listed["words"],
    )
