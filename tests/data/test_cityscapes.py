"""cityscapes: from a tree in the form in which it is published, with ids and train ids."""

import numpy as np
import pytest

from foolscape.data.load import open_data
from foolscape.data.sample import VOID
from foolscape.data.sets import cityscapes
from foolscape.errors import DataError, LossError, SampleError, UnknownNameError
from foolscape.strict import losses, strictly
from foolscape.testing import check_data
from tests.data.label_maps import filled, miou

CITY = "{}/val/{}/{}_000000_000019_{}"


def photo_of(city: str) -> str:
    return CITY.format("leftImg8bit", city, city, "leftImg8bit.png")


def truth_of(city: str, kind: str) -> str:
    return CITY.format("gtFine", city, city, f"gtFine_{kind}.png")


@pytest.fixture
def cities(tmp_path, save, picture):
    """Two cities; sky (23), car (26), caravan (29, void) and out of roi (3, void) in three rows each."""
    root = tmp_path
    save(root / photo_of("lindau"), picture)
    save(root / photo_of("aachen"), picture[::-1].copy())
    for city in ("lindau", "aachen"):
        save(root / truth_of(city, "labelIds"), filled(23, 26, 29, 3))
        save(root / truth_of(city, "color"), np.zeros((12, 16, 3), np.uint8))
        save(root / truth_of(city, "instanceIds"), filled(23, 26001, 29, 3, dtype=np.uint16))
        (root / truth_of(city, "polygons")).with_suffix(".json").write_text("{}")
    return root


def test_cityscapes_ids(cities):
    data = open_data(f"cityscapes:{cities}")
    assert data.split == "val"
    assert data.ids == ("aachen/aachen_000000_000019_leftImg8bit", "lindau/lindau_000000_000019_leftImg8bit")
    assert data.classes == cityscapes.CLASSES
    assert data.notes == ("label maps *_gtFine_labelIds.png: 19 classes, all other labels are void",)
    np.testing.assert_array_equal(data.load(data.ids[0]).labels, filled(10, 13, VOID, VOID))
    # Half of the sky is taken for a car: the sky has IoU 24/48, the car 48/72; void counts nowhere.
    prediction = filled(13)
    prediction[0], prediction[1, :8] = 10, 10
    assert miou(prediction, data) == pytest.approx(100 * (24 / 48 + 48 / 72) / 2)


def test_every_label_id_of_cityscapes(cities, save):
    values = np.minimum(np.arange(12 * 16).reshape(12, 16), 33).astype(np.uint8)
    values[11, 15] = 255  # the license plate, -1
    save(cities / truth_of("aachen", "labelIds"), values)
    labels = open_data(f"cityscapes:{cities}").load("aachen/aachen_000000_000019_leftImg8bit").labels
    of_id = [VOID] * 7 + [0, 1, VOID, VOID, 2, 3, 4, VOID, VOID, VOID, 5, VOID, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]
    of_id += [VOID, VOID, 16, 17, 18]
    assert labels.ravel()[:34].tolist() == of_id
    assert labels[11, 15] == VOID


def test_cityscapes_train_ids(cities, save):
    for city in ("lindau", "aachen"):
        save(cities / truth_of(city, "labelTrainIds"), filled(10, 13, 255, 255))
    by_ids, by_train = open_data(f"cityscapes:{cities}"), open_data(f"cityscapes:{cities}?labels=trainIds")
    assert by_ids.notes[0].startswith("label maps *_gtFine_labelIds.png; there are *_gtFine_labelTrainIds.png too")
    assert by_train.notes[0].startswith("label maps *_gtFine_labelTrainIds.png, as the spec says: 19 classes")
    for name in by_ids.ids:
        np.testing.assert_array_equal(by_ids.load(name).labels, by_train.load(name).labels)
        assert by_ids.fingerprint(name) != by_train.fingerprint(name)
    for city in ("lindau", "aachen"):
        (cities / truth_of(city, "labelIds")).unlink()
    alone = open_data(f"cityscapes:{cities}")
    assert alone.notes == ("label maps *_gtFine_labelTrainIds.png: 19 classes, all other labels are void",)
    assert alone.load(alone.ids[0]).labels[0, 0] == 10
    with pytest.raises(
        DataError, match=r"expected label maps such as .*aachen_000000_000019_gtFine_labelIds\.png, got"
    ):
        open_data(f"cityscapes:{cities}?labels=ids")
    with pytest.raises(UnknownNameError, match=r"unknown kind of labels in .* 'trainids'; did you mean trainIds"):
        open_data(f"cityscapes:{cities}?labels=trainids")


def test_label_ids_called_train_ids_are_refused(cities, save):
    save(cities / truth_of("aachen", "labelTrainIds"), filled(23, 26, 29, 3))
    data = open_data(f"cityscapes:{cities}?labels=trainIds")
    assert data.notes[1:] == (
        "1 images have no label map in val and were left out (lindau/lindau_000000_000019_leftImg8bit.png)",
    )
    with pytest.raises(SampleError, match=r"expected label values 0 to 18, or 255 for void, got 23 .*26 .*29"):
        data.load(data.ids[0])


def test_cityscapes_counts_what_has_no_partner(cities, save, picture):
    (cities / truth_of("lindau", "labelIds")).unlink()
    (cities / photo_of("aachen")).rename(cities / "leftImg8bit/val/aachen/photo.png")
    save(cities / photo_of("ulm"), picture)
    save(cities / truth_of("ulm", "labelIds"), filled(7))
    data = open_data(f"cityscapes:{cities}")
    assert data.ids == ("ulm/ulm_000000_000019_leftImg8bit",)
    assert data.notes[1:] == (
        "1 images in val are not called *_leftImg8bit and were left out (aachen/photo.png)",
        "1 images have no label map in val and were left out (lindau/lindau_000000_000019_leftImg8bit.png)",
        "1 label maps in val have no image and were left out (aachen/aachen_000000_000019_gtFine_labelIds.png)",
    )
    assert len(losses(data.notes)) == 3
    with strictly(True), pytest.raises(LossError, match="1 images in val are not called"):
        open_data(f"cityscapes:{cities}")


def test_cityscapes_splits(cities):
    with pytest.raises(DataError, match="expected a split with labels, got test, whose label maps are void; use val"):
        open_data(f"cityscapes:{cities}", split="test")
    with pytest.raises(UnknownNameError, match=r"unknown split of .* 'train'; known: val"):
        open_data(f"cityscapes:{cities}", split="train")
    with pytest.raises(
        DataError, match=r"expected the folders leftImg8bit/val and gtFine/val, .*, got aachen, lindau; check"
    ):
        open_data(f"cityscapes:{cities / 'leftImg8bit/val'}")


def test_label_maps_behind_links(cities):
    for folder in ("leftImg8bit/val", "gtFine/val"):
        (cities / folder / "aachen").rename(cities / folder.replace("/", "_"))
        (cities / folder / "aachen").symlink_to(cities / folder.replace("/", "_"))
        (cities / folder / "aachen/loop").symlink_to(cities / folder)
        (cities / folder / "a city").symlink_to("lindau")
    data = open_data(f"cityscapes:{cities}")
    assert data.ids == ("aachen/aachen_000000_000019_leftImg8bit", "lindau/lindau_000000_000019_leftImg8bit")
    assert data.notes[1:] == ("2 links to folders that are read already left out: a city, aachen/loop",)
    assert data.load(data.ids[0]).labels[0, 0] == 10


def test_the_contract_of_a_data_set(cities):
    report = check_data(open_data(f"cityscapes:{cities}"), "segmentation")
    assert report.ok, report.lines()
