"""Runs in stores: the bytes of one in a folder, whatever the store does meanwhile, and wherever they go on."""

from __future__ import annotations

import json
import shutil
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from foolscape.cli.console import DONE
from foolscape.errors import OutOfTimeError, RunError, UnwritableError
from foolscape.paths import run_folder_of
from foolscape.run.directory.store import RunStore
from foolscape.run.elsewhere import mirror
from foolscape.run.elsewhere.door import Workplace
from foolscape.run.elsewhere.home import home_of
from foolscape.run.elsewhere.ledger import PIECES, Piece, behind, chains_in, size_of

from ...stores.shelf import Shelf, contents
from ..test_manners import foolscape
from .made import OUT, carried, do, figures, folder, other_machine, store_path

pytestmark = pytest.mark.usefixtures("examined_once")


def test_a_run_in_a_store_has_the_files_of_one_in_a_folder(
    settings: dict[str, Any], expected: dict[str, bytes]
) -> None:
    carried(settings, page=True)
    there = contents("bucket/runs/val")
    assert figures(there) == expected
    assert {"report.html", "timings.jsonl", "run.json"} <= there.keys()
    assert not any(place.startswith(PIECES) or ".part" in place for place in there)
    assert not home_of(store_path()).folder.exists()
    Shelf.given.clear()
    carried(settings)  # again: nothing is measured, and no picture comes or goes
    assert figures(contents("bucket/runs/val")) == expected
    assert not any(place.endswith(".png") for place in Shelf.given)


def test_rows_never_name_what_is_not_there(settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mirror, "EVERY", 0.01)
    ledgers = []

    def look(place: str, content: bytes) -> None:
        if "/ledger-" not in place:
            return
        there = contents("bucket/runs/val")
        chain = chains_in(content, place).get("rows.jsonl", ())
        text = b"".join(there[piece.place][: piece.size] for piece in chain)
        assert len(text) == size_of(chain)
        ledgers.append(len(text))
        for line in text.splitlines():
            for name, (size, _) in json.loads(line).get("files", {}).items():
                assert len(there[name]) == size

    Shelf.looking = look
    carried(settings)
    assert ledgers[-1] == len(contents("bucket/runs/val")["rows.jsonl"])


