"""What every test may rely on: no setting of the caller's reaches a test, and hypothesis sets no deadline."""

import os

import pytest
from hypothesis import settings

settings.register_profile("suite", deadline=None, max_examples=100)
settings.load_profile("suite")


@pytest.fixture(autouse=True)
def _only_default_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("MENDD_")]:
        monkeypatch.delenv(name)
