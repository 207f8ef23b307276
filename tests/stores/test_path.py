"""Paths in stores answer as paths of this machine do, from one listing."""

import os
import pickle
import stat
from collections import Counter
from pathlib import Path
from typing import ClassVar

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from foolscape.data.load import open_data, open_detection
from foolscape.errors import DataError, SettingError
from foolscape.paths import absolute, below_common, file_of, folder_of, path_of, real, run_folder_of
from foolscape.regular import check_regular, is_regular, read_text
from foolscape.stores.path import StorePath

from .made import photos, put, tarred, write, zipped

CALLS: Counter[str] = Counter()


class Counted(MemoryFileSystem):
    """Counts what is asked of it."""

    protocol = "counted"
    store: ClassVar[dict[str, object]] = {}
    pseudo_dirs: ClassVar[list[str]] = [""]

    @classmethod
    def _strip_protocol(cls, path):
        return super()._strip_protocol(path.removeprefix("counted://"))

    def info(self, path, **options):
        CALLS["info"] += 1
        return super().info(path, **options)

    def find(self, path, **options):
        CALLS["find"] += 1
        return super().find(path, **options)

    def cat_file(self, path, start=None, end=None, **options):
        CALLS["cat_file"] += 1
        with self.open(path) as file:
            return file.getvalue()[start:end]

    def exists(self, path, **options):
        raise AssertionError("the listing tells what is there")


@pytest.fixture
def root(tmp_path) -> str:
    return put("memory://b", photos())


def test_a_path_in_a_store_is_a_path(root):
    path = path_of(root) / "images" / "0.png"
    assert isinstance(path, StorePath)
    assert (str(path), path.name, path.stem, path.suffix) == ("memory://b/images/0.png", "0.png", "0", ".png")
    assert str(path.parent) == "memory://b/images"
    assert str(path.with_suffix(".txt")) == "memory://b/images/0.txt"
    assert path.relative_to(path.parent.parent) == Path("images/0.png")
    assert type(path.relative_to(path.parent)) is type(Path())
    assert (path.is_file(), path.is_dir(), path.exists(), path.is_symlink()) == (True, False, True, False)
    assert (path.parent.is_dir(), (path / "x").exists(), path.with_name("9.png").exists()) == (True, False, False)
    assert stat.S_ISDIR(path.parent.stat().st_mode)
    assert path.stat().st_size == check_regular(path) == len(photos()["images/0.png"])
    assert path.read_bytes() == photos()["images/0.png"]
    assert sorted(one.name for one in path.parent.iterdir()) == ["0.png", "1.png"]
    assert sorted(map(str, path.parent.parent.glob("*/0.*"))) == ["memory://b/images/0.png", "memory://b/masks/0.png"]
    assert list(path.glob("*")) == []
    assert pickle.loads(pickle.dumps(path)) == path
    assert real(path) is path
    assert str(absolute(path.parent / "../masks")) == "memory://b/masks"
    assert (path.parent / "../masks").is_dir()
    assert below_common([path, path_of(root) / "masks/0.png"]) == [Path("images/0.png"), Path("masks/0.png")]


def test_an_address_is_no_part_of_another_path(root, tmp_path):
    path = path_of(root)
    assert str(tmp_path / path) == str(path_of("memory://other") / path) == root
    assert type(path / "/etc") is type(Path())
    assert str(path.joinpath("images", "0.png")) == "memory://b/images/0.png"


def test_what_is_not_there_is_told_as_on_this_machine(root):
    path = path_of(root)
    with pytest.raises(FileNotFoundError, match="memory://b/none"):
        read_text(path / "none")
    with pytest.raises(OSError, match="a folder, not a regular file"):
        read_text(path / "images")
    with pytest.raises(FileNotFoundError):
        os.fspath(path / "none")
    with pytest.raises(NotADirectoryError):
        list((path / "classes.txt").iterdir())
    for how in (lambda: (path / "new").mkdir(), lambda: (path / "classes.txt").open("w"), path.unlink):
        with pytest.raises(OSError, match="read only"):
            how()
    assert not is_regular(path / "none")
    with pytest.raises(DataError, match="expected a folder at memory://nothing/here, got nothing there"):
        open_data("folder:memory://nothing/here")


