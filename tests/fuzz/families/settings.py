"""Settings in YAML files, of every command that takes them."""

from __future__ import annotations

from pathlib import Path
from random import Random

import yaml

from foolscape.run.harden.config import make_harden_config
from foolscape.run.settings.config import make_config, read_settings
from foolscape.run.settings.inputs import wired
from foolscape.run.settings.yaml_file import read_mapping
from foolscape.run.universal.config import make_universal_config
from tests.fuzz.cases import Family, Found, Mutation
from tests.fuzz.hostile import LONG_NUMBER, WORDS, mutate_bytes, mutate_lines, mutate_tree

RUN = """\
model: bundled:scenes-unet
data: scenes:?count=4
split: test
size: 64x96
attack: pgd
eps: 8/255
steps: 5
limit: 2
ids: [test-00000]
batch: 2
seed: 3
device: cpu
"""
UNIVERSAL = """\
model: bundled:scenes-unet
data: "scenes:"
train_split: train
test_split: test
target: "hide:person"
epochs: 2
tile: 64x96
shifts: true
"""
HARDEN = """\
model: bundled:scenes-unet
data: "scenes:"
train_split: train
test_split: test
epochs: 1
batch: 2
"""
FILES = {"run": RUN, "universal": UNIVERSAL, "harden": HARDEN}

BOMB = "[&a [x,x,x,x,x,x,x,x,x], " + ", ".join(
    f"&{chr(98 + i)} [{','.join(f'*{chr(97 + i)}' for _ in range(9))}]" for i in range(9)
)

VALUES = (
    "", "null", "~", "true", "[]", "{}", "[1]", "[[a]]", "{a: 1}", "1", "-1", "0", "1.5", ".nan", ".inf", "1e400",
    "2001-13-45", "2001-01-01", "12:30:45", "0x1F", "0o17", "1_000", "!!python/object:os.system x", "!!binary x",
    "!x y", "&a [*a]", "*a", "<<", "'\\0'", '"\\0"', '"\\ud800"', "|", ">", "@", "`", "%",
    LONG_NUMBER, "[" * 3000 + "]" * 3000,
    "9" * 400, "x" * 5000, BOMB + "]", "16x16", "99999999999999999999x16", "٣x٣", "8/0", "0/0", "-1/255", "1e400/255",
)  # fmt: skip


def make(root: Path) -> None:
    """A file for each command."""
    for name, text in FILES.items():
        (root / f"{name}.yaml").write_text(text)


def mutate(rng: Random, root: Path) -> Mutation:
    """A value, a line, bytes, or what stands in place of a file."""
    path, kind = root / f"{rng.choice(tuple(FILES))}.yaml", rng.random()
    if kind < 0.1:
        return mutate_tree(rng, root)
    text = path.read_text()
    if kind < 0.3:
        mutated, mutation = mutate_lines(rng, text) if rng.random() < 0.6 else mutate_bytes(rng, text.encode())
        path.write_bytes(mutated)
        return mutation
    lines = text.splitlines()
    at = rng.randrange(len(lines))
    key = lines[at].partition(":")[0]
    value = rng.choice((*VALUES, *(word for word in WORDS if word.isprintable() and word.isascii())))
    lines[at] = f"{rng.choice((key,) * 8 + ('? ' + key, '1', 'nothing', 'out', key.upper()))}: {value}"
    path.write_text("\n".join(lines) + "\n")
    return Mutation(f"{path.name}: {lines[at]:.60}")


def read(root: Path) -> Found:
    """The settings as each command has them; a setting of another type than was written is said by its name."""
    run, universal, harden = root / "run.yaml", root / "universal.yaml", root / "harden.yaml"
    given = [read_settings(run), read_mapping(universal), read_mapping(harden)]
    makers = (make_config, make_universal_config, make_harden_config)
    made = [maker(wired(dict(one))).model_dump(mode="json") for maker, one in zip(makers, given, strict=True)]
    turned = [
        (key, str(value), str(config[key]))
        for one, config in zip(given, made, strict=True)
        for key, value in one.items()
        if key in config and value is not None and not _same(value, config[key])
    ]
    return Found((len(turned),), tuple(turned))


def _same(written: object, settled: object) -> bool:
    """Whether a setting is what was written, as far as its type goes."""
    if isinstance(settled, bool):
        return str(written).lower() in (
            ("true", "yes", "on", "1", "1.0") if settled else ("false", "no", "off", "0", "0.0")
        )
    if isinstance(written, bool):
        return False
    if isinstance(written, list):
        return isinstance(settled, list | tuple) and [str(one) for one in settled] == [str(one) for one in written]
    if isinstance(written, int | float) and isinstance(settled, int | float):
        return written == settled
    return isinstance(written, str | int | float) and (str(written) == str(settled) or "/" in str(settled))


def held(root: Path) -> tuple[int, ...]:
    """No setting may be turned into another."""
    del root
    return (0,)


FAMILIES = (Family("yaml", make, mutate, read, held),)
assert all(yaml.safe_load(text) for text in FILES.values())
