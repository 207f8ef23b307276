"""HMMN: the names of its published weights, its memory at three resolutions, and the loop of its evaluation."""

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional

import foolscape as fs
from foolscape.errors import CheckpointError, SettingError
from foolscape.models.checks.gradient import check_gradient
from foolscape.models.load import load_tracker
from foolscape.models.trackers.hmmn import tracker as module
from foolscape.models.trackers.hmmn.memory import Coarse, Maps, read_coarse, read_fine
from foolscape.models.trackers.hmmn.network import HmmnNetwork
from foolscape.models.trackers.hmmn.tracker import Hmmn, load_hmmn
from foolscape.models.trackers.scorer import ClipScorer
from foolscape.tasks.video import ReusingTracker, Tracker
from foolscape.testing import check_tracker

from .conftest import filled
from .test_stm import clip

PUBLISHED = {
    "Encoder_M.conv1_m.weight": (64, 1, 7, 7),
    "Encoder_M.conv1_o.weight": (64, 1, 7, 7),
    "Encoder_M.bn1.num_batches_tracked": (),
    "Encoder_M.std": (1, 3, 1, 1),
    "Encoder_M.res4.5.conv3.weight": (1024, 256, 1, 1),
    "Encoder_Q.res3.0.downsample.1.running_var": (512,),
    "KV_M_r4.Key.weight": (128, 1024, 3, 3),
    "KV_Q_r4.Value.bias": (512,),
    "KV_M_r3.Key.weight": (128, 512, 3, 3),
    "KV_M_r3.Value.weight": (256, 512, 3, 3),
    "KV_Q_r3.Key.bias": (128,),
    "KV_M_r2.Key.weight": (64, 256, 3, 3),
    "KV_M_r2.Value.weight": (128, 256, 3, 3),
    "KV_Q_r2.Key.weight": (64, 256, 3, 3),
    "Decoder.convFM.weight": (256, 1024, 3, 3),
    "Decoder.RF3.convFS.weight": (256, 512, 3, 3),
    "Decoder.RF3.convMemory.weight": (256, 256, 3, 3),
    "Decoder.RF2.convMemory.weight": (256, 128, 3, 3),
    "Decoder.RF2.ResFS.conv1.bias": (256,),
    "Decoder.pred2.weight": (2, 256, 3, 3),
}
"""Some of them; the released file's stand behind `module.`, as DataParallel saves them."""


@pytest.fixture(scope="module")
def network() -> HmmnNetwork:
    made = HmmnNetwork(16)
    state = {key: filled(key, tuple(value.shape)) for key, value in made.state_dict().items()}
    state["Decoder.pred2.weight"] *= 4  # masks between 0 and 1
    statistics = {key: value for key, value in made.state_dict().items() if key.endswith((".mean", ".std"))}
    made.load_state_dict(state | statistics)
    return made


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_names_and_shapes_of_published_weights() -> None:
    with torch.device("meta"):
        state = HmmnNetwork().state_dict()
    assert {key: tuple(state[key].shape) for key in PUBLISHED} == PUBLISHED
    assert {key.partition(".")[0] for key in state} == {
        "Encoder_M", "Encoder_Q", "KV_M_r4", "KV_Q_r4", "KV_M_r3", "KV_Q_r3", "KV_M_r2", "KV_Q_r2", "Decoder",
    }  # fmt: skip
    assert not {"KV_Q_r3.Value.weight", "KV_Q_r2.Value.weight", "Decoder.RF3.convMemory.bias"} & set(state)


