"""folder:, and what all data sets on the disk share."""

import os
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from foolscape.data.files import digest, name_ids
from foolscape.data.load import open_data
from foolscape.errors import DataError, SampleError, SettingError, UnknownNameError


def test_folder_lists_recursively_and_sorted(tmp_path, save, picture):
    for name in ("b.png", "sub/deep/a.JPG", "a.webp", "sub/a.bmp"):
        save(tmp_path / name, picture)
    data = open_data(f"folder:{tmp_path}")
    assert data.ids == ("a", "b", "sub/a", "sub/deep/a")
    assert data.classes is None
    assert data.spec == f"folder:{tmp_path}"
    assert data.notes == ()
    sample = data.load("sub/a")
    assert sample.id == "sub/a"
    assert sample.labels is None
    np.testing.assert_array_equal(sample.image, picture)


def test_folder_passes_the_notes_of_an_image_on(tmp_path, save, picture):
    save(tmp_path / "a.png", picture[..., 0])
    assert open_data(f"folder:{tmp_path}").load("a").notes == ("grey made RGB",)


def test_folder_with_images_of_different_sizes(tmp_path, save):
    for side in (8, 20):
        save(tmp_path / f"{side}.png", Image.new("RGB", (side, 10)))
    data = open_data(f"folder:{tmp_path}")
    assert [data.load(name).image.shape for name in data.ids] == [(10, 20, 3), (10, 8, 3)]


def test_folder_counts_other_files(tmp_path, save, picture):
    save(tmp_path / "a.png", picture)
    for name in ("notes.txt", "sub.heic", "more.txt", "README", "._a.png", ".hidden.jpg"):
        (tmp_path / name).touch()
    data = open_data(f"folder:{tmp_path}")
    assert data.ids == ("a",)
    assert data.notes == ("6 files that are no images left out: 1 .heic, 2 .txt, 2 hidden, 1 no extension",)


def test_clashing_names_keep_their_extension(tmp_path, save, picture):
    for name in ("a.png", "a.jpg", "b.png"):
        save(tmp_path / name, picture)
    assert open_data(f"folder:{tmp_path}").ids == ("a.jpg", "a.png", "b")


@pytest.mark.parametrize(
    ("paths", "ids"),
    [
        (["x/a.jpg", "a.jpg"], ("x/a", "a")),
        (["a.b.jpg", "a.jpg"], ("a.b", "a")),
        (["a.jpg", "a.png", "a.jpg.png"], ("a.jpg", "a.png", "a.jpg.png")),
    ],
)
def test_ids_are_unique(paths, ids):
    assert name_ids([Path(path) for path in paths]) == ids


def test_empty_folder(tmp_path):
    with pytest.raises(DataError, match=r"expected photographs \(.*\.jpg .*\) below .*, got an empty folder; check"):
        open_data(f"folder:{tmp_path}")


def test_folder_without_images(tmp_path):
    (tmp_path / "a.txt").touch()
    with pytest.raises(DataError, match=r"got only other files \(1 \.txt\)"):
        open_data(f"folder:{tmp_path}")


@pytest.mark.parametrize("kind", ["folder", "camvid", "voc", "coco"])
def test_missing_folder(tmp_path, kind):
    with pytest.raises(DataError, match=r"expected a folder at .*absent, got nothing there; check the path"):
        open_data(f"{kind}:{tmp_path}/absent")


@pytest.mark.parametrize("kind", ["folder", "camvid", "voc", "coco"])
def test_file_instead_of_a_folder(tmp_path, kind):
    (tmp_path / "a").touch()
    with pytest.raises(DataError, match=r"expected a folder at .*, got a file"):
        open_data(f"{kind}:{tmp_path}/a")


@pytest.mark.parametrize("kind", ["folder", "camvid", "voc", "coco"])
def test_no_folder_named(kind):
    with pytest.raises(SettingError, match=f"expected a folder, {kind}:DIR, got '{kind}:'"):
        open_data(f"{kind}:")


def test_folder_has_no_split(tmp_path):
    with pytest.raises(SettingError, match="expected no split, since a folder has none, got 'val'; leave it out"):
        open_data(f"folder:{tmp_path}", split="val")


def test_folder_has_no_options(tmp_path):
    with pytest.raises(UnknownNameError, match=r"unknown option in 'folder:.*' 'size'"):
        open_data(f"folder:{tmp_path}?size=3")


def test_folder_with_a_colon_in_its_name(tmp_path, save, picture):
    save(tmp_path / "12:30" / "a.png", picture)
    assert open_data(f"folder:{tmp_path}/12:30").ids == ("a",)


def test_home_folder(tmp_path, save, picture, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    save(tmp_path / "photos" / "a.png", picture)
    assert open_data("folder:~/photos").ids == ("a",)


def test_folder_that_cannot_be_listed(tmp_path, save, picture, monkeypatch):
    save(tmp_path / "open.png", picture)
    save(tmp_path / "closed" / "a.png", picture)
    scandir = os.scandir

    def refuse(path):
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(DataError, match=r"expected a folder that can be listed, got .*Permission denied: .*closed"):
        open_data(f"folder:{tmp_path}")


def test_a_damaged_image_stops_only_itself(tmp_path, save, picture):
    save(tmp_path / "good.png", picture)
    (tmp_path / "bad.png").write_bytes((tmp_path / "good.png").read_bytes()[:100])
    data = open_data(f"folder:{tmp_path}")
    assert data.ids == ("bad", "good")
    with pytest.raises(SampleError, match=r"bad\.png: expected an image, got a damaged file"):
        data.load("bad")
    assert data.load("good").image.shape == (12, 16, 3)


@pytest.mark.parametrize("method", ["load", "fingerprint"])
def test_unknown_id(tmp_path, save, picture, method):
    save(tmp_path / "street.png", picture)
    data = open_data(f"folder:{tmp_path}")
    with pytest.raises(UnknownNameError, match=r"unknown image id in folder:.* 'stret'; did you mean street\?"):
        getattr(data, method)("stret")


def test_fingerprint_follows_the_bytes(tmp_path, save, picture):
    for name in ("a.png", "b.png"):
        save(tmp_path / name, picture)
    save(tmp_path / "c.png", picture[::-1])
    data = open_data(f"folder:{tmp_path}")
    first = data.fingerprint("a")
    assert re.fullmatch(r"[0-9a-f]{64}", first)
    assert data.fingerprint("b") == first
    assert data.fingerprint("c") != first
    save(tmp_path / "a.png", picture[:, ::-1])
    assert data.fingerprint("a") != first


def test_fingerprint_of_unreadable_files(tmp_path, save, picture):
    save(tmp_path / "a.png", picture)
    data = open_data(f"folder:{tmp_path}")
    whole = data.fingerprint("a")
    (tmp_path / "a.png").write_bytes(b"")
    empty = data.fingerprint("a")
    (tmp_path / "a.png").unlink()
    missing = data.fingerprint("a")
    assert len({whole, empty, missing}) == 3
    assert data.fingerprint("a") == missing


def test_digest_keeps_its_parts_apart(tmp_path):
    assert digest("ab", "c") != digest("a", "bc")
    assert digest(tmp_path / "x") != digest("x")
