"""The segmentation networks of transformers, tiny and with random weights, against the library's own way to labels."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from foolscape.errors import CheckpointError, ModelError, SettingError, UnknownNameError
from foolscape.models.checks.gradient import check_gradient
from foolscape.models.common.preparation import preparation_of
from foolscape.models.load import Loaded, load_model, open_model
from foolscape.models.segmenters.mask_queries import as_logits, class_scores
from foolscape.models.segmenters.split import Split, spans
from foolscape.models.segmenters.transformers import MASK_FAMILIES
from foolscape.models.sources.transformers import SEGMENTERS

from .networks import images
from .semantic import CONFIGS, NAMES, PROCESSORS, folder, processor

KINDS = tuple(CONFIGS)
SIZE = (49, 71)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The folder of a network, written once."""
    return cache(lambda kind: folder(kind, tmp_path_factory.mktemp(kind)))


@pytest.fixture(scope="module")
def loaded(place: Any) -> Any:
    """A network as `foolscape run` opens it."""
    return cache(lambda kind: load_model(f"transformers:{place(kind)}", image_size=SIZE))


def levels(batch: int = 2, size: tuple[int, int] = SIZE) -> Tensor:
    """(B, 3, H, W) uint8."""
    return (images(batch, *size) * 255).round().to(torch.uint8)


def test_every_family_is_listed() -> None:
    assert set(KINDS) == set(SEGMENTERS)
    assert set(MASK_FAMILIES) <= set(SEGMENTERS)


@pytest.mark.parametrize("kind", KINDS)
def test_scores_are_those_of_the_library_and_the_gradient_is_right(kind: str, loaded: Any) -> None:
    model: Loaded[Any] = loaded(kind)
    assert model.task == "segmentation"
    assert model.model.classes == NAMES
    given = levels()
    with torch.no_grad():
        logits = model.model.logits(given / 255)
    wanted = torch.stack(library_scores(kind, model.model.module.network, given))
    found = logits if kind not in MASK_FAMILIES else logits.exp() - 1e-8
    # the library rounds resized images to 8 bits: both see the same image here
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)
    best = wanted.topk(2, dim=1).values
    clear = (best[:, 0] - best[:, 1]) > 1e-4
    assert clear.float().mean() > 0.9
    assert torch.equal(logits.argmax(1)[clear], wanted.argmax(1)[clear])
    verdict = check_gradient(model.model, images(1, *SIZE), seed=0)
    assert verdict.ok, verdict.message


def library_scores(kind: str, network: Any, given: Tensor) -> list[Tensor]:
    """Scores (C, H, W) of each of the images `given`, by the processor's own code behind our resized image."""
    its = processor(kind)
    image_processor = getattr(its, "image_processor", its)
    more: dict[str, Any] = {"task_inputs": ["semantic"] * len(given)} if kind == "oneformer" else {}
    encoded = its(images=list(given), return_tensors="pt", **more)
    offsets = encoded.pop("patch_offsets", None)
    prepared = preparation_of(image_processor)(given / 255)
    if offsets is None:
        assert prepared.shape == encoded["pixel_values"].shape
        assert float((prepared - encoded["pixel_values"]).abs().max()) < 0.02  # half a level, in units of the deviation
        encoded["pixel_values"] = prepared
    else:
        encoded["pixel_values"] = torch.stack([prepared[i, :, :, start:end] for i, start, end in offsets])
    encoded.pop("pixel_mask", None)
    with torch.no_grad():
        output = network(**encoded)
    if offsets is not None:
        output["patch_offsets"] = offsets
    sizes = [tuple(given.shape[2:])] * len(given)
    found = image_processor.post_process_semantic_segmentation(output, sizes, return_segmentation_scores=True)
    return [one.segmentation_scores for one in found]


@pytest.mark.parametrize("size", [(49, 71), (71, 49), (64, 64), (40, 150), (97, 131)])
@pytest.mark.parametrize("kind", ["dpt", "maskformer", "mobilenet_v2"])
def test_sizes_inside_are_those_of_the_image_processor(kind: str, size: tuple[int, int]) -> None:
    given = levels(1, size)
    for its in (PROCESSORS[kind](), *keeping_aspect(kind)):
        own = its(images=list(given), return_tensors="pt")["pixel_values"]
        assert preparation_of(its)(given / 255).shape == own.shape


def keeping_aspect(kind: str) -> list[Any]:
    if kind != "dpt":
        return []
    its = PROCESSORS[kind]()
    its.keep_aspect_ratio, its.ensure_multiple_of = True, 16
    return [its]


def test_queries_by_hand() -> None:
    """Two queries, two classes, two pixels: p(c) by a softmax with "no object", times the sigmoid of the mask."""
    classes = torch.tensor([[[0.0, 0.0, 0.0], [float("-inf"), 0.0, 0.0]]])
    masks = torch.tensor([[[[0.0, float("inf")]], [[float("-inf"), 0.0]]]])
    scores = class_scores(classes, masks)
    torch.testing.assert_close(scores, torch.tensor([[[[1 / 6, 1 / 3]], [[1 / 6, 1 / 3 + 1 / 4]]]]))
    assert torch.isfinite(as_logits(torch.zeros(1))).all()


@pytest.mark.parametrize(
    ("length", "expected"),
    [(64, [(0, 64)]), (50, [(0, 50)]), (92, [(0, 64), (28, 92)]), (160, [(0, 64), (48, 112), (96, 160)])],
)
def test_squares_cover_the_longer_side(length: int, expected: list[tuple[int, int]]) -> None:
    assert spans(length, 64) == expected


