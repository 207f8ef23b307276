"""Annotations of images that an EXIF tag turns: made on the stored pixels or on the upright image."""

import json

import numpy as np
import pytest
from PIL import ExifTags, Image

from foolscape.data import upright
from foolscape.data.images import read_image
from foolscape.data.load import open_clips, open_data, open_detection
from foolscape.data.picture import Picture
from foolscape.errors import SampleError, SettingError
from foolscape.metrics.boxes import Truth

TAG = ExifTags.Base.Orientation
LONG, SQUARE = (12, 20), (16, 16)
RED = (2, 3, 5, 4)
"""x, y, width, height of a red rectangle in the stored pixels."""

AMBIGUOUS = (
    r"\(EXIF orientation \d\), got one whose size fits both; say it with \?annotated=stored or \?annotated=upright"
)


def stored(size: tuple[int, int]) -> np.ndarray:
    image = np.full((*size, 3), 90, np.uint8)
    x, y, width, height = RED
    image[y : y + height, x : x + width] = (220, 30, 30)
    return image


def place(image: np.ndarray) -> tuple[int, int, int, int]:
    """x1, y1, x2, y2 of the red pixels."""
    rows, columns = np.nonzero(image[..., 0] > 160)
    return int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1


@pytest.fixture
def photo(tmp_path, save):
    """Writes an image with an orientation; returns where the red lies and the size, upright and as stored."""

    def write(folder: str, orientation: int, size: tuple[int, int], name: str = "a.png"):
        exif = Image.Exif()
        exif[TAG] = orientation
        path = save(tmp_path / folder / name, stored(size), exif=exif)
        image, _ = read_image(path)
        x, y, width, height = RED
        return {"upright": (place(image), image.shape[:2]), "stored": ((x, y, x + width, y + height), size)}

    return write


@pytest.fixture
def coco_set(tmp_path, photo):
    """A COCO set of one image whose person is annotated in a frame."""

    def write(orientation: int, size: tuple[int, int], frame: str, *, told: bool = True) -> str:
        (x1, y1, x2, y2), (height, width) = photo("val2017", orientation, size)[frame]
        image = {"id": 1, "file_name": "a.png", "height": height if told else -1, "width": width if told else -1}
        person = {
            "id": 1, "image_id": 1, "category_id": 1, "iscrowd": 0, "area": 20, "bbox": [x1, y1, x2 - x1, y2 - y1],
            "segmentation": [[x1, y1, x2, y1, x2, y2, x1, y2]],
        }  # fmt: skip
        content = {"images": [image], "annotations": [person], "categories": [{"id": 1, "name": "person"}]}
        (tmp_path / "annotations").mkdir(exist_ok=True)
        (tmp_path / "annotations/instances_val2017.json").write_text(json.dumps(content))
        return f"coco:{tmp_path}"

    return write


def agrees(spec: str) -> tuple[str, ...]:
    """The notes of an image whose label and box lie on the red pixels."""
    sample, boxes = open_data(spec).load("a"), open_detection(spec).load("a")
    red = sample.image[..., 0] > 160
    np.testing.assert_array_equal(sample.labels > 0, red)
    assert boxes.truth.boxes.tolist() == [list(place(sample.image))]
    assert boxes.notes == sample.notes
    return sample.notes


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
@pytest.mark.parametrize("frame", ["stored", "upright"])
def test_the_size_decides(coco_set, orientation, frame):
    notes = agrees(coco_set(orientation, LONG, frame))
    told = f"annotation of the {'stored pixels' if frame == 'stored' else 'upright image'}, by its size"
    assert notes[0] == f"turned upright (EXIF orientation {orientation})"
    assert notes[1].startswith(told)
    assert f"(EXIF orientation {orientation})" in notes[1]


@pytest.mark.parametrize(
    ("orientation", "size", "told"),
    [(2, LONG, True), (3, LONG, True), (4, LONG, True), (6, SQUARE, True), (8, SQUARE, True), (6, LONG, False)],
)
def test_where_both_fit_the_image_is_refused_unless_the_spec_says_it(coco_set, orientation, size, told):
    for frame in ("stored", "upright"):
        spec = coco_set(orientation, size, frame, told=told)
        for data in (open_data(spec), open_detection(spec)):
            with pytest.raises(SampleError, match=AMBIGUOUS):
                data.load("a")
        notes = agrees(f"{spec}?annotated={frame}")
        assert any("as the spec says" in note for note in notes)


def test_it_does_not_matter_without_objects(coco_set, tmp_path):
    spec = coco_set(3, LONG, "stored")
    path = tmp_path / "annotations/instances_val2017.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "annotations": []}))
    sample = open_detection(spec).load("a")
    assert len(sample.truth.labels) == 0
    assert sample.notes[1] == "annotation is the same as stored and upright (EXIF orientation 3)"


