"""What a run says of the smallest changes: by hand, and from runs on small and bundled networks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from foolscape.data.load import open_data
from foolscape.metrics.distortion import Distortion
from foolscape.metrics.sample import Sample
from foolscape.records.conditions import ADVERSARIAL, CLEAN
from foolscape.records.places import Kind, place_of
from foolscape.records.row import AnyRow, Row, Tried, rows_of
from foolscape.run.scores.minimum import SmallestChanges, median_interval, quantiles

from ..written import attack_result, lines_of
from .made import do_run, files_below, run_unprobed, write_net, write_photos
from .made_boxes import write_detector, write_squares


def minimum(
    clean: Sequence[AnyRow],
    attacked: Sequence[AnyRow],
    measure: Any,
    largest: str | None,
) -> dict[str, Any]:
    changes, pairs = SmallestChanges(measure, (), 0, None), list(zip(clean, attacked, strict=True))
    for pair in pairs:
        changes.add(*pair)
    found = changes.summed(pairs, largest)
    assert isinstance(found, dict)
    return found


class Held(list[Sample[None, float]]):
    """Samples as they come."""

    add = list.append

    def summed(self) -> Held:
        return self


class Scoring:
    """The mean of `right`, and an interval to know it by; clean images have a narrower one."""

    headline = "mIoU"

    def sums_of(self, classes: Sequence[str], images: int, seed: int) -> Held:
        assert (classes, seed) == ((), 0)
        assert images > 0
        return Held()

    def summed(self, samples: Held, only_class: int | None, *, clean: bool) -> dict[str, Any]:
        mean, width = sum(one.measured for one in samples) / len(samples), 1 if clean else 2
        return {"mIoU": mean, "ci95": {"mIoU": [mean - width, mean + width]}}


SCORING: Any = Scoring()


def attacked(
    name: str, smallest: int | None, linf: int, right: float, within: dict[int, float], judged: bool = True
) -> AnyRow:
    return replace(
        row(name, right),
        distortion=Distortion(linf, 0.0, 0.0, 1.0),
        attack=attack_result(smallest is not None if judged else None, smallest_eps=smallest),
        within=tuple(Tried(name=f"{bound}/255", measured=value) for bound, value in within.items()),
    )


def row(name: str, right: float) -> AnyRow:
    return Row(model="m", id=name, condition=CLEAN, size=(1, 1), measured=right)


def test_the_curve_and_the_median_by_hand() -> None:
    clean = [row(name, 90.0) for name in "abc"]
    rows = [
        attacked("a", 3, 3, 0.5, {1: 60, 2: 30}),
        attacked("b", 6, 6, 0.9, {2: 45, 4: 15}),
        attacked("c", None, 5, 9.0, {1: 80, 8: 9}),
    ]
    found = minimum(clean, rows, SCORING, "64/255")
    assert found["per_image"] == {"a": 3, "b": 6, "c": None}
    assert (found["median_levels"], found["quartiles"]) == (6, [3, None])
    assert (found["judged"], found["unreached"], found["largest"]) == (3, 1, "64/255")
    curve = found["curve"]
    assert curve["levels"] == [0, 1, 2, 3, 4, 5, 6, 8]
    sums = [270, 60 + 90 + 80, 30 + 45 + 80, 0.5 + 45 + 80, 0.5 + 15 + 80, 0.5 + 15 + 9, 0.5 + 0.9 + 9, 0.5 + 0.9 + 9]
    assert curve["values"] == pytest.approx([total / 3 for total in sums])
    assert curve["fooled"] == pytest.approx([0, 0, 0, 100 / 3, 100 / 3, 100 / 3, 200 / 3, 200 / 3])
    assert curve["ci95"][0] == [89, 91]
    assert curve["ci95"][-1] == pytest.approx([10.4 / 3 - 2, 10.4 / 3 + 2])


def test_images_with_nothing_to_fool_are_in_no_quantile() -> None:
    clean = [row(name, 90.0) for name in "ab"]
    rows = [attacked("a", 3, 3, 0, {}), attacked("b", None, 64, 0, {}, judged=False)]
    found = minimum(clean, rows, SCORING, None)
    assert (found["median_levels"], found["judged"], found["unreached"]) == (3, 1, 0)
    nothing = minimum(clean[:1], [attacked("a", None, 64, 0, {}, judged=False)], SCORING, None)
    assert (nothing["median_levels"], nothing["ci95"], nothing["judged"]) == (None, None, 0)


def test_quantiles_are_observed_values() -> None:
    values, once = np.array([8.0, 2.0, math.inf, 4.0]), np.ones((1, 4))
    assert [quantiles(values, once, share)[0] for share in (0.25, 0.5, 0.51, 0.75, 0.76)] == [2, 4, 8, 8, math.inf]
    twice = np.array([[0.0, 4, 0, 0], [1, 0, 3, 0]])
    assert quantiles(values, twice, 0.5).tolist() == [2, math.inf]


def test_the_interval_of_the_median_by_binomials() -> None:
    # 8 tosses: no heads 1 / 256, at most one 9 / 256; 20 tosses: at most 5 heads 0.0207, at most 6 0.0577.
    assert median_interval(np.arange(7.0)) is None
    assert median_interval(np.array([3.0, 1, 2, 4, 5, 6, 7, math.inf])) == (1, math.inf)
    assert median_interval(np.arange(20.0)) == (5, 14)


@pytest.mark.parametrize("attack", ["dag-min", "pgd-min", "alma-prox"])
def test_a_run_tells_the_smallest_changes_of_its_files(tmp_path: Path, attack: str) -> None:
    nets, photos = write_net(tmp_path), write_photos(tmp_path / "photos")
    out = tmp_path / "out"
    step = {"dag-min": {"step": "2/255"}}.get(attack, {})
    summary = do_run(out, models=[f"{nets}:net"], data=f"folder:{photos}", attack=attack, steps=60, probes=1, **step)
    (model,) = summary["models"]
    found = model["minimum"]
    for row in rows_of(lines_of(out), condition=ADVERSARIAL):
        change = np.array(Image.open(out / place_of(Kind.IMAGE, row.id, model["slug"], ADVERSARIAL))).astype(int)
        change -= np.array(Image.open(out / place_of(Kind.IMAGE, row.id)))
        expected = np.abs(change).max() if row.attack.success else None
        assert found["per_image"][row.id] == row.attack.smallest_eps == expected
    assert found["unreached"] == sum(levels is None for levels in found["per_image"].values())
    curve = found["curve"]
    assert curve["values"][0] == model["conditions"]["clean"]["mIoU"] == 100
    assert curve["values"][-1] == pytest.approx(model["conditions"]["adversarial"]["mIoU"])
    assert curve["values"][1] < 100
    page = (out / "report.html").read_text()
    assert "How small a change suffices" in page
    assert "mIoU by the bound" in page


def test_what_no_change_fools_is_counted_and_has_no_number(tmp_path: Path) -> None:
    nets, photos = write_net(tmp_path), write_photos(tmp_path / "photos", 3)
    settings = {"models": [f"{nets}:net"], "data": f"folder:{photos}", "attack": "pgd-min", "eps": "1/255", "steps": 20}
    summary = run_unprobed(tmp_path / "out", **settings)
    (found,) = (model["minimum"] for model in summary["models"])
    assert summary["attack"]["largest"] == "1/255"
    assert found["unreached"] == found["judged"] == 3
    assert set(found["per_image"].values()) == {None}
    assert (found["median_levels"], found["ci95"], found["quartiles"]) == (None, None, [None, None])
    assert max(found["curve"]["levels"]) == 1


@pytest.mark.parametrize("attack", ["pgd-min", "alma-prox"])
def test_the_answer_does_not_depend_on_the_batch_or_on_a_stop(tmp_path: Path, attack: str) -> None:
    nets, photos = write_net(tmp_path), write_photos(tmp_path / "photos")
    settings = {"models": [f"{nets}:net"], "data": f"folder:{photos}", "attack": attack, "steps": 40}
    whole = run_unprobed(tmp_path / "out1", batch=1, **settings)
    assert run_unprobed(tmp_path / "out3", batch=3, **settings) == whole
    assert files_below(tmp_path / "out3") == files_below(tmp_path / "out1")
    rows = (tmp_path / "out3" / "rows.jsonl").read_bytes()
    (tmp_path / "out3" / "rows.jsonl").write_bytes(rows[: len(rows) // 2])
    (tmp_path / "out3" / "summary.json").unlink()
    assert run_unprobed(tmp_path / "out3", batch=3, **settings) == whole


@pytest.mark.parametrize("attack", ["dag-min", "pgd-min"])
def test_detectors_lose_every_object_within_a_small_bound(tmp_path: Path, attack: str) -> None:
    detector, squares = write_detector(tmp_path), f"folder:{write_squares(tmp_path / 'squares')}"
    step = {"dag-min": {"step": "4/255"}}.get(attack, {})
    summary = run_unprobed(tmp_path / "out", models=[f"{detector}:grid"], data=squares, attack=attack, steps=60, **step)
    (model,) = summary["models"]
    found = model["minimum"]
    assert found["curve"]["score"] == "AP50"
    assert found["unreached"] == 0
    assert found["median_levels"] is not None
    # Not AP50: it counts what is found with scores far below the one from which an object counts as found.
    assert found["curve"]["fooled"][0] == 0
    assert found["curve"]["fooled"][-1] == 100
    assert model["conditions"]["adversarial"]["boxes"]["kept"] == 0


@pytest.mark.slow
def test_alma_prox_and_pgd_need_no_more_than_dag_on_two_parts_of_the_street(tmp_path: Path) -> None:
    photos, street = tmp_path / "photos", open_data("scenes:", split="test")
    photos.mkdir()
    for name in street.ids[:2]:
        Image.fromarray(street.load(name).image[70:134, 60:156]).save(photos / f"{name}.png")

    def smallest(attack: str) -> list[float]:
        settings = {"models": ["bundled:scenes-unet"], "data": f"folder:{photos}", "attack": attack}
        (model,) = do_run(tmp_path / attack, **settings)["models"]
        return [math.inf if levels is None else levels for levels in model["minimum"]["per_image"].values()]

    by_dag = smallest("dag-min")
    assert max(by_dag) < 20
    for attack in ("alma-prox", "pgd-min"):
        assert all(levels <= dags for levels, dags in zip(smallest(attack), by_dag, strict=True))
