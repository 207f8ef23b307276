"""Batches that are found and halved, images that do not fit, networks that break in bfloat16, memory formats."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch

from foolscape.errors import DeviceError, GradientError, ModelError, RunError, SettingError
from foolscape.run import batch_size as widths
from foolscape.run.batch_size import batch_size_of, widest
from foolscape.run.directory.store import RunStore
from foolscape.run.settings.config import make_config
from foolscape.run.setup import open_setup
from foolscape.run.transfer.execute import transfer

from .made import do_run, files_below, write_net, write_photos

NETS = """
OUT_OF_MEMORY = "CUDA out of memory. Tried to allocate 1.50 GiB. GPU 0 has a total capacity of 8.00 GiB"

def in_half():
    return torch.is_autocast_enabled("cpu")

def hungry(most=2, calm=0):
    class Hungry(Net):
        calls = 0
        def forward(self, images):
            Hungry.calls += 1
            if len(images) > most and Hungry.calls > calm:
                raise torch.OutOfMemoryError(OUT_OF_MEMORY)
            return super().forward(images)
    return Hungry()

def later():
    return hungry(1, calm=50)

def fits_no_double():
    class Fits(Net):
        def forward(self, images):
            if images.dtype == torch.float64 and len(images) > 1:
                raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")
            return super().forward(images)
    return Fits()

def large(loading=True):
    class Large(Net):
        def forward(self, images):
            if images.shape[2] * images.shape[3] > 5000 and (loading or images.requires_grad):
                raise torch.OutOfMemoryError(OUT_OF_MEMORY)
            return super().forward(images)
    return Large()

def large_later():
    return large(loading=False)

def wrong_alone():
    class Wrong(Net):
        def forward(self, images):
            if len(images) > 3 and images.requires_grad:
                raise torch.OutOfMemoryError(OUT_OF_MEMORY)
            other = images.detach() if len(images) == 2 else images
            return super().forward(images) + super().forward(other.flip(3))
    return Wrong()

def broken_in_half():
    class Broken(Net):
        def forward(self, images):
            scores = super().forward(images)
            return scores * float("nan") if in_half() else scores
    return Broken()

def mixing():
    class Mixing(Net):
        def forward(self, images):
            if in_half():
                raise RuntimeError("expected scalar type Float but found BFloat16")
            return super().forward(images)
    return Mixing()

def channels_last():
    class Last(Net):
        def forward(self, images):
            last = torch.channels_last
            if images.requires_grad and not images.is_contiguous(memory_format=last):
                raise RuntimeError("the gradient was asked for in another format")
            if images.requires_grad and not self.mix.weight.is_contiguous(memory_format=last):
                raise RuntimeError("the weights lie in another format")
            return super().forward(images)
    return Last()
