"""What a data set was understood to be: counts by hand, the oddest samples, labels of other images."""

import re
from typing import Any

import numpy as np
import pytest

from foolscape.data.boxes import DetectionSample
from foolscape.data.load import open_clips, open_data, open_detection
from foolscape.data.overview.look import evenly_spread, look_over
from foolscape.data.overview.oddities import edge_ratio
from foolscape.data.sample import VOID, Sample
from foolscape.errors import SampleError, UnknownNameError
from foolscape.metrics.boxes import Truth
from foolscape.tasks.base import DETECTION, SEGMENTATION, VIDEO
from foolscape.testing import check_data


class Made:
    """A data set of samples made here; those that are an error are raised."""

    spec, split, notes = "made:", None, ("a note",)

    def __init__(self, classes, samples: dict[str, Any]):
        self.classes, self.samples = classes, samples

    @property
    def ids(self):
        return tuple(self.samples)

    def fingerprint(self, sample_id: str) -> str:
        return sample_id

    def load(self, sample_id: str) -> Any:
        if isinstance(self.samples[sample_id], Exception):
            raise self.samples[sample_id]
        return self.samples[sample_id]


def noise(seed: int, height: int = 40, width: int = 50) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def boxed(name: str, seed: int, *boxes: tuple[float, ...], crowd: int = 0) -> DetectionSample:
    corners = np.array(boxes, np.float64).reshape(-1, 4)
    flags = np.arange(len(boxes)) < crowd
    truth = Truth(corners, np.arange(len(boxes)) % 2, np.zeros(len(boxes), bool), flags, np.ones(len(boxes)))
    return DetectionSample(name, noise(seed), truth, ("clipped",))


def test_pixels_are_counted():
    labels = np.zeros((40, 50), np.uint8)
    labels[:, 10:20], labels[:4] = 1, VOID
    data = Made(("road", "car", "bus"), {"a": Sample("a", noise(1), labels, ("grey",)), "b": SampleError("b: broken")})
    seen = look_over(data, SEGMENTATION, data.ids)
    assert [(one.name, one.images, one.things) for one in seen.counts] == [
        ("road", 1, 36 * 40),
        ("car", 1, 360),
        ("bus", 0, 0),
    ]
    assert [round(one.share, 6) for one in seen.counts] == [80.0, 20.0, 0.0]
    assert (seen.total, seen.looked_at, seen.void, seen.bare) == (2, 2, 10.0, 0)
    assert (seen.failures, seen.remarks, seen.sizes) == ((("b", "b: broken"),), (("grey", 1),), (("40x50", 1),))
    assert [tile.id for tile in seen.tiles] == ["a"]


def test_boxes_are_counted_and_ignore_regions_apart():
    samples = {"a": boxed("a", 1, (0, 0, 9, 9), (5, 5, 20, 20), (1, 1, 8, 30), crowd=1), "b": boxed("b", 2)}
    seen = look_over(Made(("cat", "dog"), samples), DETECTION, ("a", "b"))
    assert [(one.name, one.images, one.things) for one in seen.counts] == [("cat", 1, 1), ("dog", 1, 1)]
    assert (seen.things, seen.bare, round(seen.void or 0, 4)) == ("boxes", 1, 33.3333)
    assert seen.remarks == (("clipped", 2),)


def test_what_is_odd():
    labels = np.zeros((40, 50), np.uint8)
    samples = {
        "plain": Sample("plain", noise(0), labels),
        "flat": Sample("flat", np.full((40, 50, 3), 7, np.uint8), labels),
        "void": Sample("void", noise(1), np.full((40, 50), VOID, np.uint8)),
        "half": Sample("half", noise(2), np.where(np.arange(50) < 30, VOID, labels).astype(np.uint8)),
        "again": Sample("again", noise(0), labels),
    }
    seen = look_over(Made(("road",), samples), SEGMENTATION, tuple(samples))
    assert [(one.id, one.what) for one in seen.oddities] == [
        ("void", "all of it is void"),
        ("flat", "hardly anything to see: its pixels vary by 0.0 levels"),
        ("again", "the same image as plain, pixel by pixel"),
        ("half", "60 % of it is void"),
    ]
    assert [tile.id for tile in seen.tiles][:2] == ["void", "flat"]


