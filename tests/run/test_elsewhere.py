"""Runs in stores: the bytes of one in a folder, whatever the store, the machine and other drivers do meanwhile."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

import foolscape as fs
from foolscape import disk
from foolscape.cli.console import DONE, ERROR
from foolscape.errors import OutOfTimeError, RunError, SettingError, UnwritableError
from foolscape.paths import run_folder_of
from foolscape.run.directory.store import RunStore
from foolscape.run.elsewhere import mirror, owner
from foolscape.run.elsewhere.door import Workplace
from foolscape.run.elsewhere.home import home_of
from foolscape.run.elsewhere.ledger import PIECES, Piece, behind, chains_in, size_of
from foolscape.run.execute import execute
from foolscape.run.listener import Listener
from foolscape.run.settings.config import make_config
from foolscape.stores.folder import folder_at
from foolscape.stores.path import StorePath

from ..stores.made import fresh_stores
from ..stores.shelf import Shelf, contents, fresh_shelf
from .made import write_net, write_photos
from .test_manners import foolscape

pytestmark = pytest.mark.usefixtures("examined_once")

OUT = "shelf://bucket/runs/val"


def store_path(address: str = OUT) -> StorePath:
    path = run_folder_of(address)
    assert isinstance(path, StorePath)
    return path


CLOCK = ("timings.jsonl", "progress.json", "report.html", ".lock", "run.json")
"""What no two runs have in common."""


@pytest.fixture(autouse=True)
def stores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv(owner.LEASE, "0.6")
    monkeypatch.setattr("foolscape.stores.patience._PAUSE", 0.0)
    with fresh_stores(tmp_path / "cache"), fresh_shelf():
        yield


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("inputs")
    photos = write_photos(folder / "photos", 4)
    return {
        "models": [f"{write_net(folder)}:net"],
        "data": f"folder:{photos}",
        "attack": "pgd",
        "steps": 2,
        "probes": 0,
    }


def do(
    place: Path,
    settings: dict[str, Any],
    most: int | None = None,
    say: Callable[[str], None] = print,
    *,
    page: bool = False,
) -> None:
    """A run, or so many more samples of it."""
    done: list[str] = []

    @contextmanager
    def counted(title: str, total: int, before: int) -> Iterator[Callable[[str], None]]:
        del title, total, before
        yield done.append

    listener = Listener(say, counted, enough=lambda: most is not None and len(done) >= most)
    execute(make_config(settings), place, ["foolscape", "run"], listener, page=page)


def carried(settings: dict[str, Any], out: str = OUT, most: int | None = None, *, page: bool = False) -> list[str]:
    """A run in a store, or so many more samples of it; what was said."""
    said: list[str] = []
    path = run_folder_of(out)
    work = Workplace(path)
    with work.at_work(said.append) as place:
        do(place, settings, most, said.append, page=page)
    work.close()
    return said


@contextmanager
def other_machine(cache: Path) -> Iterator[None]:
    """Within it there is another cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FOOLSCAPE_CACHE", str(cache))
        yield


def figures(files: dict[str, bytes]) -> dict[str, bytes]:
    """The files of a run but for what the clock says and what lies beside it."""
    return {place: content for place, content in files.items() if place not in CLOCK and not place.startswith(".")}


def folder(path: Path) -> dict[str, bytes]:
    return {str(one.relative_to(path)): one.read_bytes() for one in path.rglob("*") if one.is_file()}


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory, settings: dict[str, Any]) -> dict[str, bytes]:
    """What a run in a folder of this machine has."""
    here = tmp_path_factory.mktemp("here")
    do(here, settings)
    return figures(folder(here))


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


