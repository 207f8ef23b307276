"""Clips of a user's own with masks of later or several frames, coloured masks, truth, and several clips in a folder."""

import numpy as np
import pytest
from PIL import Image

from foolscape.data import mask_colours
from foolscape.data.load import open_clips
from foolscape.errors import DataError, SampleError, SettingError
from foolscape.strict import LossNote
from foolscape.testing import check_data
from tests.data.made import frame, mask, palette
from tests.data.test_clips_video import write_video

RED, GREEN, WHITE, VOID = (255, 0, 0), (0, 255, 0), (255, 255, 255), (224, 224, 192)


def coloured(labels: np.ndarray, *colours: tuple[int, int, int]) -> Image.Image:
    """`labels` as RGB: 0 is black, 1 the first of `colours`."""
    return Image.fromarray(np.array([(0, 0, 0), *colours], np.uint8)[labels])


@pytest.fixture
def frames(tmp_path, save):
    """Six frames in a folder."""

    def write(name: str = "cat"):
        for index in range(6):
            save(tmp_path / f"clips/{name}/f{index}.jpg", frame(index))
        return tmp_path / "clips" / name

    return write


# Masks of later frames and of several


def test_a_mask_that_is_called_as_a_later_frame(frames, save, tmp_path):
    folder = frames()
    late = save(tmp_path / "masks/f2.png", palette(mask(1, 4)))
    data = open_clips(f"video:{folder}?mask={late}")
    clip = data.load("cat")
    assert clip.names == ("f2", "f3", "f4", "f5")
    np.testing.assert_array_equal(clip.given[0].mask, mask(1, 4))
    assert clip.notes == ("2 frames before the first object left out",)
    other = open_clips(f"video:{folder}?mask={late}&start=1")
    assert other.load("cat").names[0] == "f1"
    assert other.load("cat").notes == ("the mask f2.png is of frame f1, as start says",)
    prints = {data.fingerprint("cat"), other.fingerprint("cat")}
    prints.add(open_clips(f"video:{folder}?mask={late.rename(late.with_name('f3.png'))}").fingerprint("cat"))
    assert len(prints) == 3


def test_a_folder_of_masks_gives_each_object_where_it_comes(frames, save, tmp_path):
    folder = frames()
    for name, labels in (("f0", mask(0)), ("f1", mask(2)), ("f3", mask(2, 9)), ("f4", mask(2, 9))):
        save(tmp_path / f"masks/{name}.png", palette(labels))
    data = open_clips(f"video:{folder}?mask={tmp_path}/masks")
    clip = data.load("cat")
    assert (clip.names, clip.truth, data.classes) == (("f1", "f2", "f3", "f4", "f5"), None, None)
    assert [one.frame for one in clip.given] == [0, 2]
    np.testing.assert_array_equal(clip.given[1].mask, mask(0, 9))
    left = "1 of 3 masks show no new object and are not used; &truth=DIR judges by masks"
    assert clip.notes == ("1 frames before the first object left out", left)
    assert isinstance(clip.notes[1], LossNote)
    later = open_clips(f"video:{folder}?mask={tmp_path}/masks&start=3&frames=2").load("cat")
    assert (later.names, [one.frame for one in later.given]) == (("f3", "f4"), [0])
    assert later.notes == (
        "masks of 2 frames before frame 3 were left out",
        "1 of 2 masks show no new object and are not used; &truth=DIR judges by masks",
    )
    cut = open_clips(f"video:{folder}?mask={tmp_path}/masks&frames=2").load("cat")
    assert cut.notes[1:] == ("2 masks of frames behind the last one that is taken were left out",)
    with pytest.raises(SampleError, match="expected at least 2 frames from frame 5 on, got 1 of 6; start earlier"):
        open_clips(f"video:{folder}?mask={tmp_path}/masks&start=5").load("cat")
    (tmp_path / "masks/f3.png").rename(tmp_path / "masks/x.png")
    with pytest.raises(SampleError, match=r"x\.png: expected a frame of the name x for this mask, got none"):
        data.load("cat")


