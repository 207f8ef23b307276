"""One model on one data set: attack every image, then measure the 8-bit images read back from the disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from foolscape.attacks.catalog import Plan
from foolscape.attacks.constraints import Linf
from foolscape.attacks.controls import noise_of_length, noise_within, shuffled
from foolscape.attacks.driver import Outcome, ascend
from foolscape.attacks.flight import Entrant
from foolscape.data.images import resize
from foolscape.data.sample import VOID, Sample, SegmentationData
from foolscape.errors import ModelError, SampleError
from foolscape.metrics.distortion import distortion
from foolscape.metrics.segmentation import count
from foolscape.pixels import to_image, to_unit
from foolscape.problem import IGNORE
from foolscape.run.store import FAILED, Record, RunStore, safe_name
from foolscape.seeds import generator_for
from foolscape.tasks.segmentation import Segmenter, predict, problem

CLEAN, ADVERSARIAL, PERMUTED, NOISE = "clean", "adversarial", "permuted", "noise"
CONDITIONS = (CLEAN, ADVERSARIAL, PERMUTED, NOISE)

FOOLED = 0.01
"""An attack succeeded on an image if at most this share of its labelled pixels is still right."""


@dataclass(frozen=True)
class Subject:
    """What is measured: a model with its place in the run.

    Attributes:
        spec: as the user named it.
        slug: its folder.
        segmenter: the model.
        colours: of its classes.
        channels: for each class of the data set the model's channel; None for data without truth.
    """

    spec: str
    slug: str
    segmenter: Segmenter
    colours: Sequence[Sequence[int]]
    channels: tuple[int, ...] | None


@dataclass(frozen=True)
class Setting:
    """How it is measured.

    Attributes:
        plan: the attack; None measures the clean model alone.
        size: (height, width) to work at; None: each image's own.
        batch: images per call of the model during the attack.
        seed: of everything random.
        device: where the model is.
    """

    plan: Plan | None
    size: tuple[int, int] | None
    batch: int
    seed: int
    device: torch.device


@dataclass(frozen=True)
class _Case:
    """A sample on its way through the attack, with labels as model channels and `VOID`."""

    sample: Sample
    reference: NDArray[np.uint8]
    prediction: NDArray[np.uint8]


def evaluate(
    subject: Subject,
    data: SegmentationData,
    ids: Sequence[str],
    setting: Setting,
    store: RunStore,
    tick: Callable[[str], None],
) -> None:
    """Measure `subject` on the samples `ids` that `store` does not hold yet; `tick` is told of every one settled."""
    settled = store.settled(subject.spec) | store.settled(None)
    cases: dict[str, _Case] = {}

    def cases_to_do() -> Iterator[_Case]:
        for name in ids:
            if name in settled:
                continue
            try:
                case = _prepare(load_at(data, name, setting.size), subject, setting.device)
            except (SampleError, ModelError) as error:
                store.append([_failure(name, None if isinstance(error, SampleError) else subject.spec, str(error))])
                tick(name)
                continue
            _keep(case, subject, store)
            yield case

    def entrants(plan: Plan) -> Iterator[Entrant]:
        for case in cases_to_do():
            cases[case.sample.id] = case
            yield _entrant(case, subject, plan, setting)

    if setting.plan is None:
        for case in cases_to_do():
            store.append([_row(case, subject, CLEAN, case.prediction)])
            tick(case.sample.id)
        return
    for outcome in ascend(entrants(setting.plan), setting.plan.ascent, width=setting.batch):
        case = cases.pop(outcome.key)
        store.append(_measure(case, outcome, subject, setting.plan, setting, store))
        tick(outcome.key)


def load_at(data: SegmentationData, name: str, size: tuple[int, int] | None) -> Sample:
    """The sample `name` at the working size; raises `SampleError`."""
    sample = data.load(name)
    return sample if size is None else resize(sample, size)


def _prepare(sample: Sample, subject: Subject, device: torch.device) -> _Case:
    prediction = _predict(subject.segmenter, sample.image, device)
    if sample.labels is None or subject.channels is None:
        return _Case(sample, prediction, prediction)
    table = np.full(256, VOID, dtype=np.uint8)
    table[: len(subject.channels)] = subject.channels
    reference = table[sample.labels]
    if (reference == VOID).all():
        raise SampleError(f"expected labelled pixels in {sample.id}, got void alone; nothing can be measured on it")
    return _Case(sample, reference, prediction)


def _predict(model: Segmenter, image: NDArray[np.uint8], device: torch.device) -> NDArray[np.uint8]:
    prediction = predict(model, to_unit(image).to(device))[0]
    return prediction.to(torch.uint8).cpu().numpy()


def _entrant(case: _Case, subject: Subject, plan: Plan, setting: Setting) -> Entrant:
    images = to_unit(case.sample.image).to(setting.device)
    labels = torch.from_numpy(case.reference.astype(np.int64))[None]
    labels[labels == VOID] = IGNORE
    generator = generator_for(setting.seed, "attack", case.sample.id)
    target = None if plan.target is None else plan.target(labels, [generator]).to(setting.device)
    view = problem(subject.segmenter, images, labels.to(setting.device), target)
    return Entrant(case.sample.id, view, generator)


def _measure(
    case: _Case, outcome: Outcome, subject: Subject, plan: Plan, setting: Setting, store: RunStore
) -> list[Record]:
    """The rows of one attacked image, everything measured on what the PNG holds."""
    if outcome.failure is not None:
        return [_failure(case.sample.id, subject.spec, f"the attack gave up: {outcome.failure}")]
    constraint = plan.ascent.constraint
    quantised = to_image(constraint.quantise(outcome.adversarial, outcome.clean)[0])
    name = safe_name(case.sample.id)
    attacked = store.save_image(f"images/{subject.slug}/{name}.png", quantised)
    clean, changed = _levels(case.sample.image), _levels(attacked)
    noise = generator_for(setting.seed, "noise", case.sample.id)
    images = {
        ADVERSARIAL: attacked,
        PERMUTED: to_image(shuffled(clean, changed, generator_for(setting.seed, "permuted", case.sample.id))),
        NOISE: to_image(
            noise_within(clean, constraint, noise)
            if isinstance(constraint, Linf)
            else noise_of_length(clean, changed, noise)
        ),
    }
    rows = [_row(case, subject, CLEAN, case.prediction)]
    for condition, image in images.items():
        prediction = _predict(subject.segmenter, image, setting.device)
        _keep_prediction(store, subject, condition, name, prediction)
        rows.append(_row(case, subject, condition, prediction))
        if condition == ADVERSARIAL:
            rows[-1] |= _attack_part(case, outcome, prediction, attacked, subject)
    return rows


def _attack_part(
    case: _Case,
    outcome: Outcome,
    prediction: NDArray[np.uint8],
    attacked: NDArray[np.uint8],
    subject: Subject,
) -> Record:
    counted = case.reference != VOID
    right = int(((prediction == case.reference) & counted).sum())
    in_float = predict(subject.segmenter, outcome.adversarial)[0].to(torch.uint8).cpu().numpy()
    return {
        "distortion": distortion(case.sample.image, attacked).to_json(),
        "attack": {
            "success": right <= FOOLED * int(counted.sum()),
            "claimed": outcome.claimed,
            "iterations": outcome.iterations,
            "left": outcome.left,
            "targets": outcome.targets,
            "seconds": round(outcome.seconds, 4),
        },
        "float_counts": _counts(case, subject, in_float),
    }


def _counts(case: _Case, subject: Subject, prediction: NDArray[np.uint8]) -> Record:
    return count(prediction, case.reference, len(subject.segmenter.classes)).to_json()


def _row(case: _Case, subject: Subject, condition: str, prediction: NDArray[np.uint8]) -> Record:
    row: Record = {
        "model": subject.spec,
        "slug": subject.slug,
        "id": case.sample.id,
        "name": safe_name(case.sample.id),
        "condition": condition,
        "size": list(case.sample.image.shape[:2]),
        "counts": _counts(case, subject, prediction),
    }
    return row | ({"notes": list(case.sample.notes)} if condition == CLEAN and case.sample.notes else {})


def _failure(name: str, model: str | None, reason: str) -> Record:
    return {"model": model, "id": name, "name": safe_name(name), "condition": FAILED, "reason": reason}


def _keep(case: _Case, subject: Subject, store: RunStore) -> None:
    """Keep what the report shows besides the attack's own files."""
    name = safe_name(case.sample.id)
    store.save_image(f"clean/{name}.png", case.sample.image)
    if subject.channels is not None:
        store.save_image(f"truth/{subject.slug}/{name}.png", case.reference, subject.colours)
    _keep_prediction(store, subject, CLEAN, name, case.prediction)


def _keep_prediction(
    store: RunStore, subject: Subject, condition: str, name: str, prediction: NDArray[np.uint8]
) -> None:
    store.save_image(f"predictions/{subject.slug}/{condition}/{name}.png", prediction, subject.colours)


def _levels(image: NDArray[np.uint8]) -> Tensor:
    """(H, W, 3) uint8 array -> (3, H, W) uint8 tensor on the CPU."""
    return torch.from_numpy(image).permute(2, 0, 1).contiguous()
