"""yolo:, from trees written here, with what such trees are known to hold."""

import numpy as np
import pytest
from PIL import Image

from foolscape.data.load import open_data, open_detection
from foolscape.errors import DataError, SampleError, SettingError, UnknownNameError
from foolscape.strict import LossNote
from tests.data.made import frame

NAMES = "names: [cat, dog, no]\n"
LINE = "1 0.5 0.5 0.25 0.5\n"


@pytest.fixture
def tree(tmp_path, save):
    """Writes images of 12x16 with label files, and data.yaml."""

    def write(yaml=f"path: .\nval: images/val\n{NAMES}", folder="images/val", labels="labels/val", **lines) -> str:
        for name, text in lines.items():
            save(tmp_path / folder / f"{name}.png", frame(1))
            if text is not None:
                path = tmp_path / labels / f"{name}.txt"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(text if isinstance(text, bytes) else text.encode())
        (tmp_path / "data.yaml").write_text(yaml)
        return f"yolo:{tmp_path}"

    return write


def test_boxes(tree, tmp_path):
    spec = tree(a="0 0.25 0.5 0.5 1\r\n2 .5 5e-1 0.125 0.25 \r\n\n", b=LINE)
    for place in (spec, f"{spec}/data.yaml"):
        data = open_detection(place)
        assert (data.ids, data.split, data.classes) == (("a", "b"), "val", ("cat", "dog", "no"))
        assert data.notes == ("3 classes of data.yaml, split val",)
        sample = data.load("a")
        np.testing.assert_array_equal(sample.image, frame(1))
        assert sample.truth.boxes.tolist() == [[0, 0, 8, 12], [7, 4.5, 9, 7.5]]
        assert sample.truth.labels.tolist() == [0, 2]
        assert sample.truth.area.tolist() == [96, 6]
        assert not (sample.truth.difficult | sample.truth.crowd).any()
        assert sample.notes == ()
    with pytest.raises(SettingError, match="got yolo, which has no labels of classes; use one of"):
        open_data(spec)
    with pytest.raises(UnknownNameError, match=r"unknown split of yolo:.* 'test'; known: val"):
        open_detection(spec, split="test")
    before = data.fingerprint("a")
    (tmp_path / "labels/val/a.txt").write_text("0 0.25 0.5 0.5 0.9\n")
    assert data.fingerprint("a") != before
    before = data.fingerprint("b")
    tree(f"val: images/val\n{NAMES}".replace("dog", "cow"))
    assert open_detection(spec).fingerprint("b") != before


@pytest.mark.parametrize(
    ("line", "box", "notes"),
    [
        ("0 0.25 0.25 0.75 0.25 0.5 0.75", [4, 3, 12, 9], 1),
        ("0 0.5 0.25 0.75 0.5 0.5 0.75 0.25 0.5", [4, 3, 12, 9], 1),
        ("0 0.5 0.25 0.75 0.5 0.5 0.75 0.25 0.5 0.5 1", [4, 3, 12, 12], 1),
        ("0.0 0.5 0.5 0.5 0.5", [4, 3, 12, 9], 0),
    ],
    ids=["polygon", "turned box", "longer polygon", "box"],
)
def test_outlines(tree, line, box, notes):
    sample = open_detection(tree(a=line)).load("a")
    assert (sample.truth.boxes.tolist(), sample.truth.labels.tolist()) == ([box], [0])
    assert sample.notes == ("1 objects are polygons or turned boxes: the upright box around each",) * notes


@pytest.mark.parametrize(
    ("line", "want"),
    [
        ("0 0.5 0.5 0.5 0.5 0.9", "got one number more: the confidence of a prediction?"),
        ("0 0.5 0.5 0.5", "expected four numbers behind the class, or three or more points x y, got 3"),
        ("0", "got 0"),
        ("0 0.1 0.2 0.3 0.4 0.5 0.6 0.7", "got 7"),
        ("3 0.5 0.5 0.5 0.5", "expected a class from 0 to 2, got 3"),
        ("-1 0.5 0.5 0.5 0.5", "expected a class from 0 to 2, got -1"),
        ("0.5 0.5 0.5 0.5 0.5", r"expected a whole number as class, got 0\.5"),
        ("cat 0.5 0.5 0.5 0.5", "expected a number as class, got 'cat'"),
        ("0 0.5 half 0.5 0.5", "expected a number as coordinate, got 'half'"),
        ("0,0.5,0.5,0.5,0.5", "expected a number as class, got '0,0.5,0.5,0.5,0.5'"),
        ("0 8 6 4 4", "expected shares of the image from 0 to 1, got 8, which may be pixels"),
        (b"0 0.5 0.5 0.5 0.5\n\xff", "expected a label file, got 'utf-8' codec"),
    ],
)
def test_lines_that_are_no_object(tree, line, want):
    data = open_detection(tree(a=line, b=LINE))
    with pytest.raises(SampleError, match=rf"a\.txt: .*{want}.*; correct the annotation or leave the image out$"):
        data.load("a")
    assert len(data.load("b").truth.labels) == 1


