"""Networks whose gradient is broken are caught by name before anything is measured; sound ones are not."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from foolscape.cli import app
from foolscape.errors import GradientError

from .made import do_run

BROKEN = """
import torch
from torch import nn
from foolscape.models.bundled.load import bundled

class Broken(nn.Module):
    def __init__(self, change):
        super().__init__()
        self.inner, self.change = bundled("scenes-unet"), change
        self.classes = self.inner.classes

    def forward(self, images):
        return self.change(self.inner, images)

def rounded():
    return Broken(lambda net, images: net((images * 255).round() / 255))

def rounded_scores():
    return Broken(lambda net, images: (net(images) * 2).round() / 2)

def detached():
    return Broken(lambda net, images: 0.5 * net(images) + 0.5 * net(images).detach())

def half_of_the_classes():
    return Broken(lambda net, images: torch.cat([net(images)[:, :4].detach(), net(images)[:, 4:]], dim=1))

def saturated():
    return Broken(lambda net, images: (net(images) * 1e4).softmax(1))

def clamped():
    return Broken(lambda net, images: (net(images) * 10).softmax(1).clamp(1e-3, 1 - 1e-3).log())

def scaled():
    return Broken(lambda net, images: net(images) * 1e4)

def random():
    return Broken(lambda net, images: net(images + 0.02 * torch.randn_like(images)))

def sound():
    return Broken(lambda net, images: net(images))
"""


@pytest.fixture
def networks(tmp_path: Path) -> str:
    path = tmp_path / "broken.py"
    path.write_text(BROKEN)
    return str(path)


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("rounded", "rounded", "look for rounded activations"),
        ("rounded_scores", "rounded", "look for rounded activations"),
        ("detached", "wrong", "part of the network is detached"),
        ("half_of_the_classes", "wrong", "part of the network is detached"),
        ("saturated", "saturated", "at their least or largest value"),
        ("clamped", "saturated", "at their least or largest value"),
        ("scaled", "saturated", "softmax is exactly 0 or 1"),
        ("random", "random output", "between two calls"),
    ],
)
def test_every_broken_network_is_refused_by_name(
    tmp_path: Path, networks: str, name: str, kind: str, words: str
) -> None:
    settings = {"data": "scenes:", "split": "test", "limit": 1, "size": "48x80"}
    with pytest.raises(GradientError) as caught:
        do_run(tmp_path / "out", models=[f"{networks}:{name}"], attack="pgd", **settings)
    assert str(caught.value).startswith(f"input gradient {kind} at batch 1: expected ")
    assert words in str(caught.value)
    assert str(caught.value).endswith("Or attack it without: --attack square")
    assert not (tmp_path / "out/summary.json").exists()


@pytest.mark.parametrize(
    ("name", "kind"),
    [("rounded", "rounded"), ("detached", "wrong"), ("clamped", "saturated"), ("random", "random output")],
)
def test_check_names_them_too(networks: str, name: str, kind: str) -> None:
    given = ["check", "--model", f"{networks}:{name}", "--size", "48x80", "--batch", "1"]
    result = CliRunner().invoke(app, given)
    assert result.exit_code == 1
    assert f"FAIL  input gradient at batch 1: {kind}, expected " in result.output


def test_a_sound_network_of_the_same_make_raises_no_alarm(tmp_path: Path, networks: str) -> None:
    settings = {"data": "scenes:", "split": "test", "limit": 4, "size": "48x80", "eps": "8/255", "budget": 40}
    summary = do_run(tmp_path / "out", models=[f"{networks}:sound"], attack="worst-case", **settings)
    assert {one["id"]: one["ok"] for one in summary["trust"]["reasons"] if one["ok"] is False} == {}
    assert {"gradient", "beats-noise", "converged", "square"} <= {one["id"] for one in summary["trust"]["reasons"]}


def test_square_needs_no_gradient(tmp_path: Path, networks: str) -> None:
    settings = {"data": "scenes:", "split": "test", "limit": 1, "size": "48x80", "attack": "square", "steps": 30}
    summary = do_run(tmp_path / "out", models=[f"{networks}:rounded"], **settings)
    (model,) = summary["models"]
    assert summary["attack"]["gradients_per_step"] == 0
    assert model["iterations"]["max"] == 30
    assert model["conditions"]["adversarial"]["pixel_accuracy"] < model["conditions"]["noise"]["pixel_accuracy"]
    assert "gradient" not in {one["id"] for one in summary["trust"]["reasons"]}
