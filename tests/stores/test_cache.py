"""The folder of fetched files has a bound, and serves several processes."""

import os
import threading
import time
from pathlib import Path

import pytest

from foolscape.errors import SettingError
from foolscape.stores.cache import Cache, cache


def fetched(one: Cache, name: str, size: int = 100) -> Path:
    return one.get(name, f"{name}.png", size, lambda file: file.write(bytes(size)) and None)


def used(path: Path, ago: float) -> None:
    os.utime(path, (time.time() - ago, time.time() - ago))


def test_what_was_used_last_stays(tmp_path):
    one = Cache(tmp_path, most=450)
    paths = [fetched(one, name) for name in "abcd"]
    assert all(path.suffix == ".png" for path in paths)
    for ago, path in zip((400, 300, 200, 100), paths, strict=True):
        used(path, ago)
    assert fetched(one, "a") == paths[0]  # it is there, and used last now
    fetched(one, "e")
    assert [path.exists() for path in paths] == [True, False, True, True]
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 450


def test_what_was_just_fetched_stays_until_it_can_be_opened(tmp_path):
    one = Cache(tmp_path, most=150)
    paths = [fetched(one, name) for name in "ab"]
    assert all(path.exists() for path in paths)
    paths = [fetched(Cache(tmp_path, most=150, grace=0), name) for name in "cd"]
    assert [path.exists() for path in paths] == [False, True]


def test_a_file_that_failed_or_was_cut_leaves_nothing(tmp_path):
    one = Cache(tmp_path, most=1000)

    def fail(file):
        file.write(b"part")
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        one.get("a", "a.png", 100, fail)
    with pytest.raises(OSError, match="4 bytes instead of 100"):
        one.get("a", "a.png", 100, lambda file: file.write(b"part") and None)
    assert not list(tmp_path.iterdir())
    path = fetched(one, "a")
    path.write_bytes(b"cut")
    assert fetched(one, "a").stat().st_size == 100


def test_what_others_fetch_counts_too(tmp_path):
    here, there = Cache(tmp_path, most=1000, grace=0), Cache(tmp_path, most=1000, grace=0)
    for number in range(30):
        fetched(here if number % 2 else there, str(number))
        assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 1300


def test_threads_share_it(tmp_path):
    one = Cache(tmp_path, most=1 << 20)
    threads = [threading.Thread(target=lambda: [fetched(one, str(n)) for n in range(20)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(list(tmp_path.iterdir())) == 20


def test_the_environment_says_where_and_how_much(tmp_path, monkeypatch):
    monkeypatch.setenv("FOOLSCAPE_CACHE_BYTES", "12345")
    assert (cache().folder, cache().most) == (tmp_path / "cache", 12345)
    monkeypatch.delenv("FOOLSCAPE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    assert cache().folder == tmp_path / "home" / "foolscape"
    for text in ("5 GB", "-1", "0", "1e9"):
        monkeypatch.setenv("FOOLSCAPE_CACHE_BYTES", text)
        with pytest.raises(SettingError, match="expected FOOLSCAPE_CACHE_BYTES to be a number of bytes"):
            cache()


def test_a_folder_that_cannot_be_written_to_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(SettingError, match="name another with FOOLSCAPE_CACHE"):
        fetched(Cache(tmp_path / "file" / "x", most=1000), "a")
