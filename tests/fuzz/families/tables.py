"""Texts beside a data set: class maps, and tables of what is known of its images."""

from __future__ import annotations

from pathlib import Path
from random import Random

from foolscape.data.class_map_file import read_names_map
from foolscape.run.slices.table import matched, read_table
from tests.fuzz.cases import Family, Found, Mutation
from tests.fuzz.hostile import TOKENS, mutate_lines

CLASSES = ("road", "van", "lorry", "fence, wall", "sky", "tree", "traffic light")
MAP = (
    "# theirs: ours\nroad: road\nvan, lorry: truck\n'fence, wall': \"fence\"\nsky: void  # counts nowhere\n"
    "traffic light: signal\n*: void\n"
)
IDS = ("north/a", "north/b", "south/c", "south/d.e")
TABLE = 'id,night,camera\nnorth/a,yes,left\nnorth/b.png,no,right\nsouth/c,no,\nsouth/d.e,yes,"left, old"\n'
MARKS = (":", ",", '"', "'", "#", "*", "void", ";", "\t", "\\", "{", "[", "&a", "!!x", "\r", "\x85", "\u2028")


def mutate_text(rng: Random, root: Path) -> Mutation:
    """A line, or a mark that means something put in anywhere."""
    (path,) = [one for one in root.iterdir() if one.is_file()]
    if rng.random() < 0.7:
        content, mutation = mutate_lines(rng, path.read_text())
    else:
        text, mark = path.read_text(), rng.choice(MARKS)
        at = rng.randrange(len(text) + 1)
        content, mutation = (text[:at] + mark + text[at:]).encode(), Mutation(f"{mark!r} put in at {at}")
        if rng.random() < 0.1:
            content = content.replace(b"\n", rng.choice(TOKENS), 1)
    path.write_bytes(content)
    return mutation


def make_map(root: Path) -> None:
    """A class map that has every form of a line."""
    (root / "map.yaml").write_text(MAP)


def read_map(root: Path) -> Found:
    """What each class of the data is called."""
    return Found((len(CLASSES),), read_names_map(root / "map.yaml").of(CLASSES))


def make_table(root: Path) -> None:
    """A table of the images of a run."""
    (root / "known.csv").write_text(TABLE)


def read_slice_table(root: Path) -> Found:
    """The attributes of every image, and what did not fit."""
    found, notes = matched(read_table(root / "known.csv"), IDS, IDS)
    return Found(
        (len(found),), tuple(sorted((name, *sorted(one.items())) for name, one in found.items())), tuple(notes)
    )


def held_table(root: Path) -> tuple[int, ...] | None:
    """Images of the run that a line begins with; None where quotes or bytes make it a matter of reading."""
    try:
        text = (root / "known.csv").read_bytes().decode()
    except UnicodeDecodeError:
        return None
    if set(text) & set("'\0\r;\t\x85\u2028") or text.count('"') != 2 or not text.startswith(TABLE.partition("\n")[0]):
        return None
    firsts = {line.partition(",")[0].strip() for line in text.split("\n")[1:]}
    without = {name.rpartition(".")[0] for name in firsts - set(IDS)}
    return (len((firsts | without) & set(IDS)),)


FAMILIES = (
    Family("class maps", make_map, mutate_text, read_map),
    Family("slice tables", make_table, mutate_text, read_slice_table, held_table),
)
