"""What tests of models share."""

import pytest

from foolscape.models.checks import gradient


@pytest.fixture
def remedies_untried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a wrong gradient no remedy is looked for, which is most of the work: for tests of what is found alone."""
    monkeypatch.setattr(gradient, "_remedies", lambda *_: ())
