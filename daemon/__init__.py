"""mendd: facts fold into state, state decides a step, a step yields facts.

Nothing lives here: each room is imported by its own name, so that the floors can be read from the imports.
"""

__version__ = "0.1.0"
