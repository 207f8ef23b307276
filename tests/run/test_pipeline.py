"""Reading ahead and finishing behind: in order, bounded, one at a time, and nobody can tell from the files."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from foolscape.data.apart import can_be_read_apart
from foolscape.data.load import open_data
from foolscape.data.own import data_set_of
from foolscape.data.part import Part
from foolscape.errors import SampleError
from foolscape.records.places import ROWS, SUMMARY
from foolscape.run import several_bounds
from foolscape.run.pipeline import Finisher, Reader
from foolscape.spec import parse
from foolscape.strict import is_strict, strictly

from .made import files_below, run_unprobed, write_net, write_photos
from .made_boxes import write_detector, write_squares
from .made_clips import write_clips, write_tracker

NAMES = [f"photo{i}" for i in range(12)]
DEADLINE = 60


def test_samples_come_in_order_and_no_more_than_so_many_are_read_before_they_are_asked_for() -> None:
    taken, at_work, most = 0, 0, 0

    def read(name: str) -> int:
        nonlocal at_work, most
        at_work += 1
        place = NAMES.index(name)
        most = max(most, at_work, 0)
        assert place <= taken + 3
        at_work -= 1
        return place

    with Reader(read, NAMES, 3) as reader:
        for place, name in enumerate(NAMES):
            taken = place
            assert reader.take(name) == place
    assert most == 1


def test_the_next_samples_are_read_while_the_last_is_at_work() -> None:
    read = threading.Event()
    with Reader(lambda name: read.set() if name == "photo1" else None, NAMES, 1) as reader:
        reader.take("photo0")
        assert read.wait(DEADLINE)


def test_what_reading_raises_comes_where_it_is_asked_for() -> None:
    def read(name: str) -> str:
        if name == "photo1":
            raise SampleError("torn")
        return name

    with Reader(read, NAMES, 4) as reader:
        assert reader.take("photo0") == "photo0"
        with pytest.raises(SampleError, match="torn"):
            reader.take("photo1")
        assert reader.take("photo2") == "photo2"
        assert reader.take("photo5") == "photo5"  # those between are left out
        assert reader.take("photo2") == "photo2"  # again
        assert reader.take("another") == "another"
        assert reader.take("photo6") == "photo6"


@pytest.mark.parametrize("ahead", [0, 2])
def test_samples_are_read_on_another_thread_only_where_that_is_asked_for(ahead: int) -> None:
    with Reader(lambda name: (threading.current_thread(), is_strict()), NAMES, ahead) as reader, strictly(True):
        thread, strict = reader.take("photo0")
    assert (thread is threading.current_thread()) == (ahead == 0)
    assert strict


def test_jobs_are_done_in_order_and_only_so_many_wait() -> None:
    done: list[int] = []
    most, brought, gate = 0, 0, threading.Event()

    def job(index: int) -> None:
        nonlocal most
        gate.wait(DEADLINE)
        most = max(most, brought - len(done))
        done.append(index)

    with Finisher(2) as finisher:
        for index in range(9):
            if index == 3:  # one is being done, two wait
                gate.set()
            finisher.do(lambda index=index: job(index))  # type: ignore[misc]
            brought = index + 1
        finisher.drain()
        assert done == list(range(9))
    assert 3 <= most <= 4


def test_what_a_job_raises_comes_out_and_those_behind_it_are_let_go() -> None:
    done: list[str] = []
    gate = threading.Event()

    def torn() -> None:
        gate.wait(DEADLINE)
        raise OSError("the disk is full")

    with Finisher(5) as finisher:
        finisher.do(lambda: done.append("before"))
        finisher.do(torn)
        finisher.do(lambda: done.append("behind"))
        gate.set()
        with pytest.raises(OSError, match="the disk is full"):
            finisher.drain()
        finisher.do(lambda: done.append("afterwards"))
        finisher.drain()
    assert done == ["before", "afterwards"]


def test_what_was_brought_is_done_when_it_ends_by_an_interrupt() -> None:
    done: list[int] = []
    with pytest.raises(KeyboardInterrupt), Finisher(5) as finisher:  # noqa: PT012  # a block that is interrupted
        for index in range(3):
            finisher.do(lambda index=index: done.append(index))  # type: ignore[misc]
        raise KeyboardInterrupt
    assert done == [0, 1, 2]


def test_without_a_thread_a_job_is_done_at_once() -> None:
    with Finisher(0) as finisher:
        done: list[threading.Thread] = []
        finisher.do(lambda: done.append(threading.current_thread()))
        assert done == [threading.current_thread()]


def test_only_our_own_data_sets_are_read_apart(tmp_path: Path) -> None:
    photos = open_data(f"folder:{write_photos(tmp_path / 'photos', 2)}")
    assert can_be_read_apart(photos)
    assert can_be_read_apart(Part(photos, None, photos.ids[:1]))
    own = data_set_of("memory:mine", [(photos.load(name).image, None) for name in photos.ids])
    opened = own.openers["segmentation"](parse("memory:mine", ()), None, None)
    assert not can_be_read_apart(opened)
    assert not can_be_read_apart(Part(opened, None, opened.ids[:1]))


HOME = """
import threading
import torch
from nets import Net

