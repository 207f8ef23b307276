"""Text from outside, such as file names and a stranger's run.json, made fit for a terminal or a page."""

from __future__ import annotations


def printable(text: str) -> str:
    """`text` on one line, with control characters (terminal escapes, bidirectional overrides) made visible."""
    return "".join(c if c.isprintable() else " " if c.isspace() else "\N{REPLACEMENT CHARACTER}" for c in text)


def printable_json(text: str, encoding: str) -> str:
    """A JSON `text` with every character escaped that is not printable, or not in `encoding`: the same value."""

    def fits(character: str) -> bool:
        if not (character.isprintable() or character == "\n"):
            return False
        try:
            character.encode(encoding)
        except UnicodeEncodeError:
            return False
        return True

    # Such characters stand in strings alone, where each is as good as its escape; above 16 bits as a pair.
    return "".join(c if (c.isascii() and c >= " ") or fits(c) else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
