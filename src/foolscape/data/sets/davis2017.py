"""DAVIS 2017."""

from __future__ import annotations

from typing import Final

from foolscape.data.dataset import DataSet, fixed
from foolscape.data.davis import SPLITS_2017, open_davis2017
from foolscape.tasks.base import VIDEO

RECORD: Final = DataSet(
    name="davis2017",
    form="davis2017:DIR[?resolution=480p]",
    description="DAVIS 2017: clips of several objects with a mask for every frame, or for the first in the test splits",
    splits=SPLITS_2017,
    openers={
        VIDEO.name: fixed(open_davis2017),
    },
)
