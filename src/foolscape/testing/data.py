"""The contract of a data set: what foolscape relies on, tried on a few samples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final, cast

import numpy as np

from foolscape.data.boxes import DetectionSample
from foolscape.data.clips import Clip, objects_in
from foolscape.data.images import MIN_SIDE
from foolscape.data.overview.look import evenly_spread
from foolscape.data.own import as_bytes, data_set_of, is_data
from foolscape.data.sample import VOID, Data, Sample
from foolscape.errors import FoolscapeError, SampleError, SettingError, UnknownNameError
from foolscape.spec import Spec
from foolscape.tasks.base import DETECTION, SEGMENTATION, VIDEO, task_named
from foolscape.testing.verdicts import ContractReport, FailedError, OnCheck, Sheet, silent

_NO_ID: Final = "\x00no such sample"


def check_data(data: object, task: str, *, samples: int = 8, on_check: OnCheck = silent) -> ContractReport:
    """Try whether a data set keeps its side of the contract of `foolscape.data.sample.Data`.

    Args:
        data: the data set: a `Data`, or what is made one when it is handed to a run, a data set of one's own or any
            iterable of (image, labels); label maps without names are then taken for any classes.
        task: what its samples are for: segmentation, detection or video.
        samples: how many are loaded, spread over all of them; each twice.
        on_check: called for every check.

    Raises:
        UnknownNameError: no such task.
        SettingError, DataError: it is no data set, or not one for the task.
    """
    kind = task_named(task).name
    data = _opened(data, kind)
    sheet = Sheet(on_check)
    ids = evenly_spread(tuple(name for name in data.ids if isinstance(name, str)), samples)
    sheet.attempt("ids are texts, each once", partial(_nothing_of, partial(_of_ids, data), f"{len(data.ids)} of them"))
    sheet.attempt(
        "an unknown id is refused by name", partial(_nothing_of, partial(_of_unknown, data), "UnknownNameError")
    )
    looks: dict[str, Callable[[], list[str]]] = {
        "samples are what the task has": lambda: _each(data, ids, lambda one: _of_sample(data, kind, one)),
        "a sample is the same when it is loaded again": lambda: _each(data, ids, lambda one: _of_two(data, one)),
        "fingerprints tell samples apart, and stay": lambda: _of_fingerprints(data, ids),
    }
    for name, look in looks.items():
        sheet.attempt(name, partial(_nothing_of, look, f"of {len(ids)} samples"))
    return sheet.report


def _opened(data: object, task: str) -> Data[Any]:
    if is_data(data):
        return cast("Data[Any]", data)
    name = type(data).__name__
    openers = data_set_of(name, data).openers
    if task not in openers:
        raise SettingError(f"{name}: expected a data set for {task}, got one for {', '.join(openers)}")
    return openers[task](Spec(name, "", name), None, tuple(map(str, range(VOID))))


def _nothing_of(look: Callable[[], list[str]], seen: str) -> str:
    """`seen`, or raises FailedError with the first of the problems that `look` finds."""
    if problems := look():
        raise FailedError(problems[0])
    return seen


def _of_ids(data: Data[Any]) -> list[str]:
    ids = list(data.ids)
    if not ids:
        return ["expected samples, got no id"]
    if others := [name for name in ids if not isinstance(name, str) or not name]:
        return [f"expected texts as ids, got {others[0]!r}"]
    return [] if len(set(ids)) == len(ids) else [f"expected each id once, got {len(ids) - len(set(ids))} again"]


def _of_unknown(data: Data[Any]) -> list[str]:
    try:
        data.load(_NO_ID)
    except UnknownNameError:
        return []
    except Exception as error:  # a user's data set may raise anything
        return [f"expected UnknownNameError for an id that does not exist, got {type(error).__name__}: {error}"]
    return ["expected UnknownNameError for an id that does not exist, got a sample"]


def _each(data: Data[Any], ids: Sequence[str], look: Callable[[Any], list[str]]) -> list[str]:
    """What is wrong with the first sample that something is wrong with; one that cannot be used is none."""
    for name in ids:
        try:
            sample = data.load(name)
        except SampleError:
            continue
        except Exception as error:  # a user's data set may raise anything
            return [f"{name}: expected a sample, or a SampleError with the reason, got {type(error).__name__}: {error}"]
        if problems := look(sample):
            return [f"{name}: {problems[0]}"]
    return []


def _of_sample(data: Data[Any], task: str, sample: Any) -> list[str]:
    kind: type[Any] = {SEGMENTATION.name: Sample, DETECTION.name: DetectionSample, VIDEO.name: Clip}[task]
    if not isinstance(sample, kind):
        return [f"expected a {kind.__name__}, got {type(sample).__name__}"]
    if task == VIDEO.name:
        return _of_frames(sample)
    problems = _of_image(sample.image)
    classes = None if data.classes is None else len(data.classes)
    return problems or (_of_labels(sample, classes) if task == SEGMENTATION.name else _of_boxes(sample, classes))


def _of_image(image: Any) -> list[str]:
    shape, dtype = np.shape(image), getattr(image, "dtype", None)
    if dtype != np.uint8 or len(shape) != 3 or shape[2] != 3 or min(shape[:2]) < MIN_SIDE:
        return [f"expected an image (H, W, 3) of uint8, sides from {MIN_SIDE} on, got {shape} of {dtype}"]
    return []


def _of_labels(sample: Sample, classes: int | None) -> list[str]:
    labels = sample.labels
    if (labels is None) != (classes is None):
        return [
            f"expected labels where there are classes, got {'none' if labels is None else 'labels without classes'}"
        ]
    if labels is None or classes is None:
        return []
    if labels.dtype != np.uint8 or labels.shape != sample.image.shape[:2]:
        return [f"expected labels {sample.image.shape[:2]} of uint8, got {labels.shape} of {labels.dtype}"]
    above = labels[(labels >= classes) & (labels != VOID)]
    return [f"expected labels 0 to {classes - 1}, or {VOID} for void, got {above[0]}"] if above.size else []


def _of_boxes(sample: DetectionSample, classes: int | None) -> list[str]:
    truth = sample.truth
    if (truth is None) != (classes is None):
        return [f"expected boxes where there are classes, got {'none' if truth is None else 'boxes without classes'}"]
    if truth is None or classes is None or not len(truth.labels):
        return []
    height, width = sample.image.shape[:2]
    inside = (truth.boxes >= 0).all() and (truth.boxes <= [width, height, width, height]).all()
    if not inside or not (truth.boxes[:, 2:] > truth.boxes[:, :2]).all():
        return [f"expected boxes x1 < x2, y1 < y2 inside the image of {height}x{width}, got others; see check_boxes"]
    if not 0 <= truth.labels.min() <= truth.labels.max() < classes:
        return [f"expected labels 0 to {classes - 1}, got {truth.labels.min()} to {truth.labels.max()}"]
    return []


def _of_frames(clip: Clip) -> list[str]:
    if len(clip.frames) < 2 or (problems := _of_image(clip.frames[0])):
        return problems if len(clip.frames) > 1 else [f"expected at least 2 frames, got {len(clip.frames)}"]
    if not clip.given or clip.given[0].frame != 0 or not objects_in(clip.given[0].mask):
        return ["expected objects that are given in frame 0, got none"]
    return []


def _of_two(data: Data[Any], sample: Any) -> list[str]:
    again = data.load(sample.id)
    return [] if as_bytes(again) == as_bytes(sample) else ["expected the same sample again, got another"]


def _of_fingerprints(data: Data[Any], ids: Sequence[str]) -> list[str]:
    try:
        prints = [(data.fingerprint(name), data.fingerprint(name)) for name in ids]
    except FoolscapeError as error:
        return [f"expected a fingerprint also of samples that cannot be used, got {type(error).__name__}: {error}"]
    if any(first != second for first, second in prints):
        return ["expected the same fingerprint again, got another"]
    different = len({first for first, _ in prints})
    if different < len(ids):
        return [f"expected a fingerprint for each of {len(ids)} samples, got {different} different ones"]
    return []
