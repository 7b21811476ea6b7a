"""What runs in the sandbox, in the target's own interpreter, from Python 3.6 on: scripts that run tests and tell.

Never imported by the daemon: the folder is mounted read-only outside the repository, its scripts are started by path.
Standard library only, nothing newer than Python 3.6; and nobody believes what comes out (`daemon.text.outcomes`).
"""