def test_odd_boxes_are_told_at_most_twice_for_a_reason():
    samples = {f"{i}": boxed(f"{i}", i, (0, 0, 50, 40), (3, 3, 9, 9)) for i in range(4)}
    samples["t"] = boxed("t", 9, (3, 3, 4, 4), (5, 5, 9, 9), (5, 5, 9, 9))
    seen = look_over(Made(("cat", "dog"), samples), DETECTION, tuple(samples))
    assert [(one.id, one.what) for one in seen.oddities] == [
        ("t", "1 of 3 boxes have less than 4 pixels"),
        ("0", "1 of 2 boxes take the whole image"),
        ("1", "1 of 2 boxes take the whole image"),
    ]


def test_labels_of_other_images_are_seen():
    data = open_data("scenes:", split="test")
    ids = data.ids[:4]
    own = [edge_ratio(one.image, one.labels) for one in map(data.load, ids)]
    first = [data.load(name) for name in ids]
    other = [edge_ratio(one.image, first[i - 1].labels) for i, one in enumerate(first)]
    assert min(x for x in own if x) > 2
    assert np.median([x for x in other if x]) < 0.7 * np.median([x for x in own if x])
    assert edge_ratio(noise(0), np.zeros((40, 50), np.uint8)) is None


@pytest.mark.parametrize(("task", "opener"), [(DETECTION, open_detection), (VIDEO, open_clips)])
def test_bundled_scenes_of_other_tasks(task, opener):
    data = opener("scenes:")
    seen = look_over(data, task, data.ids[:2])
    assert (seen.looked_at, len(seen.tiles), seen.failures) == (2, 2, ())
    assert sum(one.things for one in seen.counts) > 2
    assert (seen.edge_ratio, seen.void is None) == (None, False)


def test_samples_are_drawn_from_all_over():
    assert evenly_spread("abc", 5) == ("a", "b", "c")
    assert evenly_spread([str(i) for i in range(101)], 5) == ("0", "25", "50", "75", "100")


# The contract of a data set


@pytest.mark.parametrize(
    ("task", "opener"), [(SEGMENTATION, open_data), (DETECTION, open_detection), (VIDEO, open_clips)]
)
def test_bundled_scenes_keep_the_contract(task, opener):
    report = check_data(opener("scenes:"), task.name, samples=2)
    assert report.ok, report.lines()
    assert len(report.checks) == 5


class Refusing(Made):
    def load(self, sample_id: str) -> Any:
        if sample_id not in self.samples:
            raise UnknownNameError(sample_id)
        return super().load(sample_id)


def labelled(name: str, seed: int, value: int = 0, **how: Any) -> Sample:
    return Sample(name, noise(seed), np.full((40, 50), value, np.uint8), **how)


@pytest.mark.parametrize(
    ("data", "failed", "words"),
    [
        (Refusing(("a",), {"x": labelled("x", 1), "y": labelled("y", 2)}), None, ""),
        (Refusing(("a",), {"x": labelled("x", 1), "y": SampleError("damaged")}), None, ""),
        (Refusing(("a",), {"x": labelled("x", 1, 3)}), "samples", "x: expected labels 0 to 0, or 255 for void, got 3"),
        (Refusing(("a",), {"x": KeyError("x")}), "samples", "got KeyError: 'x'"),
        (Refusing(None, {"x": labelled("x", 1)}), "samples", "got labels without classes"),
        (Refusing(("a",), {"x": Sample("x", noise(1) / 255.0, None)}), "samples", "of uint8, sides from 8 on"),
        (Made(("a",), {"x": labelled("x", 1)}), "an-unknown-id", "expected UnknownNameError .* got KeyError"),
        (Refusing(("a",), {}), "ids", "expected samples, got no id"),
    ],
)
def test_what_breaks_the_contract_is_named(data, failed, words):
    report = check_data(data, "segmentation")
    broken = [check for check in report.checks if not check.passed]
    assert report.ok is (failed is None)
    assert (broken[0].id.startswith(failed) and re.search(words, broken[0].seen)) if failed else not broken
