"""What a run directory says of the run that was begun in it, and whether a command is of that run."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from foolscape.disk import write_file
from foolscape.errors import RunError
from foolscape.records.places import RUN
from foolscape.records.reader import read_json
from foolscape.records.run import AnyRecord, HardenRecord, RunRecord, UniversalRecord, record_in
from foolscape.records.scan import scan
from foolscape.records.subjects import SampleRecord
from foolscape.records.types import Object, dumped, form_of
from foolscape.run.directory.agreement import differences
from foolscape.run.directory.lock import strangers


def write_json(directory: Path, place: str, record: Mapping[str, Any]) -> None:
    """Write a JSON object to `place` below `directory`; NaN is refused."""
    write_file(directory, place, dumped(record, indent=1))


def as_json(record: AnyRecord) -> Object:
    """What run.json holds of a record."""
    content: Object = json.loads(dumped(form_of(type(record)).dump_python(record, exclude_defaults=True)))
    return content


def as_comparable(record: AnyRecord) -> Object:
    """What run.json says of all processes that share a run: each knows the hashes of its own samples alone, and may
    find a batch of its own by trying."""
    content = as_json(replace(record, shard=None, samples=tuple(SampleRecord(id=one.id) for one in record.samples)))
    if isinstance(record, RunRecord):
        content["data"].pop("sha256")
        if not isinstance(record.config.get("batch"), int):
            content.pop("batch")
    if isinstance(record, UniversalRecord | HardenRecord):
        for split in ("train", "test"):
            content[split] = content[split]["samples"]
    return content


def read_settings(directory: Path) -> AnyRecord | None:
    """What run.json of a run to go on with holds; None where nothing was begun in `directory`.

    Raises:
        RunError: it is damaged, or of another schema.
    """
    path = directory / RUN
    if not os.path.lexists(path):
        return None
    try:
        content = read_json(path)
    except RunError as error:
        raise RunError(
            f"{error}. Without it nobody knows what was measured in {directory}: delete that folder, or choose another "
            "--out"
        ) from error
    try:
        return record_in(path, content)
    except ValueError as error:
        raise RunError(f"{path}: does not have the form of a run: {error}. Choose another --out") from error


def agree(directory: Path, record: AnyRecord) -> AnyRecord:
    """What run.json holds, written if it is not there, and equal to `record` in all that matters."""
    begun = read_settings(directory)
    if begun is None:
        if others := strangers(directory):
            raise RunError(f"expected an empty directory or a run in {directory}, got {', '.join(others[:3])}")
        write_json(directory, RUN, as_json(record))
        return record
    there = filled = _filled(begun, record)
    samples, full = record.samples, record
    if there.samples == samples:  # of many, one copy is held, and none is compared as JSON
        there, record = replace(there, samples=()), replace(record, samples=())
    changed = differences(as_json(there), as_json(record))
    if changed:
        raise RunError(
            f"expected the command that began {directory}, got another one: {'; '.join(changed[:4])}. "
            f"Runs are never mixed: choose another --out, or --new without one{_hint(directory, begun, full)}"
        )
    found = replace(there, samples=samples)
    if filled is not begun:
        write_json(directory, RUN, as_json(found))
    return found


def _filled(there: AnyRecord, record: AnyRecord) -> AnyRecord:
    """What run.json says, with the hashes of samples that are tried again; see `retry`."""
    known = {sample.id: sample.sha256 for sample in record.samples}
    if all(sample.sha256 is not None or known.get(sample.id) is None for sample in there.samples):
        return there
    samples = tuple(replace(one, sha256=one.sha256 or known.get(one.id)) for one in there.samples)
    found = replace(there, samples=samples)
    if isinstance(found, RunRecord) and isinstance(record, RunRecord) and samples == record.samples:
        return replace(found, data=replace(found.data, sha256=record.data.sha256))
    return found


def _hint(directory: Path, there: AnyRecord, record: AnyRecord) -> str:
    """What to do where a sample that could not be used is another now: a store may answer again."""
    known = {sample.id: sample.sha256 for sample in record.samples}
    changed = {sample.id for sample in there.samples if known.get(sample.id, sample.sha256) != sample.sha256}
    rows = scan(directory, there).rows if changed else None
    failed = set() if rows is None else {name for _, name in rows.failed}
    if not changed & failed:
        return ""
    return f". Of these {len(changed & failed)} could not be used before; try them again with --retry-failed"
