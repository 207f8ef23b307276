"""A store of S3's kind, with the client that people have."""

import os
import sys
import warnings
from collections import Counter
from collections.abc import Iterator

import pytest

from foolscape.data.load import open_data
from foolscape.errors import DataError, MissingExtraError, SampleError, SettingError

from .made import photos, write, zipped
from .servers import environment, no_store, put_s3, s3_server

S3FileSystem = pytest.importorskip("s3fs").S3FileSystem
pytest.importorskip("moto")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with s3_server() as address:
        yield address


@pytest.fixture(autouse=True)
def settings(server) -> Iterator[None]:
    with environment(server):
        yield


def test_photographs_and_label_maps_are_those_of_the_folder(tmp_path):
    files = photos(3)
    write(tmp_path / "here", files)
    files["data.zip"] = zipped(tmp_path / "data.zip", photos(3)).read_bytes()
    put_s3("pairs", files)
    prints = []
    for root in (tmp_path / "here", "s3://pairs", "s3://pairs/data.zip"):
        data = open_data(f"masks:{root}/images?labels={root}/masks&classes={root}/classes.txt")
        prints.append([(name, data.fingerprint(name), data.load(name).labels.sum()) for name in data.ids])
    assert prints[0] == prints[1] == prints[2]
    assert len(prints[0]) == 3


def test_what_is_not_there_is_told():
    put_s3("little", {"a/b.txt": b""})
    for place in ("s3://little/none", "s3://nobucket/none"):
        with pytest.raises(DataError, match=f"expected a folder at {place}, got nothing there"):
            open_data(f"folder:{place}")


def test_odd_keys_are_files_or_failures():
    photo = photos(1)["images/0.png"]
    put_s3(
        "odd", {"a": b"", "a/b #1%20.png": photo, "a/w?.png": photo, "a//x.png": photo, "a/../y.png": photo, "c/": b""}
    )
    for place in ("s3://odd", "s3://odd/a"):
        data = open_data(f"folder:{place}")
        names = [name.rpartition("/")[2] for name in data.ids]
        assert names == ["b #1%20", "w?", "x", "y"]
        for name, end in zip(data.ids, names, strict=True):
            if end in "xy":
                with pytest.raises(SampleError, match="a name that no path has"):
                    data.load(name)
            else:
                data.load(name)
    with pytest.raises(DataError, match="got an empty folder"):
        open_data("folder:s3://odd/c")


def test_a_client_that_is_not_installed_is_named(monkeypatch):
    for module in ("gcsfs", "adlfs"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match="pip install gcsfs"):
        open_data("folder:gs://bucket/images")
    with pytest.raises(MissingExtraError, match=r"expected what fsspec needs for abfs://, got .*adlfs"):
        open_data("folder:abfs://bucket/images")


def test_each_file_is_asked_for_once(monkeypatch):
    put_s3("counted", photos(5))
    calls = Counter()
    call = S3FileSystem._call_s3

    async def counted(self, method, *arguments, **options):
        calls[method] += 1
        return await call(self, method, *arguments, **options)

    monkeypatch.setattr(S3FileSystem, "_call_s3", counted)
    data = open_data("folder:s3://counted/images")
    listing = calls.total()
    assert listing <= 4
    for name in data.ids:
        data.load(name)
        data.fingerprint(name)
    assert calls["get_object"] == 5
    assert calls.total() == listing + 5


def test_a_forked_process_has_a_client_of_its_own():
    put_s3("forked", photos(2))
    data = open_data("folder:s3://forked/images")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of newer Pythons, that there are threads
        child = os.fork()
    if not child:
        try:
            os._exit(int(data.fingerprint("0").startswith("unreadable")))
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ("refuses", "PermissionError: Forbidden"),
        ("silent", r"no answer within 0\.4 s \(3 tries\)"),
    ],
)
def test_a_store_that_cannot_be_listed_is_told_with_what_to_do(monkeypatch, how, why):
    monkeypatch.setenv("FOOLSCAPE_STORE_TIMEOUT", "0.4")
    with no_store(how) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
        with pytest.raises(SettingError, match=f"expected s3://b/images to be listed, got {why}") as caught:
            open_data("folder:s3://b/images")
        assert "AWS_PROFILE" in str(caught.value)
        assert len(server.asked) == 1 if how == "refuses" else server.asked


def test_without_keys_or_a_bucket_the_message_says_what_is_missing(monkeypatch, server):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    with pytest.raises(SettingError, match="NoCredentialsError: Unable to locate credentials; check"):
        open_data("folder:s3://little/a")