def test_a_store_is_listed_once_however_many_files_it_has(tmp_path):
    fsspec.register_implementation("counted", Counted, clobber=True)
    files = photos(12)
    for name, content in files.items():
        Counted().pipe_file(f"/b/{name}", content)
    CALLS.clear()
    options = "labels=counted://b/masks&classes=counted://b/classes.txt"
    data = open_data(f"masks:counted://b/images?{options}")
    listed = Counter(CALLS)
    assert len(data.ids) == 12
    assert listed == {"info": 3, "find": 2, "cat_file": 1}  # images, masks, and the list of classes
    for name in data.ids:
        data.fingerprint(name)
        data.load(name)
    assert CALLS - listed == {"cat_file": 24}


def test_images_that_a_list_names_are_not_asked_for_one_by_one(tmp_path):
    fsspec.register_implementation("counted", Counted, clobber=True)
    for name, content in photos(30).items():
        Counted().pipe_file(f"/b/{name}", content)
        Counted().pipe_file(f"/b/labels/{name.split('/')[-1][:-4]}.txt", b"0 0.5 0.5 0.2 0.2\n")
    (tmp_path / "val.txt").write_text("".join(f"counted://b/images/{number}.png\n" for number in range(30)))
    (tmp_path / "data.yaml").write_text("val: val.txt\nnames: [red]\n")
    CALLS.clear()
    data = open_detection(f"yolo:{tmp_path}/data.yaml")
    assert len(data.ids) == 30
    assert CALLS["info"] + CALLS["find"] < 15
    assert data.load(data.ids[0]).truth.boxes.shape == (1, 4)


def test_what_has_changed_is_fetched_anew(root):
    def fingerprint():
        return open_data(f"folder:{root}/images").fingerprint("0")

    before = fingerprint()
    assert fingerprint() == before
    put(root, {"images/0.png": photos()["images/1.png"]})
    assert fingerprint() == open_data(f"folder:{root}/images").fingerprint("1") != before


def test_an_address_that_was_made_a_path_is_one_again(root, tmp_path):
    assert path_of(Path(f"{root}/classes.txt")).read_bytes() == photos()["classes.txt"]
    assert path_of(Path(tmp_path)) == tmp_path
    with pytest.raises(SettingError, match="user or key before the @"):
        path_of(Path("s3://me:pa55@b/x"))


def test_nothing_is_written_to_a_store(tmp_path):
    for place in ("s3://b/out", Path("s3://b/out")):
        with pytest.raises(SettingError, match="expected a folder of this machine to write to, got s3://b/out"):
            folder_of(place)
    assert folder_of(str(tmp_path / "a.zip")) == tmp_path / "a.zip"


def test_tables_of_hugging_face_are_read_on_this_machine(root):
    pytest.importorskip("datasets")
    with pytest.raises(SettingError, match="read its images with folder:memory://b"):
        open_data(f"hf:{root}")


@pytest.mark.parametrize(
    "address", ["simplecache::memory://b", "zip://a::tar://b::memory://c.zip", "zip://a::memory://b"]
)
def test_other_forms_of_addresses_are_refused(address):
    with pytest.raises(SettingError, match="expected an a"):
        path_of(address)


def test_the_kind_of_data_is_asked_for_before_an_address():
    with pytest.raises(SettingError, match="did you mean folder:s3://b/x"):
        open_data("s3://b/x")
    with pytest.raises(SettingError, match="a store that fsspec knows, such as s3://, got nowhere://"):
        open_data("folder:nowhere://b")


def test_files_of_this_machine_are_what_they_were(tmp_path):
    write(tmp_path, photos())
    for text in (str(tmp_path), f"file://{tmp_path}", f"local://{tmp_path}"):
        assert path_of(text) == tmp_path
        assert not isinstance(path_of(text), StorePath)
        assert path_of(Path(text)) == run_folder_of(Path(text)) == tmp_path  # as a command line has it
    assert not isinstance(path_of(str(tmp_path / "no.zip")), StorePath)
    weights = tarred(tmp_path / "net.pth.tar", {"a": b"b"})
    assert isinstance(path_of(weights), StorePath)
    assert not isinstance(file_of(weights), StorePath)
    assert isinstance(path_of(str(zipped(tmp_path / "a.zip", {"a": b"b"}))), StorePath)
