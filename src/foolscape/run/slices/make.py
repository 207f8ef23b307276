"""`slices.json`, computed from the files of a run and what is known of its images from elsewhere."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import numpy as np

from foolscape.metrics.boxes import Floats
from foolscape.metrics.score import Measure, scores_of
from foolscape.metrics.slices.chance import ALPHA, DRAWS
from foolscape.metrics.slices.contrast import Contrast, corrected, image_contrasts, object_contrast, questions
from foolscape.metrics.slices.groups import LEAST, Group, by_number, groups_of
from foolscape.metrics.slices.objects import ImageObjects, shares
from foolscape.metrics.slices.scored import ATTACKED, CLEAN, Scored, scored
from foolscape.records.places import layout_of
from foolscape.records.schema import SCHEMA
from foolscape.records.slices import ContrastRecord, LossRecord, ModelSlices, SliceRecord, SlicesRecord
from foolscape.run.slices.given import Given
from foolscape.run.slices.let_go import objects_of
from foolscape.run.slices.measured import MeasuredModel, TaskSlices, measure_scores, task_slices
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
        ids: of these.
        models: as they were measured on them, each with the directory that has its maps.
        seed: of intervals and shuffles.
    """

    pictures: Path
    ids: Sequence[str]
    models: Sequence[MeasuredModel]
    seed: int


def slices_of(run: Sliced, given: Given) -> SlicesRecord:
    """The slices of a run; `given`: what is known of its images from elsewhere."""
    light = dict(zip(run.ids, light_of(run.pictures, run.ids, layout_of(run.ids)), strict=True))
    notes: list[str] = list(given.notes)
    models = []
    task = run.models[0].model.task
    for model in run.models:
        if model.ids:
            own = _of_model(model, run.seed, given, np.stack([light[name] for name in model.ids]), notes)
            models.append(own if model.model.task == task else replace(own, task=model.model.task))
    return SlicesRecord(
        schema=SCHEMA,
        task=task,
        attributes={name: dict(found) for name, found in given.attributes.items()},
        notes=tuple(dict.fromkeys(notes)),
        conventions=CONVENTIONS,
        models=tuple(models),
    )


def _of_model(model: MeasuredModel, seed: int, given: Given, light: Floats, notes: list[str]) -> ModelSlices:
    task = task_slices(model.model.task)
    if task is not None and task.in_maps and not model.maps:
        task = None
    objects = [] if task is None else objects_of(model, task)
    measure = scores_of(model.model.task).measure_of([row.sample for rows in model.rows.values() for row in rows])
    groups = _groups(model, given, light, task, objects, notes)
    drafts = _by_image(model, seed, measure, groups, objects)
    if task is not None:
        gone = sum(one is None for one in objects)
        if gone:
            notes.append(f"{gone} images of {model.model.model} are in no slice of {task.noun}: files were not kept")
        drafts += _by_object(model, seed, measure, task, objects)
    return _judged(model, drafts)


def _groups(
    model: MeasuredModel,
    given: Given,
    light: Floats,
    task: TaskSlices | None,
    objects: Sequence[ImageObjects | None],
    notes: list[str],
) -> list[Group]:
    """The slices of images: by what was given, by their folder, by what they look like."""
    folders = _folders(model.ids)
    named = [{**folders.get(name, {}), **given.attributes.get(name, {})} for name in model.ids]
    groups, left_out = groups_of(named)
    notes += left_out
    own = by_number("brightness", light[:, 0], "levels") + by_number("contrast", light[:, 1], "levels")
    if task is not None and any(one is not None for one in objects):
        counts = [np.nan if one is None else float(task.crowd(one)) for one in objects]
        own += by_number("crowding", np.array(counts), task.noun)
    taken = {group.attribute for group in groups}
    return groups + [group for group in own if group.attribute not in taken]


def _folders(ids: Sequence[str]) -> dict[str, dict[str, str]]:
    """By id the folder that it lies in, where ids have folders."""
    return {name: {"folder": name.rpartition("/")[0]} for name in ids if "/" in name}


def _by_image(
    model: MeasuredModel,
    seed: int,
    measure: Measure[Any],
    groups: Sequence[Group],
    objects: Sequence[ImageObjects | None],
) -> list[Draft]:
    values = _values(model)
    contrasts = {name: image_contrasts(of, groups, seed) for name, of in values.items()}
    drafts = []
    for place, group in enumerate(groups):
        if not group.members.any():
            continue
        pools = {
            name: measure.pool(chosen, model.model.classes) for name, chosen in model.samples(group.members).items()
        }
        images, beside = int(group.members.sum()), int((group.known & ~group.members).sum())
        found = scored(measure_scores(measure), pools, images, seed, measure.least_clean)
        inside = [one for one, member in zip(objects, group.members, strict=False) if member and one is not None]
        few = min(images, beside) < LEAST
        count = sum(len(one.weights) for one in inside) if inside else None
        drawn = _record("images", group.attribute, group.value, images, count, found, few=few)
        two = sum(other.attribute == group.attribute for other in groups) == 2
        drafts.append(Draft(drawn, {name: of[place] for name, of in contrasts.items()}, same=two))
    return drafts


def _values(model: MeasuredModel) -> dict[str, Floats]:
    """By question (N,): what is right of each image in percent when clean, and what of it the attack takes."""
    scores = scores_of(model.model.task)
    right = {
        name: np.array([np.nan if (share := scores.right(one, None)) is None else 100 * share for one in of])
        for name, of in model.samples().items()
    }
    return {"clean": right[CLEAN]} | ({"lost": right[CLEAN] - right[ATTACKED]} if ATTACKED in right else {})


def _by_object(
    model: MeasuredModel,
    seed: int,
    measure: Measure[Any],
    task: TaskSlices,
    objects: Sequence[ImageObjects | None],
) -> list[Draft]:
    there = [one for one in objects if one is not None]
    every = [np.ones(len(one.weights), np.bool_) for one in there]
    total = sum(map(len, every))
    drafts = []
    for part in task.cuts(model.model.classes):
        chosen = [part.of(one.places) for one in there]
        count = sum(int(which.sum()) for which in chosen)
        if count in (0, total):
            continue
        shown = sum(bool(which.any()) for which in chosen)
        found = scored([task.score], {name: shares(there, chosen, name) for name in model.rows}, shown, seed)
        if pools := task.pools(model, objects, part):
            found = _together(scored(measure_scores(measure), pools, shown, seed), found)
        inside = {name: shares(there, chosen, name).percent for name in model.rows}
        outside = {name: shares(there, [~which for which in chosen], name).percent for name in model.rows}
        contrasts = {"clean": object_contrast(inside[CLEAN], outside[CLEAN], seed)}
        if ATTACKED in inside:
            lost = (inside[CLEAN] - inside[ATTACKED], outside[CLEAN] - outside[ATTACKED])
            contrasts["lost"] = object_contrast(*lost, seed)
        both = int((np.isfinite(inside[CLEAN]) & np.isfinite(outside[CLEAN])).sum())
        drawn = _record("objects", part.attribute, part.value, shown, count, found, few=both < LEAST)
        drafts.append(Draft(drawn, contrasts))
    return drafts


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