class AtHome(Net):
    "Answers the thread alone that asked first, and never two at once."
    thread = None

    def forward(self, images):
        here = threading.get_ident()
        AtHome.thread = AtHome.thread or here
        if here != AtHome.thread:
            raise RuntimeError("asked by another thread")
        return super().forward(images)

def net():
    return AtHome()
"""


def maps(folder: Path) -> dict[str, Any]:
    """Photographs of two sizes, one that is none; a network that stays with its thread."""
    write_net(folder)
    (folder / "home.py").write_text(HOME)
    photos = write_photos(folder / "photos", 5)
    write_photos(folder / "more", 1, (24, 16))
    (folder / "more/photo0.png").rename(photos / "photo1b.png")
    (photos / "photo2b.png").write_bytes(b"no picture")
    return {"models": [f"{folder / 'home.py'}:net"], "data": f"folder:{photos}"}


def boxes(folder: Path) -> dict[str, Any]:
    return {"models": [f"{write_detector(folder)}:grid"], "data": f"folder:{write_squares(folder / 'squares')}"}


def clips(folder: Path) -> dict[str, Any]:
    tracker = f"{write_tracker(folder)}:colours?task=video"
    return {"models": [tracker], "data": f"davis2017:{write_clips(folder / 'davis')}"}


@pytest.mark.parametrize(
    ("given", "more"),
    [
        (maps, {}),
        (maps, {"batch": 2}),
        (maps, {"eps": "2/255,8/255"}),
        (maps, {"attack": "none"}),
        (boxes, {}),
        (clips, {}),
    ],
)
def test_nobody_can_tell_from_the_files_that_there_were_threads(
    tmp_path: Path, given: Callable[[Path], dict[str, Any]], more: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    settings = {"attack": "pgd", "steps": 2, "limit": 7, **given(tmp_path), **more}
    if more.get("attack") == "none":
        del settings["steps"]
    found = []
    for name, beside in (("threads", several_bounds._beside), ("none", lambda *_: (0, 0))):
        monkeypatch.setattr(several_bounds, "_beside", beside)
        run_unprobed(tmp_path / name, **settings)
        rows, summary = ((tmp_path / name / place).read_bytes() for place in (ROWS, SUMMARY))
        assert b"another thread" not in rows
        found.append((rows, summary, files_below(tmp_path / name)))
    assert found[0] == found[1]


def test_a_picture_that_is_not_what_was_written_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from foolscape.errors import RunError
    from foolscape.run.directory import album

    read = album.read_image
    monkeypatch.setattr(album, "read_image", lambda path: read(path) ^ 1)
    nets, photos = write_net(tmp_path), write_photos(tmp_path / "photos", 2)
    with pytest.raises(RunError, match="expected to read back what was written to images/"):
        run_unprobed(tmp_path / "out", models=[f"{nets}:net"], data=f"folder:{photos}", attack="fgsm")


def test_an_interrupt_keeps_what_was_attacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nets, photos = write_net(tmp_path), write_photos(tmp_path / "photos", 3)
    settings = {"models": [f"{nets}:net"], "data": f"folder:{photos}", "attack": "fgsm"}
    run_unprobed(tmp_path / "whole", **settings)
    seen: list[str] = []
    from foolscape.run.tasks.segmentation import SegmentationSubject

    item = SegmentationSubject.attack_item

    def interrupted(self: Any, case: Any, *rest: Any) -> Any:
        seen.append(case.id)
        if len(seen) == 3:
            raise KeyboardInterrupt
        return item(self, case, *rest)

    monkeypatch.setattr(SegmentationSubject, "attack_item", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_unprobed(tmp_path / "cut", **settings)
    assert (tmp_path / "cut" / ROWS).read_bytes().count(b"\n") == 2 * 4
    monkeypatch.setattr(SegmentationSubject, "attack_item", item)
    run_unprobed(tmp_path / "cut", **settings)
    for name in (ROWS, SUMMARY):
        assert (tmp_path / "cut" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_images_of_several_sizes_share_batches_and_nothing_but_the_order_of_the_rows_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nets, photos = write_net(tmp_path), write_photos(tmp_path / "photos", 6)
    write_photos(tmp_path / "more", 6, (24, 16))
    for i in range(6):
        (tmp_path / f"more/photo{i}.png").rename(photos / f"photo{i}b.png")
    settings = {"models": [f"{nets}:net"], "data": f"folder:{photos}", "attack": "pgd", "steps": 2, "batch": 3}
    found = []
    for name, order in (("sorted", several_bounds.by_size), ("as they come", lambda _, ids: list(ids))):
        monkeypatch.setattr(several_bounds, "by_size", order)
        run_unprobed(tmp_path / name, **settings)
        lines = (tmp_path / name / ROWS).read_bytes().splitlines()
        found.append((sorted(lines), (tmp_path / name / SUMMARY).read_bytes(), files_below(tmp_path / name)))
        if name == "sorted":
            ids = list(dict.fromkeys(json.loads(line)["id"] for line in lines))
            assert [len(one) for one in ids] == [6] * 6 + [7] * 6
    assert found[0] == found[1]
