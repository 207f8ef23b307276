"""What all tests share."""

import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import pytest

# Two worker processes with one thread each are faster on two cores than two threads that wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")

ROOT = Path(__file__).resolve().parents[1]


REAL = (ROOT / os.environ.get("FOOLSCAPE_REAL", "../shared/real")).resolve()


@pytest.fixture(scope="session")
def real() -> Path:
    """The folder of real networks and photographs: $FOOLSCAPE_REAL, relative to the repository, or ../shared/real."""
    if not (REAL / "data").is_dir():
        pytest.skip(f"no real networks and photographs at {REAL}; set FOOLSCAPE_REAL")
    return REAL


@pytest.fixture(scope="session")
def conformance() -> Path:
    """The folder `conformance` of reference values, beside the folder that FOOLSCAPE_REAL names."""
    path = REAL.parent / "conformance"
    if not path.is_dir():
        pytest.skip(f"no reference values at {path}; set FOOLSCAPE_REAL to a folder that has them beside it")
    return path


@pytest.fixture(scope="session", autouse=True)
def pictures_in_a_hurry() -> Iterator[None]:
    """Pictures of pages hold the same pixels, but are not made as small as can be: half of a small run's time."""
    from foolscape.report.pictures import figures  # after the environment is set

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, "SMALLEST", False)
        yield


@pytest.fixture(scope="session", autouse=True)
def streets_drawn_once() -> Iterator[None]:
    """Data sets of the street draw each picture once in a session: drawing was most of the time of small runs."""
    from foolscape.data import scene_clips, scenes
    from foolscape.scenes import SceneFrame, Street, render

    drawn = lru_cache(maxsize=400)(render)  # of a third of a megabyte each

    def copied(street: Street, height: int = 160, width: int = 256, time: float = 0.0) -> SceneFrame:
        return SceneFrame(*(part.copy() for part in drawn(street, height, width, time)))

    with pytest.MonkeyPatch.context() as patch:
        for module in (scenes, scene_clips):
            patch.setattr(module, "render", copied)
        yield
