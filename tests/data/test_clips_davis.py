"""DAVIS 2016 and 2017: lists, folders, masks, and what is wrong with them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from foolscape.data.clips import MOST_OBJECTS
from foolscape.data.load import open_clips
from foolscape.errors import DataError, SampleError, SettingError, UnknownNameError
from foolscape.metrics.video import measure_davis
from tests.data.made import frame, mask, palette


@pytest.fixture
def tree(tmp_path, save):
    """Writes a clip of DAVIS, frame after frame with its masks; None for a frame without one."""

    def write(name: str, masks: list[np.ndarray | None], resolution: str = "480p", single: bool = False) -> Path:
        for index, labels in enumerate(masks):
            save(tmp_path / f"JPEGImages/{resolution}/{name}/{index:05d}.jpg", frame(index))
            if labels is not None:
                content = Image.fromarray(labels) if single else palette(labels)
                save(tmp_path / f"Annotations/{resolution}/{name}/{index:05d}.png", content)
        return tmp_path

    return write


def listed(root: Path, place: str, *lines: str) -> None:
    path = root / "ImageSets" / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines))


def pairs(name: str, *frames: int) -> list[str]:
    return [f"/JPEGImages/480p/{name}/{n:05d}.jpg /Annotations/480p/{name}/{n:05d}.png" for n in frames]


SINGLE = [mask(255), mask(255, 255), mask(0)]
SEVERAL = [mask(1, 2), mask(1, 2, 3), mask(1, 255)]


# DAVIS 2016


def test_davis2016_takes_all_clips_where_there_is_no_list(tree):
    tree("zebra", SINGLE, single=True)
    root = tree("bear", SINGLE, single=True)
    (root / "JPEGImages/480p/.hidden").mkdir()
    data = open_clips(f"davis2016:{root}")
    assert data.ids == ("bear", "zebra")
    assert data.split is None
    assert data.classes == ("object",)
    assert data.notes == ("resolution 480p", "no list in ImageSets: all 2 clips taken")
    clip = data.load("zebra")
    assert (clip.id, clip.names, clip.judged, clip.notes) == ("zebra", ("00000", "00001", "00002"), (0, 1, 2), ())
    assert clip.frames.dtype == clip.truth.dtype == clip.given[0].mask.dtype == np.uint8
    for index in range(3):
        want = np.array(Image.open(root / f"JPEGImages/480p/zebra/{index:05d}.jpg"))
        np.testing.assert_array_equal(clip.frames[index], want)
        np.testing.assert_array_equal(clip.truth[index], SINGLE[index] // 255)
    assert len(clip.given) == 1
    assert clip.given[0].frame == 0
    np.testing.assert_array_equal(clip.given[0].mask, SINGLE[0] // 255)
    assert measure_davis(clip.truth, clip.truth).objects[0].J == (1.0,)


def test_davis2016_official_list(tree):
    tree("bear", SINGLE, single=True)
    root = tree("ape", [*SINGLE, None], single=True)  # the last frame is not in the list
    listed(root, "480p/val.txt", *pairs("bear", 0, 1, 2), "", *pairs("ape", 0, 1, 2))
    listed(root, "480p/train.txt", *pairs("gone", 0, 1))
    data = open_clips(f"davis2016:{root}")
    assert (data.ids, data.split) == (("bear", "ape"), "val")
    assert data.load("ape").names == ("00000", "00001", "00002")
    train = open_clips(f"davis2016:{root}", split="train")
    assert train.ids == ("gone",)
    with pytest.raises(SampleError, match=r"gone: expected the listed frame 00000, got no file of that name"):
        train.load("gone")
    assert open_clips(f"davis2016:{root}", split="val[1:]").ids == ("ape",)
    with pytest.raises(UnknownNameError, match=r"unknown split of davis2016:.* 'vall'; did you mean val\?"):
        open_clips(f"davis2016:{root}", split="vall")


def test_davis2016_listed_frame_or_mask_that_is_not_there(tree):
    root = tree("bear", SINGLE, single=True)
    listed(root, "480p/val.txt", *pairs("bear", 0, 1, 2, 3))
    with pytest.raises(SampleError, match=r"JPEGImages.480p.bear: expected the listed frame 00003, got no file"):
        open_clips(f"davis2016:{root}").load("bear")
    listed(root, "480p/val.txt", *pairs("bear", 0, 1, 2))
    (root / "Annotations/480p/bear/00001.png").unlink()
    with pytest.raises(SampleError, match=r"Annotations.480p.bear: expected a mask for the frame 00001, got no file"):
        open_clips(f"davis2016:{root}").load("bear")


def test_davis2016_in_the_archive_of_2017_makes_objects_one(tree):
    root = tree("bear", SEVERAL)
    listed(root, "2016/val.txt", "bear")
    listed(root, "2017/val.txt", "other")
    clip = open_clips(f"davis2016:{root}").load("bear")
    np.testing.assert_array_equal(clip.truth[1], mask(1, 1, 1))
    np.testing.assert_array_equal(clip.truth[2], mask(1, 255))
    assert clip.notes == ("3 objects made one",)
    assert open_clips(f"davis2017:{root}").ids == ("other",)


def test_davis2016_refuses_smooth_edges(tree):
    root = tree("bear", [mask(255), np.arange(192, dtype=np.uint8).reshape(12, 16)], single=True)
    want = r"bear: expected masks of 0 and 255, or of at most 20 labels, got 191 grey values besides"
    with pytest.raises(SampleError, match=want):
        open_clips(f"davis2016:{root}").load("bear")


def test_resolution(tree, save):
    tree("bear", SINGLE, single=True)
    root = tree("bear", [mask(255), mask(255)], resolution="1080p", single=True)
    listed(root, "480p/val.txt", *pairs("bear", 0, 1))
    for spec, count in (("", 2), ("?resolution=1080p", 2)):
        assert len(open_clips(f"davis2016:{root}{spec}").load("bear").frames) == count
    assert open_clips(f"davis2016:{root}?resolution=1080p").notes == ("resolution 1080p",)
    with pytest.raises(UnknownNameError, match=r"unknown resolution of .* '1080'; did you mean 1080p"):
        open_clips(f"davis2016:{root}?resolution=1080")
    with pytest.raises(UnknownNameError, match="unknown option in"):
        open_clips(f"davis2016:{root}?size=1080p")


def test_the_only_resolution_is_taken(tree):
    root = tree("bear", SEVERAL, resolution="Full-Resolution")
    listed(root, "2017/val.txt", "bear")
    assert open_clips(f"davis2017:{root}").notes == ("resolution Full-Resolution",)


# DAVIS 2017


def test_davis2017(tree):
    root = tree("bear", SEVERAL)
    listed(root, "2017/val.txt", "bear", "", "bear", "gone")
    data = open_clips(f"davis2017:{root}")
    assert (data.ids, data.split, data.classes) == (("bear", "gone"), "val", ("object",))
    clip = data.load("bear")
    np.testing.assert_array_equal(clip.truth, np.stack(SEVERAL))
    np.testing.assert_array_equal(clip.given[0].mask, SEVERAL[0])
    assert [one.frame for one in clip.given] == [0]  # object 3 appears later and is none
    measured = measure_davis(np.where(clip.truth > 2, 0, clip.truth), clip.truth)
    assert [one.label for one in measured.objects] == [1, 2]
    with pytest.raises(SampleError, match=r"gone: expected the frames of a clip, got no such folder"):
        data.load("gone")


def test_void_is_not_given(tree):
    root = tree("bear", [mask(1, 255), mask(1)])
    clip = open_clips(f"davis2017:{root}").load("bear")
    np.testing.assert_array_equal(clip.given[0].mask, mask(1, 0))
    np.testing.assert_array_equal(clip.truth[0], mask(1, 255))


@pytest.mark.parametrize("split", ["test-dev", "test-challenge"])
def test_davis2017_test_splits_have_no_truth(tree, split):
    root = tree("bear", [mask(1, 4), None, None])
    listed(root, f"2017/{split}.txt", "bear")
    data = open_clips(f"davis2017:{root}")  # the only list
    assert (data.split, data.classes) == (split, None)
    clip = data.load("bear")
    assert (clip.truth, clip.judged, len(clip.frames)) == (None, (), 3)
    np.testing.assert_array_equal(clip.given[0].mask, mask(1, 4))


def test_fingerprints(tree, save):
    tree("ape", SEVERAL)
    root = tree("bear", SEVERAL)
    listed(root, "2017/val.txt", "bear", "ape", "gone")
    data = open_clips(f"davis2017:{root}")
    before = {name: data.fingerprint(name) for name in data.ids}
    assert before == {name: open_clips(f"davis2017:{root}").fingerprint(name) for name in data.ids}
    save(root / "JPEGImages/480p/bear/00001.jpg", frame(9))
    changed = data.fingerprint("bear")
    save(root / "Annotations/480p/bear/00001.png", palette(mask(2)))
    assert len({before["bear"], changed, data.fingerprint("bear"), before["gone"]}) == 4
    assert data.fingerprint("ape") == before["ape"]


# What is wrong


def test_gap_in_the_frames(tree):
    root = tree("bear", [mask(1)] * 5)
    (root / "JPEGImages/480p/bear/00002.jpg").unlink()
    with pytest.raises(SampleError, match=r"bear.00002\.jpg: expected a frame, since others before and behind it"):
        open_clips(f"davis2017:{root}").load("bear")


@pytest.mark.parametrize("index", [0, 4])
def test_mask_without_a_frame(tree, index):
    root = tree("bear", [mask(1)] * 5)
    (root / f"JPEGImages/480p/bear/{index:05d}.jpg").unlink()
    with pytest.raises(SampleError, match=rf"0000{index}\.png: expected a frame of the name 0000{index} for this mask"):
        open_clips(f"davis2017:{root}").load("bear")


def test_two_files_for_a_frame(tree, save):
    root = tree("bear", SEVERAL)
    save(root / "JPEGImages/480p/bear/00001.png", frame(1))
    with pytest.raises(SampleError, match=r"one file for each frame, got 00001\.jpg and 00001\.png; leave one out"):
        open_clips(f"davis2017:{root}").load("bear")


def test_frames_of_two_sizes(tree, save):
    root = tree("bear", SEVERAL)
    save(root / "JPEGImages/480p/bear/00001.jpg", frame(1, 16, 12))
    with pytest.raises(SampleError, match=r"00001\.jpg: expected a frame of the first one's size 12x16, got 16x12"):
        open_clips(f"davis2017:{root}").load("bear")


def test_masks_of_two_sizes(tree, save):
    root = tree("bear", SEVERAL)
    save(root / "Annotations/480p/bear/00001.png", palette(mask(1, height=16)))
    with pytest.raises(SampleError, match=r"00001\.png: expected a mask of the first one's size 12x16, got 16x16"):
        open_clips(f"davis2017:{root}").load("bear")


def test_masks_of_another_size_than_the_frames(tree, save):
    root = tree("bear", SEVERAL)
    for index in range(3):
        save(root / f"Annotations/480p/bear/{index:05d}.png", palette(mask(1, height=16)))
    with pytest.raises(SampleError, match=r"00000\.png: expected labels of the image's size 12x16, got 16x16"):
        open_clips(f"davis2017:{root}").load("bear")


def test_clip_of_one_frame(tree):
    with pytest.raises(SampleError, match=r"bear: expected a clip of at least 2 frames, got 1; leave it out"):
        open_clips(f"davis2017:{tree('bear', [mask(1)])}").load("bear")


@pytest.mark.parametrize("first", [mask(0), mask(255)])
def test_first_mask_without_an_object(tree, first):
    root = tree("bear", [first, mask(1)])
    want = r"00000\.png: expected a mask with an object \(a label from 1 to 254\) for the first frame, got none besides"
    with pytest.raises(SampleError, match=want):
        open_clips(f"davis2017:{root}").load("bear")


def test_too_many_objects(tree):
    many = np.minimum(np.arange(192, dtype=np.uint8).reshape(12, 16), MOST_OBJECTS + 1)
    root = tree("bear", [many, many])
    with pytest.raises(SampleError, match=r"00000\.png: expected at most 20 objects in a clip, got 21; give fewer"):
        open_clips(f"davis2017:{root}").load("bear")
    tree("ape", [np.minimum(many, MOST_OBJECTS)] * 2)
    assert len(np.unique(open_clips(f"davis2017:{root}").load("ape").given[0].mask)) == MOST_OBJECTS + 1


@pytest.mark.parametrize("name", ["JPEGImages/480p/bear/00001.jpg", "Annotations/480p/bear/00001.png"])
def test_unreadable_file(tree, name):
    root = tree("bear", SEVERAL)
    (root / name).write_bytes((root / name).read_bytes()[:60])
    with pytest.raises(SampleError, match=r"00001\.(jpg|png): expected .*, got "):
        open_clips(f"davis2017:{root}").load("bear")


def test_turned_and_grey_frames_are_noted(tree):
    root = tree("bear", SEVERAL)
    exif = Image.Exif()
    exif[0x0112] = 3
    for index in range(2):
        path = root / f"JPEGImages/480p/bear/{index:05d}.jpg"
        Image.open(path).convert("L").save(path, exif=exif)
    with pytest.raises(SampleError, match=r"00000\.png: expected an annotation that tells whether .* fits both"):
        open_clips(f"davis2017:{root}").load("bear")
    clip = open_clips(f"davis2017:{root}?annotated=upright").load("bear")
    assert set(clip.notes) == {
        "turned upright (EXIF orientation 3) (2 of 3 frames)",
        "grey made RGB (2 of 3 frames)",
        "annotation of the upright image, as the spec says (EXIF orientation 3) (2 of 3 masks)",
    }
    stored = np.array(Image.open(root / "JPEGImages/480p/bear/00000.jpg"))
    np.testing.assert_array_equal(clip.frames[0, ..., 0], stored[::-1, ::-1])


def test_unknown_clip(tree):
    data = open_clips(f"davis2017:{tree('bear', SEVERAL)}")
    with pytest.raises(UnknownNameError, match=r"unknown clip id in davis2017:.* 'beer'; did you mean bear\?"):
        data.load("beer")


def test_split_without_lists(tree):
    root = tree("bear", SEVERAL)
    want = r"expected the split val in .*2017, got no list there; add val\.txt, or leave the split out"
    with pytest.raises(DataError, match=want):
        open_clips(f"davis2017:{root}", split="val")


@pytest.mark.parametrize("lines", [[], ["a b c"], [".."], ["../x/00000.jpg a.png"], ["/"]])
def test_bad_list(tree, lines):
    root = tree("bear", SEVERAL)
    listed(root, "2017/val.txt", *lines)
    with pytest.raises(DataError, match=r"val\.txt: expected (a list of clips, got an empty|a clip's name or)"):
        open_clips(f"davis2017:{root}")


def test_list_that_is_no_text(tree):
    root = tree("bear", SEVERAL)
    listed(root, "2017/val.txt")
    (root / "ImageSets/2017/val.txt").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(DataError, match=r"val\.txt: expected a list of clips, got "):
        open_clips(f"davis2017:{root}")


def test_other_layouts(tmp_path):
    with pytest.raises(DataError, match=r"expected DAVIS, with clips in .*480p, got none; check the path"):
        open_clips(f"davis2017:{tmp_path}")
    (tmp_path / "JPEGImages/480p").mkdir(parents=True)
    with pytest.raises(DataError, match=r"expected masks in .*Annotations.480p, got no such folder"):
        open_clips(f"davis2017:{tmp_path}")
    (tmp_path / "Annotations/480p").mkdir(parents=True)
    with pytest.raises(DataError, match="expected a folder for each clip in"):
        open_clips(f"davis2017:{tmp_path}")
    with pytest.raises(SettingError, match="expected a folder, davis2017:DIR"):
        open_clips("davis2017:")


def test_a_clip_whose_name_no_file_system_takes(tree):
    root = tree("bear", [mask(1)] * 2)
    listed(root, "2017/val.txt", "bear", "x" * 300)
    data = open_clips(f"davis2017:{root}")
    assert data.fingerprint("x" * 300) != data.fingerprint("bear")
    with pytest.raises(SampleError, match="expected the frames of a clip, got no such folder"):
        data.load("x" * 300)
