"""Data sets of Hugging Face: parquet and its columns, what save_to_disk wrote, a folder of images with metadata."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from PIL import Image

from tests.fuzz.cases import Family, Found, Mutation
from tests.fuzz.families import reading
from tests.fuzz.hostile import VALUES, mutate_bytes, mutate_json, mutate_tree

LABELS = (np.arange(12 * 16).reshape(12, 16) % 3).astype(np.uint8)
ROWS = 3


def _library() -> Any:
    """`datasets`, which may ask nobody and leave nothing in anybody's cache."""
    import datasets

    datasets.config.HF_DATASETS_OFFLINE = datasets.config.HF_HUB_OFFLINE = True
    datasets.disable_progress_bars()
    return datasets


def _table() -> Any:
    datasets = _library()
    kinds = {"image": datasets.Image(), "mask": datasets.Image(), "weather": datasets.Value("string")}
    features = datasets.Features(kinds)
    rng = np.random.default_rng(0)
    photos = [Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8)) for _ in range(ROWS)]
    columns = {"image": photos, "mask": [Image.fromarray(LABELS)] * ROWS, "weather": ["sun", "fog", "rain"]}
    return datasets.Dataset.from_dict(columns, features=features)


def make_parquet(root: Path) -> None:
    """Two files of one split."""
    (root / "data").mkdir()
    for part in range(2):
        _table().to_parquet(str(root / f"data/validation-0000{part}-of-00002.parquet"))
    (root / "names.txt").write_text("road\nhouse\ncar\n")


def mutate_parquet(rng: Random, root: Path) -> Mutation:
    """The bytes of a file or the tree, or a column: lost, of another kind, of other values."""
    kind = rng.random()
    path = rng.choice(sorted((root / "data").glob("*.parquet")))
    if kind < 0.3:
        content, mutation = mutate_bytes(rng, path.read_bytes())
        path.write_bytes(content)
        return mutation
    if kind < 0.5:
        return mutate_tree(rng, root, "data")
    import pyarrow as pa
    from pyarrow import parquet

    table = parquet.read_table(path)
    at, name = rng.randrange(table.num_columns), ""
    name = table.column_names[at]
    match rng.choice(("lose", "rename", "texts", "numbers", "nulls", "rows", "none")):
        case "lose":
            table = table.drop_columns([name])
        case "rename":
            table = table.rename_columns([f"{one}2" if one == name else one for one in table.column_names])
        case "texts":
            table = table.set_column(at, name, pa.array([str(rng.choice(VALUES[:9]))] * len(table)))
        case "numbers":
            table = table.set_column(at, name, pa.array([rng.choice((0, -1, 2**40))] * len(table)))
        case "nulls":
            table = table.set_column(at, name, pa.nulls(len(table), table.schema.field(name).type))
        case "rows":
            table = table.slice(0, rng.randrange(len(table)))
        case _:
            table = table.replace_schema_metadata(rng.choice((None, {"huggingface": "{"}, {"huggingface": "[]"})))
    parquet.write_table(table, path)
    return Mutation(f"{path.name}: the column {name} or the rows changed")


def make_disk(root: Path) -> None:
    """What `save_to_disk` writes."""
    _table().save_to_disk(str(root / "data"))
    (root / "names.txt").write_text("road\nhouse\ncar\n")


def mutate_disk(rng: Random, root: Path) -> Mutation:
    """A value of its JSON, the bytes of the arrow file, or the tree."""
    kind = rng.random()
    if kind < 0.3:
        return mutate_tree(rng, root, "data")
    path = rng.choice(sorted((root / "data").glob("*.json" if kind < 0.75 else "*.arrow")))
    if path.suffix == ".json":
        content, mutation = mutate_json(rng, json.loads(path.read_text()))
    else:
        content, mutation = mutate_bytes(rng, path.read_bytes())
    path.write_bytes(content)
    return Mutation(mutation.what)  # most values say nothing of the rows


def make_folder(root: Path) -> None:
    """An imagefolder with boxes in its metadata."""
    (root / "data").mkdir()
    lines = []
    for index in range(ROWS):
        reading.photo(root / f"data/{index}.png", index)
        boxes = {"bbox": [[1.0, 2.0, 5.0, 6.0]], "category": [index % 2]}
        lines.append(json.dumps({"file_name": f"{index}.png", "objects": boxes}))
    (root / "data/metadata.jsonl").write_text("\n".join(lines) + "\n")
    (root / "names.txt").write_text("car\nperson\n")


def mutate_folder(rng: Random, root: Path) -> Mutation:
    """A value of a line of the metadata, its bytes, or the tree."""
    path, kind = root / "data/metadata.jsonl", rng.random()
    if kind < 0.3:
        return mutate_tree(rng, root, "data")
    if kind < 0.45:
        content, mutation = mutate_bytes(rng, path.read_bytes())
        path.write_bytes(content)
        return mutation
    lines = path.read_bytes().splitlines()
    at = rng.randrange(len(lines))
    lines[at], mutation = mutate_json(rng, json.loads(lines[at]))
    path.write_bytes(b"\n".join(lines) + b"\n")
    return Mutation(mutation.what)


def _read(root: Path, how: Callable[[str], Found], options: str = "") -> Found:
    _library().config.HF_DATASETS_CACHE = root.parent / "cache"
    found = how(f"hf:{root}/data?classes={root}/names.txt{options}")
    return replace(found, said=tuple(text.replace(str(root), "") for text in found.said))


def read_maps(root: Path) -> Found:
    """Images and label maps."""
    return _read(root, reading.segmentation)


def read_boxes(root: Path) -> Found:
    """Images and objects."""
    return _read(root, reading.detection, "&format=xywh")


FAMILIES = (
    (
        Family("hf parquet", make_parquet, mutate_parquet, read_maps, weight=8),
        Family("hf on disk", make_disk, mutate_disk, read_maps, weight=4),
        Family("hf folder", make_folder, mutate_folder, read_boxes, weight=8),
    )
    if find_spec("datasets") is not None
    else ()
)
