"""Detectors that are told in words what to look for, tiny and with random weights, against the library's own way."""

import copy
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from foolscape.errors import ModelError, SettingError
from foolscape.models.checks.gradient import check_gradient
from foolscape.models.common.huggingface import hub
from foolscape.models.detectors.encoded_words import EncodedWords
from foolscape.models.detectors.open_vocabulary import FAMILIES, PaddedSquare
from foolscape.models.detectors.scorer import Scorer
from foolscape.models.load import load_detector
from foolscape.models.sources.transformers import PROMPTED
from foolscape.run.settings.task_of import task_of

from ..networks import images

SIZE = (49, 71)
LABELS = ("cat", "dog", "red car")
LETTERS = "abcdefghijklmnopqrstuvwxyz"
SMALL = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}


def owl(version: str) -> tuple[Any, Any]:
    """OWL-ViT (v1, v2) and its processor; every letter is a token."""
    name = {"owlvit": "OwlViT", "owlv2": "Owlv2"}[version]
    text = {**SMALL, "vocab_size": 80, "max_position_embeddings": 8, "eos_token_id": 2, "bos_token_id": 1}
    config = getattr(hub(), f"{name}Config")(
        text_config=text, vision_config={**SMALL, "image_size": 64, "patch_size": 16}, projection_dim=16
    )
    ends = [f"{letter}</w>" for letter in LETTERS]
    vocabulary = {token: i for i, token in enumerate(["!", "<|startoftext|>", "<|endoftext|>", *LETTERS, *ends])}
    tokenizer = hub().CLIPTokenizer(vocab=vocabulary, merges=[])
    size = {"height": 64, "width": 64}
    return config, getattr(hub(), f"{name}Processor")(getattr(hub(), f"{name}ImageProcessor")(size=size), tokenizer)


def grounded() -> tuple[Any, Any]:
    """Grounding DINO; the numbers of BERT's separators are those that its code expects."""
    words = {101: "[CLS]", 102: "[SEP]", 1012: ".", 1029: "?", 0: "[PAD]", 100: "[UNK]", 103: "[MASK]"}
    words |= {200: "cat", 201: "dog", 202: "red", 203: "car"}
    vocabulary = {words.get(i, f"[unused{i}]"): i for i in range(1030)}
    config = hub().GroundingDinoConfig(
        text_config=hub().BertConfig(**SMALL, vocab_size=1030, max_position_embeddings=32),
        backbone_config=hub().SwinConfig(
            embed_dim=8, depths=[1] * 4, num_heads=[1] * 4, window_size=4, image_size=64,
            out_features=["stage2", "stage3"],
        ),
        d_model=32, encoder_layers=1, decoder_layers=2, encoder_ffn_dim=16, decoder_ffn_dim=16,
        encoder_attention_heads=2, decoder_attention_heads=2, num_queries=9, num_feature_levels=3, max_text_len=32,
        encoder_n_points=2, decoder_n_points=2,
    )  # fmt: skip
    images_in = hub().GroundingDinoImageProcessor(size={"shortest_edge": 48, "longest_edge": 90})
    return config, hub().GroundingDinoProcessor(images_in, hub().BertTokenizer(vocab=vocabulary))


MAKERS = {"owlvit": lambda: owl("owlvit"), "owlv2": lambda: owl("owlv2"), "grounding-dino": grounded}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Any:
    @cache
    def written(kind: str) -> Path:
        config, processor = MAKERS[kind]()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            network = hub().AutoModelForZeroShotObjectDetection.from_config(config).eval()
            with torch.no_grad():
                for parameter in network.parameters():
                    parameter.add_(torch.randn(parameter.shape) * 0.2)
        path = tmp_path_factory.mktemp(kind)
        network.save_pretrained(path)
        processor.save_pretrained(path)
        return path

    return written


def levels() -> Tensor:
    return (images(2, *SIZE) * 255).round().to(torch.uint8)


def test_families_are_listed() -> None:
    assert set(FAMILIES) == set(PROMPTED)


