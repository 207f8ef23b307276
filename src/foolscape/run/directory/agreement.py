"""What of run.json must not differ when a run is continued, and how a difference is told."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Final

from foolscape.records.types import Object

_FREE: Final = (
    "started", "command", "foolscape", "gradient", "consistency", "narrowed", "threads", "data_notes", "kept",
    "apart",
)  # fmt: skip
"""Keys that may differ. Of foolscape's version only what it changes counts: `algorithms`. How a run was begun
is taken over: its threads, and whether training images are attacked apart."""

KeyPath = tuple[str, ...]
"""The keys that lead to a value."""


def differences(there: Object, here: Object) -> list[str]:
    """What differs between what run.json holds and what it would hold now, each in a phrase; samples that changed last.

    An attack is the same whether its user named it or it was chosen. What is said of the data may change while its
    samples do not: the run's own directory may lie in it.
    """
    changes = list(_differences(_compared(there), _compared(here), ()))
    # The hash of a whole data set says less than which of its samples changed.
    if any(_is_sample(place) for place, *_ in changes):
        changes = [
            one for one in changes if one[0] not in (("data", "sha256"), ("train", "sha256"), ("test", "sha256"))
        ]
    changes.sort(key=lambda one: _is_sample(one[0]))
    return [_phrase(place, was, now, there) for place, was, now in changes]


def digest_of(prints: Mapping[str, str]) -> str:
    """One hash of the fingerprints of all samples, by id."""
    return hashlib.sha256("\n".join(f"{name} {value}" for name, value in prints.items()).encode()).hexdigest()


def _compared(record: Object) -> Object:
    own = {
        key: {name: value for name, value in there.items() if name != remark}
        for key, remark in (("attack", "chosen"), ("data", "notes"))
        if isinstance(there := record.get(key), dict)
    }
    return {key: value for key, value in (record | own).items() if key not in _FREE}


def _differences(there: Object, here: Object, place: KeyPath) -> Iterator[tuple[KeyPath, object, object]]:
    """Place, what was there, what is there now."""
    for key in {**there, **here}:
        was, now = there.get(key), here.get(key)
        if isinstance(was, list) and isinstance(now, list) and len(was) == len(now):
            was, now = dict(enumerate(was)), dict(enumerate(now))
        if isinstance(was, dict) and isinstance(now, dict):
            yield from _differences(was, now, (*place, str(key)))
        elif was != now:
            yield (*place, str(key)), was, now


def _is_sample(place: KeyPath) -> bool:
    return place[0] == "samples" or place[:2] in (("train", "images"), ("test", "images"))


def _phrase(place: KeyPath, was: object, now: object, there: Object) -> str:
    """Such as `models.0.weights_sha256 was .., is ..`; what changed on the disk is named."""
    if place[-2:-1] == ("files",):
        change = "is new" if was is None else "is gone" if now is None else "has changed"
        return f"{place[-1]}, a source file of {_model(place, there)}, {change}"
    if place[-2:-1] == ("libraries",):
        return f"{place[-1]}, a library of {_model(place, there)}, was {was or 'not there'}, is {now or 'not there'}"
    if place[0] == "algorithms":
        return f"foolscape computes {place[-1]} in another way now (number {was or 'none'}, now {now or 'none'})"
    if place[0] == "attack_files":
        return f"{place[-1]}, or a file that it imports, has changed"
    if place[0] == "samples" and place[-1] == "sha256":
        return f"the image or annotation of {there['samples'][int(place[1])]['id']} has changed"
    if place[:2] in (("train", "images"), ("test", "images")):
        return f"the image or annotation of {place[2]} has changed"
    return f"{'.'.join(place)} was {_short(was)}, is {_short(now)}"


def _model(place: KeyPath, there: Object) -> str:
    """The model that a place in `models` is of, by its spec."""
    models = there.get("models")
    if place[0] == "models" and isinstance(models, list):
        return str(models[int(place[1])].get("model", "the model"))
    return "the model"


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."