def test_truth(frames, save, tmp_path):
    folder = frames()
    for name, labels in (("f1", mask(2)), ("f3", mask(2, 9)), ("f4", mask(0, 9)), ("f5", mask(2))):
        save(tmp_path / f"all/{name}.png", palette(labels))
    first = save(tmp_path / "f1.png", palette(mask(2)))
    for spec in (f"mask={first}", f"mask={tmp_path}/all"):
        data = open_clips(f"video:{folder}?{spec}&truth={tmp_path}/all")
        assert data.classes == ("object",)
        clip = data.load("cat")
        assert (clip.names[0], clip.judged) == ("f1", (0, 2, 3, 4))
        np.testing.assert_array_equal(clip.truth[1], mask(2, 9))
        assert clip.notes == ("1 frames before the first object left out",)
    before = data.fingerprint("cat")
    (tmp_path / "all/f5.png").unlink()
    (tmp_path / "all/f4.png").unlink()
    assert data.fingerprint("cat") != before
    with pytest.raises(SampleError, match=r"all: expected masks of at least 3 frames to judge by, .*, got 2"):
        data.load("cat")
    with pytest.raises(DataError, match="expected a folder of masks to judge by at nowhere, got no such folder"):
        open_clips(f"video:{folder}?mask={first}&truth=nowhere")
    with pytest.raises(SettingError, match="expected a folder of masks to judge by, truth=DIR, got none"):
        open_clips(f"video:{folder}?mask={first}&truth=")


def test_masks_of_a_video_file_by_the_numbers_of_frames(save, tmp_path):
    video = write_video(tmp_path / "cat.mkv", np.stack([frame(index, 48, 64) for index in range(6)]))
    for number in (2, 3, 4, 5):
        save(tmp_path / f"masks/{number:03d}.png", palette(mask(1, number, height=48, width=64)))
    data = open_clips(f"video:{video}?mask={tmp_path}/masks&truth={tmp_path}/masks")
    clip = data.load("cat")
    assert (clip.names, clip.judged) == (("00002", "00003", "00004", "00005"), (0, 1, 2, 3))
    np.testing.assert_array_equal(clip.frames[0], frame(2, 48, 64))
    assert [one.frame for one in clip.given] == [0, 1, 2, 3]
    assert clip.notes == ("2 frames before the first object left out",)
    save(tmp_path / "masks/9.png", palette(mask(1, height=48, width=64)))
    assert data.load("cat").notes[1] == "1 masks of frames behind the last one that is taken were left out"
    (tmp_path / "masks/9.png").rename(tmp_path / "masks/nine.png")
    with pytest.raises(SampleError, match=r"nine\.png: expected a mask called by the number of its frame, such as"):
        data.load("cat")


# Several clips


def test_a_folder_of_clips(frames, save, tmp_path):
    for name in ("cat", "dog", "owl"):
        root = frames(name).parent
    (root / "empty").mkdir()
    save(tmp_path / "masks/cat/f0.png", palette(mask(1)))
    save(tmp_path / "masks/dog.png", palette(mask(3)))
    save(tmp_path / "masks/eel.png", palette(mask(3)))
    data = open_clips(f"video:{root}?mask={tmp_path}/masks")
    assert data.ids == ("cat", "dog")
    assert data.load("cat").names == data.load("dog").names
    assert data.notes[0] == "1 clips in clips have no masks and were left out (owl)"
    assert len({data.fingerprint("cat"), data.fingerprint("dog")}) == 2
    save(tmp_path / "masks/cat.png", palette(mask(1)))
    with pytest.raises(DataError, match=r"expected a folder of masks or one mask for each clip .*, got both for cat"):
        open_clips(f"video:{root}?mask={tmp_path}/masks")


def test_one_mask_for_each_clip(frames, save, tmp_path):
    for name in ("cat", "dog", "owl"):
        root = frames(name).parent
    (root / "empty").mkdir()
    for name in ("cat", "dog", "eel"):
        save(tmp_path / f"masks/{name}.png", palette(mask(3)))
    data = open_clips(f"video:{root}?mask={tmp_path}/masks")
    assert data.ids == ("cat", "dog")
    assert data.notes == (
        "1 clips in clips have no masks and were left out (owl)",
        "1 folders in clips have no frames and were left out (empty)",
        "1 masks in masks are of no clip and were left out (eel)",
    )
    np.testing.assert_array_equal(data.load("dog").given[0].mask, mask(3))
    report = check_data(data, "video")
    assert report.ok, str(report)
    with pytest.raises(DataError, match="expected a folder with the masks of each of 3 clips, got the file"):
        open_clips(f"video:{root}?mask={tmp_path}/masks/cat.png")
    (tmp_path / "none").mkdir()
    with pytest.raises(
        DataError, match=r"expected .*none/cat, a folder of masks, or one mask of this name, got none for 3"
    ):
        open_clips(f"video:{root}?mask={tmp_path}/none")