def by_loops(memory: list[Maps], places: list[list[int]], query: Tensor, k: int) -> tuple[Tensor, list[list[int]]]:
    """The weights (T * h * w, h * w) of object k, one by one, and where each remembered position is now."""
    height, width = query.shape[2:]
    cells = [(y, x) for y in range(height) for x in range(width)]
    products = [
        [[float(one.keys[k, :, *m] @ query[0, :, *q]) / query.shape[1] ** 0.5 for q in cells] for m in cells]
        for one in memory
    ]
    moved = []
    for m, row in zip(cells, products[-1], strict=True):
        near = [i for i, q in enumerate(cells) if abs(q[0] - m[0]) <= 3 and abs(q[1] - m[1]) <= 3]
        moved.append(max(near, key=lambda i: row[i]))
    now = [[moved[place] for place in one] for one in places] + [moved]
    middles = [[moved[place] for place in one] for one in now[:-1]] + [moved]
    found = []
    for t, (rows, middle) in enumerate(zip(products, middles, strict=True)):
        sigma = 3 * (1 + 0.5 * (len(memory) - 1 - t))
        for row, place in zip(rows, middle, strict=True):
            away = [math.dist(cells[place], q) for q in cells]
            found.append([math.exp(s - d**2 / (2 * sigma**2)) for s, d in zip(row, away, strict=True)])
    weights = torch.tensor(found, dtype=torch.float64)
    return weights / weights.sum(dim=0), now


def test_reading_at_the_coarsest_against_loops() -> None:
    """5 x 6 cells, three frames, two objects: kernels around where positions moved, wider the longer ago."""
    memory = [Maps(drawn(2, 4, 5, 6, seed=i), drawn(2, 3, 5, 6, seed=9 + i)) for i in range(3)]
    places = [torch.randint(30, (2, 30), generator=torch.Generator().manual_seed(i)) for i in range(2)]
    query = drawn(1, 4, 5, 6, seed=7)
    found = read_coarse(memory, places, query)
    for k in range(2):
        weights, now = by_loops(memory, [one[k].tolist() for one in places], query, k)
        assert torch.allclose(found.weights[k], weights)
        assert [one[k].tolist() for one in found.places] == now
        values = torch.cat([one.values[k].flatten(1) for one in memory], dim=1)
        assert torch.allclose(found.readout[k].flatten(1), values @ weights)


def test_kernels_that_are_zero_where_keys_agree_make_no_nan() -> None:
    """A product of 300 for a position 60 cells away, where a kernel of width 3 is 0 in float32."""
    keys, query = torch.zeros(1, 1, 1, 64), torch.zeros(1, 1, 1, 64)
    keys[..., 0], query[..., 63] = 300, 1
    read = read_coarse([Maps(keys, keys)], [], query)
    assert bool(read.weights.isfinite().all())
    assert float(read.weights.sum(dim=1)[0, 63]) == pytest.approx(1)


def test_the_best_are_of_the_first_and_the_last_frame() -> None:
    """Three frames of four positions: those of the second are passed over, the last one's come behind the first's."""
    weights = torch.zeros(1, 12, 4)
    weights[0, :, 0] = torch.tensor([1, 2, 0, 0, 9, 9, 9, 9, 5, 0, 4, 0])
    best = Coarse(torch.zeros(1, 1, 2, 2), weights, ()).best
    assert best.shape == (1, 4, 8)
    assert best[0, 0, :4].tolist() == [4, 6, 1, 0]
    assert Coarse(torch.zeros(1, 1, 2, 2), weights[:, :4], ()).best[0, 0, :2].tolist() == [1, 0]