def test_padding_is_cut_off_again() -> None:
    its = PROCESSORS["eomt"]()
    its.do_split_image, its.do_pad, its.size = False, True, {"shortest_edge": 64, "longest_edge": 96}
    split = Split.of(its)
    seen = []

    def forward(inside: Tensor, size: tuple[int, int]) -> Tensor:
        seen.append(inside)
        assert size == (64, 96)
        return inside

    given = images(1, 64, 80)
    assert torch.equal(split.joined(given, forward), given)
    blank = torch.tensor(split.fill)  # zeros, normalised
    torch.testing.assert_close(seen[0][0, :, 5, 90], blank)


def test_a_crop_of_the_middle_is_left_out_and_said(tmp_path: Path) -> None:
    folder("mobilenet_v2", tmp_path)
    before = load_model(f"transformers:{tmp_path}", image_size=SIZE)
    settings = json.loads((tmp_path / "preprocessor_config.json").read_text())
    changed = {**settings, "do_center_crop": True, "crop_size": {"height": 48, "width": 48}}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(changed))
    loaded = load_model(f"transformers:{tmp_path}", image_size=SIZE)
    assert before.sha256 == loaded.sha256
    assert before.identity != loaded.identity  # a run does not go on with other settings
    model = loaded.model
    assert "the image processor's crop of the middle, 48 x 48, is left out" in model.notes
    assert model.logits(images(1, *SIZE)).shape == (1, 4, *SIZE)


def test_what_a_network_is_for_is_in_its_configuration(place: Any, tmp_path: Path) -> None:
    segformer = place("segformer")
    assert open_model(f"transformers:{segformer}").names.explicit == NAMES
    with pytest.raises(SettingError, match=r"task: expected segmentation for .*, got detection"):
        open_model(f"transformers:{segformer}", "detection")
    config = json.loads((segformer / "config.json").read_text())
    classifier = {**config, "architectures": ["SegformerForImageClassification"]}
    (tmp_path / "config.json").write_text(json.dumps(classifier))
    with pytest.raises(SettingError, match=r"expected a network for segmentation, .*, got SegformerForImageClassif"):
        open_model(f"transformers:{tmp_path}")


def test_random_weights_and_names_of_ones_own(place: Any, tmp_path: Path) -> None:
    source = place("segformer")
    config = json.loads((source / "config.json").read_text())
    config["id2label"] = {str(i): f"LABEL_{i}" for i in range(4)}
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "preprocessor_config.json").write_text((source / "preprocessor_config.json").read_text())
    (tmp_path / "names.txt").write_text("a\nb\nc\nd\n")
    with pytest.raises(
        ModelError, match=r"expected class names in the network's config.json \(id2label\), got LABEL_0"
    ):
        load_model(f"transformers:{tmp_path}?weights=none", image_size=SIZE, data_classes=("a", "b", "c", "d"))
    named = load_model(f"transformers:{tmp_path}?weights=none&classes={tmp_path / 'names.txt'}", image_size=SIZE)
    assert named.model.classes == ("a", "b", "c", "d")
    assert "random weights, seed 0" in named.model.notes
    with pytest.raises(ModelError, match=r"expected a folder with a semantic segmentation network .* got OSError"):
        load_model(f"transformers:{tmp_path}?classes={tmp_path / 'names.txt'}", image_size=SIZE)
    with pytest.raises(UnknownNameError, match="weights of transformers"):
        open_model(f"transformers:{tmp_path}?weights=best")


def test_a_channel_without_a_class_is_left_out(place: Any, tmp_path: Path) -> None:
    source = place("maskformer")
    for file in source.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    config = json.loads((source / "config.json").read_text())
    config["id2label"]["2"] = "N/A"
    (tmp_path / "config.json").write_text(json.dumps(config))
    model = load_model(f"transformers:{tmp_path}", image_size=SIZE).model
    whole = load_model(f"transformers:{source}", image_size=SIZE).model
    assert model.classes == ("road", "car", "sky")
    assert "1 unused channel without a class left out" in model.notes
    with torch.no_grad():
        assert torch.equal(model.logits(images(1, *SIZE)), whole.logits(images(1, *SIZE))[:, [0, 1, 3]])


def test_weights_of_another_network_are_refused(place: Any, tmp_path: Path) -> None:
    source = place("segformer")
    for file in source.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    config = json.loads((source / "config.json").read_text())
    config["id2label"] = {"0": "a", "1": "b"}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(
        CheckpointError, match=r"got none for 2 \(decode_head.classifier.bias, decode_head.classifier.w"
    ):
        open_model(f"transformers:{tmp_path}")


def test_code_of_its_own_is_not_run_unless_it_is_trusted(place: Any, tmp_path: Path) -> None:
    source = place("segformer")
    for file in source.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    config = json.loads((source / "config.json").read_text())
    config["model_type"] = "ours"
    config["auto_map"] = {"AutoConfig": "ours.Ours", "AutoModelForSemanticSegmentation": "ours.OursForSemantic"}
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "ours.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    with pytest.raises(ModelError, match=r"got one that brings Python code of its own; .* add \?trust=remote-code"):
        open_model(f"transformers:{tmp_path}")
    assert not (tmp_path / "ran").exists()
    with pytest.raises(SettingError, match="trust: expected remote-code, got 'yes'"):
        open_model(f"transformers:{tmp_path}?trust=yes")
