"""The search for a patch, in the sandbox and in the target's own interpreter (Python 3.8 and later).

A package under a name that no repository has (`run.py` loads this folder as `mendd_search`): its modules import each
other relatively, so that none of them can stand in the way of the target's own `engine` or `templates`. Standard
library only; the daemon never imports it, and nobody believes what comes out.
"""
