"""A store of S3's kind, with the client that people have."""

from collections.abc import Iterator

import pytest

from foolscape.data.load import open_data
from foolscape.errors import DataError

from .made import photos, write, zipped
from .servers import environment, put_s3, s3_server

pytest.importorskip("s3fs")
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
