"""Every number that somebody may want to change, in one typed list: its unit in its name, what it is for beside it.

This room only knows values. Where they come from (a file, the environment) is read by `__main__` and handed in.
"""

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Annotated, Any, Literal, get_args, get_type_hints

import msgspec
from msgspec import Meta, Struct

ENVIRONMENT_PREFIX = "MENDD_"
PASSWORD = re.compile(r"://[^@/\s]+@")


class SettingError(ValueError):
    """A setting that cannot be used; the message names it, says what was expected and where it came from."""


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The settings, in the order in which a person would look for them."""

    # Where things are
    queue_dir: Annotated[str, Meta(min_length=1, description="The inlets: you write here.")] = "queue"
    state_dir: Annotated[str, Meta(min_length=1, description="The daemon's memory: you read here.")] = "state"
    world: Annotated[
        Literal["real", "scripted"],
        Meta(description="Whose hands do the work. `scripted` acts out the story told in a drop's problem text."),
    ] = "real"

    repos: Annotated[
        dict[str, str],
        Meta(description="Where repositories are: owner/name → a clone's path or URL; the rest are paths."),
    ] = {}

    # Work
    workers: Annotated[int, Meta(ge=1, le=64, description="How many runs are in hand at once.")] = 6
    runs_abreast: Annotated[int, Meta(ge=1, le=20, description="How many runs of one job may be open at once.")] = 3
    base_runs: Annotated[int, Meta(ge=1, le=20, description="Runs before a job escalates into the rungs.")] = 3
    attempts_per_run: Annotated[int, Meta(ge=1, le=20, description="Attempts in a base run.")] = 6
    passing_score: Annotated[int, Meta(ge=0, le=100, description="The QA score from which an idea is certified.")] = 90

    job_model_calls: Annotated[int, Meta(ge=1, description="Models are asked about one job at most so often.")] = 200
    job_tokens: Annotated[int, Meta(ge=1, description="… with at most so many tokens, in and out.")] = 4_000_000
    job_s: Annotated[float, Meta(gt=0, description="… and for at most so long, tests included.")] = 86_400.0
    job_usd: Annotated[float, Meta(ge=0, description="… and for at most so much money; 0 is no limit.")] = 0.0
    day_model_calls: Annotated[int, Meta(ge=0, description="The same for all jobs of a day; 0 is no limit.")] = 0
    day_tokens: Annotated[int, Meta(ge=0, description="… in tokens; 0 is no limit.")] = 0
    day_s: Annotated[float, Meta(ge=0, description="… in seconds of asking and testing; 0 is no limit.")] = 0.0
    day_usd: Annotated[float, Meta(ge=0, description="… in money; 0 is no limit.")] = 0.0
    quiet_hours: Annotated[
        str,
        Meta(
            pattern=r"^(([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d)?$",
            description="No run is taken up then, like 08:00-18:30, local time. `touch queue/pause` works too.",
        ),
    ] = ""

    memory_holdout: Annotated[
        float, Meta(ge=0, le=1, description="Share of the jobs that go without memory, to see what it is worth.")
    ] = 0.1

    # Models
    models: Annotated[
        tuple[str, ...],
        Meta(min_length=1, description="The ladder, smallest first; `anthropic/…` and `openai/…` are hosted ones."),
    ] = ("qwen2.5-coder:7b", "qwen2.5-coder:32b")
    ollama_url: Annotated[str, Meta(pattern="^https?://", description="Where the Ollama server listens.")] = (
        "http://127.0.0.1:11434"
    )
    models_abreast: Annotated[
        int, Meta(ge=1, le=64, description="Calls to Ollama at once: its OLLAMA_NUM_PARALLEL. More would only queue.")
    ] = 1
    model_windows: Annotated[
        tuple[Annotated[int, Meta(ge=512)], ...],
        Meta(min_length=1, description="The context windows in use, in tokens; few, for another size reloads a model."),
    ] = (8192, 16384, 32768)
    context_tokens: Annotated[
        int, Meta(ge=256, description="The most that is shown of a tree: small models lose themselves in more.")
    ] = 16_000
    own_skills_dir: Annotated[str, Meta(description="Your own skills (*.md); one of the same name replaces ours.")] = ""
    answer_tokens: Annotated[int, Meta(ge=16, description="The longest answer; a longer one is cut off.")] = 4096
    model_thinks: Annotated[
        bool, Meta(description="Let models that can think aloud do so; it counts towards `answer_tokens`.")
    ] = False
    model_connect_s: Annotated[float, Meta(gt=0, description="How long a model server may take to pick up.")] = 5.0
    model_first_byte_s: Annotated[
        float, Meta(gt=0, description="Until an answer begins: loading a large model, reading a long prompt.")
    ] = 600.0
    model_silence_s: Annotated[float, Meta(gt=0, description="The longest silence inside an answer.")] = 120.0
    model_call_s: Annotated[float, Meta(gt=0, description="The longest answer, from its first byte.")] = 1200.0
    model_keep_s: Annotated[
        float, Meta(ge=0, description="How long Ollama keeps a model loaded: gates run between two calls.")
    ] = 1800.0
    answers_from: Annotated[
        Literal["models", "recordings", "recordings_only", "script"],
        Meta(description="`recordings` asks what is new, `recordings_only` nothing; a `script` answers by instance."),
    ] = "models"
    answers_path: Annotated[str, Meta(description="The folder of the recordings, or the JSON Lines of the script.")] = (
        ""
    )
    anthropic_url: Annotated[
        str, Meta(pattern="^https?://", description="The Anthropic API; its key comes from ANTHROPIC_API_KEY only.")
    ] = "https://api.anthropic.com"
    openai_url: Annotated[
        str,
        Meta(pattern="^https?://", description="Any OpenAI-compatible API; its key comes from OPENAI_API_KEY only."),
    ] = "https://api.openai.com/v1"
    hosted_prices: Annotated[
        tuple[Annotated[str, Meta(pattern=r"^\S+( +\d{1,9}(\.\d+)?){2}$")], ...],
        Meta(description="`anthropic/MODEL 1.00 5.00`: USD per million tokens in and out. No price, no call."),
    ] = ()
    hosted_budget_usd: Annotated[float, Meta(ge=0, description="What hosted models may cost, ever, in this state.")] = (
        0.0
    )
    hosted_budget_tokens: Annotated[int, Meta(ge=0, description="The same in tokens, in and out.")] = 0

    # The search without a model
    search_s: Annotated[
        float,
        Meta(ge=0, description="Seconds of a processor to search for a patch before a model is asked; a rung: more."),
    ] = 30.0
    search_candidates: Annotated[int, Meta(ge=0, description="How many candidates to try at most.")] = 20_000
    replay_s: Annotated[
        float,
        Meta(ge=0, description="How long remembered fixes may take: once to look where, once to try. 0: never."),
    ] = 60.0

    # Gates, workspaces and environments
    tests_abreast: Annotated[
        int, Meta(ge=0, le=64, description="Test sessions and searches at once; 0: one for each core, more only share.")
    ] = 0
    gate_runs: Annotated[
        int, Meta(ge=1, le=20, description="How often the untouched tree is tested; tests that disagree are flaky.")
    ] = 2
    workspace_bytes: Annotated[int, Meta(ge=2**20, description="How much a run may write into its tree.")] = 2 * 2**30
    install_timeout_s: Annotated[float, Meta(gt=0, description="The longest installation of what tests need.")] = 1800.0
    pull_timeout_s: Annotated[float, Meta(gt=0, description="The longest download of an image that a job names.")] = (
        1800.0
    )
    package_indexes: Annotated[
        tuple[Annotated[str, Meta(pattern=r"^https?://[^@\s]+$")], ...],
        Meta(description="Where packages come from instead of the public index, the first asked first; no passwords."),
    ] = ()
    wheels_dir: Annotated[
        str, Meta(description="A folder of wheels to install from; then no index is asked, and there is no network.")
    ] = ""
    environments_bytes: Annotated[
        int, Meta(ge=0, description="The environments' budget on disk, built images too; the longest unused go first.")
    ] = 20 * 2**30
    trees_bytes: Annotated[
        int,
        Meta(ge=0, description="The trees' budget on disk; the longest unused go first, but none of an open job."),
    ] = 20 * 2**30

    # Patience
    run_backoff_s: Annotated[float, Meta(ge=0, description="Wait before the second base run; doubles after.")] = 30.0
    run_backoff_max_s: Annotated[float, Meta(ge=0, description="The longest wait between base runs.")] = 3600.0
    fault_backoff_s: Annotated[float, Meta(ge=0, description="Wait after a fault of the world; doubles after.")] = 5.0
    fault_backoff_max_s: Annotated[float, Meta(ge=0, description="The longest wait after a fault.")] = 300.0
    faults_per_run: Annotated[
        int, Meta(ge=1, description="A fault costs no attempt, but nothing is uncounted: after this many a run fails.")
    ] = 500
    crashes_per_run: Annotated[int, Meta(ge=1, description="Crashed steps after which a run fails.")] = 3
    deaths_per_run: Annotated[
        int, Meta(ge=1, description="A run in hand at this many deaths of the daemon, with no fact between, fails.")
    ] = 8

    # Intake
    drop_max_bytes: Annotated[int, Meta(ge=1, description="A larger drop is rejected unread.")] = 16 * 2**20
    drop_max_entries: Annotated[int, Meta(ge=1, description="Entries in one drop.")] = 10_000
    drop_max_depth: Annotated[int, Meta(ge=2, le=200, description="Nesting of a drop's JSON.")] = 32
    half_written_s: Annotated[
        float, Meta(ge=0, description="A younger file that does not parse may still be being written.")
    ] = 2.0
    scan_every_s: Annotated[float, Meta(gt=0, description="Scan regardless of the doorbell, which can miss files.")] = (
        3.0
    )
    intake_batch: Annotated[
        int, Meta(ge=1, le=1024, description="Files accepted together; no more can be accepted and not yet removed.")
    ] = 256
    min_free_bytes: Annotated[
        int, Meta(ge=0, description="With less room than this for state/, nothing more is taken in.")
    ] = 64 * 2**20

    # Memory on disk
    segment_bytes: Annotated[int, Meta(ge=1024, description="A log segment is sealed at this size.")] = 64 * 2**20
    snapshot_every_facts: Annotated[int, Meta(ge=1, description="Facts between snapshots.")] = 50_000
    publish_every_ms: Annotated[int, Meta(ge=1, description="Views reach the disk at most this often.")] = 200
    view_rows: Annotated[int, Meta(ge=1, le=10_000, description="Rows of one kind in a view on disk.")] = 100

    # The sandbox
    sandbox: Annotated[
        Literal["auto", "docker", "bubblewrap", "process"],
        Meta(description="Where programs run. `auto` takes the strongest that works here, and says what is missing."),
    ] = "auto"
    allow_process: Annotated[
        bool, Meta(description="Without Docker and bubblewrap, run in plain processes: held by limits, not by walls.")
    ] = True
    sandbox_timeout_s: Annotated[float, Meta(gt=0, description="A program that runs longer is ended.")] = 600.0
    sandbox_memory_bytes: Annotated[
        int,
        Meta(
            ge=16 * 2**20,
            description="Memory of a program and all that it starts; its scratch too, where a cgroup can be made.",
        ),
    ] = 4 * 2**30
    sandbox_processes: Annotated[int, Meta(ge=1, description="Processes and threads of a program at once.")] = 256
    sandbox_processors: Annotated[float, Meta(gt=0, description="Processors that a container may keep busy.")] = 2.0
    sandbox_output_bytes: Annotated[
        int, Meta(ge=1024, description="Kept of each output stream; sixteen times as much ends the program.")
    ] = 4 * 2**20
    sandbox_scratch_bytes: Annotated[
        int, Meta(ge=2**20, description="Size of a program's own /tmp and home; they are memory.")
    ] = 512 * 2**20

    # Staying up
    heartbeat_every_s: Annotated[float, Meta(gt=0, description="How often the daemon shows that it lives.")] = 1.0
    heartbeat_stale_s: Annotated[float, Meta(gt=0, description="A heartbeat this old: kill and restart.")] = 60.0
    restart_backoff_s: Annotated[float, Meta(ge=0, description="Wait before the first restart; doubles after.")] = 1.0
    restart_backoff_max_s: Annotated[float, Meta(ge=0, description="The longest wait before a restart.")] = 60.0
    crash_loop_restarts: Annotated[int, Meta(ge=1, description="This many crashes in the window: stay down.")] = 5
    crash_loop_window_s: Annotated[float, Meta(gt=0, description="The window of the crash-loop rule.")] = 300.0
    drain_s: Annotated[float, Meta(ge=0, description="How long a clean stop waits for steps in hand.")] = 10.0


UNITS = {"_s": "s", "_ms": "ms", "_bytes": "bytes", "_facts": "facts", "_tokens": "tokens", "_usd": "USD"}


def unit(name: str) -> str:
    """The unit that a setting's name carries, or nothing for a plain number."""
    return next((word for suffix, word in UNITS.items() if name.endswith(suffix)), "")


