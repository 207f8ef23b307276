"""What stands in a spec of how a network wants its images, and what is then put before and behind it."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from foolscape.errors import SettingError, UnknownNameError
from foolscape.models.checks.gradient import check_gradient
from foolscape.models.common.wiring import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    OPTIONS,
    Wiring,
    boxes_from,
    wiring_of,
    with_input,
)
from foolscape.models.load import load_detector, load_segmenter, load_tracker
from foolscape.spec import parse
from foolscape.tasks.segmentation import Segmenter
from tests.models.networks import images
from tests.models.trackers.toys import clip, mask

SIZE = (24, 40)
ROOT = Path(__file__).parents[2]

NETS = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
import torch
from torch import nn
from tests.models.networks import Tiny
from tests.models.detectors.dense import Cells
from tests.models.trackers.toys import Net, Pixels, scores

def seen(x):
    'What a network gets that wants BGR of 0 to 255, as if it were RGB in [0, 1].'
    return x.flip(1) / 255

class Seg(Tiny):
    def forward(self, x):
        return super().forward(seen(x))

class Ready:
    classes, notes = tuple("abcde"), ()
    def __init__(self):
        self.net = Seg()
    def logits(self, x):
        return self.net(x)

class Det(Cells):
    def forward(self, x):
        boxes, scores = super().forward(seen(x))
        size = torch.tensor([x.shape[3], x.shape[2], x.shape[3], x.shape[2]])
        return torch.cat([boxes[..., :2], boxes[..., 2:] - boxes[..., :2]], -1) / size, scores

class Own(Det):
    def detect(self, x, score_threshold):
        boxes, scores = self(x)
        best, labels = scores.sigmoid().max(2)
        return [dict(boxes=b, scores=s, labels=l) for b, s, l in zip(boxes, best, labels)]

def track():
    return Net(lambda frames, first: scores(seen(frames), first))

class Back(Pixels):
    def forward(self, x):
        return super().forward(seen(x))
"""


@pytest.fixture(scope="module")
def nets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("nets") / "nets.py"
    path.write_text(NETS)
    return path


def gradient(segmenter: Segmenter, given: Tensor) -> Tensor:
    given = given.clone().requires_grad_()
    return torch.autograd.grad(segmenter.logits(given).square().sum(), given)[0]


