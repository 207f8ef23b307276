"""What a run measures of clips with masks in a part of the frames, and with objects that are given late."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from foolscape.data.load import open_clips
from foolscape.data.palette import davis_palette
from foolscape.records.row import Frames
from foolscape.run.tasks.base import EvalSample
from foolscape.run.tasks.video import Footage, Masks, VideoSubject
from tests.data.made import frame, mask, palette


def test_an_object_counts_behind_the_frame_in_which_it_is_given(tmp_path: Path) -> None:
    """Object 1 comes with frame 1, object 5 with frame 4; masks are of frames 1, 2, 4, 6, 7 and 8."""
    masks = {1: mask(1), 2: mask(1), 4: mask(1, 0, 5), 6: mask(1, 0, 5), 7: mask(1, 0, 5), 8: mask(1)}
    folders = [tmp_path / "train" / name / "a" for name in ("JPEGImages", "Annotations")]
    for folder in folders:
        folder.mkdir(parents=True)
    for index in range(9):
        Image.fromarray(frame(index)).save(folders[0] / f"{index:05d}.jpg")
    for index, labels in masks.items():
        palette(labels).save(folders[1] / f"{index:05d}.png")
    data = open_clips(f"mose:{tmp_path}", split="train")
    clip = data.load("a")
    subject = VideoSubject("", "", None, davis_palette(), data, None, torch.device("cpu"))  # type: ignore[arg-type]
    right = np.zeros((8, 12, 16), np.uint8)
    right[[0, 1, 3, 5, 6, 7]] = clip.truth
    found = right.copy()
    found[3] = mask(1)  # object 5 in the frame in which it is given: not looked at
    found[5] = mask(0, 0, 5)  # object 1 is lost in one of its frames 2, 4, 6 and 7
    found[6] = mask(1)  # and object 5 in one of its frames 6 and 7
    reference = Footage(clip, clip.truth, clip.judged, None)
    case = EvalSample(
        "a", clip.frames[0], (), reference, Masks(right, clip.names), Frames(names=clip.names, judged=clip.judged)
    )
    measured = subject.measured(case, Masks(found, clip.names)).measured
    one, five = measured.objects
    assert (one.label, one.start, one.J, one.F) == (1, 1, (1, 1, 0, 1), (1, 1, 0, 1))
    assert (five.label, five.start, five.J, five.F) == (5, 3, (1, 0), (1, 0))
