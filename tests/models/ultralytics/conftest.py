"""ultralytics is imported as foolscape imports it, whichever test is first: what it replaces elsewhere is put back."""

from importlib.util import find_spec

import pytest


@pytest.fixture(autouse=True, scope="session")
def imported_as_by_foolscape() -> None:
    if find_spec("ultralytics") is not None:
        from foolscape.models.common.ultralytics.library import library

        library()
