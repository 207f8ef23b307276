"""Every reader of a user's file: regular files alone, texts up to a size, names that no file can have."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from foolscape.class_file import read_class_names
from foolscape.data.coco_index import read_file
from foolscape.data.davis import read_list
from foolscape.data.labels.file import read_values
from foolscape.data.labels.legend import numbered
from foolscape.data.labels.pairs import load_pair
from foolscape.data.load import open_clips, open_data
from foolscape.data.voc import CLASSES
from foolscape.data.xml_file import read_xml
from foolscape.data.youtube_vos import read_meta
from foolscape.errors import DataError, FoolscapeError, SettingError
from foolscape.models.common.checkpoint import read_state_dict
from foolscape.regular import MOST_TEXT, is_regular, read_text
from foolscape.run.universal.tile_file import read_tile

READERS = {
    "classes": read_class_names,
    "weights": read_state_dict,
    "list of DAVIS": read_list,
    "JSON of YouTube-VOS": read_meta,
    "JSON of COCO": read_file,
    "XML of VOC": read_xml,
    "labels": read_values,
    "perturbation": read_tile,
}

NAMES = {"long": Path("x" * 5000), "NUL": Path("a\0b"), "lone surrogate": Path("\ud800")}


@pytest.mark.parametrize("reader", READERS)
def test_what_is_no_regular_file(tmp_path, reader):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    for name, kind in (("pipe", "a pipe"), ("link", "a pipe"), ("zero", "a device"), (".", "a folder")):
        with pytest.raises(FoolscapeError, match=f"{kind}, not a regular file"):
            READERS[reader](tmp_path / name)
        assert not is_regular(tmp_path / name)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("name", NAMES)
def test_names_that_no_file_can_have(reader, name):
    with pytest.raises(FoolscapeError, match=r"File name too long|a name that no file can have|with a NUL in it"):
        READERS[reader](NAMES[name])


@pytest.mark.parametrize("reader", ["classes", "list of DAVIS"])
@pytest.mark.parametrize(
    ("content", "want"),
    [
        (b"a\nb\0\n", "a NUL in line 2; save it as text in UTF-8"),
        ("a\nb\n".encode("utf-16"), "can't decode byte 0xff"),
        (b"caf\xe9\nb\n", "can't decode byte 0xe9"),
        (b"a\n" * (MOST_TEXT // 2 + 1), "more than 16,777,216 bytes"),
    ],
    ids=["NUL", "UTF-16", "latin-1", "size"],
)
def test_texts(tmp_path, reader, content, want):
    (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises((DataError, SettingError), match=want):
        READERS[reader](tmp_path / "a.txt")


def test_marks_and_ends_of_lines(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfa\r\nb\rc\n" + b"9" * 4301)
    assert read_text(tmp_path / "a.txt") == "a\nb\nc\n" + "9" * 4301
    assert len(read_class_names(tmp_path / "a.txt")) == 4
    assert len(read_list(tmp_path / "a.txt")) == 4


def test_numbers_of_many_digits_and_deep_json(tmp_path):
    path = tmp_path / "a.json"
    for content in ('{"videos": ' + "9" * 4301 + "}", "[" * 100_000):
        path.write_text(content)
        for reader in ("JSON of YouTube-VOS", "JSON of COCO"):
            with pytest.raises(DataError, match=r"expected .* in JSON, got"):
                READERS[reader](path)


def test_camvid_and_davis_with_names_that_are_no_utf8(tmp_path, save, picture):
    name = os.fsdecode(b"caf\xe9")
    save(tmp_path / f"c/test/{name}.png", picture)
    save(tmp_path / f"c/testannot/{name}.png", np.zeros((12, 16), np.uint8))
    os.mkfifo(tmp_path / "c/test/pipe.png")
    data = open_data(f"camvid:{tmp_path}/c")
    assert data.ids == (r"caf\xe9",)
    assert data.load(r"caf\xe9").labels is not None
    assert data.notes[1] == "1 files that are no images left out: 1 no regular file (pipe.png)"
    for index in range(2):
        save(tmp_path / f"d/JPEGImages/480p/c/{name}{index}.png", picture)
        save(tmp_path / f"d/Annotations/480p/c/{name}{index}.png", Image.fromarray(np.eye(12, 16, dtype=np.uint8)))
    assert open_clips(f"davis2016:{tmp_path}/d").load("c").names == (r"caf\xe90", r"caf\xe91")
    (tmp_path / "d/JPEGImages/480p" / name).mkdir()
    with pytest.raises(DataError, match=r"expected names of clips in UTF-8, got the folder caf\\xe9; rename it"):
        open_clips(f"davis2016:{tmp_path}/d")


def test_a_black_and_white_mask_is_no_label_map_of_voc(tmp_path, save, picture):
    image, labels = save(tmp_path / "a.png", picture), np.zeros((12, 16), np.uint8)
    labels[3:6, 3:9] = 255
    path = save(tmp_path / "b.png", labels)
    assert load_pair("a", image, path, numbered(CLASSES)).notes == (
        "labels of 255 alone beside 0: 255 is void, no class",
    )
    labels[0, 0] = 1
    assert load_pair("a", image, save(path, labels), numbered(CLASSES)).notes == ()
