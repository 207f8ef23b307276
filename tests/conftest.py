"""What all tests share."""

import os
import signal
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

# Two worker processes with one thread each are faster on two cores than two threads that wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")

# A shell that runs the tests in the background has switched it off for them, and for all that they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

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
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What is fetched from archives and stores does not lie in the cache of whoever runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FOOLSCAPE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


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


@pytest.fixture(scope="session", autouse=True)
def curves_drawn_once() -> Iterator[None]:
    """Pages draw each curve once in a session; that the same numbers give the same bytes is a test of its own."""
    from foolscape.report.pictures import bound_curves, clips, minimum_curves, plots, universal_curves

    drawn: dict[str, plots.Plot] = {}

    def once(caption: str, curves: Sequence[plots.Curve], *names: str, **options: Any) -> plots.Plot:
        asked = repr((caption, curves, names, options))
        if asked not in drawn:
            drawn[asked] = plots.plot(caption, curves, *names, **options)
        return drawn[asked]

    with pytest.MonkeyPatch.context() as patch:
        for module in (bound_curves, clips, minimum_curves, universal_curves):
            patch.setattr(module, "plot", once)
        yield
