"""Archives are folders; those that are damaged or made to harm are refused, or what is wrong in them is counted."""

import io
import stat
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from foolscape.data.load import open_clips, open_data, open_detection
from foolscape.errors import DataError, SampleError, SettingError
from foolscape.stores.archives import zips

from ..run.made_clips import write_clips
from .made import files_of, photos, png, put, tarred, write, zipped

PHOTO = photos(1)["images/0.png"]


def pairs(root: object) -> str:
    return f"masks:{root}/images?labels={root}/masks&classes={root}/classes.txt"


@pytest.mark.parametrize("ending", ["zip", "tar", "tar.gz", "tgz", "tar.bz2", "tar.xz", "ZIP"])
@pytest.mark.parametrize("where", ["here", "memory"])
def test_an_archive_is_a_folder(tmp_path, monkeypatch, ending, where):
    packing = {"gz": "w:gz", "gz2": "w:bz2", "tgz": "w:gz", "bz2": "w:bz2", "xz": "w:xz"}.get(
        ending.split(".")[-1], "w"
    )
    path = tmp_path / f"data.{ending}"
    zipped(path, photos()) if ending.lower() == "zip" else tarred(path, photos(), packing)
    monkeypatch.chdir(tmp_path)
    root = path.name
    if where == "memory":
        root = f"{put('memory://b/c', {path.name: path.read_bytes()})}/{path.name}"
    there, here = open_data(pairs(root)), open_data(pairs(write(tmp_path / "folder", photos())))
    assert there.ids == here.ids == ("0", "1")
    assert there.notes == here.notes
    for name in here.ids:
        assert there.fingerprint(name) == here.fingerprint(name)
        np.testing.assert_array_equal(there.load(name).image, here.load(name).image)


def test_the_address_may_name_the_archive_last(tmp_path):
    put("memory://b", {"c.zip": zipped(tmp_path / "c.zip", photos()).read_bytes()})
    for form in (
        "zip://images::memory://b/c.zip",
        f"zip://images::{tmp_path}/c.zip",
        f"zip:///images/::{tmp_path}/c.zip",
    ):
        assert open_data(f"folder:{form}").ids == ("0", "1")


def test_clips_boxes_and_published_sets_are_read_from_archives(tmp_path, coco):
    clips = write_clips(tmp_path / "clips", count=1)
    archive = tarred(tmp_path / "clips.tar", files_of(clips))
    here, there = open_clips(f"davis2017:{clips}"), open_clips(f"davis2017:{archive}")
    assert here.fingerprint("clip0") == there.fingerprint("clip0")
    np.testing.assert_array_equal(here.load("clip0").frames, there.load("clip0").frames)
    (tmp_path / "boxes").mkdir()
    box = {"id": 1, "image_id": 5, "category_id": 3, "bbox": [2, 2, 5, 5], "area": 25, "iscrowd": 0}
    spec = coco([{**box, "segmentation": [[2, 2, 7, 2, 7, 7]]}])
    packed = zipped(tmp_path / "coco.zip", files_of(Path(spec.removeprefix("coco:"))))
    here, there = open_detection(spec), open_detection(f"coco:{packed}")
    assert here.ids == there.ids
    assert [here.fingerprint(name) for name in here.ids] == [there.fingerprint(name) for name in there.ids]
    labels = np.full((16, 24), 3, np.uint8)
    camvid = zipped(tmp_path / "v.zip", {"v/test/a.png": PHOTO, "v/testannot/a.png": png(labels)})
    assert (open_data(f"camvid:{packed.with_name('v.zip')}/v").load("a").labels == 3).all()
    assert camvid.exists()


