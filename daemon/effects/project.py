"""A project that was written for somebody → what can be measured of it, in the sandbox. How good that is, is not said.

Only the installation of its dependencies has a network, and only names that were let through are installed; the project
itself never is. Every question is a run of its own (`tryout.py`), and tests that pass are only believed after a
look at whether they can fail (`sabotage.py`).
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from anyio import current_time
from anyio.to_thread import run_sync
from msgspec import Struct, structs

from daemon.drops import Environment as Wanted
from daemon.effects.environment import Environment, EnvironmentRefused, Environments
from daemon.effects.sabotage import Sabotage, spread
from daemon.effects.sandbox import Sandbox
from daemon.effects.trees import Source, Tree, Trees
from daemon.effects.tryout import Tryout
from daemon.effects.workspace import Workspace
from daemon.settings import Settings
from daemon.text import measured as m
from daemon.text.measured import Measured
from daemon.text.project import Project
from daemon.text.proposed import PROJECT_FILES
from daemon.text.safe import unsafe

NOTHING = "nothing"  # the job, as it were, that all ideas begin with
QUIET = ("-p", "no:cacheprovider")
LINES_NAMED = 20  # of one file, as not reached
AFTER_IMPORTS = ("entry point", "acceptance tests", "own tests", "coverage", "mutation strength")
BY_READING = ("lint", "types", "README")
EVERYTHING = ("imports", *AFTER_IMPORTS)


class Limits(Struct, frozen=True, kw_only=True):
    """How long each question may take; the settings' own limit goes before."""

    look_s: float = 120.0  # a linter and a type checker, cold
    import_s: float = 10.0  # of one module: a slow library, on a slow machine
    entry_s: float = 20.0  # of a command that only has to begin and end
    tests_s: float = 120.0  # of one session; small projects have fast tests
    faults_s: float = 300.0  # of all faults together
    faults: int = 20  # each is a session; twenty tell good tests from bad ones


def empty_tree(trees: Trees, folder: Path) -> Tree:
    """The tree that every idea's run starts from: nothing. Blocks."""
    nothing = folder / NOTHING
    nothing.mkdir(parents=True, exist_ok=True)
    return trees.of_job(NOTHING, Source(str(nothing)))


async def measure(  # noqa: PLR0913  the parts of a world that it needs, by name
    project: Project,
    *,
    tree: Tree,
    folder: Path,
    environments: Environments,
    sandbox: Sandbox,
    settings: Settings,
    limits: Limits | None = None,
) -> Measured:
    """Everything that can be seen of the project. `tree` is the empty one; `folder` is scratch, and gone afterwards."""
    if refused := _refused(project.files):
        return Measured(unparsed=refused, unmeasured=dict.fromkeys(("installs", *EVERYTHING, *BY_READING), refused[0]))
    environment, installs = await environment_of(project, environments, tree)
    workspace = Workspace(tree, folder, settings.workspace_bytes)
    questions = _Questions(Tryout(project, environment, workspace, sandbox, settings), limits or Limits())
    try:
        measured = await questions.look()
        readme = m.readme_of(project.files, project.entry_point, has_dependencies=bool(project.wanted[0]))
        measured = structs.replace(measured, installs=installs, readme=readme, entry_point=project.entry_point)
        return await _run(questions, measured)
    finally:
        await run_sync(workspace.close)


async def environment_of(project: Project, environments: Environments, tree: Tree) -> tuple[Environment, str]:
    """What the project is run in, and what keeps its dependencies from being installed there."""
    wanted, objections = project.wanted
    if objections:
        return await environments.of(Wanted(), tree), "; ".join(objections)
    try:
        return await environments.of(Wanted(requirements=wanted), tree), ""
    except EnvironmentRefused as refused:
        why = re.sub(r"^`[^`]*` ", "the installation ", str(refused))  # without the places of this machine
        return await environments.of(Wanted(), tree), why


def _refused(files: Mapping[str, str]) -> list[str]:
    """Why these files cannot even be laid out."""
    if len(files) > PROJECT_FILES:
        return [f"there are {len(files)} files, and {PROJECT_FILES} is what a small project may have"]
    return [why for path in sorted(files) if (why := unsafe(path))]


async def _run(questions: "_Questions", measured: Measured) -> Measured:
    """What can only be seen by running it, as far as that makes sense."""
    if measured.unparsed or measured.installs:
        why = "there are files that do not parse" if measured.unparsed else "its dependencies cannot be installed"
        return structs.replace(measured, unmeasured=measured.unmeasured | dict.fromkeys(EVERYTHING, why))
    measured, endless = await questions.imports(measured)
    if endless:
        why = f"importing {endless} does not end"
        return structs.replace(measured, unmeasured=measured.unmeasured | dict.fromkeys(AFTER_IMPORTS, why))
    measured = structs.replace(measured, entry_trouble=await questions.start())
    faults, trouble = await questions.faults()
    measured = structs.replace(measured, acceptance=await questions.accept(faults))
    return await questions.own(measured, faults, trouble)


