"""--strict: what cannot be used, and what is left out of an image, ends a command."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from foolscape.cli.console import DONE, SOME_FAILED
from foolscape.data import folder
from foolscape.data.load import open_clips, open_data, open_detection
from foolscape.errors import LossError, SampleError
from foolscape.strict import LossNote, lose, lose_any, losses, strictly
from tests.data.conftest import CATEGORIES
from tests.data.made import frame, mask, note, palette
from tests.fuzz.families import reading

from .made import write_net, write_photos
from .test_manners import foolscape


def write_coco(root: Path, *boxes: tuple[int, int, int, int]) -> str:
    """One image of 12x16 pixels with boxes, in COCO's form."""
    annotations = [{**note(1, 1, *box), "id": number} for number, box in enumerate(boxes)]
    images = [{"id": 1, "file_name": "one.png", "height": 12, "width": 16}]
    categories = [{"id": number, "name": name} for number, name in CATEGORIES.items()]
    path = root / "annotations/instances_val2017.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}))
    reading.save(root / "val2017/one.png", frame(1))
    return f"coco:{root}"


def test_a_loss_is_a_note() -> None:
    notes = ("grey made RGB", LossNote("1 box left out"))
    assert losses(notes) == ["1 box left out"]
    lose_any(notes)
    lose("anything")
    with strictly(True), strictly(False):
        lose_any(notes)
    with strictly(True):
        lose_any(notes[:1])
        with pytest.raises(LossError, match=r"^--strict: .* got: here: 1 box left out\. Mend it, or go on without"):
            lose_any(notes, "here: ")
    lose_any(notes)


def test_a_sample_is_whole_or_ends_the_command(tmp_path: Path) -> None:
    photos = write_photos(tmp_path / "photos", 1)
    (photos / "broken.png").write_bytes(b"no picture")
    with strictly(True):
        data = open_data(f"folder:{photos}")
        assert data.load("photo0").id == "photo0"
        with pytest.raises(LossError, match="broken"):
            data.load("broken")
    with pytest.raises(SampleError):
        open_data(f"folder:{photos}").load("broken")


def test_a_dropped_box_ends_the_command(tmp_path: Path) -> None:
    whole, dropped = write_coco(tmp_path / "a", (2, 2, 5, 4)), write_coco(tmp_path / "b", (2, 2, 5, 4), (40, 2, 5, 4))
    assert open_detection(dropped).load("one").notes == ("1 box without area inside the image left out",)
    with strictly(True):
        assert open_detection(whole).load("one").truth is not None
        with pytest.raises(LossError, match="one: 1 box without area inside the image left out"):
            open_detection(dropped).load("one")


def test_frames_that_are_not_there_end_the_command(tmp_path: Path) -> None:
    for index in range(3):
        reading.photo(tmp_path / f"frames/{index}.png", index)
    palette(mask(1)).save(tmp_path / "mask.png")
    spec = f"video:{tmp_path / 'frames'}?mask={tmp_path / 'mask.png'}&frames="
    with strictly(True):
        assert len(open_clips(f"{spec}3").load("frames").frames) == 3
        with pytest.raises(LossError, match="3 frames from frame 0 on instead of 4"):
            open_clips(f"{spec}4").load("frames")


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Runs a command on two photographs and what is no picture, and gives its exit code."""
    monkeypatch.chdir(tmp_path)
    nets, photos = write_net(tmp_path), write_photos(tmp_path / "photos", 2)
    (photos / "photo00.png").write_bytes(b"no picture")

    def run(name: str, *more: object) -> int:
        models = ("--model", f"{nets}:net", *(("--model", f"{nets}:slow") if name == "transfer" else ()))
        return foolscape(name, *models, "--data", f"folder:{photos}", "--out", "out", "--quiet", *more)

    return run


@pytest.mark.parametrize("name", ["run", "transfer"])
def test_a_run_ends_at_an_image_that_cannot_be_used(
    name: str, command: Callable[..., int], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    attack = ("--attack", "fgsm", "--probes", 0)
    assert command(name, *attack, "--strict") == SOME_FAILED
    said = capfd.readouterr().err
    assert "error: --strict: expected to use all that is there, got: " in said
    assert "photo00.png" in said
    assert not list(tmp_path.glob("out/summary.json"))

    assert command(name, *attack) == SOME_FAILED
    capfd.readouterr()
    assert command(name, *attack, "--strict") == SOME_FAILED  # it was counted before
    assert "error: --strict" in capfd.readouterr().err
    (tmp_path / "photos/photo00.png").unlink()
    assert command(name, *attack, "--strict", "--out", "whole") == DONE


def test_a_run_that_left_something_out_is_not_passed_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    nets, photos, read = write_net(tmp_path), write_photos(tmp_path / "photos", 1), folder.read_image
    run = ("run", "--model", f"{nets}:net", "--data", f"folder:{photos}", "--attack", "none", "--out", "out")
    with monkeypatch.context() as patch:
        patch.setattr(folder, "read_image", lambda path: (read(path)[0], ("grey made RGB", LossNote("half left out"))))
        assert foolscape(*run) == DONE
    row = json.loads((tmp_path / "out/rows.jsonl").read_text())
    assert (row["notes"], row["lost"]) == (["grey made RGB", "half left out"], ["half left out"])
    capfd.readouterr()
    assert foolscape(*run, "--strict") == SOME_FAILED
    assert "photo0: half left out" in capfd.readouterr().err


def test_training_ends_at_an_image_that_cannot_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for split in ("train", "test"):
        for index in range(3):
            reading.photo(tmp_path / f"camvid/{split}/{index}.png", index)
            reading.save(tmp_path / f"camvid/{split}annot/{index}.png", frame(0)[..., 0] % 9)
    (tmp_path / "camvid/train/1.png").write_bytes(b"no picture")
    splits = ("--data", "camvid:camvid", "--train-split", "train", "--test-split", "test")
    nets = Path(write_net(tmp_path))
    harden = ("harden", "--model", f"{nets}:wide", *splits, "--epochs", 1, "--batch", 2, "--out", "hard")
    with nets.open("a") as file:
        file.write(
            "\ndef wide():\n    class Wide(Net):\n        def __init__(self):\n            super().__init__()\n"
            "            self.head = nn.Conv2d(12, 11, 1)\n    model = Wide()\n    del Net.classes\n    return model\n"
        )
    assert foolscape(*harden, "--strict") == SOME_FAILED
    assert "train/1.png" in capfd.readouterr().err
    universal = ("universal", "--model", f"{nets}:wide", *splits, "--target", "untargeted", "--epochs", 1)
    assert foolscape(*universal, "--out", "uni", "--strict") == SOME_FAILED
    assert "train/1.png" in capfd.readouterr().err
