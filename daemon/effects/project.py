"""A project that was written for somebody → what can be measured of it, in the sandbox. How good that is, is not said.

Only the installation of its dependencies has a network, and only names that were let through are installed; the project
itself never is. Every question is asked of a fresh copy with a limit of its own, so that nothing that one run leaves
behind helps the next; and whatever the project does to a run, it ends as something that was seen.
"""

import re
import secrets
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
from anyio.to_thread import run_sync
from msgspec import Struct, structs

from daemon.drops import Environment as Wanted
from daemon.effects.environment import TREE_IN_SANDBOX, Environment, EnvironmentRefused, Environments
from daemon.effects.sandbox import HOLDS, Command, Mount, Ran, Sandbox
from daemon.effects.session import CALM, INSIDE, SECRET_BYTES, ended_as, put_secret, taken
from daemon.effects.trees import Source, Tree, Trees
from daemon.effects.workspace import Workspace
from daemon.settings import Settings
from daemon.text import dependencies
from daemon.text import measured as m
from daemon.text import outcomes as o
from daemon.text.measured import Measured
from daemon.text.plan import is_test
from daemon.text.proposed import PROJECT_FILES
from daemon.text.safe import unsafe

CONFIGURATION = ("conftest.py", "pytest.ini", ".pytest.ini", "pytest.toml", ".pytest.toml", "tox.ini", "setup.cfg")
NOT_THE_PRODUCT = ("conftest.py", "setup.py", "noxfile.py")
RUNNERS = {"pytest", "iniconfig", "pluggy", "packaging", "pygments"}  # what our own interpreter brings along
MODULES = 60  # imported one by one; a small project has fewer
FIXED_FILES = 50  # acceptance tests that are mounts of their own
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


class Project(Struct, frozen=True, kw_only=True):
    """What is measured. `planned`: the requirements of plan and drop; `indexes`: where packages may come from."""

    job: str
    files: dict[str, str]
    entry_point: str
    acceptance_tests: dict[str, str] = {}
    planned: list[str] = []
    indexes: list[str] = []

    @property
    def wanted(self) -> tuple[list[str], list[str]]:
        """What has to be installed besides the tests' runner, and why some of it may not be."""
        declared = dependencies.declared(self.files)
        accepted, objections = dependencies.unplanned(declared, self.planned, self.indexes)
        is_little = {dependencies.name_of(one) for one in accepted} <= RUNNERS
        return [] if is_little else accepted, [objection.message for objection in objections]

    @property
    def tests(self) -> list[str]:
        """The files of the project's own tests."""
        return sorted(path for path in self.files if is_test(path) and path not in self.acceptance_tests)

    @property
    def product(self) -> list[str]:
        """The Python files that are neither tests nor tools."""
        return sorted(
            path
            for path in self.files
            if path.endswith(".py")
            and path not in self.acceptance_tests
            and not is_test(path)
            and path.rpartition("/")[2] not in NOT_THE_PRODUCT
            and not path.startswith(("tests/", "test/"))
        )

    @property
    def tested(self) -> list[str]:
        """What its own tests are for: all of the product but its start, which is a program of its own."""
        return [path for path in self.product if not path.endswith("__main__.py")]

    @property
    def modules(self) -> list[str]:
        """What can be imported, by its name."""
        names = (re.sub(r"(?:^|/)__init__$", "", path.removeprefix("src/")[:-3]) for path in self.product)
        dotted = (name.replace("/", ".") for name in names if name and not name.endswith("__main__"))
        return [name for name in dotted if all(part.isidentifier() for part in name.split("."))][:MODULES]


