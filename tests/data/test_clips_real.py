"""The real DAVIS 2016 subset, where it is present."""

import numpy as np
import pytest
from PIL import Image

from foolscape.data.clips import resize_clip
from foolscape.data.load import open_clips
from foolscape.metrics.video import measure_davis

NAMES = ("blackswan", "breakdance", "camel", "car-shadow", "cows", "dog", "libby", "scooter-black")


@pytest.fixture
def davis(real):
    root = real / "data/davis16_val"
    if not root.is_dir():
        pytest.skip(f"no DAVIS clips at {root}; set FOOLSCAPE_REAL to a folder that has them")
    return root


def test_davis2016_subset(davis):
    data = open_clips(f"davis2016:{davis}")
    assert data.ids == NAMES
    assert (data.split, data.classes) == (None, ("object",))
    assert data.notes == ("resolution 480p", "no list in ImageSets: all 8 clips taken")
    assert len({data.fingerprint(name) for name in data.ids}) == 8
    clip = data.load("libby")
    for index in (0, 17, 39):
        stored = np.array(Image.open(davis / f"Annotations/480p/libby/{index:05d}.png"))
        np.testing.assert_array_equal(clip.truth[index], stored == 255)
        stored = np.array(Image.open(davis / f"JPEGImages/480p/libby/{index:05d}.jpg"))
        np.testing.assert_array_equal(clip.frames[index], stored)
    small = resize_clip(clip, (120, 214))
    assert small.frames.shape == (40, 120, 214, 3)
    scores = measure_davis(small.truth, small.truth).objects
    assert [(one.label, one.J) for one in scores] == [(1, (1.0,) * 38)]


@pytest.mark.slow
def test_all_davis2016_clips(davis):
    data = open_clips(f"davis2016:{davis}")
    for name in data.ids:
        clip = data.load(name)
        assert clip.frames.shape == (40, 480, 854, 3)
        assert clip.truth.shape == (40, 480, 854)
        assert clip.names == tuple(f"{index:05d}" for index in range(40))
        assert clip.judged == tuple(range(40))
        assert set(np.unique(clip.truth).tolist()) == {0, 1}
        assert [one.frame for one in clip.given] == [0]
        np.testing.assert_array_equal(clip.given[0].mask, clip.truth[0])
        assert (clip.notes, clip.categories) == ((), {})