@pytest.mark.parametrize("kind", ["owlvit", "owlv2"])
def test_detections_are_those_of_the_library(kind: str, place: Any) -> None:
    spec = f"transformers:{place(kind)}?labels=cat,dog,red car"
    assert task_of(spec) == "detection"
    found = load_detector(spec, image_size=SIZE).model
    assert found.classes == LABELS
    processor = hub().AutoProcessor.from_pretrained(place(kind))
    given = levels()
    lengths = {"padding": "max_length", "max_length": 8}
    encoded = processor(text=[list(LABELS)] * 2, images=list(given), return_tensors="pt", **lengths)
    prepared = found.prepare(given / 255)
    assert float((prepared - encoded["pixel_values"]).abs().max()) < 0.02  # levels, in units of the deviation
    encoded["pixel_values"] = prepared
    with torch.no_grad():
        output = found.module.network(**encoded)
        candidates = found.candidates(given / 255)
    torch.testing.assert_close(candidates.scores[:, :3], output.logits.transpose(1, 2))
    wanted = processor.post_process_grounded_object_detection(output, threshold=0.02, target_sizes=[SIZE] * 2)
    for one, expected in zip(found.detect(given / 255, 0.02), wanted, strict=True):
        order = expected["scores"].argsort(descending=True, stable=True)
        assert len(one.scores) > 0
        torch.testing.assert_close(one.scores, expected["scores"][order])
        torch.testing.assert_close(one.boxes, expected["boxes"][order], rtol=1e-4, atol=1e-3)
        assert torch.equal(one.labels, expected["labels"][order])


def test_what_shrinks_is_smoothed_first() -> None:
    its = owl("owlv2")[1].image_processor
    given = (images(1, 100, 180) * 255).round().to(torch.uint8)
    own = its(images=list(given), return_tensors="pt")["pixel_values"]
    prepare = PaddedSquare(64, tuple(its.image_mean), tuple(its.image_std))
    torch.testing.assert_close(prepare(given / 255), own, rtol=1e-4, atol=1e-4)


