"""SAM 2, SAM 3 and EdgeTAM of transformers, tiny and with random weights, against the library's way through a clip."""

import copy
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from foolscape.errors import CheckpointError, ModelError, SampleError, SettingError, UnknownNameError
from foolscape.models.common.huggingface import hub
from foolscape.models.load import load_tracker
from foolscape.models.trackers.prompts import BOX, MASK, Prompt
from foolscape.models.trackers.sam2 import Sam2, shared
from foolscape.models.trackers.sam2_load import adapt_sam2
from foolscape.models.trackers.stcn.memory import aggregate
from foolscape.run.settings.task_of import task_of
from foolscape.tasks.video import ReusingTracker, Tracker
from foolscape.testing import check_tracker

from .sams import KINDS, NAMES, SIDE, network, whole_sam3
from .toys import clip, mask

SIZE = (40, 56)


@cache
def tracker(kind: str, *, there: bool = True, prompt: Prompt = MASK) -> Sam2:
    return adapt_sam2(network(kind, there=there), prompt=prompt)


def gradient(found: Tensor, frames: Tensor) -> Tensor:
    return torch.autograd.grad(found, frames)[0].abs().amax(dim=(1, 2, 3))


@pytest.mark.parametrize("kind", KINDS)
def test_the_contract(kind: str) -> None:
    found = tracker(kind)
    assert isinstance(found, Tracker)
    assert isinstance(found, ReusingTracker)
    assert isinstance(found.surrogate, Tracker)
    assert f"frames are resized inside to {SIDE} x {SIDE}" in found.notes
    assert ("memory is rounded to bfloat16" in found.notes) == (kind != "edgetam_video")
    report = check_tracker(found, sizes=(SIZE, (37, 51)))
    assert report.ok, report.lines()
    hints = {check.name: check.detail for check in report.checks if check.passed is None}
    assert hints["frames that come later"] == "a frame's answer does not depend on them"


@pytest.mark.parametrize("kind", KINDS)
def test_masks_are_those_of_the_library(kind: str) -> None:
    """A clip as long as the memory of object pointers; a shorter one is another matter, see `propagate`."""
    found = tracker(kind)
    frames, given = clip(16, SIZE), mask(2, SIZE)
    prepared = found._prepared(frames)
    library: Any = hub()
    session = getattr(library, f"{NAMES[kind]}InferenceSession")(
        video=prepared, video_height=SIZE[0], video_width=SIZE[1], dtype=torch.float32
    )
    for label in (1, 2):
        one = torch.nn.functional.interpolate(
            (given == label).float()[None, None], (SIDE, SIDE), mode="bilinear", antialias=True
        )
        session.add_mask_inputs(session.obj_id_to_idx(label), 0, (one >= 0.5).float())
    session.obj_with_new_inputs = [1, 2]
    with torch.no_grad():
        probabilities = found.propagate(frames, given)
    network: Any = found.network
    for t, output in enumerate(network.propagate_in_video_iterator(session, start_frame_idx=0)):
        if t == 0:
            continue
        masks = torch.nn.functional.interpolate(output.pred_masks, SIZE, mode="bilinear")[:, 0]
        torch.testing.assert_close(probabilities[t], aggregate(masks.sigmoid()), rtol=1e-4, atol=1e-5)
    assert t == 15


@pytest.mark.parametrize("kind", KINDS)
def test_the_gate_has_no_gradient_but_the_surrogate_has(kind: str) -> None:
    gone = tracker(kind, there=False)
    frames, given = clip(3, SIZE).requires_grad_(), mask(2, SIZE)
    real, other = gone.propagate(frames, given), gone.surrogate.propagate(frames, given)
    assert float(real[1:, 1:].detach().max()) < 1e-30
    assert not gradient(real[2, 1].sum(), frames).any()
    assert 0 < float(other[1:, 1:].detach().max()) < 1
    assert bool((gradient(other[2, 1].sum(), frames) > 0).all())  # frame 1 by way of the memory


def test_where_the_object_is_surely_there_the_surrogate_is_the_answer() -> None:
    sure = network("sam2_video")
    torch.nn.init.constant_(sure.mask_decoder.pred_obj_score_head.proj_out.bias, 50.0)  # type: ignore[union-attr, arg-type]
    found = adapt_sam2(sure)
    with torch.no_grad():
        torch.testing.assert_close(
            found.surrogate.propagate(clip(3, SIZE), mask(2, SIZE)), found.propagate(clip(3, SIZE), mask(2, SIZE))
        )


@pytest.mark.parametrize("kind", KINDS)
def test_features_are_taken_as_they_are(kind: str) -> None:
    found = tracker(kind)
    frames, given = clip(3, SIZE), mask(1, SIZE)
    with torch.no_grad():
        kept = found.features(frames[1:])
    frames.requires_grad_()
    changed = gradient(found.propagate(frames, given, kept)[2, 1].sum(), frames)
    assert changed[0] > 0
    assert not changed[1:].any()
    with pytest.raises(ValueError, match="expected features of all frames but the first, 2, got 1"):
        found.propagate(frames, given, kept[:1])


def test_nothing_is_rounded_in_double_precision() -> None:
    twin = copy.deepcopy(tracker("sam2_video"))
    twin.network.double()
    frames, given = clip(3, SIZE).double(), mask(1, SIZE)
    with torch.no_grad():
        clean = twin.propagate(frames, given)
        moved = twin.propagate(torch.cat([frames[:1] + 1e-6, frames[1:]]), given)
    assert clean.dtype == torch.float64
    assert 0 < float((moved - clean)[2].abs().max()) < 1e-3


