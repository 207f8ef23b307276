"""STM: the names of its published weights, its memory, and the loop of its authors' evaluation."""

from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from foolscape.errors import CheckpointError, SettingError
from foolscape.models.load import load_tracker
from foolscape.models.trackers import stm as module
from foolscape.models.trackers.stm import Remembered, Stm, StmNetwork, load_stm, read
from foolscape.tasks.video import ReusingTracker, Tracker
from foolscape.testing import check_tracker

from .conftest import filled

PUBLISHED = {
    "Encoder_M.conv1_m.weight": (64, 1, 7, 7),
    "Encoder_M.conv1_o.weight": (64, 1, 7, 7),
    "Encoder_M.mean": (1, 3, 1, 1),
    "Encoder_M.res2.0.downsample.0.weight": (256, 64, 1, 1),
    "Encoder_M.res4.5.conv3.weight": (1024, 256, 1, 1),
    "Encoder_Q.conv1.weight": (64, 3, 7, 7),
    "Encoder_Q.res3.3.bn2.running_var": (128,),
    "KV_M_r4.Key.weight": (128, 1024, 3, 3),
    "KV_Q_r4.Value.bias": (512,),
    "Decoder.convFM.weight": (256, 1024, 3, 3),
    "Decoder.ResMM.conv2.weight": (256, 256, 3, 3),
    "Decoder.RF3.convFS.weight": (256, 512, 3, 3),
    "Decoder.RF2.ResFS.conv1.bias": (256,),
    "Decoder.pred2.weight": (2, 256, 3, 3),
}


@pytest.fixture(scope="module")
def network() -> StmNetwork:
    made = StmNetwork(16)
    state = {key: filled(key, tuple(value.shape)) for key, value in made.state_dict().items()}
    state["Decoder.pred2.weight"] *= 4  # masks between 0 and 1
    statistics = {key: value for key, value in made.state_dict().items() if key.endswith((".mean", ".std"))}
    made.load_state_dict(state | statistics)
    return made


def clip(frames: int, objects: int, size: tuple[int, int] = (34, 50)) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(3)
    coarse = torch.rand(frames, 3, 8, 12, generator=generator)
    mask = torch.zeros(size, dtype=torch.int64)
    for i in range(objects):
        mask[8:-8, 5 + 12 * i : 14 + 12 * i] = i + 1
    return functional.interpolate(coarse, size=size, mode="bilinear"), mask


def test_names_and_shapes_of_published_weights() -> None:
    with torch.device("meta"):
        state = StmNetwork().state_dict()
    assert {key: tuple(state[key].shape) for key in PUBLISHED} == PUBLISHED
    tops = {key.partition(".")[0] for key in state}
    assert tops == {"Encoder_M", "Encoder_Q", "KV_M_r4", "KV_Q_r4", "Decoder"}


def test_memory_against_loops() -> None:
    """Every position of the frame takes a mean of all values, weighed by e to the product of keys over root 4."""
    generator = torch.Generator().manual_seed(0)
    drawn = [torch.randn(2, width, 2, 3, generator=generator) for width in (4, 5, 4, 5)]
    memory = [Remembered(drawn[0], drawn[1]), Remembered(drawn[2], drawn[3])]
    query = torch.randn(1, 4, 2, 3, generator=generator)
    found = read(memory, query)
    for k in range(2):
        keys = torch.cat([one.keys[k].flatten(1) for one in memory], dim=1)
        values = torch.cat([one.values[k].flatten(1) for one in memory], dim=1)
        for y in range(2):
            for x in range(3):
                weights = torch.stack([(keys[:, m] @ query[0, :, y, x] / 2).exp() for m in range(12)])
                wanted = (values * weights).sum(dim=1) / weights.sum()
                assert torch.allclose(found[k, :, y, x], wanted, atol=1e-5)


@torch.no_grad()
def test_the_loop_remembers_every_other_frame_and_the_one_before(network: StmNetwork) -> None:
    """Written out for six frames with mem_every 2: 0, 2 and 4 for good, and at each step the one before."""
    frames, mask = clip(6, 2)
    found = Stm(network, mem_every=2).propagate(frames, mask)
    assert found.shape == (6, 3, 34, 50)
    assert torch.equal(found[0].argmax(dim=0), mask)
    pads = (7, 7, 7, 7)  # 34 x 50 become 48 x 64
    masks = [functional.pad(one, pads)[1:] for one in found]
    remembered = [network.memorise(functional.pad(f[None], pads), m) for f, m in zip(frames, masks, strict=True)]
    for t, memory in ((1, (0,)), (2, (0, 1)), (3, (0, 2)), (4, (0, 2, 3)), (5, (0, 2, 4))):
        alone = network.segment([remembered[i] for i in memory], network.query(functional.pad(frames[t : t + 1], pads)))
        chances = torch.cat([(1 - alone).prod(dim=0, keepdim=True), alone]).clamp(1e-7, 1 - 1e-7)
        wanted = torch.logit(chances).softmax(dim=0)[:, 7:-7, 7:-7]
        assert torch.allclose(found[t], wanted, atol=1e-5)
    assert float(found[1:, 1:].std()) > 0.01


@torch.no_grad()
def test_later_frames_may_be_encoded_before(network: StmNetwork) -> None:
    frames, mask = clip(4, 1)
    stm = Stm(network)
    assert isinstance(stm, ReusingTracker)
    assert isinstance(stm, Tracker)
    assert torch.allclose(stm.propagate(frames, mask, stm.features(frames[1:])), stm.propagate(frames, mask), atol=1e-6)


def test_contract(network: StmNetwork) -> None:
    report = check_tracker(Stm(network), sizes=((32, 48), (33, 47)))
    assert report.ok, report.lines()


def test_gradient_reaches_the_first_frame(network: StmNetwork) -> None:
    frames, mask = clip(3, 2)
    frames.requires_grad_()
    (gradient,) = torch.autograd.grad(Stm(network).propagate(frames, mask)[1:, 1].sum(), frames)
    assert float(gradient[0].abs().max()) > 0


def test_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, network: StmNetwork) -> None:
    """As DataParallel saves it."""
    torch.save({f"module.{key}": value for key, value in network.state_dict().items()}, path := tmp_path / "STM.pth")
    monkeypatch.setattr(module, "StmNetwork", lambda: StmNetwork(16))
    loaded = load_tracker(f"stm:{path}?mem_every=3")
    assert loaded.model.mem_every == 3
    assert loaded.slug.startswith("STM.pth-")
    frames, mask = clip(3, 1)
    with torch.no_grad():
        assert torch.equal(loaded.model.propagate(frames, mask), Stm(network, 3).propagate(frames, mask))
    monkeypatch.undo()
    with pytest.raises(CheckpointError, match="of another shape"):
        load_stm(path)


@pytest.mark.parametrize(
    ("spec", "error", "said"),
    [
        ("stm:none.pth", CheckpointError, r"expected a weights file at none\.pth"),
        ("stm:", SettingError, "expected the file of a checkpoint behind stm:"),
        ("stm:none.pth?mem_every=0", SettingError, "mem_every: expected a whole number of at least 1, got 0"),
    ],
)
def test_what_is_wrong_is_said(spec: str, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        load_tracker(spec)