def test_folders_beside_the_frames_are_said(frames, save, tmp_path):
    folder = frames()
    save(folder / "masks/f0.png", palette(mask(1)))
    assert open_clips(f"video:{folder}?mask={folder}/masks").notes == ()
    save(folder / "more/f0.png", frame(0))
    notes = open_clips(f"video:{folder}?mask={folder}/masks").notes
    assert notes == (f"1 folders of images in {folder} lie beside its frames and were left out (more)",)


# Coloured masks


def test_each_colour_is_an_object_in_the_order_of_appearance(frames, save, tmp_path):
    folder = frames()
    save(tmp_path / "masks/f0.png", coloured(mask(1), GREEN))
    save(tmp_path / "masks/f2.png", coloured(mask(2, 1, 3), GREEN, WHITE, VOID))
    clip = open_clips(f"video:{folder}?mask={tmp_path}/masks").load("cat")
    np.testing.assert_array_equal(clip.given[0].mask, mask(1))
    np.testing.assert_array_equal(clip.given[1].mask, mask(2))
    said = "#00ff00 is object 1, #ffffff is object 2, #e0e0c0 void, in order of appearance"
    assert clip.notes == (f"coloured masks: {said}",)


def test_rgb_without_a_tint_is_grey(save, tmp_path):
    path = save(tmp_path / "m.png", Image.fromarray(mask(2, 3)).convert("RGB"))
    maps, notes = mask_colours.read_masks([path])
    np.testing.assert_array_equal(maps[0], mask(2, 3))
    assert notes == ()
    save(path, Image.fromarray(mask(255)).convert("RGB"))
    maps, notes = mask_colours.read_masks([path])
    np.testing.assert_array_equal(maps[0], mask(1))
    assert notes == ("mask of 0 and 255 taken for one object",)


def test_smooth_edges_between_colours_are_refused(save, tmp_path):
    large = coloured(mask(1, 2, height=48, width=64).repeat(3, 0).repeat(3, 1), RED, GREEN)
    path = save(tmp_path / "m.png", large.resize((64, 48), Image.Resampling.BILINEAR))
    with pytest.raises(SampleError, match=r"m\.png: expected "):
        mask_colours.read_masks([path])
    ring = np.zeros((12, 16), np.uint8)
    ring[3:9, 3:9] = 2
    ring[4:8, 4:8] = 1
    save(path, coloured(ring, RED, (128, 0, 0)))
    with pytest.raises(SampleError, match=r"expected a colour for each object, got #800000 only between two others"):
        mask_colours.read_masks([path])
    save(path, coloured(ring, RED, GREEN))  # a thin object of a colour of its own
    np.testing.assert_array_equal(mask_colours.read_masks([path])[0][0], np.where(ring == 0, 0, 3 - ring))


def test_masks_of_two_kinds_or_too_many_colours(save, tmp_path):
    rgb = save(tmp_path / "a.png", coloured(mask(1), RED))
    grey = save(tmp_path / "b.png", palette(mask(1)))
    with pytest.raises(
        SampleError, match="expected masks of one kind, got 1 of 2 as RGB and the others with a palette"
    ):
        mask_colours.read_masks([rgb, grey])
    many = np.arange(25, dtype=np.uint8).repeat(10).reshape(25, 10)
    save(rgb, Image.fromarray(np.stack([many * 9, 255 - many * 9, many], 2)))
    with pytest.raises(
        SampleError, match="got an image of mode RGB with 25 colours, more than background, void and 20"
    ):
        mask_colours.read_masks([rgb])
    clear = np.dstack([np.array(coloured(mask(1), RED)), np.zeros((12, 16), np.uint8)])
    save(rgb, Image.fromarray(clear))
    with pytest.raises(SampleError, match=r"a\.png: expected opaque labels, got pixels with alpha below 255"):
        mask_colours.read_masks([rgb])
