"""From the record of `check.examine` to the reason that a verdict takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from foolscape.records.conditions import FAILED
from foolscape.records.types import Object
from foolscape.run.wiring.judge import POINTS
from foolscape.verdict import Reason

CHECK: Final = "the clean model is right"
HIGHER: Final = "no likely mistake of wiring scores higher"
ASSUMED: Final = "the clean predictions are right"

FEW: Final = 8
"""Below so many images a rival that wins by far is suspicious, although no interval says so."""

FAR: Final = 10.0
"""Points."""

_MORE: Final = "too few images to be sure: raise --limit"

_DOUBT: Final = 20.0
"""Points by which a rival wins that leaves the model undecided, although the interval includes 0."""

_PART: Final = 0.9

_EASY: Final = 70.0
"""A constant answer that scores as much, as on clips in which little moves, is no measure of a model."""


_ALIKE: Final = 50.0
"""Where the truth of one image scores as much on another, images are too much alike to tell whose answer it is."""


def wiring_reasons(record: Mapping[str, Any]) -> tuple[Reason, ...]:
    """What `wiring/SLUG.json` says of a model, for its verdict; nothing where there is no such record."""
    if not record:
        return ()
    if FAILED in record:
        return (_reason(None, f"not checked: {record[FAILED]}", advice="mend that, and run it anew"),)
    if "hints" in record:
        seen = "; ".join(["not checked: no labels", record["seen"], *record["hints"]])
        return (_reason(None, seen, assumed=ASSUMED),)
    if sure := [one for one in record["rivals"] if _is_sure(one)]:
        rival = _best(record["rivals"], _simplest(sure))
        return (_reason(False, _against(record, rival, _simplest(sure)), advice=str(rival["advice"])),)
    if record["images"] < FEW and (far := [one for one in record["rivals"] if _is_far(one)]):
        rival = _simplest(far)
        return (_reason(None, _too_few(record, rival), advice=str(rival["advice"])),)
    best = max(record["rivals"], key=_worth, default=None)
    if best is None:
        return (_floored(record, HIGHER),)
    floored = _floored(record, f"{HIGHER} beyond chance: {_would_be(best)} {_gained(best)}")
    return (_doubted(record, best) if floored.ok and best["gain"] >= _DOUBT else floored,)


def _reason(ok: bool | None, seen: str, *, advice: str = "", assumed: str = "") -> Reason:
    return Reason(id="clean-model", check=CHECK, ok=ok, seen=seen, advice=advice, assumed=assumed)


def _is_sure(one: Object) -> bool:
    """Whether a rival wins beyond chance."""
    return one["low"] is not None and one["low"] > 0


def _is_far(one: Object) -> bool:
    """Whether a rival wins by far, and on every image."""
    return one["gain"] >= FAR and one["least"] is not None and one["least"] >= POINTS


def _doubted(record: Mapping[str, Any], best: Object) -> Reason:
    """Of a model that a rival beats by far, but not beyond chance."""
    advice = f"too few images to be sure, raise --limit; if so: {best['advice']}"
    return _reason(None, f"{_clean(record)}; {_would_be(best)} {_gained(best)}, which may be chance", advice=advice)


def _best(rivals: list[Object], sure: Object) -> Object:
    """The rival to name where `sure` wins beyond chance: it, or one as simple that wins by more.

    What explains most may be less sure than what explains a part: some mistakes undo much of another.
    """
    better = [one for one in rivals if one["rank"] <= sure["rank"] and _worth(one) >= _worth(sure) + POINTS]
    return max(better, key=_worth, default=sure)


def _simplest(rivals: list[Object]) -> Object:
    """The best of the simplest rivals that come within `POINTS` of the best of all."""
    best = max(map(_worth, rivals))
    near = [one for one in rivals if _worth(one) >= best - POINTS]
    rank = min(one["rank"] for one in near)
    return max((one for one in near if one["rank"] == rank), key=_worth)


def _worth(one: Object) -> float:
    """The points that a rival gains; fewer where it was judged on a part of every sample, unlike the others."""
    return float(one["gain"]) * (_PART if one["part"] else 1.0)


def _against(record: Mapping[str, Any], rival: Object, sure: Object) -> str:
    """The clean score, what it would be, and the interval behind it."""
    would = f"{_clean(record)}; {_would_be(rival)}"
    if rival is sure:
        return f"{would} {_gained(sure)}"
    return f"{would} (+{rival['gain']:.1f}), and more beyond chance {sure['says']} {_gained(sure)}"


def _too_few(record: Mapping[str, Any], rival: Object) -> str:
    images = "1 image is" if record["images"] == 1 else f"{record['images']} images are"
    return f"{_clean(record)}; {_would_be(rival)} (+{rival['gain']:.1f}), but {images} too few to be sure"


def _clean(record: Mapping[str, Any]) -> str:
    return f"{record['score']} {record['clean']:.1f}"


def _would_be(one: Object) -> str:
    return f"{one['says']} it would be {one['score']:.1f}"


def _gained(one: Object) -> str:
    interval = "" if one["low"] is None else f", {one['low']:.1f} to {one['high']:.1f}"
    return f"(+{one['gain']:.1f}{interval})"


def _floored(record: Mapping[str, Any], higher: str) -> Reason:
    """Of a model that no rival surely beats, as `higher` says: whether it beats a constant, and answers on others."""
    clean, floor = _clean(record), record.get("floor")
    if floor is None and record["clean"] < POINTS:
        return _reason(None, f"{clean} on a single image: nothing can be told", advice="measure on more images")
    if floor is None:
        return _reason(None, f"{clean} on a single image, which is too few to be sure; {higher}", advice=_MORE)
    beside = f"{floor['score']:.1f} for {floor['name']}"
    if floor["gain"] is None:
        return _reason(None, "not checked: nothing that counts is in these images", assumed=ASSUMED)
    elsewhere, few = record.get("elsewhere"), record["images"] < FEW
    if _beaten(floor):
        if elsewhere is None or elsewhere["gain"] is None or _beaten(elsewhere):
            return _reason(True, f"{clean}, against {beside}; {higher}")
        name, alike = "its answers on other images", elsewhere["alike"] >= _ALIKE
        advice = "look whether the labels are those of these images, and whether the network looks at its image"
        advice = _MORE if few and elsewhere["gain"] >= POINTS else advice
        return _fallen(clean, elsewhere, f"{elsewhere['score']:.1f} for {name}", advice, easy=alike)
    advice = "look at the predictions: are the weights loaded, is the input what the network was trained on"
    advice = _MORE if few and floor["gain"] >= POINTS else advice
    return _fallen(clean, floor, beside, advice, easy=floor["score"] >= _EASY and floor["gain"] > -FAR)


def _beaten(floor: Mapping[str, Any]) -> bool:
    """Whether the model is surely better than `floor`, which a single image, without an interval, cannot show."""
    return bool(floor["gain"] >= POINTS and floor["low"] is not None and floor["low"] > 0)


def _fallen(clean: str, floor: Mapping[str, Any], beside: str, advice: str, *, easy: bool) -> Reason:
    """Of a model that is not surely better than `floor`; `easy` where that says nothing of it."""
    if easy:
        return _reason(None, f"{clean}, against {beside}: on these images nothing can be told", assumed=ASSUMED)
    if floor["high"] is not None and (floor["high"] < 0 or floor["gain"] < POINTS):
        seen = f"{clean}, no better than {beside}; no likely mistake of wiring that was tried explains it"
        return _reason(False, seen, advice=advice)
    return _reason(None, f"{clean}, not surely better than {beside}", advice=advice)
