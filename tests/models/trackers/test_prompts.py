"""Boxes and clicks that objects are shown by, and what SAM 2, SAM 3 and EdgeTAM make of them."""

from typing import Any

import pytest
import torch
from torch import Tensor

from foolscape.errors import SettingError
from foolscape.models.checks.gradient import check_gradient
from foolscape.models.common.huggingface import hub
from foolscape.models.trackers.prompts import BOX, MASK, Prompt, prompt_of
from foolscape.models.trackers.sam2 import Sam2, shared
from foolscape.models.trackers.sam2_load import adapt_sam2
from foolscape.models.trackers.scorer import ClipScorer

from .sams import KINDS, NAMES, SIDE, network, processor
from .toys import clip, mask

SIZE = (40, 56)


def drawn(*rows: str) -> Tensor:
    return torch.tensor([[int(cell) for cell in row] for row in rows])


def test_the_box_is_from_the_first_pixel_to_the_last() -> None:
    places, kinds = BOX.points(drawn("00000", "00110", "01100", "00000"))
    assert places.tolist() == [[1, 1], [3, 2]]  # x and y of the corners
    assert kinds.tolist() == [2, 3]


def test_a_click_is_farthest_from_the_border() -> None:
    places, kinds = Prompt(1).points(drawn("0000000", "0111000", "0111000", "0111110", "0000000"))
    assert (places.tolist(), kinds.tolist()) == ([[2, 2]], [1])
    # The outside of an image is border, too: else the corner would be as far.
    assert Prompt(1).points(torch.ones(5, 5))[0].tolist() == [[2, 2]]
    # Of several the first, row by row.
    assert Prompt(1).points(drawn("0110", "0000", "1100"))[0].tolist() == [[1, 0]]


def test_more_clicks_keep_away_from_those_before() -> None:
    long = torch.zeros(5, 13)
    long[1:4, 1:12] = 1
    places, kinds = Prompt(3).points(long)
    assert places[0].tolist() == [2, 2]
    assert kinds.tolist() == [1, 1, 1]
    apart = torch.cdist(places.float(), places.float())
    assert float(apart[~torch.eye(3, dtype=torch.bool)].min()) >= 2
    assert torch.equal(Prompt(2).points(long)[0], places[:2])
    assert Prompt(5).points(drawn("010", "010"))[0].tolist() == [[1, 0], [1, 1]]


def test_what_a_prompt_is_called() -> None:
    assert [prompt_of(text) for text in ("mask", "box", "click", "1-click", "3-clicks")] == [
        MASK, BOX, Prompt(1), Prompt(1), Prompt(3),
    ]  # fmt: skip
    for wrong in ("boxes", "0-clicks", "clicks", "", "100-clicks", "-1-clicks"):
        with pytest.raises(SettingError, match="prompt: expected mask, box, click or a number of clicks"):
            prompt_of(wrong)


@pytest.fixture(scope="module", params=KINDS)
def found(request: pytest.FixtureRequest) -> tuple[str, Sam2]:
    return request.param, adapt_sam2(network(request.param))


def shown(prompt: Prompt, given: Tensor) -> dict[str, Any]:
    """What the library's processor is handed: boxes, or clicks and what they mean, for every object."""
    points = [prompt.points(given == label) for label in range(1, int(given.max()) + 1)]
    if prompt.box:
        return {"input_boxes": [[places.flatten().tolist() for places, _ in points]]}
    return {
        "input_points": [[places.tolist() for places, _ in points]],
        "input_labels": [[kinds.tolist() for _, kinds in points]],
    }


@pytest.mark.parametrize("prompt", [BOX, Prompt(1), Prompt(3)])
def test_masks_are_those_of_the_librarys_processor_and_session(found: tuple[str, Sam2], prompt: Prompt) -> None:
    kind, made = found
    tracker = adapt_sam2(made.network, prompt=prompt)
    frames, given = clip(3, SIZE), mask(2, SIZE)
    library: Any = made.network
    steps = processor(kind)
    session = steps.init_video_session(dtype=torch.float32)
    with torch.no_grad():
        probabilities = tracker.propagate(frames, given)
        for t, frame in enumerate(frames):
            inputs = steps(images=frame, return_tensors="pt")
            if t == 0:
                steps.add_inputs_to_inference_session(
                    session, 0, [1, 2], original_size=inputs.original_sizes[0], **shown(prompt, given)
                )
            output = library(session, frame=inputs.pixel_values[0])
            masks = steps.post_process_masks([output.pred_masks], inputs.original_sizes, binarize=False)[0][:, 0]
            if t > 0:
                torch.testing.assert_close(probabilities[t], shared(masks), rtol=0, atol=1e-5)
    assert float((probabilities - adapt_sam2(library).propagate(frames, given)).abs().max()) > 1e-3


def test_the_gradient_to_the_first_frame_is_right(found: tuple[str, Sam2]) -> None:
    """As central differences in float64 say."""
    kind, made = found
    prompt = {"sam2_video": BOX, "sam3_tracker_video": Prompt(3)}.get(kind, Prompt(1))
    frames = clip(2, SIZE)
    scorer = ClipScorer(adapt_sam2(made.network, prompt=prompt), frames[1:], mask(2, SIZE))
    verdict = check_gradient(scorer, frames[:1], seed=0, clamps=True)
    assert verdict.ok, verdict.message
    assert verdict.kind == "right"


def test_a_prompt_stays_as_it_is_when_the_frame_is_changed(
    found: tuple[str, Sam2], monkeypatch: pytest.MonkeyPatch
) -> None:
    kind, made = found
    kept: list[Tensor] = []
    session: Any = getattr(hub(), f"{NAMES[kind]}InferenceSession")
    add = session.add_point_inputs

    def note(self: Any, which: int, frame: int, points: dict[str, Tensor]) -> None:
        kept.append(points["point_coords"])
        add(self, which, frame, points)

    monkeypatch.setattr(session, "add_point_inputs", note)
    tracker = adapt_sam2(made.network, prompt=BOX)
    frames, given = clip(2, SIZE), mask(2, SIZE)
    with torch.no_grad():
        answers = [tracker.propagate(one, given) for one in (frames, torch.cat([1 - frames[:1], frames[1:]]))]
    assert not torch.equal(answers[0][1], answers[1][1])
    assert len(kept) == 4
    torch.testing.assert_close(kept[:2], kept[2:], rtol=0, atol=0)
    corners = BOX.points(given == 1)[0].float()
    torch.testing.assert_close(kept[0][0, 0], corners * torch.tensor([SIDE / SIZE[1], SIDE / SIZE[0]]))


def test_the_note_says_what_is_shown(found: tuple[str, Sam2]) -> None:
    def notes(prompt: Prompt) -> str:
        return "; ".join(adapt_sam2(found[1].network, prompt=prompt).notes)

    assert "an object is shown by the box around its pixels" in notes(BOX)
    assert "one click at the pixel" in notes(Prompt(1))
    assert "3 clicks in the mask that is given" in notes(Prompt(3))
    assert "scaled to 64 x 64" in notes(Prompt(3))
    assert "an object is shown by" not in notes(MASK)