def empty_tree(trees: Trees, folder: Path) -> Tree:
    """The tree that every idea's run starts from: nothing. Blocks."""
    nothing = folder / "nothing"
    nothing.mkdir(parents=True, exist_ok=True)
    return trees.of_job("nothing", Source(str(nothing)))


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
    bench = _Bench(project, limits or Limits(), environment, workspace, sandbox, settings)
    try:
        measured = await bench.look()
        readme = m.readme_of(project.files, project.entry_point, has_dependencies=bool(project.wanted[0]))
        measured = structs.replace(measured, installs=installs, readme=readme, entry_point=project.entry_point)
        return await _run(bench, measured)
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


async def _run(bench: "_Bench", measured: Measured) -> Measured:
    """What can only be seen by running it, as far as that makes sense."""
    if measured.unparsed or measured.installs:
        why = "there are files that do not parse" if measured.unparsed else "its dependencies cannot be installed"
        return structs.replace(measured, unmeasured=measured.unmeasured | dict.fromkeys(EVERYTHING, why))
    measured, endless = await bench.imports(measured)
    if endless:
        why = f"importing {endless} does not end"
        return structs.replace(measured, unmeasured=measured.unmeasured | dict.fromkeys(AFTER_IMPORTS, why))
    measured = structs.replace(measured, entry_trouble=await bench.start(), acceptance=await bench.accept())
    measured, unreached = await bench.cover(measured)
    return await bench.faults(measured, unreached) if measured.own.holds else measured


