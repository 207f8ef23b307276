"""`slices.json`, computed from the files of a run and what is known of its images from elsewhere."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final, Literal, NamedTuple

import numpy as np

from foolscape.metrics.boxes import Floats
from foolscape.metrics.slices.chance import ALPHA, DRAWS
from foolscape.metrics.slices.contrast import Contrast, corrected, image_contrasts, object_contrast, questions
from foolscape.metrics.slices.groups import LEAST, Group, by_number, groups_of
from foolscape.metrics.slices.scored import ATTACKED, CLEAN, Scored, scored
from foolscape.records.run import AnyRecord
from foolscape.records.schema import SCHEMA
from foolscape.records.slices import ContrastRecord, LossRecord, ModelSlices, SliceRecord, SlicesRecord
from foolscape.run.slices.gathered import Gathered, gather
from foolscape.run.slices.given import Given
from foolscape.run.slices.measured import MeasuredModel, TaskSlices, measure_scores
from foolscape.run.slices.pictures import light_of

CONVENTIONS: Final = {
    "compared": "More than chance: by the share of its truth that is right on each image, clean, and how much of that "
    f"the attack takes. Images of a slice against the other images: permutation test of Welch's t, {DRAWS:,} shuffles "
    "(Janssen 1997). Objects of a slice against the others in the same images: the sign of each image's difference is "
    "flipped (Romano 1990). Both two-sided, seeded; corrected by Holm (1979) for all slices and both questions, so "
    f"that where no slice differs the chance to mark any is at most {100 * ALPHA:g} %.",
    "few": f"Slices of fewer than {LEAST} images, or with fewer beside them, are not compared and stand last.",
    "worst_first": "The worst first: those more than chance, then by how many points less is right on clean images of "
    "the slice than on the others, or more is lost to the attack, whichever is larger.",
    "bounds": "Numbers are divided at the thirds of this run's images (halves below "
    f"{3 * LEAST}); brightness and contrast are mean and standard deviation of the luma, in grey levels.",
    "objects": "Sizes are COCO's, by the annotated area or the pixels of a segment; places by the middle, in thirds of "
    "the image. AP of a part of the objects: the others are ignored, and false detections count where they are "
    "themselves of that size, place or class (as COCO does it by area).",
    "loss": "Loss: the clean score less the attacked one, the interval paired by image.",
}


class Question(NamedTuple):
    """Which slice, and whether it is about what is right when clean or about what is `lost`."""

    of: str
    attribute: str
    value: str
    about: str


@dataclass(frozen=True)
class Draft:
    """A slice before all are judged; `same`: its attribute has two values, so that the other one is the rest."""

    record: SliceRecord
    contrasts: Mapping[str, Contrast | None]
    same: bool = False

    def question(self, about: str) -> Question:
        """What is asked of the slice, `clean` or `lost`."""
        return Question(self.record.of, self.record.attribute, self.record.value, about)


@dataclass(frozen=True)
class Sliced:
    """What is to be sliced.

    Attributes:
        pictures: the directory that has the clean images.
        record: run.json, with the ids of these.
        models: as they were measured on them, each with the directory that has its maps.
        seed: of intervals and shuffles.
    """

    pictures: Path
    record: AnyRecord
    models: Sequence[MeasuredModel]
    seed: int


def slices_of(run: Sliced, given: Given) -> SlicesRecord:
    """The slices of a run; `given`: what is known of its images from elsewhere."""
    light = light_of(run.pictures, run.record)
    notes: list[str] = list(given.notes)
    models = []
    task = run.models[0].model.task
    for model in run.models:
        if len((gathered := gather(model)).places):
            own = _of_model(model, gathered, run.seed, given, light[gathered.places], notes)
            models.append(own if model.model.task == task else replace(own, task=model.model.task))
    return SlicesRecord(
        schema=SCHEMA,
        task=task,
        attributes={name: dict(found) for name, found in given.attributes.items()},
        notes=tuple(dict.fromkeys(notes)),
        conventions=CONVENTIONS,
        models=tuple(models),
    )


def _of_model(
    model: MeasuredModel, found: Gathered, seed: int, given: Given, light: Floats, notes: list[str]
) -> ModelSlices:
    drafts = _by_image(found, seed, _groups(model, found, given, light, notes))
    if found.task is not None:
        known = 0 if found.objects is None else int(found.objects.known.sum())
        if gone := len(found.places) - known:
            noun = found.task.noun
            notes.append(f"{gone} images of {model.model.model} are in no slice of {noun}: files were not kept")
        drafts += _by_object(found, found.task, seed)
    return _judged(model, drafts)


def _groups(model: MeasuredModel, found: Gathered, given: Given, light: Floats, notes: list[str]) -> list[Group]:
    """The slices of images: by what was given, by their folder, by what they look like."""
    groups, left_out = groups_of(_columns([model.record.samples[place].id for place in found.places], given))
    notes += left_out
    own = by_number("brightness", light[:, 0], "levels") + by_number("contrast", light[:, 1], "levels")
    if found.task is not None and (objects := found.objects) is not None:
        crowd = objects.number(found.task.crowds(objects.places)).astype(np.float64)
        own += by_number("crowding", np.where(objects.known, crowd, np.nan), found.task.noun)
    taken = {group.attribute for group in groups}
    return groups + [group for group in own if group.attribute not in taken]


def _columns(ids: Sequence[str], given: Given) -> dict[str, list[str]]:
    """By attribute what is known of each image: the folder that it lies in, and what was given; empty where nothing is.

    What is given of an image by the name `folder` stands for its own.
    """
    columns: dict[str, list[str]] = {}
    for place, name in enumerate(ids):
        folder = {"folder": name.rpartition("/")[0]} if "/" in name else {}
        for attribute, value in {**folder, **given.attributes.get(name, {})}.items():
            columns.setdefault(attribute, [""] * len(ids))[place] = value
    return columns


def _by_image(found: Gathered, seed: int, groups: Sequence[Group]) -> list[Draft]:
    contrasts = {name: image_contrasts(of, groups, seed) for name, of in found.values.items()}
    measure, objects = found.measure, found.objects
    drafts = []
    for place, group in enumerate(groups):
        if not group.members.any():
            continue
        images, beside = int(group.members.sum()), int((group.known & ~group.members).sum())
        sums = {name: parts.of(group.members, seed) for name, parts in found.parts.items()}
        score = scored(measure_scores(measure), sums, images, measure.least_clean)
        inside = None if objects is None else group.members & objects.known
        count = (
            int(objects.counts[inside].sum()) if objects is not None and inside is not None and inside.any() else None
        )
        drawn = _record("images", group.attribute, group.value, images, count, score, few=min(images, beside) < LEAST)
        two = sum(other.attribute == group.attribute for other in groups) == 2
        drafts.append(Draft(drawn, {name: of[place] for name, of in contrasts.items()}, same=two))
    return drafts


def _by_object(found: Gathered, task: TaskSlices, seed: int) -> list[Draft]:
    drafts, objects = [], found.objects
    if objects is None:
        return []
    for part in found.cuts:
        chosen = part.of(objects.places)
        count, shown = int(chosen.sum()), int((objects.number(chosen) > 0).sum())
        if count in (0, len(chosen)):
            continue
        inside = {name: objects.shares(chosen, name, seed) for name in found.parts}
        score = scored([task.score], inside, shown)
        sums = {name: parts.of_objects(part, objects, seed) for name, parts in found.parts.items()}
        if whole := {name: of for name, of in sums.items() if of is not None}:
            score = _together(scored(measure_scores(found.measure), whole, shown), score)
        contrasts, both = _beside(
            {name: of.percent for name, of in inside.items()},
            {name: objects.shares(~chosen, name).percent for name in found.parts},
            seed,
        )
        drafts.append(
            Draft(_record("objects", part.attribute, part.value, shown, count, score, few=both < LEAST), contrasts)
        )
    return drafts


def _beside(
    inside: Mapping[str, Floats], outside: Mapping[str, Floats], seed: int
) -> tuple[dict[str, Contrast | None], int]:
    """A part of the objects beside the others, in percent by condition (N,), and how many images show both."""
    contrasts = {"clean": object_contrast(inside[CLEAN], outside[CLEAN], seed)}
    if ATTACKED in inside:
        lost = (inside[CLEAN] - inside[ATTACKED], outside[CLEAN] - outside[ATTACKED])
        contrasts["lost"] = object_contrast(*lost, seed)
    return contrasts, int((np.isfinite(inside[CLEAN]) & np.isfinite(outside[CLEAN])).sum())


def _together(one: Scored, other: Scored) -> Scored:
    scores = {
        name: {**found, **other.scores[name], "ci95": {**found["ci95"], **other.scores[name]["ci95"]}}
        for name, found in one.scores.items()
    }
    return Scored(scores, {**one.loss, **other.loss})


def _record(
    of: Literal["images", "objects"],
    attribute: str,
    value: str,
    images: int,
    objects: int | None,
    found: Scored,
    *,
    few: bool,
) -> SliceRecord:
    loss = {key: LossRecord(**asdict(difference)) for key, difference in found.loss.items()}
    return SliceRecord(
        of=of, attribute=attribute, value=value, images=images, objects=objects, few=few, scores=found.scores, loss=loss
    )


def _judged(model: MeasuredModel, drafts: Sequence[Draft]) -> ModelSlices:
    """The slices with what is more than chance among all, the worst first."""
    contrasts: dict[Hashable, Contrast] = {}
    same: dict[Hashable, Hashable] = {}
    for draft in drafts:
        for name, contrast in draft.contrasts.items():
            if contrast is not None:
                contrasts[draft.question(name)] = contrast
                if draft.same:
                    same[draft.question(name)] = draft.question(name)._replace(value="")
    final = corrected(contrasts, same)
    slices = [
        replace(
            draft.record,
            clean=_contrast(final.get(draft.question("clean"))),
            lost=_contrast(final.get(draft.question("lost"))),
        )
        for draft in drafts
    ]
    ranked = sorted(slices, key=lambda one: (one.few, not one.weak, -one.worse_by))
    return ModelSlices(model=model.title, slug=model.slug, compared=questions(contrasts, same), slices=tuple(ranked))


def _contrast(found: Contrast | None) -> ContrastRecord | None:
    if found is None:
        return None
    return ContrastRecord(
        here=found.here, elsewhere=found.elsewhere, images=found.images, p=found.p, p_adjusted=found.adjusted,
        marked=found.marked,
    )  # fmt: skip
