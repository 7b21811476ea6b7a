"""The verbs. Each imports what it needs when it is said, so that help comes at once."""

import argparse
import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from daemon.exits import Exit

if TYPE_CHECKING:
    from daemon.settings import Settings

SETTINGS_FILE = "settings.toml"


class NoState(Exception):  # noqa: N818  said of a folder
    """No daemon has ever lived in the state folder, so there is nothing to be read."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Say a verb; the exit status says how it went."""
    if sys.stdout is not None:  # a terminal that lacks a character gets the rest
        sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]  # typed as if it could be anything
    options = _parser().parse_args(arguments)
    from daemon.settings import SettingError

    try:
        options.settings, options.origins = read_settings(Path(SETTINGS_FILE))
    except SettingError as error:
        print(f"mendd: {error}", file=sys.stderr)
        return Exit.STAY_DOWN
    verb: Callable[[argparse.Namespace], int] = options.verb
    try:
        return verb(options)
    except NoState as absent:
        print(f"mendd: {absent}", file=sys.stderr)
        return Exit.USAGE
    except PermissionError as error:
        print(f"mendd: {error.filename}: {error.strerror}; be the user whom the daemon runs as", file=sys.stderr)
        return Exit.USAGE
    except BrokenPipeError:  # the reader of our output had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.DONE
    except Exception as error:  # noqa: BLE001  status 1 would say that something was not certified
        import traceback

        print(f"mendd: {type(error).__name__}: {error}", file=sys.stderr)
        if not isinstance(error, OSError):
            traceback.print_exc()
        return Exit.CRASHED


def read_settings(path: Path) -> "tuple[Settings, dict[str, str]]":
    """The settings in force and where each comes from: defaults < settings.toml < MENDD_*."""
    import tomllib

    from daemon.settings import SettingError, from_environment, resolve

    layers: list[tuple[str, dict[str, Any]]] = []
    if path.exists():
        try:
            layers.append((str(path), tomllib.loads(path.read_text(encoding="utf-8"))))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingError(f"{path} is not TOML: {error}") from None
        except OSError as error:
            raise SettingError(f"{path} cannot be read: {error}") from None
    layers.append(("environment", from_environment(os.environ)))
    return resolve(layers)


