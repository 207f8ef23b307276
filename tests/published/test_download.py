"""`foolscape download`, from a server on this machine: whole, in parts, interrupted, changed, and not at all."""

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from foolscape.cli import download as command
from foolscape.cli import main
from foolscape.cli.console import DONE, ERROR, USAGE
from foolscape.errors import DataError
from foolscape.published import downloads, fetching
from foolscape.published.downloads import DOWNLOADS, Download
from foolscape.published.fetching import fetch

CONTENT = hashlib.shake_128(b"weights").digest(300_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@dataclass
class Manner:
    """How the server behaves: what it has, the first answers that end early, whether it knows ranges, its status."""

    content: bytes = CONTENT
    broken: int = 0
    ranges: bool = True
    status: int = 200
    asked: list[str | None] = field(default_factory=list)


@pytest.fixture
def manner() -> Manner:
    return Manner()


@pytest.fixture
def server(manner: Manner) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers.get("Range")
            manner.asked.append(asked)
            if manner.status != 200:
                self.send_error(manner.status)
                return
            start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and manner.ranges else 0
            if start >= len(manner.content):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(manner.content)}")
                self.end_headers()
                return
            rest = manner.content[start:]
            self.send_response(206 if asked and manner.ranges else 200)
            if asked and manner.ranges:
                self.send_header("Content-Range", f"bytes {start}-{len(manner.content) - 1}/{len(manner.content)}")
            self.send_header("Content-Length", str(len(rest)))
            self.end_headers()
            if manner.broken:
                manner.broken -= 1
                rest = rest[: len(rest) // 2]
            self.wfile.write(rest)

        def log_message(self, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}/net.pth"
        running.shutdown()
        thread.join()


def made(address: str, digest: str = f"sha256:{SHA256}") -> Download:
    return Download(name="net", file="net.pth", address=address, digest=digest, licence="MIT", about="a network")


def silent(done: int, total: int | None) -> None:
    pass


def test_a_file_is_fetched_once(server: str, manner: Manner, tmp_path: Path) -> None:
    told: list[tuple[int, int | None]] = []
    found = fetch(made(server), tmp_path / "new", lambda done, total: told.append((done, total)))
    assert found.path.read_bytes() == CONTENT
    assert found.sha256 == SHA256
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["net.pth"]
    assert fetch(made(server), tmp_path / "new", silent).was_there
    assert manner.asked == [None]


@pytest.mark.parametrize("digest", [f"sha256:{SHA256[:8]}", f"md5:{hashlib.md5(CONTENT).hexdigest()}"])
def test_other_forms_of_checksums(server: str, tmp_path: Path, digest: str) -> None:
    assert fetch(made(server, digest), tmp_path, silent).sha256 == SHA256


def test_what_has_come_is_not_asked_for_again(server: str, manner: Manner, tmp_path: Path) -> None:
    (tmp_path / "net.pth.part").write_bytes(CONTENT[:1000])
    found = fetch(made(server), tmp_path, silent)
    assert manner.asked == ["bytes=1000-"]
    assert found.resumed == 1000
    assert found.path.read_bytes() == CONTENT


def test_a_broken_connection_goes_on(server: str, manner: Manner, tmp_path: Path) -> None:
    manner.broken = 2
    assert fetch(made(server), tmp_path, silent, pause=0).path.read_bytes() == CONTENT
    assert manner.asked == [None, "bytes=150000-", "bytes=225000-"]


def test_a_server_without_ranges_begins_anew(server: str, manner: Manner, tmp_path: Path) -> None:
    manner.ranges = False
    (tmp_path / "net.pth.part").write_bytes(b"x" * 1000)
    assert fetch(made(server), tmp_path, silent).path.read_bytes() == CONTENT


def test_a_part_that_is_all_there_is(server: str, manner: Manner, tmp_path: Path) -> None:
    (tmp_path / "net.pth.part").write_bytes(CONTENT)
    assert fetch(made(server), tmp_path, silent).path.read_bytes() == CONTENT
    assert manner.asked == [f"bytes={len(CONTENT)}-"]


def test_a_part_that_is_too_long_is_thrown_away(server: str, tmp_path: Path) -> None:
    (tmp_path / "net.pth.part").write_bytes(CONTENT + b"x")
    assert fetch(made(server), tmp_path, silent, pause=0).path.read_bytes() == CONTENT


def test_another_file_is_refused_and_thrown_away(server: str, manner: Manner, tmp_path: Path) -> None:
    manner.content = CONTENT[:-1] + b"?"
    with pytest.raises(DataError, match=rf"expected net\.pth with the SHA256 {SHA256} .* download it again"):
        fetch(made(server), tmp_path, silent)
    assert not list(tmp_path.iterdir())
    (tmp_path / "net.pth").write_bytes(b"mine")
    with pytest.raises(DataError, match=r"remove .*net\.pth and download it again"):
        fetch(made(server), tmp_path, silent)
    assert (tmp_path / "net.pth").read_bytes() == b"mine"


@pytest.mark.parametrize(("status", "tries"), [(404, 1), (503, fetching._TRIES)])
def test_a_server_that_refuses(server: str, manner: Manner, tmp_path: Path, status: int, tries: int) -> None:
    manner.status = status
    with pytest.raises(DataError, match=rf"HTTPError: HTTP Error {status}"):
        fetch(made(server), tmp_path, silent, pause=0)
    assert len(manner.asked) == tries


def test_no_server_and_no_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"expected to download http://127\.0\.0\.1:9/net\.pth, got URLError"):
        fetch(made("http://127.0.0.1:9/net.pth"), tmp_path, silent, pause=0)
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"FileExistsError|NotADirectoryError"):
        fetch(made("http://127.0.0.1:9/net.pth"), tmp_path / "file", silent, pause=0)