def test_two_drivers_are_not_at_work_in_one_run(
    tmp_path: Path, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(owner.LEASE, "3600")
    looks = []

    def look(seconds: float) -> None:
        """The first driver's count rises while the other one waits; no clock plays a part."""
        looks.append(seconds)
        place = owner.owner_place(1)
        told = json.loads(contents("bucket/runs/val")[place])
        Shelf().pipe_file(f"{OUT}/{place}", json.dumps({**told, "beat": told["beat"] + (len(looks) > 2)}).encode())

    monkeypatch.setattr(owner, "_pause", look)
    with Workplace(run_folder_of(OUT)).at_work(print):
        with pytest.raises(RunError, match=f"expected {OUT} to be free, got a run of this machine"):
            carried(settings)
        with other_machine(tmp_path / "other"), pytest.raises(RunError, match=r"free, got a run that .* \(process"):
            carried(settings)
    assert len(looks) == 3
    carried(settings)  # it has ended, and nobody waits


def test_a_run_is_taken_over_from_one_who_is_silent_and_never_mixed(
    tmp_path: Path, settings: dict[str, Any], expected: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owner.Claim, "_go_on", lambda self: None)  # asleep
    with ExitStack() as first:
        place = first.enter_context(Workplace(store_path()).at_work(print))
        do(place, settings, most=None)
        (place / "rows.jsonl").write_bytes(b"of the one who was asleep")
        with other_machine(tmp_path / "other"):
            said = carried(settings)
        assert any("waiting up to 0.6 s" in line for line in said)
        disk.write_file(place, "summary.json", b"of the one who was asleep")
        with pytest.raises(RunError, match="took it over") as caught:
            first.close()
    assert OUT in str(caught.value)
    assert figures(contents("bucket/runs/val")) == expected
    said = carried(settings)  # the first one again: what is here is not gone on with
    assert any("gone on with elsewhere" in line for line in said)
    assert figures(contents("bucket/runs/val")) == expected


def test_a_run_that_is_lost_while_it_measures_ends_there(
    settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows are written by a thread beside the attack's, which tells it; later images are not attacked in vain."""
    appended: list[str] = []
    real = RunStore.append

    def append(self: RunStore, rows: Any, seconds: float | None = None) -> None:
        appended.append(rows[0].id)
        if len(appended) == 2:
            monkeypatch.setattr(owner.Claim, "lost", property(lambda _: "another driver"), raising=False)
        real(self, rows, seconds)

    monkeypatch.setattr(RunStore, "append", append)
    with pytest.raises(RunError, match="took it over"), Workplace(store_path()).at_work(print) as place:
        do(place, settings)
    assert len(appended) == 2


def test_a_run_that_went_on_elsewhere_is_read_from_the_store(
    tmp_path: Path, settings: dict[str, Any], expected: dict[str, bytes]
) -> None:
    with pytest.raises(OutOfTimeError):
        carried(settings, most=1)
    with other_machine(tmp_path / "other"), pytest.raises(OutOfTimeError):
        carried(settings, most=2)
    said = carried(settings)
    assert any("gone on with elsewhere" in line for line in said)
    assert figures(contents("bucket/runs/val")) == expected


def test_one_who_has_ended_on_this_machine_is_not_waited_for(
    settings: dict[str, Any], expected: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:  # as after a kill
        patch.setattr("foolscape.run.elsewhere.door._leave", lambda *_: None)
        with pytest.raises(OutOfTimeError):
            carried(settings, most=2)
    said = carried(settings)
    assert not any("waiting" in line or "elsewhere" in line for line in said)
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


def test_other_things_in_a_store_are_left_alone(settings: dict[str, Any]) -> None:
    Shelf().pipe_file("shelf://bucket/runs/val/photo.png", b"mine")
    with pytest.raises(RunError, match=r"expected an empty folder or a run at shelf://.*, got photo.png"):
        carried(settings)
    assert contents("bucket/runs/val") == {"photo.png": b"mine"}
    carried(settings, "shelf://bucket/other")
    with pytest.raises(RunError, match="got another one") as caught:
        carried({**settings, "seed": 3}, "shelf://bucket/other")
    assert "shelf://bucket/other" in str(caught.value)
    for wrong, word in (("s3://key:secret@bucket/x", "keys"), ("s3://bucket/x.zip", "archive")):
        with pytest.raises(SettingError, match=word):
            run_folder_of(wrong)


def test_a_command_that_is_refused_leaves_nothing() -> None:
    with pytest.raises(SettingError), Workplace(run_folder_of(OUT)).at_work(print):
        raise SettingError("refused")
    assert contents("bucket/runs/val") == {}


def test_commands_take_addresses(tmp_path: Path, settings: dict[str, Any], capfd: pytest.CaptureFixture[str]) -> None:
    command = ["run", "--model", settings["models"][0], "--data", settings["data"], "--attack", "fgsm", "--probes", 0]
    assert foolscape(*command, "--out", OUT, "--quiet") == DONE
    assert f"report: {OUT}/report.html" in capfd.readouterr().err
    assert foolscape("status", OUT, "--json") == DONE
    assert json.loads(capfd.readouterr().out)["directory"] == OUT
    Shelf.given.clear()
    assert foolscape("report", OUT, "--format", "markdown") == DONE
    assert "mIoU" in capfd.readouterr().out
    assert {place.rpartition("/")[2] for place in Shelf.given} >= {"report.html", "report.md", "report.tex"}
    assert foolscape("run", "--config", f"{OUT}/run.json", "--out", tmp_path / "again", "--quiet") == DONE
    assert figures(folder(tmp_path / "again"))["rows.jsonl"] == contents("bucket/runs/val")["rows.jsonl"]
    report = fs.load_run(OUT)
    assert str(report.directory) == OUT
    assert report.images(report.rows[0].id).adversarial is not None
    assert foolscape(*command, "--out", OUT, "--dry-run") == DONE
    assert f"output: {OUT}, resumes what is there" in " ".join(capfd.readouterr().out.split())
    assert foolscape("status", "shelf://bucket/none") != DONE
    assert foolscape("report", "shelf://bucket/none") == ERROR
    assert "expected a run at shelf://bucket/none" in capfd.readouterr().err


def test_from_python_too(settings: dict[str, Any], expected: dict[str, bytes]) -> None:
    chosen = {name: value for name, value in settings.items() if name not in ("models", "data", "attack", "steps")}
    report = fs.evaluate(settings["models"][0], settings["data"], "pgd?steps=2", OUT, **chosen)
    found = figures(contents("bucket/runs/val"))
    assert found.keys() == expected.keys()
    assert found["rows.jsonl"] == expected["rows.jsonl"]
    assert str(report.directory) == OUT


def test_shards_in_a_store_are_merged_there(
    tmp_path: Path, settings: dict[str, Any], expected: dict[str, bytes], capfd: pytest.CaptureFixture[str]
) -> None:
    command = ["run", "--model", settings["models"][0], "--data", settings["data"], "--attack", "pgd", "--steps", 2,
               "--probes", 0, "--quiet"]  # fmt: skip
    for part in ("1/2", "2/2"):
        with other_machine(tmp_path / part.replace("/", "-")):
            assert foolscape(*command, "--out", OUT, "--shard", part) == DONE
    assert f"foolscape merge {OUT}" in capfd.readouterr().err
    assert foolscape("status", OUT, "--json") == DONE
    assert foolscape("merge", OUT, "--quiet") == DONE
    there = {place: one for place, one in contents("bucket/runs/val").items() if not place.startswith("shards/")}
    assert figures(there) == expected
    assert foolscape("merge", OUT, "--out", tmp_path / "whole", "--quiet") == DONE
    assert figures(folder(tmp_path / "whole")) == expected


def test_parts_and_a_sweep_from_python_too(settings: dict[str, Any], tmp_path: Path) -> None:
    (model,) = settings["models"]
    given = {"model": model, "data": settings["data"], "attack": "pgd?steps=2", "probes": 0}
    whole = fs.evaluate(**given)
    for number in (1, 2):
        fs.evaluate(**given, out=OUT, shard=f"{number}/2")
    assert fs.merge(OUT).to_json() == whole.to_json()
    grid = {"models": [model], "data": [settings["data"]], "attacks": ["pgd?steps=2"], "probes": 0}
    swept = fs.sweep(grid, "shelf://bucket/grid")
    assert swept.finished
    assert swept.report(swept.cells[0].name).to_json() == whole.to_json()
    with pytest.raises(RunError, match="expected a run, got a sweep, whose runs lie in runs/NAME below it"):
        fs.load_run("shelf://bucket/grid")


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


def test_only_one_makes_a_file() -> None:
    place = folder_at(store_path("shelf://bucket/claims"))
    won: list[int] = []
    threads = [
        threading.Thread(target=lambda n=n: won.append(n) if place.create("owner", str(n).encode()) else None)
        for n in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert place.read("owner") == str(won[0]).encode()
