"""Specs, the catalog, the choice of images, and the bundled street."""

import dataclasses

import numpy as np
import pytest

from foolscape.data.load import catalog, open_clips, open_data, open_detection, select
from foolscape.data.scenes import SPLITS
from foolscape.errors import DataError, SettingError, UnknownNameError
from foolscape.scenes import CLASSES, describe, render


@pytest.fixture
def photos(tmp_path, save, picture):
    for name in "abcde":
        save(tmp_path / f"{name}.png", picture)
    return open_data(f"folder:{tmp_path}")


# Specs


def test_unknown_data_set():
    with pytest.raises(UnknownNameError, match=r"unknown data set 'camvit'; did you mean camvid or cvat\?"):
        open_data("camvit:somewhere")


def test_bare_folder(tmp_path):
    with pytest.raises(SettingError) as caught:
        open_data(str(tmp_path))
    text = str(caught.value)
    assert f"did you mean folder:{tmp_path}?" in text
    assert f"got the folder '{tmp_path}'" in text


@pytest.mark.parametrize("text", ["photos", "./12:30", "C:\\photos", "some/where"])
def test_bare_path(text):
    with pytest.raises(SettingError, match="expected the kind of data before a colon") as caught:
        open_data(text)
    assert f"did you mean folder:{text}?" in str(caught.value)


def test_kind_without_colon():
    with pytest.raises(SettingError, match=r"got no kind in 'scenes\?seed=7'; did you mean scenes:\?"):
        open_data("scenes?seed=7")


def test_empty_spec():
    with pytest.raises(SettingError, match="expected a spec such as"):
        open_data(" ")


def test_option_without_value(tmp_path):
    with pytest.raises(SettingError, match="expected options as"):
        open_data("scenes:?seed")


def test_catalog():
    assert [kind.name for kind in catalog()] == [
        "ade20k", "bdd100k", "camvid", "cityscapes", "coco", "coco-panoptic", "coco-stuff", "cvat", "davis2016",
        "davis2017", "folder", "hf", "kitti", "label-studio", "labelme", "lvis", "lvos", "mapillary", "masks", "mose",
        "objects365", "openimages", "pascal-context", "scenes", "video", "voc", "vost", "yolo", "youtube-vos",
    ]  # fmt: skip
    openers = {"segmentation": open_data, "detection": open_detection, "video": open_clips}
    for kind in catalog():
        assert kind.form.startswith(f"{kind.name}:")
        assert kind.description
        assert "\n" not in kind.description
        assert kind.tasks
        for task, opener in openers.items():
            error = UnknownNameError if task in kind.tasks else SettingError
            want = (
                "unknown option in" if task in kind.tasks else f"expected a data set for {task}, got {kind.name}, which"
            )
            with pytest.raises(error, match=want):
                opener(f"{kind.name}:x?nonsense=1")


def test_clips_are_no_images():
    want = (
        "got davis2016, which has no labels of classes; use one of ade20k, bdd100k, camvid, cityscapes, coco, "
        "coco-panoptic, coco-stuff, folder, hf, mapillary, masks, pascal-context, scenes, voc$"
    )
    with pytest.raises(SettingError, match=want):
        open_data("davis2016:x")
    able = "davis2016, davis2017, lvos, mose, scenes, video, vost, youtube-vos"
    want = f"got camvid, which has no clips; use one of {able}$"
    with pytest.raises(SettingError, match=want):
        open_clips("camvid:x")


def test_schemes_with_a_hyphen():
    with pytest.raises(UnknownNameError, match=r"unknown data set 'youtube_vos'; did you mean youtube-vos\?"):
        open_clips("youtube_vos:x")
    with pytest.raises(DataError, match=r"youtube-vos:no/such:place: expected a folder at no/such:place, got nothing"):
        open_clips("youtube-vos:no/such:place")


# Choosing images


def test_select_all(photos):
    assert select(photos) == tuple("abcde")
    assert select(photos, None, 99) == tuple("abcde")


def test_select_takes_the_first(photos):
    assert select(photos, None, 2) == ("a", "b")
    assert select(photos, ["d", "b", "c"], 2) == ("d", "b")


def test_select_takes_each_once(photos):
    assert select(photos, ["b", "a", "b"]) == ("b", "a")