def test_a_size_that_fits_neither(coco_set, tmp_path):
    spec = coco_set(6, LONG, "stored")
    path = tmp_path / "annotations/instances_val2017.json"
    path.write_text(path.read_text().replace('"height": 12', '"height": 13'))
    want = r"expected labels of the image's size 20x12 upright or 12x20 as stored \(EXIF orientation 6\), got 13x20"
    with pytest.raises(SampleError, match=want):
        open_data(spec).load("a")
    spec = coco_set(6, LONG, "stored")
    with pytest.raises(SampleError, match=r"size 20x12 upright \(EXIF orientation 6\), got 12x20"):
        open_data(f"{spec}?annotated=upright").load("a")


def test_annotated_is_stored_or_upright(coco_set, tmp_path):
    with pytest.raises(SettingError, match="expected annotated to be stored or upright, got 'raw'"):
        open_data(f"{coco_set(6, LONG, 'stored')}?annotated=raw")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_boxes_and_labels_turn_as_the_image_does(tmp_path, photo, orientation):
    upright_place, size = photo("x", orientation, LONG)["upright"]
    x, y, width, height = RED
    truth = Truth(
        np.array([[x, y, x + width, y + height]], float), *(np.zeros(1, kind) for kind in (int, bool, bool)), np.ones(1)
    )
    assert upright.turn_boxes(truth, orientation, LONG).boxes.tolist() == [list(upright_place)]
    labels = upright.turn_labels((stored(LONG)[..., 0] > 160).astype(np.uint8), orientation)
    assert labels.shape == size
    assert place(labels[..., None] * 255) == upright_place
    picture = Picture(np.zeros((*size, 3), np.uint8), (), orientation)
    assert picture.turn.stored == LONG


# Other readers


@pytest.fixture
def voc_set(tmp_path, photo):
    def write(orientation: int, size: tuple[int, int], frame: str, told: bool = True) -> str:
        root = tmp_path / "VOC2012"
        (x1, y1, x2, y2), (height, width) = photo("VOC2012/JPEGImages", orientation, size)[frame]
        for task in ("Main", "Segmentation"):
            (root / "ImageSets" / task).mkdir(parents=True, exist_ok=True)
            (root / "ImageSets" / task / "val.txt").write_text("a\n")
        (root / "Annotations").mkdir(exist_ok=True)
        (root / "SegmentationClass").mkdir(exist_ok=True)
        said = f"<size><width>{width}</width><height>{height}</height></size>" if told else ""
        box = f"<xmin>{x1 + 1}</xmin><ymin>{y1 + 1}</ymin><xmax>{x2}</xmax><ymax>{y2}</ymax>"
        text = f"<annotation>{said}<object><name>cat</name><bndbox>{box}</bndbox></object></annotation>"
        (root / "Annotations/a.xml").write_text(text)
        labels = np.zeros((height, width), np.uint8)
        labels[y1:y2, x1:x2] = 8
        Image.fromarray(labels).save(root / "SegmentationClass/a.png")
        return f"voc:{tmp_path}"

    return write


@pytest.mark.parametrize("frame", ["stored", "upright"])
def test_voc(voc_set, frame):
    agrees(voc_set(6, LONG, frame))
    spec = voc_set(3, LONG, frame)
    for data in (open_data(spec), open_detection(spec)):
        with pytest.raises(SampleError, match=AMBIGUOUS):
            data.load("a")
    agrees(f"{spec}?annotated={frame}")


def test_voc_without_a_size(voc_set):
    with pytest.raises(SampleError, match=AMBIGUOUS):
        open_detection(voc_set(6, LONG, "stored", told=False)).load("a")


def test_labels_with_a_tag_of_their_own_are_upright(tmp_path, photo):
    photo("test", 3, LONG)
    exif = Image.Exif()
    exif[TAG] = 3
    labels = (stored(LONG)[..., 0] > 160).astype(np.uint8)
    (tmp_path / "testannot").mkdir()
    Image.fromarray(labels).save(tmp_path / "testannot/a.png", exif=exif)
    sample = open_data(f"camvid:{tmp_path}").load("a")
    np.testing.assert_array_equal(sample.labels == 1, sample.image[..., 0] > 160)
    Image.fromarray(labels).save(tmp_path / "testannot/a.png")
    with pytest.raises(SampleError, match=AMBIGUOUS):
        open_data(f"camvid:{tmp_path}").load("a")
    sample = open_data(f"camvid:{tmp_path}?annotated=stored").load("a")
    np.testing.assert_array_equal(sample.labels == 1, sample.image[..., 0] > 160)


