"""Attacks and losses from a user's file: by their name on the command line, with their own options, kept apart."""

import json
from pathlib import Path

import pytest

from foolscape.attacks import catalog
from foolscape.attacks.names import TASK_OPTIONS
from foolscape.attacks.registry import REGISTRY
from foolscape.errors import ModelError, RunError, SettingError, UnknownNameError
from foolscape.models.common.file import from_file, imported
from foolscape.run.settings.attack_options import known_options
from foolscape.run.settings.config import make_config

from .made import do_run, write_net, write_photos

MINE = """
from foolscape.attacks.engine.ascent import Ascent, never
from foolscape.attacks.parts.constraints import Linf
from foolscape.attacks.parts.objectives import ObjectiveValue, cross_entropy
from foolscape.attacks.parts.updates import Sign
from foolscape.pixels import Levels

EPS = Levels.parse("8/255")

def mine(*, eps: Levels = EPS, steps: int = 3, warm: float = 0.5):
    return Ascent(objective=cross_entropy, update=Sign(), constraint=Linf(eps.unit), step=warm * eps.unit, steps=steps,
                  stop=never)

def loss(scores, problem, progress):
    seen = cross_entropy(scores, problem, progress)
    return ObjectiveValue(2 * seen.value, seen.active)

def wrong(scores, problem, progress):
    return scores.sum()

def nothing(*, eps: Levels = EPS):
    return 3

def raises(*, eps: Levels = EPS):
    return {}["no such thing"]

class Broken(Sign):
    def direction(self, gradient, seen, state):
        return {}["nothing of this kind"]

def breaks(*, eps: Levels = EPS):
    return Ascent(objective=cross_entropy, update=Broken(), constraint=Linf(eps.unit), step=eps.unit, steps=2,
                  stop=never)

number = 4
"""


@pytest.fixture
def mine(tmp_path: Path) -> str:
    (tmp_path / "mine.py").write_text(MINE)
    return str(tmp_path / "mine.py")


def settings(tmp_path: Path, **more: object) -> dict[str, object]:
    nets, photos = write_net(tmp_path), write_photos(tmp_path / "p", 2)
    return {"models": [f"{nets}:net"], "data": f"folder:{photos}", "probes": 0, **more}


def test_an_attack_of_a_file_is_run_with_its_own_option_and_is_part_of_what_the_run_is(
    tmp_path: Path, mine: str
) -> None:
    asked = settings(tmp_path, attack=f"{mine}:mine?eps=4/255&warm=0.25&steps=2")
    summary = do_run(tmp_path / "out", **asked)
    assert summary["attack"]["name"] == f"{mine}:mine"
    assert (summary["attack"]["eps"], summary["attack"]["step"], summary["attack"]["steps"]) == ("4/255", "1/255", 2)
    assert summary["models"][0]["distortion"]["linf_levels"] == 2
    record = json.loads((tmp_path / "out/run.json").read_text())
    assert record["config"]["options"] == {"eps": "4/255", "warm": "0.25", "steps": "2"}
    do_run(tmp_path / "out", **asked)
    with pytest.raises(RunError, match="expected the command that began"):
        do_run(tmp_path / "out", **(asked | {"attack": f"{mine}:mine?eps=4/255&warm=0.5&steps=2"}))
    Path(mine).write_text(MINE.replace("step=warm", "step=0.5 * warm"))
    with pytest.raises(RunError, match=r"mine.py:mine, or a file that it imports, has changed"):
        do_run(tmp_path / "out", **asked)


def test_a_loss_of_a_file_is_followed(tmp_path: Path, mine: str) -> None:
    asked = settings(tmp_path, attack="pgd?steps=2")
    own = do_run(tmp_path / "out", **asked, loss=f"{mine}:loss")
    assert own["attack"]["loss"] == f"{mine}:loss"
    plain = do_run(tmp_path / "plain", **asked)
    # Twice the cross-entropy has a gradient of the same sign.
    changed = [found["models"][0]["conditions"]["adversarial"] for found in (own, plain)]
    assert changed[0] == changed[1]
    failures = do_run(tmp_path / "wrong", **asked, loss=f"{mine}:wrong")["failures"]
    assert len(failures) == 2
    assert "wrong to return an ObjectiveValue of shape" in failures[0]["reason"]