def resolve(layers: Iterable[tuple[str, Mapping[str, Any]]]) -> tuple[Settings, dict[str, str]]:
    """Lay the named layers over the defaults, later ones on top; also say where each value came from."""
    types = get_type_hints(Settings, include_extras=True)
    values: dict[str, Any] = {}
    origins = dict.fromkeys(Settings.__struct_fields__, "default")
    for origin, layer in layers:
        for key, value in layer.items():
            if key not in types:
                near = get_close_matches(key, types, n=1, cutoff=0.0)[0]
                raise SettingError(f"{origin}: there is no setting {key!r}; the nearest is {near!r}")
            try:
                values[key] = msgspec.convert(_parted(key, value), types[key], strict=False)
            except msgspec.ValidationError as error:
                shown, default = PASSWORD.sub("://…@", repr(value)), getattr(Settings(), key)
                raise SettingError(
                    f"{origin}: {key} = {shown} cannot be used: {_plain(error, types[key])}; "
                    f"the default is {default!r}. What it is: {description(key)}"
                ) from None
            origins[key] = origin
    return Settings(**values), origins


def from_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The settings layer in a process environment: MENDD_WORKERS=4 is workers = 4."""
    return {
        name.removeprefix(ENVIRONMENT_PREFIX).lower(): value
        for name, value in environment.items()
        if name.startswith(ENVIRONMENT_PREFIX)
    }


def _parted(key: str, value: Any) -> Any:  # noqa: ANN401  whatever a layer holds
    """A list or a table in the environment is one string, parted by commas: `a,b` or `a=1,b=2`."""
    default = getattr(Settings(), key)
    if not isinstance(value, str) or not isinstance(default, tuple | dict):
        return value
    parts = [part.strip() for part in value.split(",") if part.strip()]
    return dict(part.partition("=")[::2] for part in parts) if isinstance(default, dict) else parts


def _plain(error: msgspec.ValidationError, kind: Any) -> str:  # noqa: ANN401  a type
    """What is wrong, in words: a choice names what can be chosen, and a pattern is nothing to be read."""
    choices = get_args(get_args(kind)[0])
    said = str(error).replace("`", "").replace("Expected", "expected")
    if said.startswith("Invalid enum value"):
        return f"it is none of {', '.join(map(repr, choices))}"
    return re.sub(r"expected str matching regex '.*'", "it has not the form that is expected", said)


def description(name: str) -> str:
    """What a setting is for."""
    hint = get_type_hints(Settings, include_extras=True)[name]
    return next(meta.description for meta in hint.__metadata__ if isinstance(meta, Meta) and meta.description)