def test_a_sentence_is_taken_apart_into_its_labels(place: Any) -> None:
    found = load_detector(f"transformers:{place('grounding-dino')}?labels=cat,dog,red car", image_size=SIZE).model
    processor = hub().AutoProcessor.from_pretrained(place("grounding-dino"))
    encoded = processor(text=[list(LABELS)] * 2, images=list(levels()), return_tensors="pt")
    assert found.module.spans == ((1, 2), (3, 4), (5, 7))  # [CLS] cat . dog . red car . [SEP]
    encoded["pixel_values"] = found.prepare(levels() / 255)
    encoded.pop("pixel_mask")
    with torch.no_grad():
        output = found.module.network(**encoded)
        candidates = found.candidates(levels() / 255)
    by_hand = torch.stack([output.logits[..., 1], output.logits[..., 3], output.logits[..., 5:7].amax(-1)], dim=1)
    torch.testing.assert_close(candidates.scores[:, :3], by_hand)
    expected = processor.post_process_grounded_object_detection(output, threshold=-1, target_sizes=[SIZE] * 2)
    torch.testing.assert_close(candidates.boxes, torch.stack([one["boxes"] for one in expected]), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("kind", MAKERS)
def test_the_gradient_is_right(kind: str, place: Any) -> None:
    found = load_detector(f"transformers:{place(kind)}?labels=cat,dog", image_size=SIZE).model
    verdict = check_gradient(Scorer(found), images(1, *SIZE), seed=0)
    assert verdict.ok, verdict.message


def words_of(model: Any) -> EncodedWords:
    (found,) = (part for part in model.module.modules() if isinstance(part, EncodedWords))
    return found


@pytest.mark.parametrize("kind", MAKERS)
def test_words_are_encoded_once(kind: str, place: Any) -> None:
    """To the bit what the library gives without it: other images, other numbers of them, other weights, float64."""
    made = load_detector(f"transformers:{place(kind)}?labels=cat,dog", image_size=SIZE).model
    words, given = words_of(made), images(2, *SIZE)
    plain = copy.deepcopy(made)
    for part in list(plain.module.modules()):
        for name, child in list(part.named_children()):
            if isinstance(child, EncodedWords):
                setattr(part, name, child.encoder)
    calls: list[int] = []
    words.encoder.register_forward_pre_hook(lambda *_: calls.append(1))

    def same(batch: Tensor, expected: int) -> None:
        with torch.inference_mode():
            found, wanted = made.candidates(batch), plain.candidates(batch)
        assert torch.equal(found.scores, wanted.scores)
        assert torch.equal(found.boxes, wanted.boxes)
        assert len(calls) == expected

    same(given, 1)
    same(given.flip(0) * 0.5, 1)
    same(given[:1], 2)
    wanted = given.clone().requires_grad_()
    torch.autograd.grad(
        made.candidates(wanted).scores.sum(), wanted
    )  # what was kept in inference mode serves this, too
    assert len(calls) == 2
    for network in (made, plain):
        with torch.no_grad():
            encoder = words_of(made).encoder if network is made else encoder_of(plain)
            next(encoder.parameters()).add_(0.5)
    same(given, 3)
    made.module.double()
    plain.module.double()
    same(given.double(), 4)
    same(given.double(), 4)


def encoder_of(model: Any) -> Any:
    (found,) = (part for name, part in model.module.named_modules() if name.endswith(("text_backbone", "text_model")))
    return found


class Doubling(nn.Module):
    """An encoder that counts how often it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(2), requires_grad=False)
        self.asked = 0

    def forward(self, words: Tensor, *, mask: Tensor | None = None) -> dict[str, Tensor | None]:
        self.asked += 1
        return {"found": words * self.weight, "mask": mask}


def test_what_is_kept_of_words() -> None:
    """Four answers at most; another mask, training and copies ask anew; whoever changes an answer changes his own."""
    encoder = Doubling()
    words = EncodedWords(encoder).eval()
    for i in range(6):
        words(torch.tensor([i, i]))
    assert (encoder.asked, len(words._answers)) == (6, 4)
    words(torch.tensor([5, 5]))["found"] = None
    assert words(torch.tensor([5, 5]))["found"].tolist() == [5, 5]
    assert encoder.asked == 6
    words(torch.tensor([0, 0]))
    words(torch.tensor([5, 5]), mask=torch.ones(2))
    words(torch.tensor([5, 5]), mask=torch.zeros(2))
    assert encoder.asked == 9
    other = copy.deepcopy(words)
    assert (other._answers, other._weights) == ([], [])
    other(torch.tensor([5, 5]))
    assert other.encoder.asked == 10
    words.train()
    words(torch.tensor([5, 5]))
    encoder.requires_grad_(True)
    words.eval()(torch.tensor([5, 5]))
    assert encoder.asked == 11
    assert words(torch.tensor([5, 5]))["found"].requires_grad


def test_what_is_asked_for(place: Any, tmp_path: Path) -> None:
    spec = f"transformers:{place('owlvit')}"
    with pytest.raises(SettingError, match=r"is to look for, got nothing: say it with \?labels=cat,dog"):
        load_detector(spec, image_size=SIZE)
    assert load_detector(spec, image_size=SIZE, data_classes=("cat", "dog")).model.classes == ("cat", "dog")
    asked = load_detector(f"{spec}?labels=cat,dog&prompt=my {{}}", image_size=SIZE).model
    assert "it is asked for my cat, my dog" in asked.notes
    for wrong, message in (
        ("labels=cat,,dog", "labels: expected words"),
        ("labels=a&prompt=b", "prompt: expected words"),
    ):
        with pytest.raises(SettingError, match=message):
            load_detector(f"{spec}?{wrong}", image_size=SIZE)
    with pytest.raises(ModelError, match="labels of at most 8 tokens, got 'alligators'"):
        load_detector(f"{spec}?labels=cat,alligators", image_size=SIZE)
    with pytest.raises(ModelError, match=r"expected labels of words alone, without \. \?"):
        load_detector(f"transformers:{place('grounding-dino')}?labels=cat. dog,car", image_size=SIZE)
    config = json.loads((place("owlvit") / "config.json").read_text())
    assert config["architectures"] == ["OwlViTForObjectDetection"]