def foolscape(*words: object) -> int:
    with pytest.raises(SystemExit) as caught:
        main([str(word) for word in words])
    assert isinstance(caught.value.code, int)
    return caught.value.code


def test_the_command(
    server: str, manner: Manner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(downloads, "DOWNLOADS", (made(server),))
    assert foolscape("download", "net", "--to", tmp_path) == USAGE
    assert "licence: MIT" in (said := capfd.readouterr().err)
    assert "add --yes" in said
    assert not manner.asked
    assert foolscape("download", "net", "--yes") == USAGE
    assert "add --to DIR" in capfd.readouterr().err
    assert foolscape("download", "net", "--to", tmp_path, "--yes") == DONE
    assert capfd.readouterr().out == f"{SHA256}  {tmp_path / 'net.pth'}\n"
    assert foolscape("download", "nett", "--to", tmp_path, "--yes") == USAGE
    assert "did you mean net" in capfd.readouterr().err


@pytest.mark.parametrize(("answer", "code"), [("n", ERROR), ("y", DONE)])
def test_at_a_terminal_it_asks(
    server: str, manner: Manner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str, code: int
) -> None:
    monkeypatch.setattr(downloads, "DOWNLOADS", (made(server),))
    monkeypatch.setattr(command.sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr(command.typer, "confirm", lambda *_, **__: answer == "y")
    assert foolscape("download", "net", "--to", tmp_path) == code
    assert (tmp_path / "net.pth").exists() == (answer == "y")


def test_the_table(capfd: pytest.CaptureFixture[str]) -> None:
    assert foolscape("download") == DONE
    said = capfd.readouterr().out
    assert len({one.name for one in DOWNLOADS}) == len(DOWNLOADS)
    for one in DOWNLOADS:
        kind, _, digits = one.digest.partition(":")
        assert one.address.startswith("https://")
        assert one.address.endswith(one.file)
        assert kind in ("sha256", "md5")
        assert int(digits, 16) > 0
        assert one.licence
        assert one.name in said
