"""Copies what an image keeps in its repository's place and a tree does not have: built parts, notes of installations.

    python carry_out.py PLACE TREE BYTES

Runs in the image, with its interpreter, so that whoever looks at an image's files has no more rights than its tests.
What that user may not read is left out: the tests could not read it either. Must never enter: a change of a file that
the tree has.
"""

import errno
import os
import shutil
import sys

LEFT_BEHIND = {".git", "__pycache__"}
TOO_LARGE = 3  # the exit status
NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


def carry(place: str, tree: str, room_bytes: int) -> None:
    """Copy whatever the tree does not have; OSError ENOSPC where it is too much."""
    for folder, names, files in os.walk(place):
        there = os.path.join(tree, os.path.relpath(folder, place))
        names[:] = sorted(set(names) - LEFT_BEHIND)
        for name in sorted(names + files):
            source, target = os.path.join(folder, name), os.path.join(there, name)
            if os.path.lexists(target):
                if name in names and (os.path.islink(target) or not os.path.isdir(target)):
                    names.remove(name)  # it is a folder there and a file here: the tree's own goes
            elif os.path.islink(source):
                os.symlink(os.readlink(source), target)
            elif os.path.isdir(source):
                os.mkdir(target)
            elif os.path.isfile(source) and os.access(source, os.R_OK):
                room_bytes -= os.path.getsize(source)
                if room_bytes < 0:
                    raise OSError(errno.ENOSPC, "there is more of it than allowed")
                shutil.copyfile(source, target)
                shutil.copystat(source, target)


def main() -> None:
    """Carry, as the arguments say."""
    place, tree, room_bytes = sys.argv[1:]
    try:
        carry(place, tree, int(room_bytes))
    except OSError as error:
        if error.errno in NO_ROOM:
            sys.exit(TOO_LARGE)
        raise


if __name__ == "__main__":
    main()
