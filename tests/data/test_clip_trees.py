"""LVOS, MOSE and VOST, from trees in the form in which they are published, with their traps."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from foolscape.data.load import open_clips
from foolscape.errors import DataError, SampleError, SettingError, UnknownNameError
from foolscape.metrics.video import measure_davis
from foolscape.strict import LossNote
from foolscape.testing import check_data
from tests.data.made import frame, mask, palette


@pytest.fixture
def tree(tmp_path, save):
    """Writes a clip below a folder: frames called by their numbers, and masks of some of these."""

    def write(below: str, clip: str, names: list[str], masks: dict[str, np.ndarray], coloured: bool = False) -> Path:
        root = tmp_path / below
        for index, name in enumerate(names):
            save(root / f"JPEGImages/{clip}/{name}.jpg", frame(index))
        for name, labels in masks.items():
            image = palette(labels)
            save(root / f"Annotations/{clip}/{name}.png", image.convert("RGB") if coloured else image)
        return tmp_path

    return write


LONG = [f"{number:08d}" for number in range(1, 10)]
"""Frames of LVOS: the first is number 1."""
SHORT = [f"{number:05d}" for number in range(4)]


def late(*, gap: int = 7) -> dict[str, np.ndarray]:
    """Masks of every second frame from the third on, with an object that comes with the third of them."""
    return {
        LONG[2]: mask(1),
        LONG[4]: mask(1),
        LONG[6]: mask(1, 0, gap),
        LONG[8]: mask(1, 0, gap),
    }


# LVOS


def test_lvos_begins_at_the_first_object_and_judges_the_frames_with_a_mask(tree):
    tree("val", "0tCW", LONG, {LONG[0]: mask(0), **late()})
    root = tree("train", "abc", LONG, late())
    data = open_clips(f"lvos:{root}")
    assert (data.split, data.ids, data.classes, data.notes) == ("val", ("0tCW",), ("object",), ())
    clip = data.load("0tCW")
    assert clip.names == tuple(LONG[2:])
    np.testing.assert_array_equal(clip.frames[0], np.array(Image.open(root / f"val/JPEGImages/0tCW/{LONG[2]}.jpg")))
    assert clip.judged == (0, 2, 4, 6)
    np.testing.assert_array_equal(clip.truth, np.stack(list(late().values())))
    assert [one.frame for one in clip.given] == [0, 4]
    np.testing.assert_array_equal(clip.given[1].mask, mask(0, 0, 7))
    assert clip.notes == ("2 frames before the first object left out",)
    assert open_clips(f"lvos:{root}", split="train").ids == ("abc",)


def test_lvos_j_and_f_of_a_made_prediction(tree):
    """Object 1 is found, lost, found in the frames that count; object 7, which has a gap before it, in its only one."""
    masks = {name: mask(1) for name in LONG[:3]} | {LONG[3]: mask(1, 0, 7), LONG[5]: mask(1, 0, 7), LONG[8]: mask(1)}
    clip = open_clips(f"lvos:{tree('val', 'a', LONG, masks)}").load("a")
    assert clip.judged == (0, 1, 2, 3, 5, 8)
    prediction = clip.truth.copy()
    prediction[2] = 0
    prediction[3] = mask(1)  # object 7 is given in this frame: what is said of it here counts nowhere
    first, second = measure_davis(prediction, clip.truth, (1, 7), {1: 1, 7: 4}).objects
    assert (first.label, first.start, first.J, first.F) == (1, 1, (1, 0, 1, 1), (1, 0, 1, 1))
    assert (second.label, second.start, second.J, second.F) == (7, 4, (1,), (1,))
    shifted = np.roll(clip.truth == 1, 1, axis=2).astype(np.uint8)  # shares 6 of 12 pixels with the 3x3 square
    assert measure_davis(shifted, clip.truth, (1,), {1: 1}).objects[0].J == (0.5,) * 4


def test_lvos_lists_its_clips(tree):
    tree("valid", "b", LONG, late())
    root = tree("valid", "a", LONG, late())
    assert open_clips(f"lvos:{root}").ids == ("a", "b")
    entry = {"frame_range": {"start": "3", "end": "9", "frame_nums": "4"}}
    videos = {"b": {"objects": {"1": entry, "7": entry, "9": entry}}, "gone": {"objects": {"1": entry}}}
    (root / "valid/valid_meta.json").write_text(json.dumps({"videos": videos}))
    data = open_clips(f"lvos:{root}", split="val")
    assert (data.split, data.ids) == ("valid", ("b", "gone"))
    assert data.notes == ("1 clips in JPEGImages are not in valid_meta.json and were left out (a)",)
    assert isinstance(data.notes[0], LossNote)
    assert data.load("b").notes[-1] == "object 9 of valid_meta.json is in no mask"
    with pytest.raises(SampleError, match="gone: expected the frames of a clip, got no such folder"):
        data.load("gone")
    (root / "valid/valid_meta.json").write_text("{")
    with pytest.raises(DataError, match=r"valid_meta\.json: expected the list of clips in JSON, got"):
        open_clips(f"lvos:{root}")


def test_lvos_test_has_no_truth(tree):
    root = tree("test", "a", LONG, {LONG[0]: mask(1), LONG[4]: mask(1, 2), LONG[6]: mask(1, 2)})
    data = open_clips(f"lvos:{root}", split="test")
    assert data.classes is None
    assert data.notes == ("LVOS has no truth for test: its masks show what is given and no more",)
    clip = data.load("a")
    assert (clip.truth, clip.judged) == (None, ())
    assert [one.frame for one in clip.given] == [0, 4]
    assert clip.notes == ("1 of 3 masks show no new object and are not used; test has no truth",)
    assert isinstance(clip.notes[0], LossNote)


def test_a_part_of_a_long_clip(tree):
    root = tree("val", "a", LONG, late())
    data = open_clips(f"lvos:{root}?frames=6")
    clip = data.load("a")
    assert clip.names == tuple(LONG[2:8])
    assert clip.judged == (0, 2, 4)
    assert clip.notes[1] == "1 masks of frames behind the last one that is taken were left out"
    assert not isinstance(clip.notes[1], LossNote)  # as the spec asks for
    assert data.fingerprint("a") != open_clips(f"lvos:{root}").fingerprint("a")
    with pytest.raises(SettingError, match="expected frames to be a whole number of at least 2, got 'all'"):
        open_clips(f"lvos:{root}?frames=all")


# MOSE


def test_mose_train_has_truth_and_valid_has_none(tree):
    tree("train", "0a", SHORT, {name: mask(1, 2) for name in SHORT})
    root = tree("valid", "0b", SHORT, {SHORT[0]: mask(1, 3)})
    data = open_clips(f"mose:{root}")
    assert (data.split, data.classes) == ("valid", None)
    assert data.notes == ("MOSE has no truth for valid: its masks show what is given and no more",)
    clip = data.load("0b")
    assert (clip.truth, clip.judged, clip.notes, len(clip.frames)) == (None, (), (), 4)
    np.testing.assert_array_equal(clip.given[0].mask, mask(1, 3))
    train = open_clips(f"mose:{root}", split="train")
    assert (train.classes, train.load("0a").judged) == (("object",), (0, 1, 2, 3))
    assert open_clips(f"mose:{root}", split="val").split == "valid"
    assert open_clips(f"mose:{root}/train").split == "train"
    with pytest.raises(UnknownNameError, match=r"unknown split of mose:.* 'test'; known: train, valid"):
        open_clips(f"mose:{root}", split="test")


def test_mose_part_annotations(tree):
    """A clip that lacks all masks is left out and said, one with too few of them to be judged by fails."""
    tree("train", "few", SHORT, {SHORT[1]: mask(1), SHORT[3]: mask(1)})
    tree("train", "none", SHORT, {})
    tree("train", "spare", [], {SHORT[0]: mask(1)})
    root = tree("train", "whole", SHORT, {name: mask(2) for name in SHORT[1:]})
    data = open_clips(f"mose:{root}", split="train")
    assert data.ids == ("few", "whole")
    assert data.notes == (
        "1 clips in JPEGImages have no masks in Annotations and were left out (none)",
        "1 clips in Annotations have no frames in JPEGImages and were left out (spare)",
    )
    assert data.load("whole").judged == (0, 1, 2)
    with pytest.raises(SampleError, match=r"few: expected masks of at least 3 frames to judge by, .*, got 2"):
        data.load("few")


def test_mose_as_rgb(tree):
    """The colours of objects 3 and 1: their labels are lost, so that they are numbered as they come."""
    masks = {SHORT[0]: mask(3), SHORT[1]: mask(3, 255), SHORT[2]: mask(3, 0, 1), SHORT[3]: mask(3, 0, 1)}
    clip = open_clips(f"mose:{tree('train', 'a', SHORT, masks, coloured=True)}").load("a")
    np.testing.assert_array_equal(clip.truth[1], mask(1, 255))
    np.testing.assert_array_equal(clip.truth[2], mask(1, 0, 2))
    assert [one.frame for one in clip.given] == [0, 2]
    assert clip.notes == (
        "coloured masks: #808000 is object 1, #800000 is object 2, #e0e0c0 void, in order of appearance",
    )


# VOST

OFTEN = [f"frame{number:05d}" for number in range(0, 60, 12)]
"""Frames of VOST: of a video at 60 images a second, five a second."""


def test_vost(tree):
    masks = {name: mask(1, 255) for name in OFTEN if name != OFTEN[2]}
    tree("", "1_cut_onion", OFTEN, masks)
    root = tree("", "2_tear_foil", OFTEN, masks)
    assert open_clips(f"vost:{root}").ids == ("1_cut_onion", "2_tear_foil")
    assert open_clips(f"vost:{root}").notes == ("no list in ImageSets: all clips taken",)
    (root / "ImageSets").mkdir()
    (root / "ImageSets/val.txt").write_text("2_tear_foil\ngone\n")
    (root / "ImageSets/test.txt").write_text("1_cut_onion\n")
    data = open_clips(f"vost:{root}")
    assert (data.split, data.ids, data.classes) == ("val", ("2_tear_foil", "gone"), ("object",))
    clip = data.load("2_tear_foil")
    assert (clip.names, clip.judged) == (tuple(OFTEN), (0, 1, 3, 4))
    np.testing.assert_array_equal(clip.given[0].mask, mask(1))
    with pytest.raises(SampleError, match="gone: expected the frames of a clip, got no such folder"):
        data.load("gone")
    assert open_clips(f"vost:{root}", split="test").classes is None
    with pytest.raises(UnknownNameError, match=r"unknown split of vost:.* 'train'; known: test, val"):
        open_clips(f"vost:{root}", split="train")
    (root / "ImageSets/val.txt").write_text("2_tear_foil 1_cut_onion\n")
    with pytest.raises(
        DataError, match=r"val\.txt: expected a clip's name .* in each line, got '2_tear_foil 1_cut_onion'"
    ):
        open_clips(f"vost:{root}")
    (root / "ImageSets/val.txt").write_text("/JPEGImages/480p/a/0.jpg /Annotations/480p/a/0.png\n")
    with pytest.raises(
        DataError, match=r"val\.txt: expected the name of a clip in each line, got paths of frames of a"
    ):
        open_clips(f"vost:{root}")


@pytest.mark.parametrize(
    ("scheme", "below", "names"), [("lvos", "val", LONG), ("mose", "valid", SHORT), ("vost", "", OFTEN)]
)
def test_contract(tree, scheme, below, names):
    """Two clips of the same images are told apart, too."""
    for clip in ("a", "b"):
        root = tree(below, clip, names, {name: mask(1, 5) for name in names[1:]})
    report = check_data(open_clips(f"{scheme}:{root}"), "video")
    assert report.ok, str(report)


# What is wrong with any of them


@pytest.mark.parametrize(
    ("spec", "made", "want"),
    [
        (
            "lvos:{}",
            "",
            r"expected LVOS, with JPEGImages and Annotations in a folder val or valid .*, got an empty folder",
        ),
        ("mose:{}", "JPEGImages/a", "expected MOSE with a folder for each split, or one called valid or train or test"),
        ("mose:{}", "valid/JPEGImages/a", r"expected masks in .*valid/Annotations, got no such folder"),
        ("vost:{}", "Images", r"expected VOST, with JPEGImages, Annotations and ImageSets in .*, got Images; check"),
        ("vost:{}", "JPEGImages", r"expected masks in .*Annotations, got no such folder"),
    ],
)
def test_other_layouts(tmp_path, spec, made, want):
    (tmp_path / made).mkdir(parents=True, exist_ok=True)
    with pytest.raises(DataError, match=want):
        open_clips(spec.format(tmp_path))


def test_files_that_do_not_fit(tree, save):
    root = tree("train", "a", SHORT, {name: mask(1) for name in SHORT})
    data = open_clips(f"mose:{root}", split="train")
    before = data.fingerprint("a")
    save(root / "train/Annotations/a/00009.png", palette(mask(1)))
    assert data.fingerprint("a") != before
    with pytest.raises(SampleError, match=r"00009\.png: expected a frame of the name 00009 for this mask, got none"):
        data.load("a")
    (root / "train/Annotations/a/00009.png").unlink()
    save(root / "train/Annotations/a/00001.png", palette(mask(1, height=10)))
    with pytest.raises(SampleError, match=r"00001\.png: expected a mask of the first one's size 12x16, got 10x16"):
        data.load("a")
    for name in SHORT:
        save(root / f"train/Annotations/a/{name}.png", palette(mask(0)))
    with pytest.raises(SampleError, match="a: expected a mask with an object, got only empty ones"):
        data.load("a")
    (root / "train/JPEGImages/a/00002.jpg").unlink()
    with pytest.raises(SampleError, match=r"00002\.jpg: expected a frame, since others before and behind it"):
        data.load("a")
