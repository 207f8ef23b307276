"""Failed images are tried again on request, to the bytes of a run in which they had not failed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

import foolscape as fs
from foolscape.cli.console import DONE, ERROR, SOME_FAILED
from foolscape.errors import RunError
from foolscape.run.directory.retry import forget_failures

from ..stores.made import fresh_stores, photos
from .made import write_net, write_photos
from .made_boxes import write_detector
from .test_manners import foolscape

pytestmark = pytest.mark.usefixtures("examined_once")

DATA = "masks:moody://b/images?labels=moody://b/masks&classes=moody://b/classes.txt"


class Moody(MemoryFileSystem):
    """A store that gives some of its files only when it likes to."""

    protocol = "moody"
    store: ClassVar[dict[str, object]] = {}
    pseudo_dirs: ClassVar[list[str]] = [""]
    kept_back: ClassVar[set[str]] = set()

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        return super()._strip_protocol(path.removeprefix("moody://"))

    def cat_file(self, path: str, start: int | None = None, end: int | None = None, **_: Any) -> bytes:
        if path.removeprefix("moody://b/") in self.kept_back:
            raise PermissionError("403 Forbidden")
        content: bytes = self.store[self._strip_protocol(path)].getvalue()  # type: ignore[attr-defined]
        return content[start:end]


@pytest.fixture(autouse=True)
def stores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("foolscape.stores.patience._PAUSE", 0.0)
    fsspec.register_implementation("moody", Moody, clobber=True)
    Moody.store.clear()
    Moody.kept_back.clear()
    for name, content in photos(5).items():
        Moody().pipe_file(f"moody://b/{name}", content)
    with fresh_stores(tmp_path / "cache"):
        yield


@pytest.fixture
def words(tmp_path: Path) -> list[object]:
    return ["run", "--model", f"{write_net(tmp_path)}:net", "--data", DATA, "--attack", "pgd?steps=2", "--probes", 2,
            "--quiet"]  # fmt: skip


def figures(out: Path) -> dict[str, object]:
    """What a run has measured: its files, rows as a set, without clocks, pages and where it lies."""
    found: dict[str, object] = {}
    for path in sorted(out.rglob("*")):
        if path.is_dir() or path.name in (".lock", "timings.jsonl", "progress.json", "report.html"):
            continue
        content = path.read_bytes()
        if path.name == "run.json":
            record = json.loads(content)
            content = json.dumps({k: v for k, v in record.items() if k not in ("started", "command")}).encode()
        found[str(path.relative_to(out))] = sorted(content.splitlines()) if path.suffix == ".jsonl" else content
    return found


def down(*names: str) -> None:
    """The store keeps these images back, from now on."""
    Moody.kept_back.clear()
    Moody.kept_back.update(f"images/{name}.png" for name in names)


@pytest.mark.parametrize("more", [[], ["--keep", "shown"]], ids=["all", "shown"])
def test_a_run_becomes_one_in_which_nothing_had_failed(words: list[object], more: list[object]) -> None:
    down("0", "3")
    assert foolscape(*words, *more, "--out", "out") == SOME_FAILED
    down()
    assert foolscape(*words, *more, "--out", "expected") == DONE  # last, since what was fetched is not asked for again
    assert figures(Path("out")) != figures(Path("expected"))
    assert foolscape(*words, *more, "--out", "out", "--retry-failed") == DONE
    assert figures(Path("out")) == figures(Path("expected"))


def test_a_file_of_this_machine_that_was_mended(tmp_path: Path) -> None:
    images = write_photos(tmp_path / "photos", 4)
    broken = sorted(images.glob("*.png"))[0]
    content = broken.read_bytes()
    broken.write_bytes(b"no picture")
    words = ["run", "--model", f"{write_net(tmp_path)}:net", "--data", f"folder:{images}", "--attack", "pgd?steps=2",
             "--probes", 2, "--workers", 2, "--quiet"]  # fmt: skip
    assert foolscape(*words, "--out", "out") == SOME_FAILED
    broken.write_bytes(content)
    assert foolscape(*words, "--out", "expected") == DONE
    assert foolscape(*words, "--out", "out", "--retry-failed") == DONE
    assert figures(Path("out")) == figures(Path("expected"))


def test_it_is_told_what_to_do(words: list[object], capfd: pytest.CaptureFixture[str]) -> None:
    down("3")
    assert foolscape(*words, "--out", "out") == SOME_FAILED
    said = " ".join(capfd.readouterr().err.split())
    assert "1 image(s) could not be used; the report says why; --retry-failed tries them again" in said
    down()
    assert foolscape(*words, "--out", "out") == ERROR
    said = " ".join(capfd.readouterr().err.split())
    assert "the image or annotation of 3 has changed" in said
    assert "Of these 1 could not be used before; try them again with --retry-failed" in said
    assert foolscape(*words, "--out", "out", "--retry-failed") == DONE
    assert "1 failed image of out: tried again" in capfd.readouterr().err
    assert foolscape(*words, "--out", "out", "--retry-failed") == DONE
    assert "out holds no failures that could be tried again" in capfd.readouterr().err


def test_what_fails_again_fails_alike(words: list[object]) -> None:
    down("0", "3")
    assert foolscape(*words, "--out", "expected") == SOME_FAILED
    assert foolscape(*words, "--out", "out") == SOME_FAILED
    assert foolscape(*words, "--out", "out", "--retry-failed") == SOME_FAILED
    assert figures(Path("out")) == figures(Path("expected"))
    down("3")
    assert foolscape(*words, "--out", "some") == SOME_FAILED
    assert foolscape(*words, "--out", "out", "--retry-failed") == SOME_FAILED
    assert figures(Path("out")) == figures(Path("some"))


def test_a_file_that_has_changed_since_is_refused_all_the_same(words: list[object]) -> None:
    down("3")
    assert foolscape(*words, "--out", "out") == SOME_FAILED
    down()
    Moody().pipe_file("moody://b/images/1.png", photos(5)["images/2.png"])
    assert foolscape(*words, "--out", "out", "--retry-failed") == ERROR


def test_a_kill_in_between_is_gone_on_with(words: list[object], monkeypatch: pytest.MonkeyPatch) -> None:
    down("0", "3")
    assert foolscape(*words, "--out", "out") == SOME_FAILED
    down()
    assert foolscape(*words, "--out", "expected") == DONE

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("foolscape.run.directory.retry.rewritten", killed)
        with pytest.raises(KeyboardInterrupt):
            forget_failures(Path("out"), print)
    assert not Path("out/summary.json").exists()
    assert foolscape(*words, "--out", "out") == SOME_FAILED  # as it was: they count
    forget_failures(Path("out"), print)  # and killed behind it
    assert foolscape(*words, "--out", "out") == DONE
    assert figures(Path("out")) == figures(Path("expected"))


def test_without_a_place_it_is_the_newest_run_of_the_same_settings(words: list[object]) -> None:
    down("3")
    assert foolscape(*words) == SOME_FAILED
    down()
    assert foolscape(*words, "--new", "--retry-failed") != DONE
    assert foolscape(*words, "--retry-failed") == DONE
    assert [path.name for path in Path("runs").iterdir()] == ["nets-net-pgd-1"]


def test_rows_in_parts(words: list[object], monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pyarrow")
    monkeypatch.setattr("foolscape.records.parts.MANY", 2)
    monkeypatch.setattr("foolscape.run.directory.store.SEALED_BYTES", 4000)
    down("0", "3")
    assert foolscape(*words, "--out", "out") == SOME_FAILED
    down()
    assert foolscape(*words, "--out", "expected") == DONE
    assert foolscape(*words, "--out", "out", "--retry-failed") == DONE
    assert Path("out/summary.json").read_bytes() == Path("expected/summary.json").read_bytes()
    assert list(Path("out/rows").glob("part-*"))


def test_a_transfer_with_an_ensemble(tmp_path: Path) -> None:
    net, grid = f"{write_net(tmp_path)}:net", f"{write_detector(tmp_path)}:grid"
    words = ["transfer", "--model", net, "--model", grid, "--data", "folder:moody://b/images", "--attack",
             "pgd?steps=2", "--probes", 0, "--ensemble", "all", "--quiet"]  # fmt: skip
    down("1", "3")
    assert foolscape(*words, "--out", "out") == SOME_FAILED
    down()
    assert foolscape(*words, "--out", "expected") == DONE
    assert foolscape(*words, "--out", "out", "--retry-failed") == DONE
    assert figures(Path("out")) == figures(Path("expected"))


def test_a_part_of_a_run(words: list[object]) -> None:
    down("0", "3")
    for part in ("1/2", "2/2"):
        foolscape(*words, "--out", "out", "--shard", part)
    down()
    assert foolscape(*words, "--out", "expected") == DONE
    for part in ("1/2", "2/2"):
        assert foolscape(*words, "--out", "out", "--shard", part, "--retry-failed") == DONE
    assert foolscape("merge", "out", "--quiet") == DONE
    there = {place: one for place, one in figures(Path("out")).items() if not place.startswith("shards/")}
    assert there == figures(Path("expected"))


def test_from_python(words: list[object]) -> None:
    given: dict[str, Any] = {"model": str(words[2]), "data": DATA, "attack": "pgd?steps=2", "probes": 0}
    down("3")
    assert [one.id for one in fs.evaluate(**given, out="out").run.rows.failures()] == ["3"]
    down()
    expected = fs.evaluate(**given)
    with pytest.raises(RunError, match="try them again with retry_failed=True"):
        fs.evaluate(**given, out="out")
    assert fs.evaluate(**given, out="out", retry_failed=True).to_json() == expected.to_json()


def test_what_has_learnt_is_not_opened_again(tmp_path: Path) -> None:
    (tmp_path / "learnt").mkdir()
    whole = json.loads(re.sub(r"\s+", " ", HARDEN))
    (tmp_path / "learnt/run.json").write_text(json.dumps(whole))
    with pytest.raises(RunError, match=r"expected a run or a transfer .* got that of foolscape harden"):
        forget_failures(tmp_path / "learnt", print)
    forget_failures(tmp_path / "nothing", print)


HARDEN = """{"schema": 2, "kind": "harden", "foolscape": "0", "command": [], "config": {}, "models": [],
 "algorithms": {}, "versions": {}, "attack": {}, "device": "cpu", "seed": 0,
 "train": {"samples": 0, "sha256": ""}, "test": {"samples": 0, "sha256": ""}}"""
