"""Standard output and standard error as they may be: closed, full, or without most of Unicode."""

from __future__ import annotations

import codecs
import errno
import io
import os
import sys
import unicodedata
from typing import Final, TextIO

_PLAIN: Final = {
    "\N{MINUS SIGN}": "-", "\N{EN DASH}": "-", "\N{EM DASH}": "-", "\N{MULTIPLICATION SIGN}": "x", "\N{BULLET}": "*",
    "\N{RIGHTWARDS ARROW}": "->", "\N{LEFT SINGLE QUOTATION MARK}": "'", "\N{RIGHT SINGLE QUOTATION MARK}": "'",
    "\N{LEFT DOUBLE QUOTATION MARK}": '"', "\N{RIGHT DOUBLE QUOTATION MARK}": '"', "\N{PLUS-MINUS SIGN}": "+-",
    "\N{ALMOST EQUAL TO}": "~", "\N{LESS-THAN OR EQUAL TO}": "<=", "\N{GREATER-THAN OR EQUAL TO}": ">=",
}  # fmt: skip
"""What stands for a sign where an encoding does not have it."""

PLAINLY: Final = "foolscape-plainly"
"""The name of the way in which characters are written that an encoding does not have."""


def _plainly(error: UnicodeError) -> tuple[str, int]:
    """See `codecs.register_error`: letters lose their accents, known signs get a plain one, the rest becomes `?`."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    bad = error.object[error.start : error.end]
    return "".join(_plain(character) for character in bad), error.end


def _plain(character: str) -> str:
    if character in _PLAIN:
        return _PLAIN[character]
    return "".join(c for c in unicodedata.normalize("NFKD", character) if c.isascii()) or "?"


codecs.register_error(PLAINLY, _plainly)


class Outlet(io.TextIOBase):
    """`sys.stdout` or `sys.stderr`, whatever it is at the time; after the first fault what is written is dropped.

    Nothing that is printed may end a run: its results are in its files. What went wrong is kept for the end.

    Attributes:
        name: stdout or stderr.
        fault: why nothing can be written any more; None while all is well.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        self.fault: OSError | None = None

    @property
    def _stream(self) -> TextIO | None:
        stream = getattr(sys, self.name)
        # A progress bar puts itself before the stream, and prints through here.
        stream = getattr(stream, "rich_proxied_file", stream)
        return None if stream is None or stream.closed else stream

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """That of the stream."""
        return getattr(self._stream, "encoding", None) or "utf-8"

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        stream = self._stream
        return stream is not None and stream.isatty()

    def fileno(self) -> int:
        """That of the stream; `OSError` where it has none."""
        stream = self._stream
        if stream is None:
            raise io.UnsupportedOperation("closed")
        return stream.fileno()

    def writable(self) -> bool:
        """Always."""
        return True

    def write(self, text: str) -> int:
        """Write `text`, or drop it."""
        stream = self._stream
        if stream is not None and self.fault is None:
            try:
                stream.write(text)
            except OSError as error:
                self._break(stream, error)
        return len(text)

    def flush(self) -> None:
        """Write what is held back, or drop it."""
        stream = self._stream
        if stream is not None and self.fault is None:
            try:
                stream.flush()
            except OSError as error:
                self._break(stream, error)

    def ready(self) -> None:
        """Forget earlier faults, and write plainly what the stream's encoding does not have."""
        self.fault = None
        stream = self._stream
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=PLAINLY)

    @property
    def lost(self) -> OSError | None:
        """Why something that was to be read is not there; None where its reader has left, as `head` does."""
        reader_gone = self.fault is None or self.fault.errno in (errno.EPIPE, errno.ESHUTDOWN)
        return None if reader_gone else self.fault

    def _break(self, stream: TextIO, error: OSError) -> None:
        """Keep the fault, and let what the stream still holds go nowhere, also when Python ends."""
        self.fault = error
        try:
            nothing = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nothing, stream.fileno())
            os.close(nothing)
        except OSError:  # not the operating system's
            return


STDOUT: Final = Outlet("stdout")
STDERR: Final = Outlet("stderr")