def test_sharing_pixels_is_soft_aggregation() -> None:
    log_odds = torch.linspace(-9, 9, 40).view(2, 4, 5)
    torch.testing.assert_close(shared(log_odds), aggregate(log_odds.sigmoid()), rtol=1e-4, atol=1e-6)
    certain = torch.tensor([[30.0, -1024.0]], requires_grad=True)
    found = shared(certain)
    torch.testing.assert_close(found[1], torch.tensor([1.0, 0.0]))
    (back,) = torch.autograd.grad(found[0, 0].log(), certain)
    torch.testing.assert_close(back, torch.tensor([[-2.0, 0.0]]))  # where probabilities are clamped it would be 0


def test_a_wrong_mask_is_a_bad_sample() -> None:
    with pytest.raises(SampleError, match="labels 1 to K"):
        tracker("sam2_video").propagate(clip(2, SIZE), 2 * mask(1, SIZE))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    network("sam2_video").save_pretrained(tmp_path)  # type: ignore[operator]
    return tmp_path


def test_a_folder(folder: Path) -> None:
    (folder / "preprocessor_config.json").write_text(json.dumps({"image_mean": [0.5] * 3, "image_std": [0.25] * 3}))
    spec = f"transformers:{folder}"
    assert task_of(spec) == "video"
    loaded = load_tracker(spec)
    assert isinstance(loaded.model, Sam2)
    assert (loaded.model.mean, loaded.model.std) == ((0.5,) * 3, (0.25,) * 3)
    assert loaded.sha256 is not None
    own = tracker("sam2_video").network.state_dict()
    assert all(torch.equal(own[name], value) for name, value in loaded.model.network.state_dict().items())
    state = torch.random.get_rng_state()
    drawn = load_tracker(f"{spec}?weights=none")
    assert drawn.sha256 not in (None, loaded.sha256)
    assert torch.equal(torch.random.get_rng_state(), state)
    with pytest.raises(UnknownNameError, match="unknown weights of transformers"):
        load_tracker(f"{spec}?weights=some")


def test_objects_shown_by_a_spec(folder: Path) -> None:
    loaded = load_tracker(f"transformers:{folder}?prompt=box")
    assert isinstance(loaded.model, Sam2)
    assert loaded.model.prompt == BOX
    assert loaded.model.surrogate.prompt == BOX
    assert any("the box around its pixels" in note for note in loaded.model.notes)
    assert loaded.slug != load_tracker(f"transformers:{folder}").slug
    with pytest.raises(SettingError, match="prompt: expected mask, box, click or a number of clicks"):
        load_tracker(f"transformers:{folder}?prompt=scribble")
    with pytest.raises(UnknownNameError, match="did you mean prompt"):
        load_tracker(f"transformers:{folder}?promt=box")


def test_edgetam_with_its_own_encoder_from_a_folder(tmp_path: Path) -> None:
    pytest.importorskip("timm")
    network("edgetam_video").save_pretrained(tmp_path)  # type: ignore[operator]
    loaded = load_tracker(f"transformers:{tmp_path}?prompt=click")
    own = tracker("edgetam_video").network.state_dict()
    assert isinstance(loaded.model, Sam2)
    assert all(torch.equal(own[name], value) for name, value in loaded.model.network.state_dict().items())
    assert "timm" in loaded.identity["libraries"]
    drawn = load_tracker(f"transformers:{tmp_path}?weights=none").model
    assert drawn.notes[0] == "random weights, seed 0"


def test_the_tracker_of_sam_3_as_published(tmp_path: Path) -> None:
    whole = whole_sam3()
    whole.save_pretrained(tmp_path)
    assert task_of(f"transformers:{tmp_path}") == "video"
    loaded = load_tracker(f"transformers:{tmp_path}?prompt=3-clicks").model
    assert isinstance(loaded, Sam2)
    assert (loaded.size, loaded.mean, loaded.std) == ((SIDE, SIDE), (0.5,) * 3, (0.5,) * 3)
    places = {
        "vision_encoder.backbone.": "detector_model.vision_encoder.backbone.",
        "vision_encoder.neck.": "tracker_neck.",
    }
    own = whole.state_dict()
    for name, value in loaded.network.state_dict().items():
        start = next((start for start in places if name.startswith(start)), "")
        assert torch.equal(own[places.get(start, "tracker_model.") + name.removeprefix(start)], value)


def test_weights_of_another_network(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    save_file(
        {name: value for name, value in tensors.items() if "memory_encoder" not in name},
        folder / "model.safetensors",
        metadata={"format": "pt"},
    )
    with pytest.raises(CheckpointError, match="these weights are another network's"):
        load_tracker(f"transformers:{folder}")


def test_other_networks_and_folders(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "detr"}))
    assert task_of(f"transformers:{tmp_path}") == "detection"
    with pytest.raises(UnknownNameError, match="unknown kind of tracker in transformers 'detr'"):
        load_tracker(f"transformers:{tmp_path}")
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ModelError, match="expected a folder with a network"):
        task_of(f"transformers:{tmp_path}")
    with pytest.raises(ModelError, match="expected a folder with a tracker"):
        load_tracker(f"transformers:{tmp_path}")