class _Bench(Struct, frozen=True):
    """One project, and where it is run."""

    project: Project
    limits: Limits
    environment: Environment
    workspace: Workspace
    sandbox: Sandbox
    settings: Settings

    # The questions

    async def look(self) -> Measured:
        """What reading it tells."""
        project = self.project
        told, trouble = await self._ask("look", self.limits.look_s, [*self._tests(), *project.product])
        measured = Measured(files=len(project.product))
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
        told, trouble = await self._ask("imports", seconds, ["--seconds", f"{self.limits.import_s:g}", *modules])
        seen = [line for line in told if isinstance(line, m.Module)]
        reached = [f"{one.name} reaches for {', '.join(one.reached)}" for one in seen if one.reached]
        unimported = [f"{one.name}: {one.trouble}" for one in seen if one.trouble]
        endless = next((one.name for one in seen if not one.ends), "")
        measured = structs.replace(measured, modules=len(modules), reached=reached, unimported=unimported)
        if trouble:
            measured = structs.replace(measured, unmeasured=measured.unmeasured | {"imports": trouble})
        return measured, endless

    async def start(self) -> str:
        """What keeps the command from running, as it is or at least with --help."""
        words, is_partial = m.command_of(self.project.entry_point)
        if not words:
            return "nothing says how it is started"
        trouble = ""
        for tried in [words] * (not is_partial) + [[*words, "--help"]]:
            await self._lay_out(self.project.files)
            ran = await self._ran(self._program(tried), self.limits.entry_s, paths=[".", "src"])
            if ran.passed:
                return ""
            trouble = trouble or self._end_of(ran, self.limits.entry_s)
        return trouble

    async def accept(self) -> m.Tests | None:
        """How the tests that came with the idea end; nothing of the project tells how they are run."""
        given = self.project.acceptance_tests
        if not given:
            return None
        python = [path for path in sorted(given) if path.endswith(".py") and not path.endswith("__init__.py")]
        places = [path for path in python if is_test(path)] or [one for one in python if "conftest" not in one]
        files = {path: text for path, text in self.project.files.items() if path.split("/")[-1] not in CONFIGURATION}
        configuration = "pytest.ini" if "pytest.ini" in given else "/dev/null"
        options = ["-p", "no:cacheprovider", "-c", configuration, "--rootdir", "."]
        return (await self._session([*options, *places], files | given, places))[0]

    async def cover(self, measured: Measured) -> tuple[Measured, dict[str, list[int]]]:
        """How its own tests end, and the lines that they do not reach."""
        if not self.project.tests:
            return measured, {}
        script = ["-p", "no:cacheprovider", *self.project.tests, "--files", *self.project.tested]
        own, told = await self._session(script, self.project.files)
        seen = [line for line in told if isinstance(line, m.Covered)]
        measured = structs.replace(
            measured,
            own=own,
            lines=sum(one.lines for one in seen),
            lines_reached=sum(one.reached for one in seen),
            unreached=[f"{one.path}:{_ranges(one.missing[:LINES_NAMED])}" for one in seen if one.missing],
        )
        return measured, {one.path: one.missing for one in seen}

    async def faults(self, measured: Measured, unreached: dict[str, list[int]]) -> Measured:
        """Which small faults in the code its own tests notice."""
        limits = self.limits
        bounds = ["--seconds", f"{limits.faults_s:g}", "--count", str(limits.faults)]
        seconds = limits.faults_s + limits.tests_s
        words = [*bounds, *self._tests(), *self.project.tested]
        told, trouble = await self._ask("faults", seconds, words, unreached)
        seen = [m.Fault(f"{one.path}:{one.line}", one.what, one.noticed) for one in told if isinstance(one, m.Tried)]
        if not trouble and m.Baseline(passed=True) not in told:
            trouble = "run a second time, the tests fail"
        elif not trouble and not seen:
            trouble = "there is nothing in the code that could be wrong"
        unmeasured = measured.unmeasured | ({"mutation strength": trouble} if trouble else {})
        return structs.replace(measured, faults=[] if trouble else seen, unmeasured=unmeasured)

    # How they are asked

    def _tests(self) -> list[str]:
        return [word for path in self.project.tests for word in ("--test", path)]

    async def _ask(
        self, question: m.Question, seconds: float, words: list[str], unreached: Mapping[str, list[int]] | None = None
    ) -> tuple[list[m.Line], str]:
        """What measure.py answers, and why it does not."""
        exchange = await self._lay_out(self.project.files)
        if unreached is not None:
            await run_sync((exchange / "unreached.json").write_bytes, msgspec.json.encode(unreached))
            words = ["--unreached", str(exchange / "unreached.json"), *words]
        key, ran = await self._told(exchange, question, words, seconds)
        told, is_whole = m.read_report(await run_sync(taken, exchange / "report.jsonl"), key)
        return told, "" if is_whole else self._end_of(ran, seconds)

    async def _session(
        self, words: list[str], files: Mapping[str, str], fixed: Sequence[str] = ()
    ) -> tuple[m.Tests, list[m.Line]]:
        """How a session of tests ends, and what it reaches. What is `fixed`, no code under test can write anew."""
        exchange = await self._lay_out(files)
        mounts = await run_sync(self._mounted, {path: files[path] for path in fixed[:FIXED_FILES]})
        key, ran = await self._told(exchange, "cover", words, self.limits.tests_s, mounts)
        report = exchange / "report.jsonl"
        outcomes = o.read_report(await run_sync(taken, report), key, ended_as(ran))
        told, _ = m.read_report(await run_sync(taken, report.with_name("report.jsonl.reached")), key)
        return m.tests_of(outcomes), told

    def _mounted(self, files: Mapping[str, str]) -> list[Mount]:
        """These files of the project as mounts that nobody can write to, where the sandbox has such."""
        if "elsewhere" not in HOLDS[self.sandbox.level]:
            return []
        mounts = []
        for number, (path, text) in enumerate(files.items()):
            source = self.workspace.folder / "fixed" / str(number)
            source.parent.mkdir(exist_ok=True)
            source.write_bytes(text.encode(errors="surrogatepass"))
            mounts.append(Mount(str(source), f"{TREE_IN_SANDBOX}/{path}"))
        return mounts

    async def _told(
        self, exchange: Path, question: m.Question, words: list[str], seconds: float, mounts: Sequence[Mount] = ()
    ) -> tuple[bytes, Ran]:
        """Run our script in the sandbox; the key of its report, and how it ended."""
        key = secrets.token_bytes(SECRET_BYTES)
        await run_sync(put_secret, exchange / "secret", key)
        told = ["--report", str(exchange / "report.jsonl"), "--secret", str(exchange / "secret"), "--path", "."]
        told += ["--path", "src"] if any(path.startswith("src/") for path in self.project.files) else []
        argv = [self.environment.python, str(INSIDE / "measure.py"), question, *told, "--", *words]
        return key, await self._ran(argv, seconds, mounts=mounts)

    async def _lay_out(self, files: Mapping[str, str]) -> Path:
        """A fresh copy of these files, and an empty place for what is told."""
        await run_sync(self.workspace.open)
        await run_sync(
            self.workspace.write, {path: text.encode(errors="surrogatepass") for path, text in files.items()}
        )
        return await run_sync(self.workspace.emptied)

    async def _ran(
        self, argv: list[str], seconds: float, *, paths: Sequence[str] = (), mounts: Sequence[Mount] = ()
    ) -> Ran:
        """Run something where the files are, without network. `paths` are on Python's path from its beginning."""
        elsewhere = "elsewhere" in HOLDS[self.sandbox.level]
        root = TREE_IN_SANDBOX if elsewhere else str(self.workspace.root)
        path = [*(f"{root}/{one}" for one in paths), self.environment.variables.get("PYTHONPATH", "")]
        command = Command.within(
            self.settings,
            argv,
            root,
            seconds=min(seconds, self.settings.sandbox_timeout_s),
            image=self.environment.image,
            job=self.project.job,
            mounts=[
                Mount(str(self.workspace.root), root, writable=True),
                Mount(str(self.workspace.exchange), writable=True),
                Mount(str(INSIDE)),
                *(Mount(folder) for folder in self.environment.folders),
                *mounts,
            ],
            environment=self.environment.variables | CALM | {"PYTHONPATH": ":".join(filter(None, path))},
        )
        return await self.sandbox.run(command)

    def _end_of(self, ran: Ran, seconds: float) -> str:
        """How a run ended that should have ended otherwise; without the places of this machine."""
        if ran.timed_out:
            return f"it does not end within {seconds:g} s"
        if ran.out_of_memory:
            return "it ran out of memory"
        text = (ran.stderr or ran.stdout).decode("utf-8", "replace")
        for place in (f"{self.workspace.root}/", f"{TREE_IN_SANDBOX}/", f"{Path(self.environment.python).parent}/"):
            text = text.replace(place, "")
        said = [m.short(line) for line in text.splitlines() if line.strip()]
        ended = f"signal {ran.signal}" if ran.signal else f"status {ran.status}"
        return f"it ends with {ended}" + (f": {said[-1]}" if said else "")

    def _program(self, words: list[str]) -> list[str]:
        """The command of a person, as it is started here: nothing of the project is installed."""
        python = self.environment.python
        if words[0] in ("python", "python3"):
            return [python, *words[1:]]
        if words[0].endswith(".py"):
            return [python, *words]
        module, _, function = _scripts(self.project.files.get("pyproject.toml", "")).get(words[0], "").partition(":")
        if re.fullmatch(r"[\w.]+", module) and function.isidentifier():
            return [python, "-c", f"import sys; from {module} import {function}; sys.exit({function}())", *words[1:]]
        return words


def _scripts(pyproject: str) -> dict[str, str]:
    """The commands that installing the project would make."""
    try:
        found = tomllib.loads(pyproject).get("project", {}).get("scripts", {})
        return {name: place for name, place in found.items() if isinstance(place, str)}
    except (tomllib.TOMLDecodeError, AttributeError, RecursionError):
        return {}


def _ranges(lines: list[int]) -> str:
    """Lines as people write them: 3-5,9."""
    ranges: list[list[int]] = []
    for line in lines:
        if ranges and line == ranges[-1][1] + 1:
            ranges[-1][1] = line
        else:
            ranges.append([line, line])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in ranges)