def test_shards_are_a_folder_each(tmp_path):
    for number in range(3):
        sample = {f"{number}.png": PHOTO, f"{number}.seg.png": png(np.full((16, 24), number, np.uint8))}
        tarred(tmp_path / f"s-{number:02}.tar", {**sample, f"{number}.json": b"{}"})
        put("memory://b", {f"s-{number:02}.tar": (tmp_path / f"s-{number:02}.tar").read_bytes()})
    for root in (tmp_path, "memory://b"):
        for name in ("s-{00..02}.tar", "s-*.tar", "s-{00,01,02}.tar"):
            data = open_data(f"masks:{root}/{name}?classes={write(tmp_path, photos())}/classes.txt")
            assert data.ids == ("s-00.tar/0", "s-01.tar/1", "s-02.tar/2")
            assert (data.load("s-02.tar/2").labels == 2).all()
            assert any("3 .json" in note for note in data.notes)
        assert open_data(f"folder:{root}/s-00.tar").ids == ("0", "0.seg")
        with pytest.raises(DataError, match=r"s-03\.tar: expected an archive, got no such file"):
            open_data(f"folder:{root}/s-{{00..03}}.tar")
        with pytest.raises(DataError, match="got nothing there"):
            open_data(f"folder:{root}/t-*.tar")


def test_an_archive_that_has_changed_is_listed_anew(tmp_path):
    path = zipped(tmp_path / "a.zip", {"0.png": PHOTO})
    assert open_data(f"folder:{path}").ids == ("0",)
    zipped(path, {"0.png": PHOTO, "1.png": PHOTO})
    assert open_data(f"folder:{path}").ids == ("0", "1")


def test_an_archive_that_changes_while_it_is_read_is_a_failure(tmp_path):
    path = tarred(tmp_path / "a.tar", {"0.png": PHOTO, "1.png": PHOTO})
    data = open_data(f"folder:{path}")
    data.load("0")
    tarred(path, {"2.png": PHOTO, "3.png": PHOTO})
    data.load("0")  # it was fetched
    with pytest.raises(SampleError, match="changed since it was listed"):
        data.load("1")


@pytest.mark.parametrize("ending", ["zip", "tar", "tgz"])
def test_a_store_that_fails_is_not_taken_for_a_damaged_archive(tmp_path, monkeypatch, ending):
    def fail(*_, **__):
        raise PermissionError("403 Forbidden")

    put("memory://b", {f"a.{ending}": zipped(tmp_path / "a.zip", photos()).read_bytes()})
    monkeypatch.setattr(MemoryFileSystem, "cat_file", fail)
    with pytest.raises(SettingError, match=f"expected the archive memory://b/a.{ending} to be listed, got .*403 Forb"):
        open_data(f"folder:memory://b/a.{ending}")


