"""`--retry-failed`: a run is as if its failures had not been measured yet, so that the same command tries them again.

What was found out on images that could be used in their place, the checks of the model and the other attacks, is
forgotten with them. Whatever a kill leaves of it is an unfinished run that goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from foolscape.disk import in_words, remove_file
from foolscape.errors import RunError
from foolscape.records.places import MATRIX, RUN, SHARD, SUMMARY
from foolscape.records.run import AnyRecord, EnsembleRecord, RunRecord, TransferRecord
from foolscape.records.scan import Scan, rewritten, scan
from foolscape.run.directory.begun import as_json, read_settings, write_json

_RESULTS: Final = (SUMMARY, MATRIX, SHARD)
_FOUND_OUT: Final = ("wiring", "probes")
"""Folders of what was tried beside the attack, on images that could be used."""


def forget_failures(directory: Path, say: Callable[[str], None]) -> None:
    """Forget the failures of a run or transfer in `directory`, and of the runs in it, and tell how many there were.

    A directory in which nothing was begun is left as it is.

    Args:
        directory: of which no command is at work but this one.
        say: told.

    Raises:
        RunError: it is of another command, or cannot be read or written.
    """
    if (record := read_settings(directory)) is None:
        return
    if not isinstance(record, RunRecord | TransferRecord):
        raise RunError(
            f"expected a run or a transfer in {directory}, whose failures are tried again, got that of foolscape "
            f"{record.kind}, which goes on with the images that it has learnt from; choose another --out"
        )
    with in_words(directory):
        found = [one for one in _with_failures(directory, record) if one[2].rows.failed]
        count = len({name for *_, one in found for _, name in one.rows.failed})
        say(f"{count} failed image{'s' * (count != 1)} of {directory}: tried again" if count else
            f"{directory} holds no failures that could be tried again")  # fmt: skip
        for place, there, rows in reversed(found):
            _reopen(place, there, rows)
        for _, _, one in found:
            one.forget(set(one.rows.failed))
            rewritten(one)


def _with_failures(directory: Path, record: AnyRecord) -> Iterator[tuple[Path, AnyRecord, Scan]]:
    """What is in it of runs and ensembles, and it itself, with their rows."""
    for path in sorted(directory.glob(f"*/*/{RUN}")) if isinstance(record, TransferRecord) else ():
        inner = read_settings(path.parent)
        if isinstance(inner, RunRecord | EnsembleRecord):
            yield path.parent, inner, scan(path.parent, inner)
    yield directory, record, scan(directory, record)


def _reopen(directory: Path, record: AnyRecord, found: Scan) -> None:
    """Without results, and without what was found out while the failures could not be used."""
    for name in _RESULTS:
        remove_file(directory / name)
    for name in _FOUND_OUT:
        for path in sorted((directory / name).glob("*")):
            remove_file(path)
    write_json(directory, RUN, as_json(_unread(record, found)))


def _unread(record: AnyRecord, scanned: Scan) -> AnyRecord:
    """What run.json says before anything is found out, with no hash of a sample of which there are failures alone."""
    rows = scanned.rows
    failed = {name for _, name in rows.failed}
    used = {name for model, own in rows.spans.items() for name in own if (model, name) not in rows.failed}
    samples = tuple(replace(sample, sha256=None) if sample.id in failed - used else sample for sample in record.samples)
    found = replace(record, samples=samples, consistency={})
    return replace(found, gradient={}) if isinstance(found, RunRecord) else found