@pytest.mark.parametrize("factory", ["Seg", "Ready"])
def test_a_segmenter_gets_what_it_wants_and_attacks_see_through_it(nets: Path, factory: str) -> None:
    plain = load_segmenter("tests.models.networks:Tiny", image_size=SIZE).model
    loaded = load_segmenter(f"{nets}:{factory}?input=bgr&range=255", image_size=SIZE)
    given = images(2)
    torch.testing.assert_close(loaded.model.logits(given), plain.logits(given), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(gradient(loaded.model, given), gradient(plain, given), rtol=1e-3, atol=1e-5)
    assert "input of the network: 0 to 1 made 0 to 255, channels in the order BGR" in loaded.model.notes
    assert check_gradient(loaded.model, given, seed=0).ok
    turned = load_segmenter(f"{nets}:{factory}?input=bgr&range=255&offset=1", image_size=SIZE).model
    torch.testing.assert_close(turned.logits(given)[:, 0], loaded.model.logits(given)[:, 1])
    torch.testing.assert_close(turned.logits(given)[:, 4], loaded.model.logits(given)[:, 0])
    assert turned.notes[-1] == "class i is the network's class i + 1"


@pytest.mark.parametrize("factory", ["Det", "Own"])
def test_a_detector_gets_what_it_wants_and_its_boxes_are_read(nets: Path, factory: str) -> None:
    plain = load_detector("tests.models.detectors.dense:Cells", image_size=SIZE).model
    spec = f"{nets}:{factory}?input=bgr&range=255&boxes=xywh,shares"
    wired = load_detector(spec, image_size=SIZE).model
    given = images()
    one, other = wired.candidates(given), plain.candidates(given)
    torch.testing.assert_close(one.boxes, other.boxes, rtol=1e-4, atol=1e-3)
    torch.testing.assert_close(one.scores, other.scores, rtol=1e-4, atol=1e-4)
    assert "boxes of the network: xywh in shares of the image" in wired.notes
    (found,) = wired.detect(given, 0.1)
    expected = plain.candidates(given).boxes[0]
    nearest = (found.boxes[:, None] - expected).abs().amax(dim=2).amin(dim=1)
    assert nearest.max() < 1e-3
    turned = load_detector(f"{spec}&offset=1", image_size=SIZE).model
    torch.testing.assert_close(turned.candidates(given).scores[:, 0], wired.candidates(given).scores[:, 1])
    (again,) = turned.detect(given, 0.1)
    assert torch.equal((again.labels + 1) % 3, found.labels)


def test_a_tracker_and_a_backbone_get_what_they_want(nets: Path) -> None:
    plain = load_tracker("tests.models.trackers.toys:Net", image_size=SIZE).model
    wired = load_tracker(f"{nets}:track?range=255&input=bgr", image_size=SIZE).model
    torch.testing.assert_close(wired.propagate(clip(), mask(2)), plain.propagate(clip(), mask(2)))
    alike = load_tracker("propagation:tests.models.trackers.toys:Pixels", image_size=SIZE).model
    fed = load_tracker(f"propagation:{nets}:Back?range=255&input=bgr&top_k=10", image_size=SIZE).model
    torch.testing.assert_close(fed.propagate(clip(), mask()), alike.propagate(clip(), mask()), rtol=1e-3, atol=1e-4)
    assert fed.notes[0] == "input of the network: 0 to 1 made 0 to 255, channels in the order BGR"


def test_what_the_options_do_to_an_image() -> None:
    image = torch.rand((1, 3, 2, 2), generator=torch.Generator().manual_seed(0))
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
    expected = {
        "input=rgb&range=1": image,
        "range=-1..1": 2 * image - 1,
        "range=1/255": image / 255,
        "range=0.5..1": (image + 1) / 2,
        "normalise=imagenet": (image - mean) / std,
        "normalise=undo-imagenet": image * std + mean,
        "mean=0.4,0.5,0.6&std=1,1,1&range=255&input=bgr": (
            255 * (image - torch.tensor([0.4, 0.5, 0.6]).view(1, 3, 1, 1))
        ).flip(1),
    }
    for options, wanted in expected.items():
        torch.testing.assert_close(wiring_of(parse(f"net.py:build?{options}"), *OPTIONS).images(image), wanted)
    assert wiring_of(parse("net.py:build"), *OPTIONS) == Wiring()
    assert Wiring().notes == ()


@pytest.mark.parametrize(
    ("form", "given"),
    [("xywh", (2, 3, 4, 6)), ("cxcywh", (4, 6, 4, 6)), ("yxyx", (3, 2, 9, 6)), ("xyxy", (2, 3, 6, 9))],
)
def test_forms_of_boxes(form: str, given: tuple[int, ...]) -> None:
    assert boxes_from(torch.tensor([given]).float(), form).tolist() == [[2, 3, 6, 9]]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("input=brg", "input: expected rgb or bgr, got 'brg'"),
        ("range=256levels", "range: expected what 0 to 1 become, such as 1, 255, 1/255 or -1..1"),
        ("range=1..1", "range: expected"),
        ("normalise=yes", "normalise: expected imagenet or undo-imagenet"),
        ("normalise=imagenet&std=1,1,1", "expected it or mean and std, got both"),
        ("mean=123,117,104", "divide those of levels by 255"),
        ("mean=0.5", "mean: expected three numbers"),
        ("std=1,0,1", "std: expected positive numbers"),
        ("offset=2", "offset: expected -1, 0 or 1"),
        ("boxes=xxyy", "boxes: expected one of xyxy, xywh, cxcywh, yxyx, and shares or not"),
        ("boxes=xywh,yxyx", "boxes: expected one form"),
    ],
)
def test_unknown_values_are_refused_with_the_valid_ones(options: str, says: str) -> None:
    with pytest.raises(SettingError, match=says):
        wiring_of(parse(f"net.py:build?{options}"), *OPTIONS)


def test_options_are_refused_where_they_mean_nothing() -> None:
    with pytest.raises(SettingError, match="boxes: expected none for this kind of model"):
        load_segmenter("tests.models.networks:Tiny?boxes=xywh", image_size=SIZE)
    with pytest.raises(SettingError, match="offset: expected none"):
        load_tracker("tests.models.trackers.toys:Net?offset=1", image_size=SIZE)
    with pytest.raises(UnknownNameError, match="unknown option"):
        load_segmenter("bundled:scenes-unet?input=bgr", image_size=SIZE)


def test_the_short_form() -> None:
    assert with_input("net.py:build", "bgr,255") == "net.py:build?input=bgr&range=255"
    assert with_input("net.py:build?weights=w.pth", "imagenet") == "net.py:build?weights=w.pth&normalise=imagenet"
    assert with_input("net.py:build", "-1..1, offset=-1") == "net.py:build?range=-1..1&offset=-1"
    assert with_input("net.py:build", "shares,xywh") == "net.py:build?boxes=xywh,shares"
    assert with_input("net.py:build?input=rgb", "bgr") == "net.py:build?input=rgb"
    assert with_input("propagation:net.py:build?top_k=5", "bgr") == "propagation:net.py:build?top_k=5&input=bgr"
    assert with_input("bundled:scenes-unet", "bgr") == "bundled:scenes-unet"
    with pytest.raises(UnknownNameError, match="unknown word of --input 'brg'; did you mean bgr"):
        with_input("net.py:build", "brg")
    with pytest.raises(SettingError, match="expected one word for input, got 'bgr' and 'rgb'"):
        with_input("net.py:build", "bgr,rgb")
    with pytest.raises(SettingError, match="offset: expected -1, 0 or 1"):
        with_input("net.py:build", "offset=7")