def test_rows_in_parts_are_there_once(
    tmp_path: Path, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pyarrow")
    monkeypatch.setattr(mirror, "EVERY", 0.01)
    monkeypatch.setattr("foolscape.records.parts.MANY", 2)
    monkeypatch.setattr("foolscape.run.directory.store.SEALED_BYTES", 4000)
    do(tmp_path / "here", settings)
    with pytest.raises(OutOfTimeError):
        carried(settings, most=3)
    with other_machine(tmp_path / "other"):
        carried(settings)
    there = figures(contents("bucket/runs/val"))
    assert there == figures(folder(tmp_path / "here"))
    assert sum(place.startswith("rows/part-") for place in there) > 1


def test_a_report_of_an_unfinished_run_goes_when_it_has_finished(
    settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mirror, "EVERY", 0.02)
    with Workplace(run_folder_of(OUT)).at_work(print) as place:
        with pytest.raises(OutOfTimeError):
            do(place, settings, most=2)
        until_carried("rows.jsonl")
        assert foolscape("report", OUT) == DONE
        assert {"partial.json", "report.html"} <= contents("bucket/runs/val").keys()
        do(place, settings, page=True)
    assert "partial.json" not in contents("bucket/runs/val")


def until_carried(name: str) -> None:
    """Wait until a file that grows is in the store."""
    pause = threading.Event()
    for _ in range(3000):
        if any(name.encode() in content for place, content in contents("bucket/runs/val").items() if "ledger" in place):
            return
        pause.wait(0.02)
    pytest.fail("it was not carried")


def test_it_goes_on_elsewhere_from_what_the_store_has(
    tmp_path: Path, settings: dict[str, Any], expected: dict[str, bytes]
) -> None:
    with pytest.raises(OutOfTimeError):
        carried(settings, most=2)
    there = contents("bucket/runs/val")
    assert any(place.startswith(PIECES) for place in there)  # what has not finished is in pieces
    shutil.rmtree(tmp_path / "cache")
    Shelf.asked.clear()
    carried(settings)
    assert figures(contents("bucket/runs/val")) == expected
    assert not any(place.endswith(".png") for place in Shelf.asked)  # the listing says that they are there


def test_what_was_not_carried_goes_up_by_the_same_command(
    settings: dict[str, Any], expected: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    Shelf.room = (1 << 16) + 6_000
    with pytest.raises(UnwritableError, match="no space left") as caught:
        carried(settings)
    local = home_of(store_path()).local
    assert f"is kept in {local}" in str(caught.value)
    assert figures(folder(local)) == expected  # the run went on to its end
    Shelf.room = None
    with monkeypatch.context() as patch:  # nothing is left to be measured
        patch.setattr(RunStore, "append", lambda *_: pytest.fail("measured again"))
        carried(settings)
    assert figures(contents("bucket/runs/val")) == expected


@pytest.mark.parametrize("writes", [6, 20, 36, *(pytest.param(n, marks=pytest.mark.slow) for n in range(4, 60, 3))])
def test_whatever_came_last_it_goes_on_from_there_elsewhere(
    writes: int, tmp_path: Path, settings: dict[str, Any], expected: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a kill behind any write: for the store it is all the same whether a driver is dead or unheard."""
    monkeypatch.setattr(mirror, "EVERY", 0.01)
    Shelf.left = writes
    with suppress(UnwritableError):  # of 60 writes all may be done
        carried(settings, page=True)
    Shelf.left = None
    with other_machine(tmp_path / "other"):
        carried(settings, page=True)
    there = contents("bucket/runs/val")
    assert figures(there) == expected
    assert sorted(place for place in there if place.startswith(".")) == [
        ".foolscape/ledger-00000002.json", ".foolscape/owner-00000002.json",
    ]  # fmt: skip


def test_a_store_that_takes_nothing_is_found_before_anything_is_measured(settings: dict[str, Any]) -> None:
    work = Workplace(run_folder_of(OUT))
    Shelf.read_only = True
    with pytest.raises(UnwritableError, match=f"expected {OUT} to be written to, got .*Access Denied"):  # noqa: SIM117
        with work.at_work(print):
            pytest.fail("begun")
    Shelf.read_only, Shelf.room = False, 1000
    with pytest.raises(UnwritableError, match="no space left"), work.at_work(print):
        pytest.fail("begun")
    assert not any("probe" in place for place in contents("bucket/runs/val"))


def test_writes_that_fail_once_are_tried_again(settings: dict[str, Any], expected: dict[str, bytes]) -> None:
    Shelf.failing = 2
    carried(settings)
    assert figures(contents("bucket/runs/val")) == expected


def test_a_store_that_fails_for_a_while_does_not_stop_the_run(
    settings: dict[str, Any], expected: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mirror, "EVERY", 0.02)
    monkeypatch.setattr(mirror, "_LONGEST", 0.02)
    said: list[str] = []
    with Workplace(run_folder_of(OUT)).at_work(said.append) as place:
        Shelf.failing = 40
        do(place, settings)
        told = threading.Event()
        for _ in range(3000):
            if any("takes files again" in line for line in said):
                break
            told.wait(0.02)
    assert any("takes nothing" in line for line in said)
    assert any("takes files again" in line for line in said)
    assert figures(contents("bucket/runs/val")) == expected


@pytest.mark.parametrize("keep", ["shown", "none"])
def test_pictures_that_are_let_go_leave_the_store(keep: str, tmp_path: Path, settings: dict[str, Any]) -> None:
    command = ["run", "--model", settings["models"][0], "--data", settings["data"], "--attack", "fgsm", "--probes", 0,
               "--quiet"]  # fmt: skip
    assert foolscape(*command, "--out", OUT) == DONE
    assert foolscape(*command, "--keep", keep, "--out", tmp_path / "here") == DONE
    with other_machine(tmp_path / "other"):
        assert foolscape(*command, "--keep", keep, "--out", OUT) == DONE
    assert figures(contents("bucket/runs/val")).keys() == figures(folder(tmp_path / "here")).keys()


def test_what_goes_up_of_a_file_that_grows_is_bounded() -> None:
    chain: tuple[Piece, ...] = ()
    size = taken = most = 0
    for number in range(2000):
        size += 100
        staying, begin = behind(chain, size)
        chain = (*staying, Piece(f"{PIECES}/{number}", size - begin))
        taken += size - begin
        most = max(most, len(chain))
        assert size_of(chain) == size
    assert taken < 12 * size  # each byte once for every time that what it is in has doubled
    assert most <= 12
    large = (Piece(f"{PIECES}/1", 9 << 20),)
    assert behind(large, 30 << 20) == (large, 9 << 20)
    assert behind((Piece("rows.jsonl", 10),), 1000) == ((Piece("rows.jsonl", 10),), 10)


def test_a_damaged_ledger_is_told() -> None:
    for content in (b"{", b"[]", b'{"files": {"rows.jsonl": [["../x", 3]]}}'):
        with pytest.raises(RunError, match="expected"):
            chains_in(content, "shelf://x")
