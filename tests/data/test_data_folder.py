"""folder:, and what all data sets on the disk share."""

import os
import re
import socket
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from foolscape.data.files import digest, name_ids
from foolscape.data.images import read_image
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
    assert data.notes == (
        "6 files that are no images left out: 1 .heic (sub.heic), 2 .txt (more.txt), 2 hidden (._a.png), 1 no "
        "extension (README)",
    )


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
    with pytest.raises(DataError, match=r"got only other files \(1 \.txt \(a\.txt\)\)"):
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


# Links, results, other kinds of files


def test_links_to_folders_are_followed_once(tmp_path, save, picture):
    save(tmp_path / "photos/day1/a.png", picture)
    save(tmp_path / "elsewhere/b.png", picture)
    save(tmp_path / "elsewhere/deep/c.png", picture)
    root = tmp_path / "photos"
    (root / "day2").symlink_to("../elsewhere")
    (root / "day3").symlink_to(tmp_path / "elsewhere")  # the same again
    (root / "day0").symlink_to("day1")  # the folder itself wins
    (tmp_path / "elsewhere/back").symlink_to(root)
    (root / "day1/loop").symlink_to(".")
    (root / "up").symlink_to("..")
    (root / "mutual").symlink_to("mutual2")
    (root / "mutual2").symlink_to("mutual")
    data = open_data(f"folder:{root}")
    assert data.ids == ("day1/a", "day2/b", "day2/deep/c")
    assert data.notes == (
        "2 files that are no images left out: 2 no extension (mutual)",
        "1 links to a folder around this one left out: up",
        "4 links to folders that are read already left out: day0, day1/loop, day3 and 1 more",
    )
    np.testing.assert_array_equal(data.load("day2/deep/c").image, picture)


def test_links_of_links_end(tmp_path, save, picture):
    save(tmp_path / "a/x.png", picture)
    save(tmp_path / "b/y.png", picture)
    (tmp_path / "a/to_b").symlink_to("../b")
    (tmp_path / "b/to_a").symlink_to("../a")
    assert open_data(f"folder:{tmp_path / 'a'}").ids == ("to_b/y", "x")


def test_link_to_the_root(tmp_path, save, picture):
    save(tmp_path / "real/x.png", picture)
    (tmp_path / "named").symlink_to("real")
    assert open_data(f"folder:{tmp_path / 'named'}").ids == ("x",)


@pytest.mark.parametrize("beside", ["rows.jsonl", "summary.json", ".lock"])
def test_results_inside_the_data_are_no_photographs(tmp_path, save, picture, beside):
    save(tmp_path / "a.png", picture)
    save(tmp_path / "runs/fgsm-1/clean/a.png", picture)
    for name in ("run.json", beside):
        (tmp_path / "runs/fgsm-1" / name).write_text("{}")
    (tmp_path / "again").symlink_to("runs/fgsm-1")
    save(tmp_path / "mine/b.png", picture)
    (tmp_path / "mine/run.json").write_text("{}")  # another program's
    data = open_data(f"folder:{tmp_path}")
    assert data.ids == ("a", "mine/b")
    assert data.notes[1] == "2 folders with results of foolscape left out: runs/fgsm-1, again"
    assert open_data(f"folder:{tmp_path}/runs/fgsm-1/clean").ids == ("a",)


def test_hidden_folders_are_named(tmp_path, save, picture):
    save(tmp_path / "a.png", picture)
    save(tmp_path / ".thumbnails/a.png", picture)
    data = open_data(f"folder:{tmp_path}")
    assert (data.ids, data.notes) == (("a",), ("1 hidden folders left out: .thumbnails",))


def test_names_that_are_no_utf8(tmp_path, save, picture):
    for name in (b"caf\xe9.png", b"caf\\xe9.png", b"ok.png"):
        (tmp_path / os.fsdecode(name)).write_bytes(save(tmp_path / "x.bmp", picture).read_bytes())
    (tmp_path / "x.bmp").unlink()
    (tmp_path / os.fsdecode(b"notes\xe9.t\xe9t")).touch()
    data = open_data(f"folder:{tmp_path}")
    assert data.ids == (r"caf\xe9.png", r"caf\xe9.png (2)", "ok.png")
    assert data.notes == (r"1 files that are no images left out: 1 .t\xe9t (notes\xe9.t\xe9t)",)
    for name in data.ids:
        np.testing.assert_array_equal(data.load(name).image, picture)
        assert len(data.fingerprint(name)) == 64
    assert digest("\udce9") != digest("\\udce9")


def special(path: Path, kind: str) -> None:
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(str(path))
    else:
        path.symlink_to({"device": "/dev/zero", "link to a pipe": path.with_name("pipe"), "terminal": "/dev/tty"}[kind])
        if kind == "link to a pipe":
            os.mkfifo(path.with_name("pipe"))


@pytest.mark.parametrize("kind", ["pipe", "socket", "device", "link to a pipe", "terminal"])
def test_only_regular_files_are_opened(tmp_path, save, picture, kind):
    save(tmp_path / "a.png", picture)
    special(tmp_path / "b.png", kind)
    data = open_data(f"folder:{tmp_path}")
    assert data.ids == ("a",)
    assert "1 no regular file (b.png)" in data.notes[0]
    with pytest.raises(SampleError, match=r"b\.png: expected an image, got no readable file \(a .*, not a reg"):
        read_image(tmp_path / "b.png")
    assert digest(tmp_path / "b.png") == digest(tmp_path / "b.png")