def state_to_read(options: argparse.Namespace) -> Path:
    """The state folder; who only reads makes none, and vouches for none that is not there."""
    folder = Path(options.settings.state_dir)
    if not any((folder / name).exists() for name in ("log", "run/lock")):
        named = f"by state_dir or MENDD_STATE_DIR (this one is from: {options.origins['state_dir']})"
        where = f"there is no state in {folder.resolve()}, no daemon has run there"
        raise NoState(f"{where}: start one with `bash startup.sh`, or name another folder {named}")
    return folder


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m daemon", description="mendd, a mending daemon for one box.")
    parser.set_defaults(verb=run, once=False)
    verbs = parser.add_subparsers(title="verbs", metavar="VERB")

    def verb(name: str, does: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        added = verbs.add_parser(name, help=text, description=text)
        added.set_defaults(verb=does)
        return added

    verb("run", run, "Run the daemon, supervised, until Ctrl-C. This is what happens without a verb.")
    verb(
        "once",
        run,
        "Run until everything that was dropped has settled; status 0 if all was certified, or a ramp reached its end.",
    ).set_defaults(once=True)
    work_parser = verb("work", work, "The daemon itself, unsupervised.")
    work_parser.add_argument("--once", action="store_true")
    work_parser.add_argument("--since", type=float, default=0.0, metavar="TIME", help="when the supervisor began")
    work_parser.add_argument("--parent", type=int, metavar="FD", help="a pipe: stop when it closes")
    replay_parser = verb("replay", replay, "Make views and results again from the log alone.")
    replay_parser.add_argument("--into", type=Path, metavar="FOLDER", help="not into state/, but here")
    verb("check", check, "Read every byte of the log and say whether it is whole.")
    verify_parser = verb("verify", verify, "Check a certificate and do again what it says; status 0 if it holds.")
    verify_parser.add_argument("certificate", type=Path)
    verify_parser.add_argument("--patch", type=Path, metavar="FILE", help="by default patch.diff beside it")
    verify_parser.add_argument("--blobs", type=Path, metavar="FOLDER", help="by default those of the state it lies in")
    verify_parser.add_argument("--key", type=Path, metavar="FILE", action="append", help="a public key; ours")
    show_parser = verb("show", show, "The biography of a job: every fact about it.")
    show_parser.add_argument("job")
    explain_parser = verb("explain", explain, "Where a job stands and what it waits for, in words.")
    explain_parser.add_argument("job")
    verb("settings", settings, "Every setting: value, unit, where it comes from, what it is for.")
    prompts_parser = verb("prompts", prompts, "The twenty ways to ask: their table, and the words of each.")
    prompts_parser.add_argument("--rung", default="", help="only this one, like M2 or L2v2")
    prompts_parser.add_argument("--job", default="", help="exactly what a model would be asked about this job now")
    fixes_parser = verb(
        "fixes", fixes, "Give what this box has learned to another one, or take over what that one has."
    )
    fixes_parser.add_argument("direction", choices=("export", "import"))
    fixes_parser.add_argument("file", type=Path)
    fixes_parser.add_argument("--key", type=Path, metavar="FILE", action="append", help="import: whom you believe")
    schema_parser = verb("schema", schema, "The JSON Schema of a form of drop.")
    schema_parser.add_argument("form", choices=("repair", "idea", "swebench", "ramp", "error", "retry"))
    return parser


def run(options: argparse.Namespace) -> int:
    """Supervise a daemon."""
    from daemon.supervisor import Supervisor

    command = [sys.executable, "-m", "daemon", "work", *(["--once"] if options.once else [])]
    return Supervisor(command, options.settings).watch()


def work(options: argparse.Namespace) -> int:
    """Be the daemon."""
    from daemon import app

    return app.main(options.settings, once=options.once, parent=options.parent, since=options.since)


def replay(options: argparse.Namespace) -> int:
    """Make everything derived again."""
    from daemon import reading

    folder = state_to_read(options)
    if options.into:
        try:
            options.into.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            print(f"mendd: --into {options.into}: {error.strerror}; name a folder that can be made", file=sys.stderr)
            return Exit.USAGE
    return reading.replay(folder, options.into or folder, options.settings)


def verify(options: argparse.Namespace) -> int:
    """Hold a certificate to its word."""
    from daemon import again

    certificate: Path = options.certificate
    state = certificate.resolve().parent.parent.parent  # results/<job>/certificate.json
    keys = options.key or [Path(options.settings.state_dir) / "keys" / "ed25519.pub"]
    patch, blobs = options.patch or certificate.with_name("patch.diff"), options.blobs or state / "blobs"
    return again.verify(certificate, patch, blobs, keys, options.settings)


def check(options: argparse.Namespace) -> int:
    """Vouch for the log."""
    from daemon import reading

    return reading.check(state_to_read(options))


def show(options: argparse.Namespace) -> int:
    """Tell a job's life."""
    from daemon import reading

    return reading.show(state_to_read(options), options.job)


def explain(options: argparse.Namespace) -> int:
    """Say in words where a job stands."""
    from daemon import reading

    return reading.explain(state_to_read(options), options.job)


def settings(options: argparse.Namespace) -> int:
    """Print the settings."""
    from daemon.settings import Settings, description, unit

    for name in Settings.__struct_fields__:
        value = json.dumps(getattr(options.settings, name))
        print(f"{name} = {value} {unit(name)}".ljust(44), options.origins[name].ljust(14), description(name))
    return Exit.DONE


def prompts(options: argparse.Namespace) -> int:
    """Print the ladder and its words, or what they make of a job."""
    if options.job:
        from daemon import again

        state_to_read(options)
        return again.prompt_of(options.job, options.rung, options.settings)
    from daemon import reading

    return reading.prompts(options.rung)


def fixes(options: argparse.Namespace) -> int:
    """Exchange fixes with another box."""
    from daemon import exchange

    if options.direction == "export":
        state_to_read(options)
        return exchange.export_fixes(options.file, options.settings)
    return exchange.import_fixes(options.file, options.key or [], options.settings)


def schema(options: argparse.Namespace) -> int:
    """Print a JSON Schema."""
    from daemon import drops

    print(json.dumps(drops.schema(options.form), indent=2))
    return Exit.DONE


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:  # ended as the signal ends whoever does not listen: the supervisor and a shell know it
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
