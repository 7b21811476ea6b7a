# Says where an image keeps an interpreter that can run our runners, and where its repository lies: two lines.
# Runs in the image, in whatever shell that has. $1: where the tree will be shown; without it, /testbed or $2.
place="${1:-/testbed}"
[ -n "$1" ] || [ -d "$place" ] || place="$2"
for python in /opt/miniconda3/envs/testbed/bin/python "$place/.venv/bin/python" python3 python; do
    path="$(command -v "$python")" || continue
    if "$path" -c 'import sys; sys.exit(sys.version_info < (3, 6))' 2>/dev/null; then
        printf '%s\n%s\n' "$path" "$place"
        exit 0
    fi
done
echo "it has no Python from 3.6 on that the sandbox's user can run" >&2
exit 1
