"""Addresses as people write them: what a machine is in them, what a path is, and what is refused."""

from pathlib import Path
from typing import ClassVar

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from foolscape.cli import app
from foolscape.errors import SettingError
from foolscape.paths import file_of, folder_of, path_of, run_folder_of
from foolscape.stores.address import inside_of, protocol_of, shown
from foolscape.stores.folder import folder_at

from .made import put

DOORS = (path_of, file_of, folder_of, run_folder_of)


class Machine(MemoryFileSystem):
    """Files of a machine, each with its own, as sftp and hdfs have them."""

    protocol = "sftp"
    of_machines: ClassVar[dict[str, dict[str, object]]] = {}

    def __init__(self, host="default", port=22, **options):
        super().__init__(**options)
        self.store = self.of_machines.setdefault(f"{host}:{port}", {})
        self.pseudo_dirs = [""]

    @classmethod
    def _strip_protocol(cls, path):
        rest = path.removeprefix("sftp://")
        return f"/{rest.partition('/')[2]}".rstrip("/") if rest != path else path.rstrip("/")

    @staticmethod
    def _get_kwargs_from_urls(address):
        host, _, port = address.removeprefix("sftp://").partition("/")[0].partition(":")
        return {"host": host} | ({"port": int(port)} if port else {})


@pytest.fixture
def machines():
    fsspec.register_implementation("sftp", Machine, clobber=True)
    Machine.of_machines.clear()
    return Machine


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("file:///tmp/a", "/tmp/a"),
        ("file://localhost/tmp/a", "/tmp/a"),
        ("FILE://LOCALHOST/tmp/a", "/tmp/a"),
        ("file:/tmp/a", "/tmp/a"),
        ("local:///tmp/a", "/tmp/a"),
        ("file:///tmp/a%20b%25", "/tmp/a b%"),
        ("file:///tmp/%C3%A4", "/tmp/ä"),
        ("file:///tmp/100%", "/tmp/100%"),
        ("/tmp/a%20b", "/tmp/a%20b"),
        ("./C:/a", "C:/a"),
    ],
)
def test_a_file_of_this_machine_is_named_as_the_rfc_says(door, text, path):
    assert str(door(text)) == path


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "file://host/tmp/a",
            "expected file:///PATH, with three slashes, .*'host' stands for a machine; write the path",
        ),
        ("file://runs", "'runs' stands for a machine"),
        ("file://", "'nothing' stands for a machine"),
        ("local://host/a", "expected local:///PATH"),
        ("file:///C:/runs", "expected the path of a file of this machine, got file:///C:/runs"),
        ("file:///tmp/%00", "expected the path of a file of this machine"),
        ("hdfs:/a", "expected hdfs://MACHINE/PATH, or hdfs:///PATH .* with one slash"),
        (Path("sftp://host/a"), "from Python as text, since a Path keeps one"),
    ],
)
def test_what_names_another_machine_or_none_is_refused(door, text, message):
    with pytest.raises(SettingError, match=message):
        door(text)


@pytest.mark.parametrize("text", [r"C:\runs\a", "C:/runs", "d:", r"\\server\share"])
def test_nothing_is_written_to_a_path_of_windows(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for door in (folder_of, run_folder_of):
        with pytest.raises(SettingError, match=r"got the path of Windows .*; write \./"):
            door(text)
    assert path_of(text) == Path(text)  # of a list that was written elsewhere; its reader knows what it means
    Path(text).mkdir(parents=True)
    assert folder_of(text) == Path(text)


@pytest.mark.parametrize(
    "address", ["hdfs:///a/b", "hdfs://h:8020/a", "sftp://h/a/b", "s3://b/a", "memory://a", "s3://b/~/a", "hdfs:///"]
)
def test_an_address_is_held_and_shown_as_it_was_written(address):
    inside = inside_of(address)
    assert "//" not in inside
    assert shown(inside) == address
    assert protocol_of(inside) == tuple(address.split("://"))


def test_a_machine_that_is_named_is_the_one_that_is_asked(machines):
    for host in ("one:22", "two:2222", "default:22"):
        machines.of_machines[host] = {}
    for address, content in (("sftp://one", b"1"), ("sftp://two:2222", b"2"), ("sftp:///", b"0")):
        folder = folder_at(path_of(f"{address.rstrip('/')}/runs" if address != "sftp:///" else "sftp:///runs"))
        folder.put("said", content)
        assert folder.address.startswith(address)
        assert (path_of(folder.address) / "said").read_bytes() == content
    assert [len(files) for files in machines.of_machines.values()] == [1, 1, 1]


@pytest.mark.parametrize(
    "words",
    [
        ["run", "--model", "bundled:scenes-unet", "--data", "scenes:", "--out", "file://host/runs"],
        ["run", "--model", "bundled:scenes-unet", "--out", "x", "--data", "folder:file://host/photos"],
        ["run", "--config", "file://host/run.yaml"],
        ["run", "--model", "bundled:scenes-unet", "--data", "scenes:", "--slices", "file://host/table.csv"],
        ["run", "--model", "bundled:scenes-unet", "--data", "scenes:", "--out", "x", "--shard", "1/2", "--shard-costs", "file://host/run"],
        ["transfer", "--model", "bundled:scenes-unet", "--data", "scenes:", "--out", "file://host/runs"],
        ["universal", "--model", "bundled:scenes-unet", "--data", "scenes:", "--out", "file://host/runs"],
        ["harden", "--model", "bundled:scenes-unet", "--data", "scenes:", "--out", "file://host/runs"],
        ["sweep", "file://host/grid.yaml"],
        ["merge", "file://host/runs"],
        ["status", "file://host/runs"],
        ["rows", "file://host/runs"],
        ["report", "file://host/runs"],
        ["demo", "--out", "file://host/runs"],
        ["check", "--data", "scenes:", "--out", "file://host/runs"],
    ],
    ids=lambda words: " ".join(words[:1] + words[-2:-1]),
)  # fmt: skip
def test_every_command_asks_at_one_place_what_an_address_is(words, tmp_path, monkeypatch):
    put("memory://here", {"a": b"b"})
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingError, match=r"with three slashes, .*'host' stands for a machine"):
        app(args=words, standalone_mode=False)
    assert list(tmp_path.iterdir()) == []
