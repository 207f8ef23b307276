"""The rows of a test image: every model on every condition, all at 8 bits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from foolscape.attacks.controls import noise_within, shuffled
from foolscape.attacks.parts.constraints import Linf
from foolscape.pixels import Levels, to_image
from foolscape.records.conditions import ADVERSARIAL, CLEAN, NOISE, PERMUTED, Condition
from foolscape.records.places import Kind
from foolscape.records.row import Line, Row, failure
from foolscape.run.directory.album import Album
from foolscape.run.directory.store import RunStore
from foolscape.run.faults import FAULTS, reason_of
from foolscape.run.scores.controls import control_of
from foolscape.run.tasks.base import EvalSample
from foolscape.run.universal.config import MAIN, CurvePoint
from foolscape.run.universal.setup import TestedModel
from foolscape.run.universal.tile_file import UniversalTile
from foolscape.seeds import generator_for
from foolscape.strict import losses

Pixels = NDArray[np.uint8]


def adversarial(point: CurvePoint) -> Condition:
    """The condition of the images with a point's tile on them."""
    return ADVERSARIAL if point.name == MAIN else Condition(point.name)


def noise(point: CurvePoint) -> Condition:
    """The condition of uniform noise of a point's bound."""
    return NOISE if point.name == MAIN else Condition(f"{point.name}-{NOISE}")


def conditions(points: Sequence[CurvePoint]) -> tuple[Condition, ...]:
    """Those of a complete sample."""
    main, *others = points
    mine = (noise(point) for point in others if point.eps != main.eps)
    return (CLEAN, ADVERSARIAL, PERMUTED, NOISE, *(adversarial(point) for point in others), *mine)


@dataclass(frozen=True)
class PointTile:
    """A point and its tile."""

    point: CurvePoint
    tile: UniversalTile


def rows(name: str, model: TestedModel, tiles: Sequence[PointTile], seed: int, store: RunStore) -> list[Line]:
    """The rows of one test image and one model.

    Args:
        name: the image.
        model: the model.
        tiles: the tiles, that of the point `main` first.
        seed: of the controls.
        store: where the images go.
    """
    subject = model.universal_task.subject
    album = store.album(subject.spec)
    try:
        return album.named_in(list(_rows(name, model, tiles, seed, album)))
    except FAULTS as error:
        return [failure(subject.spec, name, reason_of(error))]


def _rows(name: str, model: TestedModel, tiles: Sequence[PointTile], seed: int, album: Album) -> Iterable[Line]:
    subject = model.universal_task.subject
    case = subject.load(name)
    subject.keep(case, album)
    album.save_image(album.layout.place(Kind.IMAGE, name), case.image)
    attacked = case.image
    for condition, make in _images(case, subject.slug, tiles, seed, album).items():
        image = make()
        attacked = image if condition == ADVERSARIAL else attacked
        prediction = case.prediction if condition == CLEAN else subject.predict(case, image)
        subject.keep_prediction(album, condition, name, prediction)
        sample, (height, width) = subject.measured(case, prediction), image.shape[:2]
        yield Row(
            model=subject.spec,
            id=name,
            condition=condition,
            size=(height, width),
            measured=sample.measured,
            truth=sample.truth,
            universal=model.universal_task.judged(case, prediction),
            lost=tuple(losses(case.notes)) if condition == CLEAN else (),
            control=control_of(condition, case.image, attacked, image) if condition in (PERMUTED, NOISE) else None,
        )


def _images(
    case: EvalSample[Any, Any], slug: str, tiles: Sequence[PointTile], seed: int, album: Album
) -> dict[Condition, Callable[[], Pixels]]:
    """What makes the image of every condition, in their order."""
    main = tiles[0].point

    def inked(point_tile: PointTile) -> Pixels:
        place = album.layout.place(Kind.IMAGE, case.id, slug, adversarial(point_tile.point))
        return album.kept_image(place, point_tile.tile.added_to(case.image))

    def permuted() -> Pixels:
        clean, attacked = _tensor(case.image), _tensor(inked(tiles[0]))
        return to_image(shuffled(clean, attacked, generator_for(seed, "permuted", case.id)))

    def noisy(eps: Levels) -> Pixels:
        generator = generator_for(seed, "noise", case.id)
        return to_image(noise_within(_tensor(case.image), Linf(eps.unit), generator))

    images: dict[Condition, Callable[[], Pixels]] = {
        CLEAN: lambda: case.image,
        ADVERSARIAL: partial(inked, tiles[0]),
        PERMUTED: permuted,
        NOISE: partial(noisy, main.eps),
    }
    for point_tile in tiles[1:]:
        images[adversarial(point_tile.point)] = partial(inked, point_tile)
    for point_tile in tiles[1:]:
        if point_tile.point.eps != main.eps:
            images[noise(point_tile.point)] = partial(noisy, point_tile.point.eps)
    return images


def _tensor(image: Pixels) -> torch.Tensor:
    return torch.from_numpy(image).permute(2, 0, 1).contiguous()