def test_odd_coordinates(tree):
    lines = (
        "nan 0.5 0.5 0.5",
        "0.5 0.5 inf 0.5",
        "0.5 0.5 0 0.5",
        "0.5 0.5 -0.5 0.5",
        "1 1 0.5 0.5",
        "1.5 1.5 0.5 0.5",
    )
    sample = open_detection(tree(a="".join(f"0 {line}\n" for line in lines) + LINE * 2)).load("a")
    assert sample.truth.boxes.tolist() == [[12, 9, 16, 12], [6, 3, 10, 9], [6, 3, 10, 9]]
    assert sample.notes == (
        "1 objects are the same as another (class and box); all count",
        "2 boxes whose corners are not finite numbers left out",
        "3 boxes without area inside the image left out",
        "1 box clipped to the image",
    )


def test_images_without_objects(tree, tmp_path):
    spec = tree(a="", b=None, c="\n", d=LINE)
    (tmp_path / "labels/val.cache").write_bytes(b"\x80")
    data = open_detection(spec)
    assert data.notes[1:] == ("of 4 images 1 have no label file and 1 an empty one: images without objects",)
    assert [len(data.load(name).truth.labels) for name in "abcd"] == [0, 0, 0, 1]
    assert data.load("b").truth.boxes.shape == (0, 4)
    (tmp_path / "labels/val/d.txt").unlink()
    (tmp_path / "labels/val/d.txt").symlink_to("nowhere")
    with pytest.raises(SampleError, match=r"d\.txt: expected a label file, got a link to nothing"):
        open_detection(spec).load("d")


def test_no_label_file_at_all(tree):
    with pytest.raises(DataError, match=r"expected label files of its images in .*labels.val, got none for 2 images"):
        open_detection(tree(a=None, b=None))


def test_label_files_without_image(tree, tmp_path):
    spec = tree(a=LINE, b=LINE)
    (tmp_path / "images/val/b.png").unlink()
    (tmp_path / "labels/val/classes.txt").write_text("cat\ndog\n")
    data = open_detection(spec)
    assert data.notes[1:] == ("1 label files have no image and count nowhere (b.txt)",)
    assert isinstance(data.notes[1], LossNote)


def test_folders_below_and_other_files(tree, tmp_path):
    tree(folder="images/val/x", labels="labels/val/x", a=LINE)
    tree(folder="images/val/y", labels="labels/val/y", a="")
    (tmp_path / "images/val/readme.md").write_text("")
    (tmp_path / "images/val/x/a.txt").write_text("not a label here")
    data = open_detection(f"yolo:{tmp_path}")
    assert data.ids == ("x/a", "y/a")
    assert [len(data.load(name).truth.labels) for name in data.ids] == [1, 0]
    assert data.notes[1] == "1 files that are no images left out: 1 .md (readme.md)"


def test_labels_beside_the_images(tree):
    data = open_detection(tree(f"val: photos\n{NAMES}", "photos", "photos", a=LINE))
    assert len(data.load("a").truth.labels) == 1


def test_the_last_folder_called_images_counts(tree, tmp_path):
    data = open_detection(
        tree(f"val: images/train/images\n{NAMES}", "images/train/images", "images/train/labels", a=LINE)
    )
    assert len(data.load("a").truth.labels) == 1


@pytest.mark.parametrize(
    "form", ["./images/val/{}.png", "images/val/{}.png", "{root}/images/val/{}.png", "images\\val\\{}.png"]
)
def test_lists_of_images(tree, tmp_path, form):
    spec = tree(f"val: lists/val.txt\n{NAMES}" if "root" in form else f"val: val.txt\n{NAMES}", a=LINE, b=LINE, c=LINE)
    text = "".join(form.format(name, root=tmp_path) + "\n" for name in "ba")
    for path in (tmp_path / "val.txt", tmp_path / "lists/val.txt"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text + "\n")
    data = open_detection(spec)
    assert data.ids == ("b", "a")
    assert data.notes[1:] == ()  # c is of another split
    assert len(data.load("b").truth.labels) == 1
    (tmp_path / "images/val/a.png").unlink()
    with pytest.raises(SampleError, match=r"a\.png: expected an image, got no readable file"):
        open_detection(spec).load("a")


def test_several_folders_and_lists(tree, tmp_path):
    tree(folder="images/one", labels="labels/one", a=LINE)
    spec = tree(f"train: x\nval: [images/one, images/two, more.txt]\n{NAMES}", "images/two", "labels/two", a=LINE, b="")
    (tmp_path / "more.txt").write_text("images/two/b.png\n")
    data = open_detection(spec)
    assert data.ids == ("one/a", "two/a", "two/b")
    assert "1 images are listed again" in data.notes
    with pytest.raises(DataError, match=r"expected a folder or a list of images as train, got nothing at .*x; check"):
        open_detection(spec, split="train")


