"""Advice is told in the words of who asked: options of a command, or arguments of a call."""

import pytest

from foolscape.run.settings.words import call, in_python
from foolscape.run.trust.command import with_attack, with_options
from foolscape.run.trust.ways import larger, longer, wider
from tests.trust.made import attacked, reasons
from tests.written import run_record


@pytest.mark.parametrize(
    ("told", "instead"),
    [
        ("raise --limit or --probes", "raise limit or probes"),
        ("give at least --eps 1/255", 'give at least eps="1/255"'),
        ("a larger --step or --eps, or --quantise-steps", "a larger step or eps, or quantise_steps=True"),
        ("leave --step out, or give at most --step 8/255", 'leave step out, or give at most step="8/255"'),
        ("let other attacks be tried: leave --probes 0 out", "let other attacks be tried: leave probes=0 out"),
        ("give --batch 1", "give batch_size=1"),
        ("add --attention math", 'add options={"attention": "math"}'),
        ("give --size 32x64.", 'give size="32x64".'),
        ("Or attack it without: --attack square", 'Or attack it without: attack="square"'),
        ("use --norm linf, or pgd", 'use norm="linf", or pgd'),
        ("add --input bgr, or ?input=bgr to the model", "add ?input=bgr to the model"),
        ("choose another --out", "choose another out"),
        ("read it with foolscape report --format latex", "read it with foolscape report --format latex"),
        ("got --strict and a--limit", "got --strict and a--limit"),
    ],
)
def test_options_become_arguments(told: str, instead: str) -> None:
    assert in_python(told) == instead
    assert in_python(instead) == instead


def test_of_images_that_are_there_more_must_be_given() -> None:
    assert in_python("too few: raise --limit", live=True) == "too few: give more images"
    assert in_python("too few: raise --limit or --probes", live=True) == "too few: give more images, or raise probes"


def test_a_call_names_what_has_a_spec_and_what_is_no_option_of_the_attack() -> None:
    config = {
        "models": ["net.py:net"], "data": "scenes:", "split": "test", "ids": ["a", "b"], "size": "48x64",
        "attack": "dag", "options": {"steps": 3, "goal": "vanish"}, "task": "detection", "batch": 2,
        "attention": "math",
    }  # fmt: skip
    record = run_record(config=config, command=("fs.evaluate(..)",))
    assert with_options(record, "net.py:net", {"steps": 6}) == (
        'fs.evaluate("net.py:net", "scenes:", "dag?steps=6", split="test", ids=["a", "b"], size="48x64", batch_size=2, '
        'goal="vanish", options={"attention": "math"})'
    )
    assert with_attack(run_record(config=config), "net.py:net", {"attack": "pgd"}).startswith("foolscape run --model ")
    assert call("in-memory:Net", "in-memory:tensors", "pgd", {}) == 'fs.evaluate(model, data, "pgd")'


@pytest.mark.parametrize(
    ("attack", "wide", "long"),
    [
        ({"name": "pgd", "eps": "8/255"}, "try a larger --eps", "give more --steps"),
        ({"name": "dag", "eps": None}, "give more --steps", "give more --steps"),
        ({"name": "pgd-min", "eps": None, "largest": "8/255"}, "try a larger --eps", "give more --steps"),
        ({"name": "worst-case", "eps": "8/255", "budget": 300}, "try a larger --eps", "give more --budget"),
        ({"name": "mine.py:own", "eps": "8/255"}, "try a larger --eps", "give more --steps"),
    ],
)
def test_only_options_that_an_attack_has_are_named(attack: dict[str, object], wide: str, long: str) -> None:
    assert wider(attack) == f"{wide} or another --attack"
    assert longer(attack) == f"{long} or another --attack"


def test_worst_case_has_no_step() -> None:
    assert list(larger({"name": "worst-case", "eps": "8/255"}, "step", "eps")) == ["--eps"]
    assert list(larger({"name": "mine.py:own", "eps": None}, "step", "eps")) == ["--step"]


def test_without_a_bound_no_larger_one_is_advised() -> None:
    for name in ("dag", "pgd"):
        eps = None if name == "dag" else "8/255"
        found = reasons(attacked({"noise": [5.0] * 4, "in_float": [1.0] * 4}, {}, name=name, eps=eps))
        for one in ("beats-noise", "eight-bits"):
            assert ("--eps" in found[one].advice) == (name == "pgd")