@pytest.mark.parametrize("side", [2, 4])
def test_reading_finer_against_loops(side: int) -> None:
    """Every fine position of a coarse one takes a mean of all fine ones in the coarse ones that were chosen."""
    height, width, count = 2, 3, 4
    size = (height * side, width * side)
    memory = [Maps(drawn(2, 4, *size, seed=i), drawn(2, 3, *size, seed=9 + i)) for i in range(2)]
    query = drawn(1, 4, *size, seed=7)
    order = torch.rand(2, height * width, 12, generator=torch.Generator().manual_seed(1)).argsort(dim=2)
    found = read_fine(memory, query, order[:, :, :count], (height, width))
    for k in range(2):
        for y in range(size[0]):
            for x in range(size[1]):
                pairs = []
                for place in order[k, (y // side) * width + x // side, :count].tolist():
                    one, (row, column) = memory[place // 6], divmod(place % 6, width)
                    pairs += [
                        (one.keys[k, :, *at] @ query[0, :, y, x] / 2, one.values[k, :, *at])
                        for at in ((row * side + i, column * side + j) for i in range(side) for j in range(side))
                    ]
                weights = torch.stack([score for score, _ in pairs]).softmax(dim=0)
                assert torch.allclose(found[k, :, y, x], weights @ torch.stack([value for _, value in pairs]))


@torch.no_grad()
def test_the_loop(network: HmmnNetwork) -> None:
    """Written out for six frames with mem_every 2: coarsely 0, 2, 4 and the one before, finely 0 and the one before."""
    frames, mask = clip(6, 2)
    found = Hmmn(network, mem_every=2).propagate(frames, mask)
    assert found.shape == (6, 3, 34, 50)
    assert torch.equal(found[0].argmax(dim=0), mask)
    pads = (7, 7, 7, 7)  # 34 x 50 become 48 x 64
    masks = [functional.pad(one, pads)[1:] for one in found]
    remembered = [network.memorise(functional.pad(f[None], pads), m) for f, m in zip(frames, masks, strict=True)]
    places: dict[int, Tensor] = {}  # by frame, in the latest frame
    for t, memory in ((1, (0,)), (2, (0, 1)), (3, (0, 2)), (4, (0, 2, 3)), (5, (0, 2, 4))):
        query = network.query(functional.pad(frames[t : t + 1], pads))
        fine = [remembered[i] for i in sorted({0, t - 1})]
        before = [places[i] for i in memory[:-1]]
        alone, read = network.segment([remembered[i].coarse for i in memory], before, fine, query)
        places = dict(zip(memory, read.places, strict=True))
        chances = torch.cat([(1 - alone).prod(dim=0, keepdim=True), alone]).clamp(1e-7, 1 - 1e-7)
        wanted = torch.logit(chances).softmax(dim=0)[:, 7:-7, 7:-7]
        assert torch.allclose(found[t], wanted, atol=1e-5)
    assert float(found[1:, 1:].std()) > 0.01


@torch.no_grad()
def test_later_frames_may_be_encoded_before(network: HmmnNetwork) -> None:
    frames, mask = clip(4, 1)
    hmmn = Hmmn(network)
    assert isinstance(hmmn, ReusingTracker)
    assert isinstance(hmmn, Tracker)
    early = hmmn.propagate(frames, mask, hmmn.features(frames[1:]))
    assert torch.allclose(early, hmmn.propagate(frames, mask), atol=1e-6)


def test_contract(network: HmmnNetwork) -> None:
    report = check_tracker(Hmmn(network), sizes=((32, 48), (33, 47)))
    assert report.ok, report.lines()


def test_gradient_to_the_first_frame(network: HmmnNetwork) -> None:
    frames, mask = clip(3, 2)
    scorer = ClipScorer(Hmmn(network), frames[1:], mask)
    verdict = check_gradient(scorer, frames[:1], seed=0)
    assert verdict.ok, verdict.message


def test_attacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, network: HmmnNetwork) -> None:
    """The released file's names load, and ARA runs on a clip."""
    torch.save({f"module.{key}": value for key, value in network.state_dict().items()}, path := tmp_path / "HMMN.pth")
    monkeypatch.setattr(module, "HmmnNetwork", lambda: HmmnNetwork(16))
    loaded = load_tracker(f"hmmn:{path}?mem_every=3")
    assert loaded.model.mem_every == 3
    assert loaded.slug.startswith("HMMN.pth-")
    frames, mask = clip(4, 1)
    with torch.no_grad():
        assert torch.equal(loaded.model.propagate(frames, mask), Hmmn(network, 3).propagate(frames, mask))
    frames = (frames * 255).round() / 255
    result = fs.attack(fs.load_model(f"hmmn:{path}"), frames, mask, "ara?steps=2")
    assert not torch.equal(result.adversarial, frames)
    monkeypatch.undo()
    with pytest.raises(CheckpointError, match="of another shape"):
        load_hmmn(path)


@pytest.mark.parametrize(
    ("spec", "error", "said"),
    [
        ("hmmn:none.pth", CheckpointError, r"expected a weights file at none\.pth"),
        ("hmmn:", SettingError, "expected the file of a checkpoint behind hmmn:"),
        ("hmmn:none.pth?mem_every=0", SettingError, "mem_every: expected a whole number of at least 1, got 0"),
    ],
)
def test_what_is_wrong_is_said(spec: str, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        load_tracker(spec)