@pytest.mark.parametrize("ending", ["zip", "tar", "tar.gz", "tar.xz"])
def test_an_archive_that_ends_early_is_refused_wherever_it_ends(tmp_path, ending):
    path = tmp_path / f"a.{ending}"
    files = {f"{number}.png": PHOTO for number in range(3)}
    zipped(path, files) if ending == "zip" else tarred(path, files, {"gz": "w:gz", "xz": "w:xz"}.get(ending[4:], "w"))
    whole = path.read_bytes()
    ends = range(0, 3 * 1024 + 1, 512) if ending == "tar" else range(0, len(whole) - 8, max(1, len(whole) // 9))
    for end in ends:
        path.write_bytes(whole[:end])
        with pytest.raises(DataError, match="expected an archive that is whole"):
            open_data(f"folder:{path}")


def names_in_zip(path: Path, *names: str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(zipfile.ZipInfo(name), PHOTO)
    return path


@pytest.mark.parametrize("names", [("../out.png",), ("/out.png",), ("a/../../out.png",), ("C:/out.png",)])
def test_members_that_lead_out_are_refused(tmp_path, names):
    for path in (names_in_zip(tmp_path / "a.zip", *names), tarred(tmp_path / "a.tar", dict.fromkeys(names, PHOTO))):
        with pytest.raises(DataError, match="expected members inside the archive"):
            open_data(f"folder:{path}")
    assert not list(tmp_path.parent.glob("*.png"))
    assert not (tmp_path / "cache").exists()


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("names", [("a.png", "a.png"), ("a.png", "./a.png"), ("a", "a/b.png"), ("a/b.png", "a")])
def test_two_members_of_one_name_are_refused(tmp_path, names):
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = len(PHOTO)
            archive.addfile(member, io.BytesIO(PHOTO))
    for path in (names_in_zip(tmp_path / "a.zip", *names), tmp_path / "a.tar"):
        with pytest.raises(DataError, match="expected members of different names, got two called a"):
            open_data(f"folder:{path}")


def test_links_and_encrypted_members_and_bombs_are_failures_with_a_reason(tmp_path, monkeypatch):
    link = zipfile.ZipInfo("link.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("good.png", PHOTO)
        archive.writestr(link, "/etc/passwd")
        archive.writestr("secret.png", PHOTO)
        archive.writestr("bomb.png", bytes(1 << 20))
    content = (tmp_path / "a.zip").read_bytes()
    # The flag of encryption, in the header before the member and in the list at the end.
    for place in (content.index(b"secret.png") - 24, content.rindex(b"secret.png") - 38):
        content = content[:place] + b"\x01" + content[place + 1 :]
    (tmp_path / "a.zip").write_bytes(content)
    monkeypatch.setattr(zips, "_BOMB", 1 << 16)
    data = open_data(f"folder:{tmp_path}/a.zip")
    assert data.ids == ("bomb", "good", "link", "secret")
    data.load("good")
    for name, why in {"bomb": "as a zip bomb has it", "link": "a link in", "secret": "encrypted in"}.items():
        with pytest.raises(SampleError, match=why):
            data.load(name)


def test_links_in_a_tar_are_failures_with_a_reason(tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        for name, kind, target in (("a.png", tarfile.SYMTYPE, "/etc/passwd"), ("b.png", tarfile.LNKTYPE, "c.png")):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, target
            archive.addfile(member)
        device = tarfile.TarInfo("d.png")
        device.type = tarfile.CHRTYPE
        archive.addfile(device)
    data = open_data(f"folder:{tmp_path}/a.tar")
    for name, why in {"a": "a link in the archive", "b": "a link in the archive", "d": "no regular file"}.items():
        with pytest.raises(SampleError, match=why):
            data.load(name)


def test_what_is_larger_than_the_cache_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("FOOLSCAPE_CACHE_BYTES", "1000")
    bomb = tarred(tmp_path / "a.tar.gz", {"a.png": bytes(100_000)}, "w:gz")
    with pytest.raises(
        DataError, match="more than the 1,000 that are kept of fetched files; raise FOOLSCAPE_CACHE_BYTES"
    ):
        open_data(f"folder:{bomb}")
    data = open_data(f"folder:{zipped(tmp_path / 'a.zip', {'a.png': bytes(100_000)})}")
    with pytest.raises(SampleError, match="raise FOOLSCAPE_CACHE_BYTES"):
        data.load("a")
    assert sum(path.stat().st_size for path in (tmp_path / "cache").glob("*")) <= 1000


def test_lists_of_images_may_lie_in_an_archive(tmp_path):
    files = {"d/data.yaml": b"val: images\nnames: [a]\n", "d/images/0.png": PHOTO, "d/labels/0.txt": b"0 .5 .5 .2 .2\n"}
    data = open_detection(f"yolo:{zipped(tmp_path / 'y.zip', files)}/d/data.yaml")
    assert data.load("0").truth.boxes.shape == (1, 4)


@pytest.mark.parametrize("limit", [3, 2])
def test_a_zip_may_have_more_members_than_its_first_form_can_tell(tmp_path, monkeypatch, limit):
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", limit)  # else 65,535
    monkeypatch.setattr(zips, "_MANY", 3)
    path = names_in_zip(tmp_path / "a.zip", "a.png", "b.png", "c.png")
    content = path.read_bytes()
    assert (b"PK\6\6" in content) == (limit < 3)
    assert open_data(f"folder:{path}").ids == ("a", "b", "c")
    if limit < 3:
        at = content.index(b"PK\6\6") + 32
        path.write_bytes(content[:at] + b"\4" + content[at + 1 :])
        with pytest.raises(DataError, match="3 members instead of 4"):
            open_data(f"folder:{path}")
