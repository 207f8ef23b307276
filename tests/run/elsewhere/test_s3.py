"""Runs in a store of S3's kind, with the client that people have, and with processes that are killed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from foolscape.cli.console import DONE, ERROR
from foolscape.errors import RunError
from foolscape.paths import run_folder_of
from foolscape.run.elsewhere import owner
from foolscape.run.elsewhere.ledger import BESIDE, PIECES, chains_in, ledger_place, ledgers_in
from foolscape.stores.folder import StoreFolder, folder_at
from foolscape.stores.path import StorePath

from ...stores.made import fresh_stores
from ...stores.servers import SECRET, environment, no_store, put_s3, s3_server
from ..made import write_net, write_photos
from ..test_manners import foolscape
from .made import figures, folder, other_machine

pytest.importorskip("s3fs")
pytest.importorskip("moto")

COMMAND = """
import sys
from foolscape.run.elsewhere import mirror
mirror.EVERY = 0.05
from foolscape.cli import main
main(sys.argv[1:])
"""
DEADLINE = 120
LEASE = "10"
"""Seconds that the tests wait for one who was killed; one who lives is heard of several times within them."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with s3_server() as address:
        yield address


@pytest.fixture(autouse=True)
def stores(server: str, tmp_path: Path) -> Iterator[None]:
    with environment(server), fresh_stores(tmp_path / "cache"):
        yield


def command(tmp_path: Path, net: str, photos: int, steps: int) -> list[object]:
    """A run without its place."""
    nets, images = write_net(tmp_path), write_photos(tmp_path / "photos", photos)
    return ["run", "--model", f"{nets}:{net}", "--data", f"folder:{images}", "--attack", "pgd", "--steps", steps,
            "--probes", 0, "--quiet"]  # fmt: skip


def at(address: str) -> StoreFolder:
    path = run_folder_of(address)
    assert isinstance(path, StorePath)
    return folder_at(path)


def stored(place: StoreFolder) -> dict[str, bytes]:
    """The files of a run in a store."""
    return {name: place.read(name) for name in place.sizes()}


def test_a_run_is_that_of_a_folder_and_browsers_can_show_it(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    import boto3

    put_s3("runs", {})
    run = command(tmp_path, "net", 2, 2)
    assert foolscape(*run, "--out", tmp_path / "here") == DONE
    assert foolscape(*run, "--out", "s3://runs/a/val") == DONE
    there = stored(at("s3://runs/a/val"))
    assert figures(there) == figures(folder(tmp_path / "here"))
    assert foolscape("report", "s3://runs/a/val") == DONE
    client = boto3.client("s3")
    wanted = {
        "report.html": "text/html; charset=utf-8",
        "clean/photo0.png": "image/png",
        "run.json": "application/json",
    }
    for name, kind in wanted.items():
        assert client.head_object(Bucket="runs", Key=f"a/val/{name}")["ContentType"] == kind
    client.close()
    assert foolscape(*run, "--out", "s3://nobucket/val") == ERROR
    assert "expected s3://nobucket/val to be written to, got no such bucket or folder" in capfd.readouterr().err
    with other_machine(tmp_path / "other"):  # all is there: nothing is measured
        assert foolscape(*run, "--out", "s3://runs/a/val") == DONE
    assert figures(stored(at("s3://runs/a/val"))) == figures(there) | {
        name: content for name, content in stored(at("s3://runs/a/val")).items() if name in ("report.md", "report.tex")
    }


def test_one_of_several_makes_a_file() -> None:
    put_s3("claims", {})
    place = at("s3://claims/a")
    assert place.create("one", b"first")
    assert not place.create("one", b"second")
    assert place.read("one") == b"first"


def test_a_store_that_refuses_is_told_without_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    run = command(tmp_path, "net", 1, 1)
    with no_store("refuses") as refusing:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{refusing.server_address[1]}")
        assert foolscape(*run, "--out", "s3://runs/b") == ERROR
    said = capfd.readouterr().err
    assert "expected s3://runs/b to be written to, got " in said
    assert SECRET not in said
    assert "cpu" not in said  # nothing was opened


@pytest.mark.slow
def test_a_killed_run_goes_on_from_an_empty_cache_to_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(owner.LEASE, LEASE)
    put_s3("killed", {})
    place = at("s3://killed/val")
    run = [str(word) for word in command(tmp_path, "slow", 30, 40)]
    assert foolscape(*run, "--out", tmp_path / "here") == DONE
    kills = 0
    for number in range(2):
        least = len(samples_in(place)) + 1
        process = started(tmp_path, run, "s3://killed/val")
        try:
            wait_for_rows(process, place, least)
            if number == 0:  # another driver, from another machine
                with monkeypatch.context() as patch:
                    patch.setenv(owner.LEASE, "300")  # so long it may be silent
                    with pytest.raises(RunError, match=f"process {process.pid}"):
                        owner.take(place, None, print)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
        kills += process.returncode == -signal.SIGKILL
        shutil.rmtree(tmp_path / "cache")
    assert kills == 2
    assert foolscape(*run, "--out", "s3://killed/val") == DONE
    assert figures(stored(place)) == figures(folder(tmp_path / "here"))
    assert not any(name.startswith(PIECES) for name in place.sizes())


def started(tmp_path: Path, run: list[str], out: str) -> subprocess.Popen[bytes]:
    """The command in a process of its own."""
    settings = {"FOOLSCAPE_CACHE": str(tmp_path / "cache"), owner.LEASE: LEASE}
    words = [sys.executable, "-c", COMMAND, *run, "--out", out]
    return subprocess.Popen(words, env=os.environ | settings, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def wait_for_rows(process: subprocess.Popen[bytes], place: StoreFolder, least: int) -> None:
    """Wait until the store has rows of so many samples by its ledger."""
    until = time.monotonic() + DEADLINE
    while time.monotonic() < until:
        assert process.poll() is None, "it has ended by itself"
        if len(samples_in(place)) >= least:
            return
        time.sleep(0.1)
    pytest.fail("no rows came")


def samples_in(place: StoreFolder) -> set[Any]:
    """The samples whose rows are in the store."""
    try:
        numbers = ledgers_in(place.names(BESIDE))
        ledger = place.read(ledger_place(numbers[-1])) if numbers else b'{"files": {}}'
        chain = chains_in(ledger, "there").get("rows.jsonl", ())
        text = b"".join(place.read(piece.place)[: piece.size] for piece in chain)
    except FileNotFoundError:  # a newer one is there
        return set()
    return {json.loads(line)["id"] for line in text.splitlines()}
