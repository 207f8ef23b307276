"""Clips of the bundled street: what is followed, and that the same clip comes back."""

from dataclasses import replace

import numpy as np
import pytest

from foolscape.data import scene_clips
from foolscape.data.scene_clips import LEAST_PIXELS, MOST_OBJECTS, choose, open_scene_clips
from foolscape.errors import SampleError, SettingError, UnknownNameError
from foolscape.scenes import describe, render
from foolscape.scenes.street import BICYCLE, PERSON
from foolscape.spec import parse


def test_listing_draws_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scene_clips, "describe", None)
    data = open_scene_clips(parse("scenes:"))
    assert (data.split, data.classes, len(data.ids), data.ids[17]) == ("test", ("object",), 100, "test-000017")
    assert open_scene_clips(parse("scenes:?seed=7&count=2")).ids == ("seed7-000000", "seed7-000001")
    assert open_scene_clips(parse("scenes:"), "val").ids[0] == "val-000000"


def test_a_clip_is_what_its_contract_says() -> None:
    data = open_scene_clips(parse("scenes:?frames=3&count=1"))
    clip = data.load("test-000000")
    assert clip.id == "test-000000"
    assert (clip.frames.shape, clip.frames.dtype) == ((3, 160, 256, 3), np.uint8)
    assert clip.names == ("00000", "00001", "00002")
    assert clip.judged == (0, 1, 2)
    assert clip.truth is not None
    assert (clip.truth.shape, clip.truth.dtype) == ((3, 160, 256), np.uint8)
    (given,) = clip.given
    assert given.frame == 0
    assert np.array_equal(given.mask, clip.truth[0])
    again = data.load("test-000000")
    assert np.array_equal(again.frames, clip.frames)
    assert np.array_equal(again.truth, clip.truth)


def test_objects_are_large_throughout_and_numbered_by_size() -> None:
    clip = open_scene_clips(parse("scenes:?frames=4&count=8")).load("test-000005")
    assert clip.truth is not None
    labels, first = np.unique(clip.truth[0], return_counts=True)
    assert labels.tolist() == list(range(len(labels)))
    assert 1 <= len(labels) - 1 <= MOST_OBJECTS
    assert (np.diff(first[1:]) <= 0).all()
    assert all((clip.truth[end] == label).sum() >= LEAST_PIXELS for end in range(4) for label in labels[1:])
    assert not np.array_equal(clip.truth[0], clip.truth[-1])


def test_a_bicycle_and_its_rider_are_one_object() -> None:
    street, objects = choose(2, 2, (0.0, 0.25))
    ridden = next(one for one in objects if len(one.instances) == 2)
    kinds = {thing.id: thing for thing in street.things}
    bicycle, rider = (kinds[number] for number in ridden.instances)
    assert (bicycle.label, rider.label) == (BICYCLE, PERSON)
    assert ridden.moves
    followed = [number for one in objects for number in one.instances]
    assert len(set(followed)) == len(followed)


def test_houses_hide_nothing_that_is_followed() -> None:
    # Objects are chosen on streets without houses, which take half of the time.
    for index in range(3):
        street = describe(2, index)
        bare = render(replace(street, buildings=()))
        assert np.array_equal(bare.instances, render(street).instances)


def test_fingerprints_differ_by_what_is_drawn() -> None:
    specs = ("scenes:", "scenes:?frames=5", "scenes:?seed=9&count=3")
    prints = {open_scene_clips(parse(text)).fingerprint(open_scene_clips(parse(text)).ids[1]) for text in specs}
    assert len(prints) == len(specs)
    data = open_scene_clips(parse("scenes:"))
    assert data.fingerprint("test-000001") != data.fingerprint("test-000002")


def test_a_clip_in_which_nothing_stays_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scene_clips, "LEAST_PIXELS", 160 * 256 + 1)
    with pytest.raises(SampleError, match="ask for fewer frames"):
        open_scene_clips(parse("scenes:?frames=3")).load("test-000000")


@pytest.mark.parametrize("text", ["scenes:?frames=2", "scenes:?frames=x", "scenes:folder", "scenes:?size=3"])
def test_what_it_does_not_know_is_refused(text: str) -> None:
    with pytest.raises(SettingError):
        open_scene_clips(parse(text))


def test_unknown_names_are_refused() -> None:
    with pytest.raises(UnknownNameError):
        open_scene_clips(parse("scenes:"), "nowhere")
    with pytest.raises(UnknownNameError):
        open_scene_clips(parse("scenes:?count=2")).load("test-000002")
