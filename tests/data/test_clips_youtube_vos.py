"""YouTube-VOS: objects that appear late, annotated frames, meta.json, and what is wrong with them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from foolscape.data.load import open_clips
from foolscape.data.youtube_vos import seen_categories
from foolscape.errors import DataError, SampleError, SettingError, UnknownNameError
from foolscape.metrics.video import ClipScores
from foolscape.metrics.youtube_vos import measure_youtube_vos
from tests.data.made import frame, mask, palette


@pytest.fixture
def tree(tmp_path, save):
    """Writes a split with one clip: frames 0, 5, 10, .. with masks by number, and objects as meta.json has them."""

    def write(
        split: str, frames: int, masks: dict[int, np.ndarray], objects: dict[str, Any], clip: str = "0a1b"
    ) -> Path:
        root = tmp_path / split
        for index in range(frames):
            save(root / f"JPEGImages/{clip}/{5 * index:05d}.jpg", frame(index))
        for number, labels in masks.items():
            save(root / f"Annotations/{clip}/{number:05d}.png", palette(labels))
        path = root / "meta.json"
        videos = json.loads(path.read_text())["videos"] if path.exists() else {}
        path.write_text(json.dumps({"videos": {**videos, clip: {"objects": objects}}}))
        return tmp_path

    return write


def thing(category: str, *frames: int) -> dict[str, Any]:
    return {"category": category, "frames": [f"{number:05d}" for number in frames]}


CAT_AND_DOG = {"1": thing("cat", 5, 10, 15), "3": thing("dog", 15, 20)}


def test_valid(tree):
    root = tree("valid", 5, {5: mask(1), 15: mask(0, 0, 3)}, CAT_AND_DOG)
    data = open_clips(f"youtube-vos:{root}")
    assert (data.ids, data.split, data.classes, data.notes) == (("0a1b",), "valid", None, ())
    clip = data.load("0a1b")
    assert clip.names == ("00005", "00010", "00015", "00020")
    assert clip.frames.shape == (4, 12, 16, 3)
    assert (clip.truth, clip.judged) == (None, ())
    assert clip.categories == {1: "cat", 3: "dog"}
    assert clip.notes == ("1 frames before the first object left out",)
    assert [one.frame for one in clip.given] == [0, 2]
    np.testing.assert_array_equal(clip.given[0].mask, mask(1))
    np.testing.assert_array_equal(clip.given[1].mask, mask(0, 0, 3))


def test_an_object_that_is_shown_again_is_not_given_again(tree):
    root = tree("valid", 5, {5: mask(1), 15: mask(1, 255, 3)}, CAT_AND_DOG)
    clip = open_clips(f"youtube-vos:{root}").load("0a1b")
    np.testing.assert_array_equal(clip.given[1].mask, mask(0, 0, 3))


TRAIN = {0: mask(0), 5: mask(1), 10: mask(1, 255), 15: mask(1, 0, 3), 20: mask(0, 0, 3)}


def test_train(tree):
    root = tree("train", 5, TRAIN, CAT_AND_DOG)
    data = open_clips(f"youtube-vos:{root}", split="train")
    assert data.classes == ("object",)
    clip = data.load("0a1b")
    assert clip.judged == (0, 1, 2, 3)
    np.testing.assert_array_equal(clip.truth, np.stack([TRAIN[number] for number in (5, 10, 15, 20)]))
    assert [one.frame for one in clip.given] == [0, 2]
    perfect = measure_youtube_vos(np.where(clip.truth == 255, 0, clip.truth), clip.truth, clip.categories)
    assert [(one.label, one.start, one.category) for one in perfect.objects] == [(1, 1, "cat"), (3, 3, "dog")]
    assert isinstance(perfect, ClipScores)


def test_all_frames(tree, save):
    root = tree("train", 5, TRAIN, CAT_AND_DOG)
    for number in range(23):
        save(root / f"train_all_frames/JPEGImages/0a1b/{number:05d}.jpg", frame(number))
    data = open_clips(f"youtube-vos:{root}?frames=all", split="train")
    assert data.notes == ("all frames, not every fifth",)
    clip = data.load("0a1b")
    assert (clip.names[0], clip.names[-1], len(clip.frames)) == ("00005", "00022", 18)
    assert clip.judged == (0, 5, 10, 15)
    assert [one.frame for one in clip.given] == [0, 10]
    with pytest.raises(SettingError, match="expected frames to be annotated or all, got 'some'"):
        open_clips(f"youtube-vos:{root}?frames=some")


def test_seen_categories(tree):
    root = tree("train", 5, TRAIN, CAT_AND_DOG)
    tree("train", 2, {0: mask(1)}, {"1": thing("cat", 0), "2": {}}, clip="ffff")
    assert seen_categories(root) == {"cat", "dog"}
    with pytest.raises(DataError, match=r"nowhere.train.meta\.json: expected the list of clips in JSON, got "):
        seen_categories(root / "nowhere")


def test_labels_without_category_and_objects_without_mask(tree):
    objects = {"1": thing("cat"), "2": {"frames": []}, "4": thing("bird")}
    root = tree("valid", 3, {0: mask(1, 2, 3)}, objects)
    clip = open_clips(f"youtube-vos:{root}").load("0a1b")
    assert clip.categories == {1: "cat"}
    assert clip.notes == (
        "object 4 of meta.json is in no mask",
        "object 2 has no category in meta.json",
        "object 3 has no category in meta.json",
    )


def test_splits(tree):
    tree("valid", 3, {0: mask(1)}, {"1": thing("cat", 0)})
    root = tree("train", 3, {0: mask(1)}, {"1": thing("cat", 0)})
    assert open_clips(f"youtube-vos:{root}").split == "valid"
    with pytest.raises(UnknownNameError, match=r"unknown split of youtube-vos:.* 'val'; did you mean valid\?"):
        open_clips(f"youtube-vos:{root}", split="val")
    with pytest.raises(UnknownNameError, match="unknown option in"):
        open_clips(f"youtube-vos:{root}?year=2019")


def test_fingerprint_covers_the_categories(tree):
    root = tree("valid", 3, {0: mask(1)}, {"1": thing("cat", 0)})
    before = open_clips(f"youtube-vos:{root}").fingerprint("0a1b")
    assert before == open_clips(f"youtube-vos:{root}").fingerprint("0a1b")
    tree("valid", 3, {0: mask(1)}, {"1": thing("dog", 0)})
    changed = open_clips(f"youtube-vos:{root}").fingerprint("0a1b")
    tree("valid", 3, {0: mask(2)}, {"1": thing("dog", 0)})
    assert len({before, changed, open_clips(f"youtube-vos:{root}").fingerprint("0a1b")}) == 3


# What is wrong


@pytest.mark.parametrize(
    ("split", "gone", "want"),
    [
        ("valid", "JPEGImages/0a1b/00020.jpg", "expected the frame that meta.json lists, 00020, got no file"),
        ("valid", "JPEGImages/0a1b/00010.jpg", r"00010\.jpg: expected a frame, since others before and behind it"),
        ("valid", "JPEGImages/0a1b/00015.jpg", r"00015\.jpg: expected a frame, since others before and behind it"),
        ("valid", "Annotations/0a1b/00015.png", "expected the mask of the frame that meta.json lists, 00015, got no"),
        ("train", "Annotations/0a1b/00010.png", "expected the mask of the frame that meta.json lists, 00010, got no"),
    ],
)
def test_missing_file(tree, split, gone, want):
    masks = TRAIN if split == "train" else {5: mask(1), 15: mask(3)}
    root = tree(split, 5, masks, CAT_AND_DOG)
    (root / split / gone).unlink()
    with pytest.raises(SampleError, match=want):
        open_clips(f"youtube-vos:{root}", split=split).load("0a1b")


def test_mask_without_a_frame(tree):
    root = tree("valid", 5, {5: mask(1), 15: mask(3), 25: mask(1)}, CAT_AND_DOG)
    with pytest.raises(SampleError, match=r"00025\.png: expected a frame of the name 00025 for this mask, got none"):
        open_clips(f"youtube-vos:{root}").load("0a1b")


def test_no_object_or_no_mask(tree):
    root = tree("valid", 3, {0: mask(0), 5: mask(255)}, {})
    with pytest.raises(SampleError, match="expected a mask with an object, got only empty ones"):
        open_clips(f"youtube-vos:{root}").load("0a1b")
    tree("valid", 3, {}, {}, clip="none")
    with pytest.raises(SampleError, match="none: expected masks of a clip, got none"):
        open_clips(f"youtube-vos:{root}").load("none")


def test_object_in_the_last_frame_alone(tree):
    root = tree("valid", 3, {10: mask(1)}, {"1": thing("cat", 10)})
    with pytest.raises(SampleError, match="expected a clip of at least 2 frames, got 1"):
        open_clips(f"youtube-vos:{root}").load("0a1b")


def test_mask_of_another_size(tree):
    root = tree("valid", 3, {0: mask(1, height=10)}, {"1": thing("cat", 0)})
    with pytest.raises(SampleError, match=r"00000\.png: expected labels of the image's size 12x16, got 10x16"):
        open_clips(f"youtube-vos:{root}").load("0a1b")


@pytest.mark.parametrize(
    ("content", "want"),
    [
        ("{", "expected the list of clips in JSON, got "),
        ("[]", "expected clips under 'videos', got none"),
        ('{"videos": {}}', "expected clips under 'videos', got none"),
        ('{"videos": {"a": {}}}', "expected objects with category and frames for the clip a"),
        ('{"videos": {"a": {"objects": {"x": {}}}}}', "for the clip a, got an entry where that fails"),
        ('{"videos": {"a": {"objects": {"1": {"category": 3}}}}}', "for the clip a, got an entry where that fails"),
        ('{"videos": {"a": {"objects": {"1": {"frames": "0"}}}}}', "for the clip a, got an entry where that fails"),
        ('{"videos": {"a": {"objects": {"1": {"frames": [0]}}}}}', "for the clip a, got an entry where that fails"),
        ('{"videos": {"../a": {"objects": {}}}}', r"expected the name of a folder for each clip, got '\.\./a'"),
    ],
)
def test_damaged_meta(tree, content, want):
    root = tree("valid", 3, {0: mask(1)}, {})
    (root / "valid/meta.json").write_text(content)
    with pytest.raises(DataError, match=want):
        open_clips(f"youtube-vos:{root}")


def test_other_layouts(tmp_path):
    with pytest.raises(DataError, match=r"expected valid or train or test in .*, with JPEGImages, Annotations and"):
        open_clips(f"youtube-vos:{tmp_path}")
    (tmp_path / "valid/JPEGImages").mkdir(parents=True)
    with pytest.raises(DataError, match=r"expected the folder .*valid.Annotations, got none"):
        open_clips(f"youtube-vos:{tmp_path}")