def test_select_refuses_unknown_ids(photos):
    with pytest.raises(UnknownNameError, match=r"unknown image id in folder:.* 'x'; known: a, b, c, d, e"):
        select(photos, ["a", "x"])


def test_near_misses_among_many_ids():
    data = open_data("scenes:")
    with pytest.raises(UnknownNameError, match=r"'test-00017'; did you mean test-000.17 or"):
        select(data, ["test-00017"])


def test_far_misses_do_not_list_a_thousand_ids():
    data = open_data("scenes:")
    want = r"unknown image id in scenes: 'x'; its 1000 ids are like test-000000, test-000001, test-000002$"
    with pytest.raises(UnknownNameError, match=want):
        select(data, ["x"])


@pytest.mark.parametrize("limit", [0, -1])
def test_select_refuses_no_images(photos, limit):
    with pytest.raises(SettingError, match=f"expected a limit of at least 1 image, got {limit}; leave it out"):
        select(photos, None, limit)


def test_select_says_what_it_chooses(photos):
    assert select(photos, ["b"], what="clip") == ("b",)
    with pytest.raises(UnknownNameError, match=r"unknown clip id in folder:.* 'x'; known: a, b"):
        select(photos, ["x"], what="clip")
    with pytest.raises(SettingError, match="expected a limit of at least 1 clip, got 0"):
        select(photos, None, 0, "clip")


def test_select_refuses_an_empty_choice(photos):
    with pytest.raises(SettingError, match=r"expected at least one image id of folder:.*, got none"):
        select(photos, [])


# scenes:


@pytest.mark.parametrize(("split", "seed"), [(None, 2), ("train", 0), ("val", 1), ("test", 2)])
def test_scenes_split(split, seed):
    data = open_data("scenes:", split=split)
    assert len(data.ids) == 1000
    assert data.classes == CLASSES
    assert data.notes == (f"streets drawn by foolscape with seed {seed}",)
    name = f"{split or 'test'}-000017"
    assert data.ids[17] == name
    sample = data.load(name)
    frame = render(describe(seed, 17), 160, 256)
    np.testing.assert_array_equal(sample.image, frame.image)
    np.testing.assert_array_equal(sample.labels, frame.labels)
    assert sample.image.shape == (160, 256, 3)
    assert sample.image.dtype == sample.labels.dtype == np.uint8
    assert sample.labels.max() < len(CLASSES)


def test_scenes_seed_and_count():
    data = open_data("scenes:?seed=7&count=3")
    assert data.ids == ("seed7-000000", "seed7-000001", "seed7-000002")
    np.testing.assert_array_equal(data.load("seed7-000002").image, render(describe(7, 2)).image)
    assert open_data("scenes:?seed=7", split="val").load("seed7-000002").id == "seed7-000002"


def test_scenes_with_the_seed_of_a_split_is_that_split():
    own, split = open_data(f"scenes:?seed={SPLITS['val']}"), open_data("scenes:", split="val")
    assert own.fingerprint(own.ids[5]) == split.fingerprint(split.ids[5])


def test_scenes_fingerprints_differ():
    prints = {open_data("scenes:", split=split).fingerprint(f"{split}-000001") for split in SPLITS}
    prints.add(open_data("scenes:").fingerprint("test-000002"))
    assert len(prints) == 4


@pytest.mark.parametrize(
    ("spec", "want"),
    [
        ("scenes:?count=0", "expected count to be a whole number from 1 to 1000000, got '0'"),
        ("scenes:?count=two", "got 'two'"),
        ("scenes:?seed=-1", "expected seed to be a whole number from 0 to"),
        ("scenes:?seed=1.5", "got '1.5'"),
        ("scenes:somewhere", "expected scenes: without a folder, got 'scenes:somewhere'; leave 'somewhere' out"),
        ("scenes:?sed=1", r"unknown option in 'scenes:\?sed=1' 'sed'; did you mean seed\?"),
    ],
)
def test_scenes_refusals(spec, want):
    with pytest.raises(SettingError, match=want):
        open_data(spec)


def test_scenes_unknown_split():
    with pytest.raises(UnknownNameError, match=r"unknown split of scenes: 'tset'; did you mean test\?"):
        open_data("scenes:", split="tset")


def test_data_sets_cannot_be_changed(photos):
    with pytest.raises(dataclasses.FrozenInstanceError):
        photos.spec = "other"
