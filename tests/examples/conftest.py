"""Keeps pytest from taking the tests of the variants for tests of ours: some of them fail on purpose."""

collect_ignore = ["variants"]