def test_an_attack_that_raises_in_the_middle_fails_on_its_images_with_the_place(tmp_path: Path, mine: str) -> None:
    failures = do_run(tmp_path / "out", **settings(tmp_path, attack=f"{mine}:breaks"))["failures"]
    assert len(failures) == 2
    assert "mine.py:breaks to succeed, got KeyError: 'nothing of this kind'" in failures[0]["reason"]


def test_what_does_not_fit_is_said_before_anything_is_opened(tmp_path: Path) -> None:
    asked: dict[str, object] = {"models": ["bundled:scenes-unet"], "data": "folder:there/is/no/such/folder"}
    for attack, more, words in (
        ("pgd?loss=jss", {}, "unknown loss 'jss'; did you mean js"),
        ("pgd", {"only_class": "car"}, "only_class: is for detectors"),
        ("none", {"eps": "3/255"}, "no settings of an attack beside --attack none"),
        ("dag-min", {"precision": "bf16"}, "precision: dag-min compares sizes"),
    ):
        with pytest.raises(SettingError, match=words):
            do_run(tmp_path / "out", **asked, attack=attack, **more)


@pytest.mark.parametrize(
    ("attack", "error", "words"),
    [
        ("pgd?steps=2&step=1/255&steps=3", SettingError, "expected the option steps once"),
        ("pgd?epsilon=8/255", UnknownNameError, "eps"),
        ("pgd?eps=9000", SettingError, "9000"),
        ("pgd?steps=two", SettingError, "steps"),
        ("{mine}:min", UnknownNameError, "mine"),
        ("{mine}:number", SettingError, "expected .* to be a keyword function"),
        ("{mine}:nothing", SettingError, "expected .* to return an Ascent"),
        ("{mine}:raises", ModelError, r"the attack .*mine.py:raises to succeed, got KeyError: 'no such .*mine.py:\d+"),
        ("{mine}:mine?cold=1", UnknownNameError, "warm"),
        ("{mine}:mine?warm=hot", SettingError, "warm: expected a number"),
        ("no.py:mine", SettingError, "expected a Python file"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, mine: str, attack: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        do_run(tmp_path / "out", **settings(tmp_path, attack=attack.format(mine=mine)))


def test_only_what_the_file_defines_may_have_been_meant(tmp_path: Path) -> None:
    (tmp_path / "some.py").write_text("""
from __future__ import annotations
import functools, torch
from typing import Annotated, Any, Callable, Optional
from pathlib import Path
from numpy import exp
from torch import nn, relu
from torch.nn.functional import conv2d
import foolscape as fs
from foolscape import pgd
from foolscape.attacks.registry import register

@fs.register("some-attack", source="me")
def registered(*, steps: int = 3):
    return fs.Ascent()

def plain(*, steps: int = 3):
    return fs.Ascent()

partly = functools.partial(plain, steps=2)
number = 3
def _hidden(): ...
""")
    try:
        place = tmp_path / "some.py"
        for look in (lambda: imported(str(place), "zzz"), lambda: from_file(place, "zzz")):
            with pytest.raises(UnknownNameError) as caught:
                look()
            assert str(caught.value).endswith("known: partly, plain, registered")
    finally:
        REGISTRY.pop("some-attack", None)


def test_every_option_of_our_attacks_is_a_setting() -> None:
    assert {option for attack in catalog.CATALOG for option in attack.options} | {*TASK_OPTIONS} == set(known_options())


def test_an_option_and_a_spec_that_differ_contradict_each_other() -> None:
    common: dict[str, object] = {"models": ["bundled:scenes-unet"], "data": "scenes:"}
    assert make_config(common | {"attack": "pgd?eps=4/255", "eps": "4/255"}) == make_config(
        common | {"attack": "pgd", "eps": "4/255"}
    )
    with pytest.raises(SettingError, match="eps: expected one value, got 4/255 and 2/255"):
        make_config(common | {"eps": "4/255", "attack": "pgd?eps=2/255"})


def test_a_recipe_is_text_that_makes_it_again() -> None:
    made = REGISTRY["pgd"](eps="4/255", steps=3, quantise_steps=True)
    assert str(made) == "pgd?eps=4/255&steps=3&quantise_steps=true"
    wrongs: list[dict[str, object]] = [
        {"epsilon": "8/255"},
        {"steps": 0},
        {"norm": "l3"},
        {"eps": 3},
        {"quantise_steps": 1},
    ]
    for wrong in wrongs:
        with pytest.raises(SettingError):
            REGISTRY["pgd"](**wrong)