@pytest.mark.parametrize(
    ("yaml", "note"),
    [
        (
            "path: ../elsewhere\nval: images/val\n",
            "path: '../elsewhere' of data.yaml is not there: the folder of the file taken",
        ),
        ("val: ../images/val\n", "'../images/val' of data.yaml is not there: without ../ taken"),
        ("path:\nval: images/val\ntest: # none\n", None),
        ("validation: images/val\n", "validation: of data.yaml taken for val:"),
        ("validation: nowhere\nval: images/val\n", None),
    ],
)
def test_paths_and_splits_of_other_tools(tree, yaml, note):
    data = open_detection(tree(yaml + NAMES, a=LINE))
    assert data.notes[1:] == (() if note is None else (note,))
    assert len(data.load("a").truth.labels) == 1


def test_path_relative_to_the_file(tree, tmp_path, save):
    tree(a=LINE)
    (tmp_path / "cfg").mkdir()
    (tmp_path / "cfg/set.yaml").write_text(f"path: ..\nval: images/val\n{NAMES}")
    assert len(open_detection(f"yolo:{tmp_path}/cfg").load("a").truth.labels) == 1
    (tmp_path / "cfg/other.yml").write_text("")
    with pytest.raises(SettingError, match=r"expected one YAML file in .*cfg, got other\.yml, set\.yaml; name one"):
        open_detection(f"yolo:{tmp_path}/cfg")
    with pytest.raises(DataError, match=r"expected data\.yaml in .*labels, got no YAML file"):
        open_detection(f"yolo:{tmp_path}/labels")


@pytest.mark.parametrize(
    ("names", "classes"),
    [
        ("names: {0: cat, 1: no, 2: 'on'}", ("cat", "no", "on")),
        ("names:\n  1: b\n  0: a\n", ("a", "b")),
        ("nc: 2\nnames: ['a', 2]", ("a", "2")),
    ],
)
def test_names(tree, names, classes):
    assert open_detection(tree(f"val: images/val\n{names}\n", a=LINE)).classes == classes


@pytest.mark.parametrize(
    ("yaml", "want"),
    [
        ("names: {0: cat, 2: dog}", "2 names without one for the class 1; number them from 0 on"),
        ("names: {a: cat}", "1 names without one for the class 0"),
        ("nc: 3\nnames: [cat, dog]", "nc: '3' with 2 names"),
        ("names: cat", "no mapping of the names of the classes, or list of them"),
        ("names: []", "no name, or an empty one"),
        ("names: [[cat]]", "no name, or an empty one"),
        ("nc: 2", "no names of its classes"),
        ("names: [a]\nnames: [b]", "'names' for the second time in line 3"),
        ("names: [a]\nkpt_shape: 17", r"kpt_shape: \['17'\], not two whole numbers"),
        ("names: [a", "while parsing a flow sequence"),
        ("names: [a]\nval2: &x [*x]\n? [a]\n: b", "a key that is no text in line 4"),
    ],
)
def test_files_that_say_something_else(tree, yaml, want):
    with pytest.raises(
        DataError, match=rf"data\.yaml: expected the YAML of a YOLO data set, got .*{want}.*; correct it"
    ):
        open_detection(tree(f"val: images/val\n{yaml}\n", a=LINE))


@pytest.mark.parametrize("text", ["", "- a\n", "[" * 5000, "a: \0", "!!python/object/apply:os.system [ls]"])
def test_no_yaml_of_a_set(tree, text):
    with pytest.raises(DataError, match=r"data\.yaml: expected the YAML of a YOLO data set, got "):
        open_detection(tree(text, a=LINE))


def test_names_that_stand_twice(tree):
    data = open_detection(
        tree("val: images/val\nnames: [cat, Cat, dog]\n", a="0 .5 .5 .5 .5\n1 .5 .5 .5 .5\n2 .5 .5 .5 .5\n")
    )
    assert data.classes == ("cat", "dog")
    assert data.load("a").truth.labels.tolist() == [0, 0, 1]
    assert data.notes[1] == "1 of 3 classes share their name with another: all of them count"


def test_keypoints(tree):
    yaml = f"val: images/val\nkpt_shape: [2, 3]\n{NAMES}"
    data = open_detection(
        tree(yaml, a="1 0.5 0.5 0.25 0.5 0.4 0.4 2 0.6 0.6 1\n", b=LINE, c="1 0.1 0.1 0.2 0.2 0.3 0.3\n")
    )
    assert data.load("a").truth.boxes.tolist() == data.load("b").truth.boxes.tolist() == [[6, 3, 10, 9]]
    assert data.notes[1] == "keypoints behind the boxes left out, as kpt_shape says that there are some"
    with pytest.raises(
        SampleError, match="expected four numbers behind the class, or 6 numbers of keypoints behind them"
    ):
        data.load("c")


def test_images_that_exif_turns(tree, tmp_path):
    spec = tree(a="1 0.25 0.25 0.25 0.25\n")
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(frame(1)).save(tmp_path / "images/val/a.png", exif=exif)
    with pytest.raises(SampleError, match=r"say it with \?annotated=stored or \?annotated=upright"):
        open_detection(spec).load("a")
    assert open_detection(f"{spec}?annotated=upright").load("a").truth.boxes.tolist() == [[1.5, 2, 4.5, 6]]
    stored = open_detection(f"{spec}?annotated=stored").load("a").truth.boxes.tolist()
    assert stored == [[12 - 4.5, 2, 12 - 1.5, 6]]
