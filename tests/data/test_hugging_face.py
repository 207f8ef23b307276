"""hf: tables of images in folders that the tests write, in every form that `datasets` has on disk."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from foolscape.data.attributes import attributes_of
from foolscape.data.load import open_data, open_detection
from foolscape.data.sample import VOID
from foolscape.errors import DataError, SampleError, SettingError, UnknownNameError
from foolscape.strict import LossNote
from foolscape.testing import check_data

datasets = pytest.importorskip("datasets")

LABELS = (np.arange(12 * 16).reshape(12, 16) % 3).astype(np.uint8)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """No test leaves anything in the cache of whoever runs it."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def table(picture):
    """Two images with label maps of three classes, and void in the first."""
    first = LABELS.copy()
    first[0, 0] = VOID
    columns = {"image": [picture, picture[::-1].copy()], "mask": [first, LABELS]}
    features = datasets.Features({"image": datasets.Image(), "mask": datasets.Image()})
    return datasets.Dataset.from_dict(
        {name: [Image.fromarray(one) for one in arrays] for name, arrays in columns.items()}, features=features
    )


@pytest.fixture
def names(tmp_path) -> Path:
    path = tmp_path / "names.txt"
    path.write_text("road\nhouse\ncar\n")
    return path


def saved(table, root: Path, form: str) -> str:
    if form == "disk":
        table.save_to_disk(str(root))
    elif form == "dict":
        datasets.DatasetDict({"train": table, "validation": table}).save_to_disk(str(root))
    else:
        (root / "data").mkdir(parents=True)
        table.to_parquet(str(root / "data/validation-00000-of-00001.parquet"))
    return f"hf:{root}"


def test_other_columns_are_attributes(table, tmp_path, names):
    more = {"weather": ["fog", "sun"], "image_id": [4, 5], "lanes": [2, 3], "thumb": [b"x", b"y"], "time": [0, 1]}
    for name, values in more.items():
        table = table.add_column(name, values)
    table = table.cast_column("time", datasets.ClassLabel(names=["day", "night"]))
    data = open_data(f"{saved(table, tmp_path / 'd', 'parquet')}?classes={names}")
    assert attributes_of(data, "000001") == {"weather": "sun", "lanes": "3", "time": "night"}


@pytest.mark.parametrize("form", ["disk", "dict", "parquet"])
def test_label_maps(table, tmp_path, names, picture, form):
    data = open_data(f"{saved(table, tmp_path / 'd', form)}?classes={names}")
    assert (data.ids, data.classes) == (("000000", "000001"), ("road", "house", "car"))
    assert "images are image, label maps mask" in data.notes
    assert data.split == {"disk": None, "dict": "validation", "parquet": "validation"}[form]
    sample = data.load("000000")
    np.testing.assert_array_equal(sample.image, picture)
    assert sample.labels[0, 0] == VOID
    np.testing.assert_array_equal(data.load("000001").labels, LABELS)
    assert check_data(data, "segmentation").ok
    with pytest.raises(UnknownNameError, match="'2'"):
        data.load("2")
    with pytest.raises(UnknownNameError, match=r"unknown split of hf:.* 'tset'"):
        open_data(f"hf:{tmp_path / 'd'}?classes={names}", split="tset")


def test_a_folder_of_images(tmp_path, save, picture, names):
    save(tmp_path / "d/train/a.png", picture)
    save(tmp_path / "d/train/a_mask.png", LABELS)
    (tmp_path / "d/train/metadata.jsonl").write_text('{"file_name": "a.png", "mask_file_name": "a_mask.png"}\n')
    data = open_data(f"hf:{tmp_path / 'd'}?classes={names}")
    np.testing.assert_array_equal(data.load("000000").labels, LABELS)
    np.testing.assert_array_equal(data.load("000000").image, picture)


def test_columns_that_cannot_be_told_are_asked_about(tmp_path, names, picture):
    images = {name: [Image.fromarray(picture)] for name in ("left", "right")} | {"mask": [Image.fromarray(LABELS)]}
    both = datasets.Dataset.from_dict(images, features=datasets.Features(dict.fromkeys(images, datasets.Image())))
    spec = f"{saved(both, tmp_path / 'd', 'disk')}?classes={names}"
    with pytest.raises(DataError, match=r"expected one column for the image, got left, right, mask among .*\?image="):
        open_data(spec)
    assert open_data(f"{spec}&image=right&label=mask").load("000000").labels.shape == (12, 16)
    with pytest.raises(UnknownNameError, match=r"unknown column of hf:.* 'mid'"):
        open_data(f"{spec}&image=mid")


def test_a_stream_is_read_as_far_as_wanted(table, tmp_path, names):
    spec = f"{saved(table, tmp_path / 'd', 'parquet')}?classes={names}&streaming=1"
    data = open_data(spec)
    assert data.ids == ("000000",)
    assert "the first 1 rows of a stream" in data.notes
    with pytest.raises(SettingError, match="expected streaming=N, how many rows are taken"):
        open_data(spec.replace("streaming=1", "streaming=yes"))


