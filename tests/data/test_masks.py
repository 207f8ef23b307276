"""masks: photographs and label maps of one's own, in whatever folders, names and values they have."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from foolscape.data.labels.pairing import pair_up, split_folder
from foolscape.data.load import open_data
from foolscape.data.sample import VOID
from foolscape.errors import DataError, SampleError, SettingError, UnknownNameError
from foolscape.strict import losses

LABELS = (np.arange(12 * 16).reshape(12, 16) % 3).astype(np.uint8)
COLOURS = np.array([(128, 64, 128), (70, 70, 70), (0, 0, 142)], np.uint8)


@pytest.fixture
def root(tmp_path, save, picture) -> Path:
    """Two photographs with label maps of three classes, and their names in classes.txt."""
    for name in "ab":
        save(tmp_path / f"images/{name}.png", picture)
        save(tmp_path / f"masks/{name}_mask.png", LABELS)
    (tmp_path / "classes.txt").write_text("road\nhouse\ncar\n")
    return tmp_path


def opened(root: Path, options: str = "", **how):
    classes = "" if "classes=" in options or "colours=" in options else f"&classes={root}/classes.txt"
    return open_data(f"masks:{root}/images?labels={root}/masks{classes}{options}", **how)


def test_two_folders(root, picture):
    data = opened(root)
    assert (data.ids, data.classes, data.split) == (("a", "b"), ("road", "house", "car"), None)
    assert data.notes == ("label values 255 are void",)
    sample = data.load("a")
    np.testing.assert_array_equal(sample.image, picture)
    np.testing.assert_array_equal(sample.labels, LABELS)
    assert sample.labels.dtype == np.uint8


def test_labels_beside_the_images_folder(root):
    assert open_data(f"masks:{root}/images?labels=../masks&classes={root}/classes.txt").ids == ("a", "b")


def test_one_folder(tmp_path, save, picture, root):
    for name in "xy":
        save(tmp_path / f"one/{name}.png", picture)
        save(tmp_path / f"one/{name}_mask.png", LABELS)
    save(tmp_path / "one/z.jpg", picture)
    save(tmp_path / "one/z.png", LABELS)
    data = open_data(f"masks:{tmp_path}/one?classes={root}/classes.txt")
    assert data.ids == ("x", "y", "z")
    for name in data.ids:
        np.testing.assert_array_equal(data.load(name).labels, LABELS)


def test_splits_are_written_where_they_stand(tmp_path, save, picture, root):
    for split in ("train", "val"):
        save(tmp_path / f"d/{split}/img/{split}.png", picture)
        save(tmp_path / f"d/{split}/lab/{split}.png", LABELS)
    spec = f"masks:{tmp_path}/d/{{split}}/img?labels={tmp_path}/d/{{split}}/lab&classes={root}/classes.txt"
    assert open_data(spec, split="val").ids == ("val",)
    assert (open_data(spec, split="train").split, open_data(spec, split="train[:1]").ids) == ("train", ("train",))
    with pytest.raises(SettingError, match=r"expected a split for \{split\}, got none; name it with --split"):
        open_data(spec)
    with pytest.raises(DataError, match=r"expected a folder at .*test/img, got nothing there"):
        open_data(spec, split="test")
    with pytest.raises(SettingError, match="expected no split, since the folders have none, got 'val'"):
        opened(root, split="val")


# What belongs together


def paired(images: str, labels: str, wanted: str | None = None):
    found = pair_up([Path(name) for name in images.split()], [Path(name) for name in labels.split()], "masks:x", wanted)
    return {image.as_posix(): label.as_posix() for image, label in found.pairs}


@pytest.mark.parametrize(
    ("image", "label"),
    [
        ("a.jpg", "a.png"),
        ("A.JPG", "a.PNG"),
        ("a.jpg", "a_gt.png"),
        ("a.jpg", "a_mask.tif"),
        ("a.png", "a_L.png"),
        ("a_img.jpg", "a_label.png"),
        ("val/bonn/b_1_leftImg8bit.png", "val/bonn/b_1_gtFine_labelIds.png"),
        ("val/bonn/b_1_leftImg8bit.png", "b_1_gtFine_labelTrainIds.png"),
        ("a_mask.jpg", "a_mask.png"),
        ("a_mask.jpg", "a_mask_mask.png"),
        ("a.b.jpg", "a.b.png"),
    ],
)
def test_names_that_belong_together(image, label):
    assert paired(image, label) == {image: label}


def test_names_in_several_folders():
    both = "x/a.png y/a.png"
    assert paired(both, both) == {"x/a.png": "x/a.png", "y/a.png": "y/a.png"}
    with pytest.raises(DataError, match="of which none fit"):
        paired("x/a.png y/a.png", "a.png")  # whose it is cannot be told


def test_colours_and_instances_beside_labels_are_none():
    labels = "a_gtFine_labelIds.png a_gtFine_color.png a_gtFine_instanceIds.png a_gtFine_polygons.json"
    found = pair_up([Path("a_leftImg8bit.png")], [Path(name) for name in labels.split()], "masks:x")
    assert (found.pairs[0][1].name, len(found.other)) == ("a_gtFine_labelIds.png", 3)
    assert paired("a_leftImg8bit.png", labels, "_gtFine_color") == {"a_leftImg8bit.png": "a_gtFine_color.png"}


def test_two_kinds_of_label_maps_are_asked_about():
    labels = "a_labelIds.png a_labelTrainIds.png"
    want = r"got 1 that end in '_labelids', such as a_labelIds\.png; 1 that end in '_labeltrainids'.*with &suffix=_mask"
    with pytest.raises(DataError, match=want):
        paired("a.png", labels)
    assert paired("a.png", labels, "_labelTrainIds") == {"a.png": "a_labelTrainIds.png"}
    assert paired("a.png b.png", "a_mask.png b_label.png") == {"a.png": "a_mask.png", "b.png": "b_label.png"}


def test_a_folder_of_both():
    names = [Path(name) for name in ("a.jpg", "a.png", "b.png", "b_mask.png", "c_mask.png")]
    images, labels = split_folder(names)
    assert [path.name for path in images] == ["a.jpg", "b.png", "c_mask.png"]
    assert [path.name for path in labels] == ["a.png", "b_mask.png"]


def test_what_has_no_partner_is_counted(root, save, picture):
    save(root / "images/c.png", picture)
    save(root / "masks/d_mask.png", LABELS)
    (root / "masks/list.txt").write_text("a")
    data = opened(root)
    assert data.ids == ("a", "b")
    assert losses(data.notes) == [
        "1 of 3 images have no label map and were left out (c.png)",
        "1 label maps have no image and were left out (d_mask.png)",
    ]
    assert "1 files that are no images left out: 1 .txt (list.txt)" in data.notes


def test_nothing_fits(root):
    for path in (root / "masks").iterdir():
        path.rename(path.with_name(f"Z{path.name}"))
    with pytest.raises(DataError, match=r"got 2 images \(a\.png, b\.png\) and 2 other files .* of which none fit"):
        opened(root)


# What the values mean


def test_void_and_offset(root, save):
    stored = LABELS + 1
    stored[0, :3] = 0, 9, 0
    for name in "ab":
        save(root / f"masks/{name}_mask.png", stored)
    data = opened(root, "&offset=1&void=0,9")
    expected = np.where(np.isin(stored, (0, 9)), VOID, stored - 1)
    np.testing.assert_array_equal(data.load("a").labels, expected)
    with pytest.raises(SampleError, match=r"expected label values 1 to 3, or 0, 255 for void, got 9 \(1 pixels\)"):
        opened(root, "&offset=1").load("a")
    with pytest.raises(SettingError, match="expected values that are no class in void, got 2, which is car"):
        opened(root, "&void=2")
    with pytest.raises(SettingError, match="expected values as void, such as 255 or 255,254, or none, got 'x'"):
        opened(root, "&void=x")
    with pytest.raises(SettingError, match="expected the value of the first class as offset, such as 1, got '-1'"):
        opened(root, "&offset=-1")


def test_sixteen_bits(root, save):
    stored = LABELS.astype(np.uint16) + 1000
    stored[0, 0] = 65535
    for name in "ab":
        save(root / f"masks/{name}_mask.png", stored)
    labels = opened(root, "&offset=1000&void=65535").load("a").labels
    assert labels[0, 0] == VOID
    np.testing.assert_array_equal(labels.ravel()[1:], LABELS.ravel()[1:])


def test_palette_indices_count_and_not_their_colours(root, save):
    image = Image.fromarray(LABELS)
    image.putpalette(COLOURS.tobytes())
    save(root / "masks/a_mask.png", image)
    np.testing.assert_array_equal(opened(root).load("a").labels, LABELS)


def test_black_and_white_masks_are_two_classes(root, save):
    for name in "ab":
        save(root / f"masks/{name}_mask.png", np.where(LABELS == 1, 255, 0).astype(np.uint8))
    (root / "two.txt").write_text("ground\ncrack\n")
    data = opened(root, f"&classes={root}/two.txt")
    assert data.notes == ("0 and 255 in the label maps are ground and crack; &void=255 if 255 counts nowhere",)
    np.testing.assert_array_equal(data.load("a").labels, LABELS == 1)
    void = opened(root, f"&classes={root}/two.txt&void=255").load("a")
    np.testing.assert_array_equal(void.labels, np.where(LABELS == 1, VOID, 0))
    assert void.notes == ("labels of 255 alone beside 0: 255 is void, no class",)
    save(root / "masks/b_mask.png", np.where(LABELS == 1, 1, 255).astype(np.uint8))
    with pytest.raises(DataError, match=r"expected label maps of one kind, got 0 and 255 alone in .*a_mask\.png"):
        opened(root, f"&classes={root}/two.txt")


@pytest.mark.parametrize(
    "lines",
    [
        "name,r,g,b\nroad,128,64,128\nhouse,70,70,70\ncar,0,0,142\nVoid,0,0,0",
        "128 64 128\troad\n70 70 70\thouse\n0 0 142\tcar\n0 0 0\tVoid",
        "0 road 128 64 128\n1 house 70 70 70\n2 car 0 0 142\n255 void 0 0 0",
        "# label:color_rgb:parts:actions\nroad:128,64,128::\nhouse:70,70,70::\ncar:0,0,142::\nvoid:0,0,0::",
        "#804080 road\n#464646 house\n#00008e car\n#000000 unlabeled",
    ],
)
def test_coloured_label_maps(root, save, lines):
    coloured = COLOURS[LABELS]
    coloured[0, 0] = 0
    for name in "ab":
        save(root / f"masks/{name}_mask.png", coloured)
    (root / "colours.txt").write_text(lines)
    data = opened(root, f"&colours={root}/colours.txt")
    assert (data.classes, data.notes) == (("road", "house", "car"), ("label colours #000000 are void",))
    labels = data.load("a").labels
    assert labels[0, 0] == VOID
    np.testing.assert_array_equal(labels.ravel()[1:], LABELS.ravel()[1:])
    # The order of a class file is that of the classes.
    (root / "turned.txt").write_text("Car\nHouse\nRoad\n")
    turned = opened(root, f"&colours={root}/colours.txt&classes={root}/turned.txt").load("a").labels
    np.testing.assert_array_equal(turned.ravel()[1:], 2 - LABELS.ravel()[1:])
    coloured[1, 1] = 1, 2, 3
    save(root / "masks/a_mask.png", coloured)
    with pytest.raises(
        SampleError, match=r"expected label colours .*#00008e.* or #000000 for void, got #010203 \(1 pi"
    ):
        data.load("a")


def test_colours_of_a_palette(root, save):
    image = Image.fromarray(LABELS)
    image.putpalette(COLOURS.tobytes())
    palette = save(root / "palette.png", image)
    for name in "ab":
        save(root / f"masks/{name}_mask.png", COLOURS[LABELS])
    data = opened(root, f"&colours={palette}&classes={root}/classes.txt")
    np.testing.assert_array_equal(data.load("b").labels, LABELS)
    with pytest.raises(SettingError, match="expected the names of the classes beside a palette, got none"):
        opened(root, f"&colours={palette}")


@pytest.mark.parametrize(
    ("lines", "want"),
    [
        ("road 1 2 3\nhouse 1 2 3", "expected each colour once, got #010203 twice"),
        ("road 1 2 3\nroad 4 5 6", "expected each name once, got road twice"),
        ("road 1 2 3\n4 5 6", "expected a name for every colour or for none, got 1 of 2"),
        (
            "road 1 2\nhouse 4 5 6",
            r"line 1: expected one colour, such as name,128,64,0 or #804000 name, got 'road 1 2'",
        ),
        ("road 1 2 300\nhouse 4 5 6", "line 1: expected one colour"),
        ("road 1 2 3 4\nhouse 4 5 6 7", "line 1: expected one colour"),
        ("road 1 2 3", "expected at least 2 colours, got 1"),
        ("road 1 2 3\nhouse 4 5 6\ncat 7 8 9", "expected a class for every colour of the table, got 'cat'"),
        ("road 1 2 3\nhouse 4 5 6", "expected a colour for every class, got none for car"),
    ],
)
def test_odd_tables_of_colours(root, lines, want):
    (root / "colours.txt").write_text(lines)
    with pytest.raises(SettingError, match=want):
        opened(root, f"&colours={root}/colours.txt&classes={root}/classes.txt")


def test_coloured_labels_without_a_table(root, save):
    save(root / "masks/a_mask.png", COLOURS[LABELS])
    with pytest.raises(SampleError, match="expected labels as single-channel class indices, got an image of mode RGB"):
        opened(root).load("a")


def test_names_of_the_model_stand_in_and_this_is_said(root):
    spec = f"masks:{root}/images?labels={root}/masks"
    data = open_data(spec, classes=("x", "y", "z"))
    assert data.classes == ("x", "y", "z")
    assert data.notes[0] == "no class names given: label values are taken as the model's classes, in its order"
    with pytest.raises(SettingError, match=r"expected names of the classes, got none, .* add &classes=FILE"):
        open_data(spec)


def test_what_is_read_differently_has_another_fingerprint(root):
    prints = {opened(root, options).fingerprint("a") for options in ("", "&void=7", "&void=none")}
    assert len(prints) == 3
    assert opened(root).fingerprint("a") in prints


def test_options_that_do_not_exist(root):
    with pytest.raises(UnknownNameError, match=r"unknown option in .* 'colors'; did you mean colours"):
        opened(root, "&colors=x")