class _Questions(Struct, frozen=True):
    """What is asked of one project."""

    tryout: Tryout
    limits: Limits

    @property
    def project(self) -> Project:
        """Of which it is asked."""
        return self.tryout.project

    async def look(self) -> Measured:
        """What reading it tells."""
        tests = [word for path in self.project.tests for word in ("--test", path)]
        told, trouble = await self.tryout.ask("look", self.limits.look_s, [*tests, *self.project.product])
        measured = Measured(files=len(self.project.product))
        if trouble:
            return structs.replace(measured, unmeasured=dict.fromkeys(("parses", *BY_READING[:2]), trouble))
        found = [line for line in told if isinstance(line, m.Finding)]
        looked = next((line for line in told if isinstance(line, m.Looked)), m.Looked("", "", 0))
        return structs.replace(
            measured,
            unparsed=[f"{line.path}:{line.line}: {line.what}" for line in told if isinstance(line, m.Unparsed)],
            lint_by=looked.lint_by,
            types_by=looked.types_by,
            functions=looked.functions,
            lint=[f"{line.path}:{line.line}: {line.what}" for line in found if line.of == "lint"],
            types=[f"{line.path}:{line.line}: {line.what}" for line in found if line.of == "types"],
        )

    async def imports(self, measured: Measured) -> tuple[Measured, str]:
        """How its modules can be imported, and one whose import does not end."""
        modules = self.project.modules
        seconds = self.limits.import_s * (len(modules) + 1)
        told, trouble = await self.tryout.ask("imports", seconds, ["--seconds", f"{self.limits.import_s:g}", *modules])
        seen = [line for line in told if isinstance(line, m.Module)]
        reached = [f"{one.name} reaches for {', '.join(one.reached)}" for one in seen if one.reached]
        unimported = [f"{one.name}: {one.trouble}" for one in seen if one.trouble]
        endless = next((one.name for one in seen if not one.ends), "")
        measured = structs.replace(measured, modules=len(modules), reached=reached, unimported=unimported)
        return _open(measured, "imports", trouble), endless

    async def start(self) -> str:
        """What keeps the command from running, as it is or at least with --help."""
        words, is_partial = m.command_of(self.project.entry_point)
        if not words:
            return "nothing says how it is started"
        trouble = ""
        for tried in [words] * (not is_partial) + [[*words, "--help"]]:
            ran = await self.tryout.command(tried, self.limits.entry_s)
            if ran.passed:
                return ""
            trouble = trouble or self.tryout.end_of(ran, self.limits.entry_s)
        return trouble

    async def faults(self) -> tuple[list[m.Put], str]:
        """The faults that can be put into the code, and why there are none."""
        tested = self.project.tested
        told, trouble = await self.tryout.ask("faults", self.limits.look_s, tested)
        faults = [] if trouble else [line for line in told if isinstance(line, m.Put) and line.path in tested]
        return faults, trouble or ("" if faults else "there is nothing in the code that could be wrong")

    async def accept(self, faults: Sequence[m.Put]) -> m.Tests | None:
        """How the tests that came with the idea end, where that can be believed."""
        project = self.project
        if not project.acceptance_tests:
            return None
        configuration = "pytest.ini" if "pytest.ini" in project.acceptance_tests else "/dev/null"
        words = [*QUIET, "-c", configuration, "--rootdir", ".", *project.accepting]
        tests, seen = await self._session(words, project.accepted, project.accepting)
        if not tests.holds:
            return tests
        doubt = await self._sabotage(words, project.accepted, project.accepting).doubt(_called(faults, seen))
        return m.Tests(trouble=doubt) if doubt else tests

    async def own(self, measured: Measured, faults: Sequence[m.Put], trouble: str) -> Measured:
        """How its own tests end, what they reach, and which faults they notice; `trouble`: why there are no faults."""
        if not self.project.tests:
            return measured
        words = [*QUIET, *self.project.tests]
        own, seen = await self._session(words, self.project.files)
        measured = structs.replace(
            measured,
            own=own,
            lines=sum(one.lines for one in seen),
            lines_reached=sum(one.reached for one in seen),
            unreached=[f"{one.path}:{_ranges(one.missing[:LINES_NAMED])}" for one in seen if one.missing],
        )
        if not own.holds:
            return measured
        sabotage = self._sabotage(words, self.project.files)
        if doubt := await sabotage.doubt(_called(faults, seen)):
            return structs.replace(measured, own=m.Tests(trouble=doubt))
        chosen = spread(faults, self.limits.faults)
        tried = await sabotage.tried(chosen)
        if tried and not any(fault.noticed for fault in tried):  # whether they can fail at all
            missing = {one.path: one.missing for one in seen}
            reached = [one for one in faults if one not in chosen and one.line not in missing.get(one.path, [])]
            tried += await sabotage.tried(spread(reached, self.limits.faults), up_to_the_first=True)
        trouble = trouble or ("" if tried else "there was no time for a fault")
        return _open(structs.replace(measured, faults=tried), "mutation strength", trouble)

    async def _session(
        self, words: list[str], files: Mapping[str, str], fixed: Sequence[str] = ()
    ) -> tuple[m.Tests, list[m.Covered]]:
        script = [*words, "--files", *self.project.tested]
        return await self.tryout.session(script, files, self.limits.tests_s, fixed)

    def _sabotage(self, words: list[str], files: Mapping[str, str], fixed: Sequence[str] = ()) -> Sabotage:
        limits, until = self.limits, current_time() + self.limits.faults_s
        return Sabotage(self.tryout, words, files, self.project.tested, limits.tests_s, until, fixed)


def _called(faults: Sequence[m.Put], seen: Sequence[m.Covered]) -> list[m.Put]:
    """The faults in lines that tests call; what only runs when a module is imported is none."""
    called = {one.path: one.called for one in seen}
    return [fault for fault in faults if fault.line in called.get(fault.path, [])]


def _open(measured: Measured, criterion: str, trouble: str) -> Measured:
    """What is measured, with a criterion left open where there is trouble."""
    return structs.replace(measured, unmeasured=measured.unmeasured | ({criterion: trouble} if trouble else {}))


def _ranges(lines: list[int]) -> str:
    """Lines as people write them: 3-5,9."""
    ranges: list[list[int]] = []
    for line in lines:
        if ranges and line == ranges[-1][1] + 1:
            ranges[-1][1] = line
        else:
            ranges.append([line, line])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in ranges)