def test_photographs_without_annotation_are_only_turned(tmp_path, photo):
    photo("photos", 3, LONG)
    assert open_data(f"folder:{tmp_path}/photos").load("a").notes == ("turned upright (EXIF orientation 3)",)


# Clips


@pytest.fixture
def clip_spec(tmp_path, photo):
    """Writes a clip of two frames, for each kind of data set, whose masks lie in a frame; returns its spec."""

    def write(kind: str, orientation: int, frame: str) -> str:
        folders = {
            "davis2016": ("JPEGImages/480p/c", "Annotations/480p/c"),
            "davis2017": ("JPEGImages/480p/c", "Annotations/480p/c"),
            "youtube-vos": ("train/JPEGImages/c", "train/Annotations/c"),
            "mose": ("valid/JPEGImages/c", "valid/Annotations/c"),
            "video": ("c", "masks"),
        }
        images, masks = folders[kind]
        (tmp_path / masks).mkdir(parents=True, exist_ok=True)
        for name in ("00000", "00005"):
            (x1, y1, x2, y2), size = photo(images, orientation, LONG, f"{name}.png")[frame]
            labels = np.zeros(size, np.uint8)
            labels[y1:y2, x1:x2] = 1
            image = Image.fromarray(labels)
            image.putpalette([0, 0, 0, 128, 0, 0])
            image.save(tmp_path / masks / f"{name}.png")
        if kind == "video":
            return f"video:{tmp_path / images}?mask={tmp_path / masks / '00000.png'}&"
        objects = {"1": {"category": "cat", "frames": ["00000", "00005"]}}
        if kind == "youtube-vos":
            (tmp_path / "train/meta.json").write_text(json.dumps({"videos": {"c": {"objects": objects}}}))
        return f"{kind}:{tmp_path}?"

    return write


@pytest.mark.parametrize("kind", ["davis2016", "davis2017", "youtube-vos", "mose", "video"])
@pytest.mark.parametrize("frame", ["stored", "upright"])
def test_masks_of_clips(clip_spec, kind, frame):
    split = "train" if kind == "youtube-vos" else None
    for orientation, option in ((6, ""), (3, f"annotated={frame}")):
        spec = clip_spec(kind, orientation, frame)
        clip = open_clips((spec + option).rstrip("?&"), split=split).load("c")
        red = clip.frames[..., 0] > 160
        np.testing.assert_array_equal(clip.given[0].mask == 1, red[0])
        if clip.truth is not None:
            np.testing.assert_array_equal(clip.truth == 1, red)
        assert any(note.startswith("annotation of the ") for note in clip.notes)
    with pytest.raises(SampleError, match=AMBIGUOUS):
        open_clips(spec.rstrip("?&"), split=split).load("c")


# EXIF that is not needed


@pytest.mark.parametrize("value", [0, 9, 65535])
def test_an_orientation_that_is_none(tmp_path, save, picture, value):
    exif = Image.Exif()
    exif[TAG] = value
    image, notes = read_image(save(tmp_path / "a.png", picture, exif=exif))
    np.testing.assert_array_equal(image, picture)
    assert notes == (f"taken as stored: EXIF orientation {value} is none of 1 to 8",)


@pytest.mark.parametrize("value", ["6", "up"])
def test_an_orientation_that_is_text(tmp_path, save, picture, value):
    ifd = (
        b"MM\0*\0\0\0\x08\0\x01"
        + b"\x01\x12\0\x02"
        + len(value).to_bytes(4, "big")
        + value.encode()[:4].ljust(4, b"\0")
    )
    image, notes = read_image(save(tmp_path / "a.png", picture, exif=b"Exif\0\0" + ifd + bytes(8)))
    np.testing.assert_array_equal(image, picture)
    assert len(notes) == 1
    assert "is none of 1 to 8" in notes[0]


@pytest.mark.parametrize("seed", range(20))
def test_damaged_exif_refuses_no_picture(tmp_path, save, picture, seed):
    exif = Image.Exif()
    exif[TAG] = 6
    exif[ExifTags.Base.Software] = "foolscape"
    exif[ExifTags.Base.XResolution] = 72.0
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = b"abc"
    content = bytearray(exif.tobytes())
    rng = np.random.default_rng(seed)
    for place_ in rng.integers(6, len(content), 4):
        content[place_] = rng.integers(0, 256)
    path = save(tmp_path / "a.jpg", picture, exif=bytes(content))
    plain = np.asarray(Image.open(save(tmp_path / "b.jpg", picture)))
    image, _ = read_image(path)
    turned = [plain] + [np.asarray(Image.fromarray(plain).transpose(turn)) for turn in Image.Transpose]
    assert any(np.array_equal(image, one) for one in turned)
