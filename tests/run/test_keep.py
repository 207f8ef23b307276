"""`--keep`: figures, rows and tables are the same whatever pictures stay, and those that went can be made again."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from foolscape.cli.console import DONE
from foolscape.records.places import ROWS, SLICES, SUMMARY, TRAITS
from foolscape.records.reader import read_run
from foolscape.report.pictures.gallery import chosen

from .made import files_below, write_net, write_photos
from .test_manners import foolscape

PHOTOS = 10


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[object], Path]:
    """A command without its --out, and a folder with what it makes under each --keep."""
    folder = tmp_path_factory.mktemp("kept")
    nets, photos = write_net(folder), write_photos(folder / "photos", PHOTOS)
    command: list[object] = ["run", "--model", f"{nets}:net", "--data", f"folder:{photos}", "--attack", "fgsm"]
    command += ["--probes", 0, "--quiet"]
    with pytest.MonkeyPatch.context() as patch:
        for keep in ("all", "shown", "none"):
            words = [*command, "--keep", keep, "--out", folder / keep]
            patch.setattr("sys.argv", ["foolscape", *map(str, words)])  # which run.json tells, and the page
            assert foolscape(*words) == DONE
    return command, folder


def pictures(out: Path) -> dict[str, bytes]:
    """The pictures of a run, without what was drawn of it."""
    return files_below(out)


def lines(out: Path) -> list[Any]:
    found = [json.loads(line) for line in (out / ROWS).read_text().splitlines()]
    return sorted(found, key=lambda row: (row["id"], row["condition"]))


def shown_files(out: Path) -> set[str]:
    """The pictures of the samples that the page shows."""
    run = read_run(out)
    ids = {view.judged.id for _, views in chosen(run, run.record.models[0]) for view in views}
    return {place for row in lines(out) if row["id"] in ids for place in row.get("files", {}) if place.endswith(".png")}


def test_figures_rows_and_slices_are_the_same(made: tuple[list[object], Path]) -> None:
    _, folder = made
    for keep in ("shown", "none"):
        for name in (SUMMARY, ROWS, SLICES):
            assert (folder / keep / name).read_bytes() == (folder / "all" / name).read_bytes(), (keep, name)
    assert not (folder / "all" / TRAITS).exists()


def test_what_is_kept(made: tuple[list[object], Path]) -> None:
    _, folder = made
    everything = pictures(folder / "all")
    staying = shown_files(folder / "all")
    assert 0 < len(staying) < len(everything)
    assert pictures(folder / "shown") == {place: everything[place] for place in staying}
    assert pictures(folder / "none") == {}


def test_the_page_says_what_was_kept_and_how_to_make_the_rest(made: tuple[list[object], Path]) -> None:
    _, folder = made
    pages = {keep: (folder / keep / "report.html").read_text() for keep in ("all", "shown", "none")}
    assert not re.findall(r"<code>(foolscape .*--keep all)</code>", pages["all"])
    assert pages["all"].count("data:image") == pages["shown"].count("data:image")
    assert "not kept" not in pages["none"]
    for keep in ("shown", "none"):
        (command,) = re.findall(r"<code>(foolscape .*--keep all)</code>", pages[keep])
        assert command.count("--keep") == 1
        assert str(folder / keep) in command


def test_a_resumed_run_takes_nothing_for_lost(made: tuple[list[object], Path], tmp_path: Path) -> None:
    command, folder = made
    everything, rows = pictures(folder / "all"), (folder / "all" / ROWS).read_bytes()
    for keep in ("shown", "none"):
        out = Path(shutil.copytree(folder / keep, tmp_path / keep))
        gone = next(place for place in everything if place not in pictures(out))
        (out / gone).parent.mkdir(parents=True, exist_ok=True)
        (out / gone).write_bytes(everything[gone])  # as a kill leaves it
        before = pictures(folder / keep)
        assert foolscape(*command, "--out", out) == DONE
        assert (out / ROWS).read_bytes() == rows
        assert pictures(out) == before
        assert (out / SLICES).read_bytes() == (folder / "all" / SLICES).read_bytes()


def test_a_picture_that_was_to_stay_and_is_lost_is_made_again(made: tuple[list[object], Path], tmp_path: Path) -> None:
    command, folder = made
    out = Path(shutil.copytree(folder / "shown", tmp_path / "out"))
    before = pictures(out)
    lost = next(iter(before))
    (out / lost).unlink()
    assert foolscape(*command, "--out", out) == DONE
    assert pictures(out) == before
    assert lines(out) == lines(folder / "all")


def test_all_that_went_is_made_again_to_the_same_bytes(made: tuple[list[object], Path], tmp_path: Path) -> None:
    command, folder = made
    out = Path(shutil.copytree(folder / "none", tmp_path / "out"))
    assert foolscape(*command, "--out", out, "--keep", "all") == DONE
    assert pictures(out) == pictures(folder / "all")
    assert lines(out) == lines(folder / "all")
    assert foolscape(*command, "--out", out, "--keep", "shown") == DONE
    assert pictures(out) == pictures(folder / "shown")


def test_a_killed_run_goes_on(made: tuple[list[object], Path], tmp_path: Path) -> None:
    """Half of the rows, and the pictures of all samples, as if every removal had been cut short."""
    command, folder = made
    out = Path(shutil.copytree(folder / "all", tmp_path / "out"))
    shutil.copyfile(folder / "shown" / "run.json", out / "run.json")
    shutil.copyfile(folder / "shown" / TRAITS, out / TRAITS)
    (out / SUMMARY).unlink()
    whole = (out / ROWS).read_bytes().splitlines(keepends=True)
    (out / ROWS).write_bytes(b"".join(whole[: len(whole) // 2 + 1]))
    assert foolscape(*command, "--out", out) == DONE
    assert (out / ROWS).read_bytes() == b"".join(whole)
    assert (out / SUMMARY).read_bytes() == (folder / "all" / SUMMARY).read_bytes()
    assert pictures(out) == pictures(folder / "shown")


def test_another_word_is_refused(made: tuple[list[object], Path], tmp_path: Path, capfd: Any) -> None:
    command, _ = made
    assert foolscape(*command, "--out", tmp_path / "out", "--keep", "some") != DONE
    assert "keep: expected all, shown or none, got 'some'" in capfd.readouterr().err


@pytest.mark.slow
def test_a_transfer_lets_go_when_it_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nets, photos = write_net(tmp_path), write_photos(tmp_path / "photos", 3)
    command: list[object] = ["transfer", "--model", f"{nets}:net", "--model", f"{nets}:slow"]
    command += ["--data", f"folder:{photos}", "--attack", "fgsm", "--probes", 0, "--quiet", "--ensemble", "all"]
    outs = {keep: tmp_path / keep for keep in ("all", "none")}
    for keep, out in outs.items():
        words = [*command, "--keep", keep, "--out", out]
        monkeypatch.setattr("sys.argv", ["foolscape", *map(str, words)])
        assert foolscape(*words) == DONE
    everything = pictures(outs["all"])
    assert pictures(outs["none"]) == {}
    assert (outs["none"] / "transfer.json").read_bytes() == (outs["all"] / "transfer.json").read_bytes()
    assert "--keep all" in (outs["none"] / "report.html").read_text()
    # Rows that are lost need the pictures, which are made again and let go again.
    (outs["none"] / ROWS).unlink()
    assert foolscape(*command, "--out", outs["none"]) == DONE
    assert pictures(outs["none"]) == {}
    assert lines(outs["none"]) == lines(outs["all"])
    assert foolscape(*command, "--out", outs["none"], "--keep", "all") == DONE
    assert pictures(outs["none"]) == everything
