"""Mutations that any input can meet: of bytes, of text, of JSON, of the files in a tree."""

from __future__ import annotations

import copy
import json
import os
import shutil
from pathlib import Path
from random import Random
from typing import Any

from tests.fuzz.cases import Mutation

Place = tuple[Any, Any]
"""A container, and the key or index of a value in it."""

LONG_NUMBER = "7" * 5000
DEEP = "[" * 3000 + "]" * 3000

WORDS = (
    "", " ", ".", "..", "/", "../../etc/passwd", "/etc/passwd", "a\0b", "\ud800", "\u202e", "\x1b[31mred", "~", "%00",
    "0", "-1", "1.0", "nan", "inf", "true", "false", "None", "x" * 5000, "a\nb", "C:\\x", "con", "é", "🦊",
)  # fmt: skip
"""Texts that are awkward as names, paths and numbers."""

VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 0.5, 2**31, 2**63, 10**30, 1e308, float("nan"), float("inf"), float("-inf"), [], {},
    [1], [[]], {"a": 1}, [None], *WORDS,
)  # fmt: skip
"""Values of JSON of any type."""

RAW = (LONG_NUMBER, DEEP, "NaN", "-0", "1e999")
"""Values of JSON that Python does not write."""


TOKENS = (b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"\xc3", b"9" * 5000, b'"', b"{", b"<", b"\r\n")
"""Bytes that are awkward in texts."""


def mutate_bytes(rng: Random, data: bytes) -> tuple[bytes, Mutation]:
    """`data` with a few bits changed, or bytes lost, doubled or put in."""
    at, length = rng.randrange(len(data) + 1), rng.choice((1, 4, 16, 64))
    kind = rng.choice(("bits", "bits", "cut", "lose", "double", "zeros", "noise", "token", "empty", "behind"))
    if kind == "bits" and data:
        out, bits = bytearray(data), rng.choice((1, 8))
        for _ in range(bits):
            out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)
        return bytes(out), Mutation(f"{bits} bits flipped")
    before, part, behind = data[:at], data[at : at + length], data[at + length :]
    token = rng.choice(TOKENS)
    forms = {
        "cut": (before, f"cut off at {at} of {len(data)}"),
        "lose": (before + behind, f"{length} bytes lost at {at}"),
        "double": (before + part + part + behind, f"{length} bytes doubled at {at}"),
        "zeros": (before + bytes(length) + behind, f"{length} zeros at {at}"),
        "noise": (before + rng.randbytes(length) + behind, f"{length} random bytes at {at}"),
        "token": (before + token + part + behind, f"{token[:8]!r} put in at {at}"),
        "empty": (b"", "emptied"),
    }
    content, what = forms.get(kind, (data + rng.randbytes(length), f"{length} bytes put behind"))
    return content, Mutation(what)


def mutate_lines(rng: Random, text: str) -> tuple[bytes, Mutation]:
    """The `text` of a list with a line changed, or in another form of text file."""
    forms = {
        "a byte order mark": (b"\xef\xbb\xbf" + text.encode(), False),
        "lines end in CR LF": (text.replace("\n", "\r\n").encode(), False),
        "UTF-16": (text.encode("utf-16"), False),
        "a line in Latin-1": (text.encode() + "né\n".encode("latin-1"), True),
        "NULs at the end": (text.encode() + bytes(16), True),
    }
    if rng.random() < 0.35:
        what, (content, legit) = rng.choice(tuple(forms.items()))
        return content, Mutation(what, legit)
    if rng.random() < 0.15:
        return mutate_bytes(rng, text.encode())
    lines = text.splitlines()
    at, kind = rng.randrange(len(lines)), rng.choice(("word", "word", "behind", "double", "lose", "blank"))
    match kind:
        case "word":
            lines[at] = rng.choice(WORDS)
        case "behind":
            lines[at] += rng.choice((" ", "\t", " 1", " -1", ".jpg", ".png", " # no", ",", "\0", "/"))
        case "double":
            lines.insert(at, lines[at])
        case "lose":
            del lines[at]
        case _:
            lines.insert(at, "")
    said = f"line {at}: {kind} {lines[at : at + 1]!r:.60}"
    return ("\n".join(lines) + "\n").encode("utf-8", "surrogatepass"), Mutation(said)


def places(tree: Any) -> list[Place]:
    """Every value in a tree of lists and dicts, by where it stands."""
    found: list[Place] = []
    keys = range(len(tree)) if isinstance(tree, list) else list(tree) if isinstance(tree, dict) else ()
    for key in keys:
        found.append((tree, key))
        found += places(tree[key])
    return found


