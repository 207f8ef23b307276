"""ultralytics is imported as foolscape imports it, whichever test is first: what it replaces elsewhere is put back."""

import pytest


@pytest.fixture(autouse=True, scope="session")
def imported_as_by_foolscape() -> None:
    pytest.importorskip("ultralytics")
    from foolscape.models.common.ultralytics.library import library

    library()