@pytest.fixture
def objects(picture):
    """Boxes by corner and size, as `datasets` documents object detection."""
    features = datasets.Features(
        {
            "image": datasets.Image(),
            "objects": {
                "bbox": datasets.List(datasets.List(datasets.Value("float32"), length=4)),
                "category": datasets.List(datasets.ClassLabel(names=["cat", "dog"])),
                "area": datasets.List(datasets.Value("int64")),
            },
        }
    )
    rows = {
        "image": [Image.fromarray(picture)] * 3,
        "objects": [
            {"bbox": [[1, 2, 5, 4], [0, 0, 3, 3]], "category": [1, 0], "area": [20, 9]},
            {"bbox": [], "category": [], "area": []},
            {"bbox": [[-2, 0, 6, 30]], "category": [0], "area": [180]},
        ],
    }
    return datasets.Dataset.from_dict(rows, features=features)


def test_objects(objects, tmp_path):
    data = open_detection(saved(objects, tmp_path / "d", "disk"))
    assert data.classes == ("cat", "dog")
    truth = data.load("000000").truth
    assert truth.boxes.tolist() == [[1, 2, 6, 6], [0, 0, 3, 3]]
    assert (truth.labels.tolist(), truth.area.tolist()) == ([1, 0], [20, 9])
    assert len(data.load("000001").truth.labels) == 0
    clipped = data.load("000002")
    assert clipped.truth.boxes.tolist() == [[0, 0, 4, 12]]
    assert clipped.notes == ("1 box clipped to the image",)
    assert check_data(data, "detection").ok
    corners = open_detection(f"hf:{tmp_path / 'd'}?format=xyxy").load("000000")
    assert corners.truth.boxes.tolist() == [[1, 2, 5, 4], [0, 0, 3, 3]]
    with pytest.raises(SettingError, match="expected format to be xywh, xyxy, cxcywh, got 'yolo'"):
        open_detection(f"hf:{tmp_path / 'd'}?format=yolo")


def test_objects_as_records_with_names(tmp_path, picture):
    record = {"bbox": datasets.List(datasets.Value("float32")), "label": datasets.Value("string")}
    features = datasets.Features({"image": datasets.Image(), "things": datasets.List(record)})
    rows = {
        "image": [Image.fromarray(picture)] * 2,
        "things": [[{"bbox": [1, 2, 3, 4], "label": "Dog"}], [{"bbox": [1, 2, 3], "label": "dog"}]],
    }
    (tmp_path / "c.txt").write_text("cat\ndog\n")
    spec = saved(datasets.Dataset.from_dict(rows, features=features), tmp_path / "d", "disk")
    data = open_detection(f"{spec}?classes={tmp_path / 'c.txt'}")
    assert data.load("000000").truth.labels.tolist() == [1]
    with pytest.raises(SampleError, match=r"row 1 of hf:.*expected objects with bbox and label, got not enough values"):
        data.load("000001")
    with pytest.raises(SettingError, match="expected names of the classes"):
        open_detection(spec)


def test_damaged_images_are_failures(tmp_path, names, picture):
    features = datasets.Features({"image": datasets.Image(), "label": datasets.Image()})
    cells = {"image": [{"bytes": b"no image", "path": None}, None], "label": [{"bytes": b"x", "path": None}] * 2}
    spec = saved(datasets.Dataset.from_dict(cells, features=features), tmp_path / "d", "disk")
    data = open_data(f"{spec}?classes={names}")
    with pytest.raises(SampleError, match=r"row 0 of hf:.*, image: expected an image, got a file that is none of JPEG"):
        data.load("000000")
    with pytest.raises(SampleError, match=r"row 1 of hf:.*, image: expected an image, got None"):
        data.load("000001")


def test_what_cannot_be_opened(tmp_path, names):
    (tmp_path / "empty").mkdir()
    for spec, error, words in (
        (f"hf:{tmp_path / 'empty'}", DataError, "expected a data set that Hugging Face's datasets can open, got"),
        (f"hf:{names}", DataError, "expected a folder, got the file"),
        ("hf:", SettingError, r"expected a folder or a name, hf:DIR or hf:OWNER/NAME, got none"),
        (f"hf:{tmp_path / 'empty'}?colums=x", UnknownNameError, "unknown option"),
    ):
        with pytest.raises(error, match=words):
            open_data(spec)


def test_a_file_that_is_missing_of_several_is_said(table, tmp_path, names):
    for part in (0, 2):
        path = tmp_path / f"set/data/train-{part:05d}-of-00003.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        table.to_parquet(str(path))
    data = open_data(f"hf:{tmp_path}/set?classes={names}")
    assert len(data.ids) == 4
    (note,) = [note for note in data.notes if isinstance(note, LossNote)]
    assert note.startswith("1 of 3 files of train are not in")
    assert "(00001)" in note
