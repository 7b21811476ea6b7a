#!/usr/bin/env bash
# Sets mendd up on a machine with nothing but Python 3.11 or newer, then does what was asked.
#
#   bash startup.sh                     start the daemon; Ctrl-C stops it cleanly
#   bash startup.sh FILE.json …         drop these first
#   bash startup.sh --once FILE.json …  … and end when everything has settled; status 0: all certified, or a ramp at its end
#   bash startup.sh test [ARGUMENT …]   run the test suite (arguments go to pytest)
#   bash startup.sh campaign            run the long campaigns: kills, bursts, hostile corpora, ramps
#   bash startup.sh bench [NAME …]      measure against the peers; writes docs/benchmarks.md
set -euo pipefail

here="$(CDPATH='' cd -- "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
venv="$here/.venv"

say() { printf 'mendd: %s\n' "$*" >&2; }
usage() { sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p;}' "${BASH_SOURCE[0]}"; }

find_python() {
    local candidate
    for candidate in ${PYTHON:+"$PYTHON"} python3 python3.13 python3.12 python3.11; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    say "no Python 3.11 or newer found. Install one, or name it: PYTHON=/path/to/python3 bash startup.sh"
    return 69
}

is_venv() { "$venv/bin/python" -c 'import sys; sys.exit(sys.prefix == sys.base_prefix)' 2>/dev/null; }

# Brings .venv to what requirements/$1.txt locks; does nothing when it is there already. One at a time, and open to all,
# since tests run as another user than root: in a shell of its own, which takes the lock and the umask with it.
install() (
    locked="$here/requirements/$1.txt" stamp="$venv/.installed-$1"
    if command -v flock >/dev/null; then
        exec 9<"$here/startup.sh"
        flock --nonblock 9 2>/dev/null || { say "waiting for another startup.sh, which installs"; flock 9 || true; }
    fi
    if [ -x "$venv/bin/python" ] && cmp -s "$locked" "$stamp"; then exit; fi
    umask 022
    python="$(find_python)"
    say "installing what requirements/$1.txt locks into .venv (once)"
    if command -v uv >/dev/null; then
        cache="$(uv cache dir 2>/dev/null)" && mkdir -p "$cache" 2>/dev/null && [ -w "$cache" ] || export UV_NO_CACHE=1
        if ! is_venv; then
            rm -rf "$venv" # half made, or its Python is gone
            uv venv --quiet --python "$python" "$venv"
        fi
        uv pip install --quiet --python "$venv/bin/python" --require-hashes -r "$locked"
    else
        if ! is_venv || ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
            rm -rf "$venv"
            if ! "$python" -m venv "$venv"; then
                say "$python cannot make a virtual environment; on Debian and Ubuntu: apt install python3-venv"
                exit 69
            fi
        fi
        "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$locked"
    fi
    cp "$locked" "$stamp"
    cp "$here/requirements/run.txt" "$venv/.installed-run" # every list holds this one
)

case "${1:-}" in
    -h | --help) usage; exit 0 ;;
    test) shift; install test; cd "$here"; exec "$venv/bin/python" -m pytest -n auto -m "not campaign" "$@" ;;
    campaign) shift; install test; cd "$here"; exec "$venv/bin/python" -m pytest -n auto -m campaign "$@" ;;
    bench) shift; install bench; cd "$here"; exec "$venv/bin/python" -m tests.benchmarks "$@" ;;
esac

verb=run
files=()
for argument in "$@"; do
    case "$argument" in
        --once) verb=once ;;
        -*) say "unknown option $argument"; usage >&2; exit 2 ;;
        /*) files+=("$argument") ;;
        *) files+=("$PWD/$argument") ;;
    esac
done
install run
cd "$here"
[ "${#files[@]}" -eq 0 ] || "$venv/bin/python" tools/drop.py "${files[@]}"
exec "$venv/bin/python" -m daemon "$verb"
