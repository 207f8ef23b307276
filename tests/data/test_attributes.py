"""What data sets say of an image beside its labels."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from foolscape.data.attributes import attributes_of, plain_attributes
from foolscape.data.load import open_data, open_detection
from foolscape.errors import DataError
from foolscape.scenes import describe
from foolscape.strict import strictly
from tests.data.made import note


def test_what_is_short_and_no_name_is_kept() -> None:
    said = {
        "weather": " light\nfog ", "wet": True, "lanes": 2, "speed": 3.5, "image_id": 7, "Name": "x",
        "coco_url": "http:",
        "path": "a/b", "size": (3, 4), "none": None, "empty": " ", "long": "x" * 81,
    }  # fmt: skip
    assert plain_attributes(said) == {"weather": "light fog", "wet": "yes", "lanes": "2", "speed": "3.5"}


@pytest.mark.parametrize("opened", [open_data, open_detection])
def test_the_street_tells_its_light_also_in_part_and_under_strict(opened: Callable[..., Any]) -> None:
    data = opened("scenes:?count=40")
    lights = [attributes_of(data, name) for name in data.ids]
    assert {one["light"] for one in lights} == {"day", "dusk"}
    for number, one in enumerate(lights):
        street = describe(2, number)
        assert (one["lamps"] == "lit") == street.light.lamps
        assert (one["rain"] == "yes") == (street.light.rain > 0)
        # At dusk lamps are lit; by day they are only where it rains or is misty.
        assert one["light"] == "day" or one["lamps"] == "lit"
    with strictly(True):
        part = opened("scenes:?count=40", split="test[5:9]")
    assert [attributes_of(part, name) for name in part.ids] == lights[5:9]


def test_fields_of_a_coco_file(coco: Callable[..., str]) -> None:
    spec = coco([note(1, 1, 2, 3, 5, 4)])
    path = Path(spec.removeprefix("coco:")) / "annotations/instances_val2017.json"
    content = json.loads(path.read_text())
    first = next(image for image in content["images"] if image["id"] == 1)
    first |= {"weather": "fog", "license": 3, "coco_url": "http://x", "attributes": {"time": "night", "n": [1]}}
    path.write_text(json.dumps(content))
    for opened in (open_data, open_detection):
        assert attributes_of(opened(spec), "000001") == {"weather": "fog", "time": "night"}
    assert attributes_of(open_detection(spec), "000002") == {}


def test_a_method_that_raises_is_told() -> None:
    class Broken:
        def attributes(self, sample_id: str) -> dict[str, str]:
            raise KeyError(sample_id)

    with pytest.raises(DataError, match=r"expected attributes\('a'\) of Broken to be a mapping, got KeyError: 'a'"):
        attributes_of(Broken(), "a")
    assert attributes_of(object(), "a") == {}
    assert attributes_of(type("Odd", (), {"attributes": 3})(), "a") == {}
