"""Runs on data in archives and stores: the rows of a folder, failures that are counted, no key written down."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from foolscape.errors import RunError, SettingError

from ..stores.made import fresh_stores, photos, put, tarred, write, zipped
from ..stores.servers import KEY, SECRET, environment, put_s3, s3_server
from .made import run_unprobed, write_net

pytestmark = pytest.mark.usefixtures("examined_once")

LEAK = "https://user:pa55phrase@host/b/2.png?X-Amz-Signature=5ignature&token=t0k3n"


class Flaky(MemoryFileSystem):
    """Some of its files cannot be had."""

    protocol = "flaky"
    store: ClassVar[dict[str, object]] = {}
    pseudo_dirs: ClassVar[list[str]] = [""]
    asked: ClassVar[list[str]] = []
    released = threading.Event()

    @classmethod
    def _strip_protocol(cls, path):
        return super()._strip_protocol(path.removeprefix("flaky://"))

    def cat_file(self, path, start=None, end=None, **options):
        name = path.rpartition("/")[2]
        first = name not in self.asked
        self.asked.append(name)
        if name == "1.png":
            self.released.wait(5)
        if name == "2.png":
            raise PermissionError(f"403 Forbidden of {LEAK} for {SECRET}")
        if name == "3.png" and first:
            raise ConnectionResetError("dropped")
        if name == "4.png":
            return b"short"
        with self.open(path) as file:
            return file.getvalue()[start:end]


@pytest.fixture(autouse=True)
def stores(tmp_path: Path) -> Iterator[None]:
    fsspec.register_implementation("flaky", Flaky, clobber=True)
    Flaky.store.clear()
    Flaky.asked.clear()
    Flaky.released.clear()
    with fresh_stores(tmp_path / "cache"):
        yield
    Flaky.released.set()


def run(out: Path, data: str, **more):
    settings = {"models": [f"{out.parent / 'nets.py'}:net"], "attack": "fgsm", "eps": "8/255", **more}
    return run_unprobed(out, data=data, **settings)


def rows(out: Path) -> bytes:
    return (out / "rows.jsonl").read_bytes()


def pairs(root: object) -> str:
    return f"masks:{root}/images?labels={root}/masks&classes={root}/classes.txt"


def test_the_same_files_give_the_same_rows_wherever_they_lie(tmp_path):
    write_net(tmp_path)
    files = photos()
    zipped(tmp_path / "data.zip", files)
    tarred(tmp_path / "data.tar.gz", files, "w:gz")
    with s3_server() as address, environment(address):
        places = {
            "folder": write(tmp_path / "folder", files),
            "zip": tmp_path / "data.zip",
            "tar": tmp_path / "data.tar.gz",
            "memory": put("memory://b", files),
            "s3": put_s3("bucket", files),
        }
        for name, root in places.items():
            run(tmp_path / f"run-{name}", pairs(root))
    assert len(rows(tmp_path / "run-folder").splitlines()) > 2
    for name in places:
        assert rows(tmp_path / f"run-{name}") == rows(tmp_path / "run-folder"), name
    for path in (tmp_path / "run-s3").rglob("*"):
        if path.is_file():
            assert KEY.encode() not in path.read_bytes()
            assert SECRET.encode() not in path.read_bytes()


def test_a_run_goes_on_from_a_store_and_a_changed_file_is_noticed(tmp_path):
    write_net(tmp_path)
    root = put("memory://b", photos(3))
    out = tmp_path / "run"
    run(out, pairs(root))
    whole = rows(out)
    (out / "rows.jsonl").write_bytes(whole.splitlines(keepends=True)[0])
    (out / "summary.json").unlink()
    run(out, pairs(root))
    assert rows(out) == whole
    put(root, {"images/1.png": photos(3)["images/2.png"]})
    with pytest.raises(RunError, match="the image or annotation of 1 has changed"):
        run(out, pairs(root))


def test_what_a_store_does_not_give_is_a_failure_of_its_sample(tmp_path, monkeypatch):
    write_net(tmp_path)
    monkeypatch.setenv("FOOLSCAPE_STORE_TIMEOUT", "0.1")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    for name, content in photos(6).items():
        fsspec.filesystem("memory").pipe_file(f"/b/{name}", content)
        Flaky().pipe_file(f"/b/{name}", content)
    root = "memory://b"
    summary = run(tmp_path / "run", f"masks:flaky://b/images?labels={root}/masks&classes={root}/classes.txt")
    assert summary["models"][0]["samples"] == 3
    failures = {failure["id"]: failure["reason"] for failure in summary["failures"]}
    assert failures.keys() == {"1", "2", "4"}
    assert "flaky://b/images/1.png" in failures["1"]
    assert "no answer within 0.1 s (3 tries)" in failures["1"]
    assert "PermissionError: 403 Forbidden of https://***@host/b/2.png?*** for ***" in failures["2"]
    assert "5 bytes instead of" in failures["4"]
    assert [Flaky.asked.count(f"{number}.png") for number in range(6)] == [1, 3, 1, 2, 3, 1]
    for path in (tmp_path / "run").rglob("*"):
        for secret in (SECRET, "pa55phrase", "5ignature", "t0k3n"):
            assert not path.is_file() or secret.encode() not in path.read_bytes(), path


@pytest.mark.parametrize(
    "data",
    [
        "folder:s3://AKIDKEY:pa55phrase@bucket/images",
        "folder:s3://AKIDKEY:pa55/phrase@bucket/images",
        "masks:https://host/a.zip?X-Amz-Signature=pa55phrase",
        'masks:"https://host/a.zip?sig=pa55phrase"',
        "masks:s3://bucket/images?labels=https://me:pa55phrase@host/masks",
        "masks:s3://bucket/images?token=pa55phrase",
        "folder:s3://bucket/images?secret=pa55phrase",
        "folder:zip://images::https://me:pa55phrase@host/a.zip",
        'folder:"s3://bucket/a?versionId=pa55phrase"',
    ],
)
def test_no_key_stands_in_a_spec(tmp_path, data):
    with pytest.raises(SettingError) as caught:
        run(tmp_path / "run", data)
    assert "pa55" not in str(caught.value)
    assert "phrase" not in str(caught.value)
    assert not (tmp_path / "run").exists()