"""

PGD = {"attack": "pgd", "steps": 5, "eps": "4/255", "probes": 0}


@pytest.fixture
def nets(tmp_path: Path) -> str:
    path = Path(write_net(tmp_path))
    path.write_text(path.read_text() + NETS)
    return str(path)


@pytest.fixture
def photos(tmp_path: Path) -> str:
    return f"folder:{write_photos(tmp_path / 'photos', 5)}"


def record_of(out: Path) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((out / "run.json").read_text())
    return record


class Speeds:
    """Gradients per second by batch; where there is none, memory is short."""

    def __init__(self, *speeds: float) -> None:
        self.speeds = dict(zip((1, 2, 4, 8, 16), speeds, strict=False))
        self.tried: list[int] = []

    def __call__(self, batch: int) -> float:
        self.tried.append(batch)
        if batch not in self.speeds:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1.50 GiB.\nand more")
        return self.speeds[batch]


def test_the_batch_is_doubled_while_it_pays() -> None:
    speeds = Speeds(10, 18, 30, 31, 100)
    assert widest(speeds, 64) == (4, "31 gradients per second at 8, 30 at 4")
    assert speeds.tried == [1, 2, 4, 8]


def test_the_batch_is_doubled_while_memory_lasts() -> None:
    assert widest(Speeds(10, 18), 64) == (2, "memory is short at 4 (CUDA out of memory. Tried to allocate 1.50 GiB.)")
    with pytest.raises(torch.OutOfMemoryError):
        widest(Speeds(), 64)


def test_no_batch_is_tried_that_images_would_not_fill() -> None:
    speeds = Speeds(10, 18, 30)
    assert widest(speeds, 3) == (2, "no more than 3 were tried")
    assert speeds.tried == [1, 2]


def test_other_errors_are_no_want_of_memory() -> None:
    def broken(batch: int) -> float:
        raise RuntimeError("expected scalar type Float")

    with pytest.raises(RuntimeError, match="scalar type"):
        widest(broken, 64)


@pytest.mark.parametrize(
    ("device", "changes", "expected"),
    [
        ("cuda", {}, 16),
        ("cuda", {"batch": "auto"}, 16),
        ("cuda", {"batch": 5}, 5),
        ("cuda", {"attack": "none"}, 1),
        ("cuda", {"task": "video"}, 1),
        ("cpu", {}, 1),
        ("cpu", {"batch": "auto"}, 16),
    ],
)
def test_an_accelerators_batch_is_found_by_trying(
    tmp_path: Path,
    nets: str,
    photos: str,
    monkeypatch: pytest.MonkeyPatch,
    device: str,
    changes: dict[str, object],
    expected: int,
) -> None:
    config = make_config({"models": [f"{nets}:net"], "data": photos, "task": "segmentation", **PGD})
    bench = open_setup(config, torch.device("cpu"))
    monkeypatch.setattr(widths, "widest", lambda speed, most: (16, "as a test has it"))
    config = config.model_copy(update=changes)
    assert batch_size_of(config, bench, torch.device(device), tmp_path, lambda text: None) == expected


def test_a_batch_found_by_trying_is_the_runs_own_from_then_on(
    tmp_path: Path, nets: str, photos: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    settings = {"models": [f"{nets}:hungry"], "data": photos, "batch": "auto", **PGD}
    monkeypatch.setattr(widths, "_GAIN", 0)  # how fast it is does not matter here
    summary = do_run(tmp_path / "out", said, **settings)
    record = record_of(tmp_path / "out")
    assert record["batch"] == record["gradient"][f"{nets}:hungry"]["batch"] == 2
    assert record["config"]["batch"] == "auto"
    assert any(re.search(r"batch: 2 found by trying .*: memory is short at 4 \(CUDA out of memory", s) for s in said)
    assert "narrowed" not in record

    monkeypatch.setattr(widths, "widest", lambda *_: pytest.fail("a run that goes on tries nothing"))
    assert do_run(tmp_path / "out", **settings) == summary


@pytest.mark.parametrize("factory", ["hungry", "later"])
def test_a_run_goes_on_with_half_the_batch(
    tmp_path: Path, nets: str, photos: str, factory: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    settled: list[int] = []
    save = RunStore.save_json

    def spy(self: RunStore, place: str, record: dict[str, Any]) -> None:
        settled.append(len(self.rows) // 4)
        save(self, place, record)

    monkeypatch.setattr(RunStore, "save_json", spy)
    spec = f"{nets}:{factory}"
    settings = {"models": [spec], "data": photos, "batch": 4, **PGD}
    summary = do_run(tmp_path / "out", said, **settings)
    do_run(tmp_path / "plain", models=[f"{nets}:net"], data=photos, batch=4, **PGD)
    images = files_below(tmp_path / "out" / "images")
    assert len(images) == 5
    assert list(images.values()) == list(files_below(tmp_path / "plain" / "images").values())

    batch = {"hungry": 2, "later": 1}[factory]
    record = record_of(tmp_path / "out")
    assert (record["batch"], record["narrowed"]) == (4, {spec: batch})
    assert record["gradient"][spec]["batch"] == batch
    assert any("goes on with a batch of 2" in remark for remark in said)
    assert f"memory was short at a batch of 4, the run went on with {batch}" in summary["models"][0]["notes"]
    if factory == "hungry":
        return
    assert any(0 < count < 5 for count in settled), "memory was to run short in the middle of the run"
    begun = (tmp_path / "out" / "rows.jsonl").read_text()
    assert do_run(tmp_path / "out", **settings) == summary
    assert (tmp_path / "out" / "rows.jsonl").read_text() == begun


def test_half_the_batch_must_have_the_right_gradient(tmp_path: Path, nets: str, photos: str) -> None:
    with pytest.raises(GradientError, match="input gradient wrong at batch 2"):
        do_run(tmp_path / "out", models=[f"{nets}:wrong_alone"], data=photos, batch=4, **PGD)


def test_the_check_does_without_float64_before_the_batch_is_halved(tmp_path: Path, nets: str, photos: str) -> None:
    do_run(tmp_path / "out", models=[f"{nets}:fits_no_double"], data=photos, batch=4, limit=2, **PGD)
    record = record_of(tmp_path / "out")
    verdict = record["gradient"][f"{nets}:fits_no_double"]
    assert (verdict["batch"], verdict["precision"]) == (4, "float32")
    assert "memory is short" in verdict["message"]
    assert "narrowed" not in record


@pytest.mark.parametrize("factory", ["large", "large_later"])
@pytest.mark.parametrize("batch", [1, 4, "auto"])
def test_an_image_that_does_not_fit_says_what_it_needs(
    tmp_path: Path, nets: str, factory: str, batch: int | str
) -> None:
    photos = write_photos(tmp_path / "large", 2, (96, 160))
    with pytest.raises(DeviceError) as caught:
        do_run(tmp_path / "out", models=[f"{nets}:{factory}"], data=f"folder:{photos}", batch=batch, **PGD)
    message = str(caught.value)
    assert "expected one image of 96 x 160 to fit into the memory of cpu, got: CUDA out of memory." in message
    # 15,360 pixels of 4 bytes, 12 channels after `mix` and 3 in the scores, and what softsign keeps of the former.
    found = re.search(r"An attack on it keeps about (\d+) MiB at once\. Give a smaller --size", message)
    assert found is not None
    assert 1 <= int(found[1]) <= 4


def test_images_that_break_in_bf16_are_attacked_in_float32(tmp_path: Path, nets: str, photos: str) -> None:
    said: list[str] = []
    half = do_run(
        tmp_path / "half", said, models=[f"{nets}:broken_in_half"], data=photos, precision="bf16", limit=3, **PGD
    )
    do_run(tmp_path / "whole", models=[f"{nets}:net"], data=photos, limit=3, **PGD)
    images = [list(files_below(tmp_path / out / "images").values()) for out in ("half", "whole")]
    assert images[0] == images[1]
    assert len(images[0]) == 3
    assert any("input gradient in bfloat16: not finite" in remark for remark in said)
    note = "images attacked in float32, for their scores or gradients were not finite in bf16: 3"
    assert note in half["models"][0]["notes"]
    assert half["failures"] == []


def test_a_run_in_bf16_is_recorded_and_not_mixed_with_another(tmp_path: Path, nets: str, photos: str) -> None:
    settings = {"models": [f"{nets}:net"], "data": photos, "limit": 3, **PGD}
    summary = do_run(tmp_path / "out", precision="bf16", **settings)
    record = record_of(tmp_path / "out")
    assert record["attack"]["precision"] == summary["attack"]["precision"] == record["config"]["precision"] == "bf16"
    assert 0.5 < record["gradient"][f"{nets}:net"]["bf16_cosine"] < 1
    rows = [json.loads(line) for line in (tmp_path / "out" / "rows.jsonl").read_text().splitlines()]
    for row in rows:
        if row["condition"] == "adversarial":
            # Nothing is rounded in these counts: what the attack claims is what the float image measures.
            assert row["attack"]["remaining"] == sum(row["in_float"]["hit"].values())
            assert "fell_back" not in row["attack"]
    with pytest.raises(RunError, match=r"config\.precision was \"bf16\", is \"float32\""):
        do_run(tmp_path / "out", **settings)
    assert "bf16" in (tmp_path / "out" / "report.html").read_text()


def test_a_network_that_does_not_run_in_bf16_is_refused(tmp_path: Path, nets: str, photos: str) -> None:
    with pytest.raises(ModelError, match="runs under autocast to bfloat16, got RuntimeError: expected scalar type"):
        do_run(tmp_path / "out", models=[f"{nets}:mixing"], data=photos, precision="bf16", **PGD)
    assert not (tmp_path / "out" / "rows.jsonl").exists()


def test_the_check_sees_the_memory_format_of_the_run(tmp_path: Path, nets: str, photos: str) -> None:
    settings = {"models": [f"{nets}:channels_last"], "data": photos, "limit": 2, **PGD}
    with pytest.raises(GradientError, match="the gradient was asked for in another format"):
        do_run(tmp_path / "out", **settings)
    summary = do_run(tmp_path / "last", memory_format="channels_last", **settings)
    assert "images and weights lie in memory channels last" in summary["models"][0]["notes"]


def test_a_compiler_that_fails_leaves_the_run_as_it_is(
    tmp_path: Path, nets: str, photos: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def compile_(call: Any, **_options: Any) -> Any:
        def failing(*_given: Any, **_named: Any) -> None:
            raise RuntimeError("no compiler")

        return failing

    monkeypatch.setattr(torch, "compile", compile_)
    settings = {"models": [f"{nets}:net"], "data": photos, "limit": 2, **PGD}
    compiled = do_run(tmp_path / "compiled", compile=True, **settings)
    do_run(tmp_path / "plain", **settings)
    assert files_below(tmp_path / "compiled" / "images") == files_below(tmp_path / "plain" / "images")
    (note,) = compiled["models"][0]["notes"]
    assert note == "runs as it is, for torch.compile failed with RuntimeError: no compiler"
    with pytest.raises(RunError, match=r"config\.compile was true, is false"):
        do_run(tmp_path / "compiled", **settings)


def test_compiled_networks_take_part_in_attack_and_measurement(
    tmp_path: Path, nets: str, photos: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: set[tuple[int, bool]] = set()

    def compile_(call: Any, **_options: Any) -> Any:
        def made(images: torch.Tensor) -> Any:
            seen.add((len(images), images.requires_grad))
            return call(images)

        return made

    monkeypatch.setattr(torch, "compile", compile_)
    said: list[str] = []
    do_run(tmp_path / "out", said, models=[f"{nets}:net"], data=photos, limit=4, batch=3, compile=True, **PGD)
    assert {(3, True), (1, False)} <= seen
    assert f"{nets}:net: its forward pass is made by torch.compile" in said


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"precision": "fp16"}, "precision: expected 'float32' or 'bf16', got 'fp16'"),
        ({"precision": "bf16", "attack": "none"}, "precision: expected an attack, whose gradients it is of"),
        ({"batch": "many"}, "batch: expected a number of images from 1 on, or auto, got 'many'"),
        ({"device": "cuda:99"}, "device: expected one that PyTorch can use here, got 'cuda:99'"),
    ],
)
def test_wrong_settings_are_refused_in_words(
    tmp_path: Path, nets: str, photos: str, settings: dict[str, object], text: str
) -> None:
    with pytest.raises(SettingError) as caught:
        do_run(tmp_path / "out", **{"models": [f"{nets}:net"], "data": photos, "attack": "pgd", **settings})
    assert text in str(caught.value)


def test_transfer_refuses_to_compile(tmp_path: Path, nets: str, photos: str) -> None:
    settings = {"models": [f"{nets}:net", f"{nets}:street"], "data": photos, "compile": True}
    with pytest.raises(SettingError, match="compile: is for foolscape run alone"):
        transfer(settings, tmp_path / "out", [], None)  # type: ignore[arg-type]