def mutate_json(rng: Random, tree: Any) -> tuple[bytes, Mutation]:
    """A `tree` of JSON with a value replaced, lost, doubled or exchanged; as bytes, which may be no JSON any more."""
    tree = copy.deepcopy(tree)
    container, key = rng.choice(places(tree))
    old = container[key]
    kind = rng.choice(("value",) * 6 + ("raw", "lose", "double", "exchange", "twice"))
    mark = "\N{SNOWMAN}"
    match kind:
        case "value":
            new = rng.choice(VALUES)
            container[key] = new
            # A number may stand where a number did, and a text where a text did.
            legit = _kind(new) == _kind(old)
            return _dumped(tree), Mutation(f"{key!r}: {old!r:.40} became {new!r:.40}", legit)
        case "raw":
            container[key] = mark
            raw = rng.choice(RAW)
            return _dumped(tree).replace(json.dumps(mark).encode(), raw.encode()), Mutation(f"{key!r}: {raw:.20}")
        case "lose":
            del container[key]
            return _dumped(tree), Mutation(f"{key!r} lost: {old!r:.40}", legit=isinstance(container, list))
        case "double" if isinstance(container, list):
            container.insert(key, copy.deepcopy(old))
            return _dumped(tree), Mutation(f"item {key} twice: {old!r:.40}")
        case "exchange":
            other, where = rng.choice(places(tree))
            container[key], other[where] = copy.deepcopy(other[where]), copy.deepcopy(old)
            return _dumped(tree), Mutation(f"{key!r} and {where!r} exchanged")
        case _ if isinstance(container, dict):
            container[f"{key}{mark}"] = rng.choice(VALUES)
            text = _dumped(tree).replace(json.dumps(f"{key}{mark}").encode(), json.dumps(key).encode())
            return text, Mutation(f"{key!r} is there twice")
    return mutate_bytes(rng, _dumped(tree))


def _kind(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return repr(value)
    return "number" if isinstance(value, int | float) else type(value).__name__


def _dumped(tree: Any) -> bytes:
    return json.dumps(tree).encode()


def mutate_tree(rng: Random, root: Path, below: str = "") -> Mutation:
    """A file or folder below `root` lost, emptied, renamed, replaced by what is no file, or given company."""
    entries = sorted((root / below).rglob("*"))
    victim = rng.choice(entries)
    name = victim.relative_to(root).as_posix()
    kind = rng.choice((
        "lose", "empty", "rename", "suffix", "folder", "fifo", "device", "loop", "dangling", "linked", "company",
        "hidden", "odd", "bytes", "bytes", "twin",
    ))  # fmt: skip
    folder = victim if victim.is_dir() else victim.parent
    if kind in ("company", "hidden", "odd"):
        beside = {"company": "notes.txt", "hidden": ".DS_Store"}.get(kind) or rng.choice(("a\nb.png", "\x1b[31m.png"))
        (folder / beside).write_bytes(rng.choice((b"", b"text\n", bytes(64))))
        return Mutation(f"{beside!r} put into {folder.name}")
    if kind == "rename":
        odd = os.fsdecode(rng.choice((b"\xff\xfe", b"a b", b"a:b?c=d&e", b"..x", b"caf\xc3\xa9", b"cafe\xcc\x81")))
        victim.rename(victim.with_name(odd + victim.suffix))
        return Mutation(f"{name} is now called {odd!r}")
    if kind == "suffix":
        suffix = rng.choice((".PNG", ".jpg", ".JPG", ".png", "", ".txt", ".part"))
        victim.rename(victim.with_suffix(suffix))
        return Mutation(f"{name} has now the suffix {suffix!r}")
    if kind == "bytes" and victim.is_file():
        victim.write_bytes(mutate_bytes(rng, victim.read_bytes())[0])
        return Mutation(f"{name}: bytes changed")
    if kind == "twin" and victim.is_file():
        shutil.copy(victim, victim.with_name(f"{victim.stem}{rng.choice(('.bmp', '.PNG', '.jpeg', '.png.png'))}"))
        return Mutation(f"{name} has a twin")
    return _replaced(rng, victim, name, kind)


def _replaced(rng: Random, victim: Path, name: str, kind: str) -> Mutation:
    """What no reader must wait for, or follow without end, in the place of `victim`."""
    if victim.is_dir():
        aside = victim.with_name(f"{victim.name} aside")
        victim.rename(aside)
    else:
        aside = victim
        victim.unlink()
    match kind:
        case "empty" if not aside.is_dir():
            victim.touch()
        case "folder":
            victim.mkdir()
        case "fifo":
            os.mkfifo(victim)
        case "device":
            victim.symlink_to(rng.choice(("/dev/zero", "/dev/null", "/dev/full")))
        case "loop":
            victim.symlink_to(victim.name)
        case "dangling":
            victim.symlink_to("nowhere")
        case "linked" if aside.is_dir():
            victim.symlink_to(aside.name)
        case "linked":
            victim.symlink_to(".")
        case _:
            kind = "lost"
    return Mutation(f"{name}: {kind}")
