"""Servers on this machine: an S3 store, and one that answers as a test wants."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

KEY, SECRET = "AKIDFORTESTS", "wJalr/secret/forTests"


@contextmanager
def environment(address: str) -> Iterator[None]:
    """The settings of S3's client in the environment."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            patch.delenv(name, raising=False)
        patch.setenv("AWS_ENDPOINT_URL", address)
        patch.setenv("AWS_ACCESS_KEY_ID", KEY)
        patch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield


@contextmanager
def s3_server() -> Iterator[str]:
    """The address of an S3 store that is empty."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        server.stop()


def put_s3(bucket: str, files: Mapping[str, bytes]) -> str:
    """`files` in a new bucket of the store that the environment names."""
    import boto3

    client = boto3.client("s3")
    client.create_bucket(Bucket=bucket)
    for name, content in files.items():
        client.put_object(Bucket=bucket, Key=name, Body=content)
    client.close()
    return f"s3://{bucket}"


class _Answering(BaseHTTPRequestHandler):
    """Refuses or is silent, as its server says."""

    def _answer(self) -> None:
        server = self.server
        assert isinstance(server, Answering)
        server.asked.append(self.path)
        if server.how == "silent":
            server.released.wait(10)
        if server.how == "refuses":
            body = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
            self.send_response(403)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)
        self.close_connection = True

    do_GET = do_HEAD = _answer

    def log_message(self, *_: object) -> None:
        """Nothing is printed."""


class Answering(ThreadingHTTPServer):
    """A server that gives nothing.

    Attributes:
        how: refuses or silent.
        asked: what it was asked for.
        released: set when it need not be silent any more.
    """

    def __init__(self, how: str) -> None:
        super().__init__(("127.0.0.1", 0), _Answering)
        self.how, self.asked, self.released = how, list[str](), threading.Event()


@contextmanager
def no_store(how: str) -> Iterator[Answering]:
    """A server that `how` tells of."""
    server = Answering(how)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server
    finally:
        server.released.set()
        server.shutdown()
        thread.join()
        server.server_close()
