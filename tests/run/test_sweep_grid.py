"""The grid of a sweep: what its file may say, which runs that makes, and in which order."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest

from foolscape.errors import SettingError, UnknownNameError
from foolscape.records.sweep import SweepCell, SweepTrial
from foolscape.run.settings.yaml_file import read_mapping
from foolscape.run.sweep.estimate import expected, time_left
from foolscape.run.sweep.grid import Cell, cells_of
from foolscape.run.sweep.lists import lists_of

UNET, DILATED = "bundled:scenes-unet", "bundled:scenes-dilated"
TRACKER = "bundled:scenes-tracker"


def grid(**settings: Any) -> tuple[Cell, ...]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return cells_of(lists_of({"data": "scenes:", **settings}))


def told(cells: tuple[Cell, ...]) -> list[tuple[str, str, int]]:
    return [(cell.model, cell.attack, cell.seed) for cell in cells]


def test_the_most_telling_comes_first() -> None:
    cells = grid(models=[UNET, DILATED], attacks=["fgsm", "pgd", "worst-case", "none"], seeds=[3, 0], eps=["8/255"])
    assert told(cells) == [
        (model, attack, seed)
        for seed in (3, 0)
        for attack in ("worst-case", "pgd", "fgsm", "none")
        for model in (UNET, DILATED)
    ]


def test_attacks_and_data_are_counted_for_each_model_by_itself() -> None:
    first, second = {"spec": "scenes:", "split": "val"}, {"spec": "scenes:", "split": "test"}
    cells = grid(
        models=[UNET, TRACKER], data=[first, second], attacks=["pgd", "ara"],
        only=[{"model": UNET, "attack": "pgd"}, {"model": TRACKER, "attack": "ara", "data": "scenes:, split test"}],
    )  # fmt: skip
    assert [(cell.model, cell.data) for cell in cells] == [
        (UNET, "scenes:, split val"),
        (TRACKER, "scenes:, split test"),
        (UNET, "scenes:, split test"),
    ]


def test_all_bounds_are_one_run_where_the_attack_takes_several() -> None:
    cells = grid(models=UNET, attacks=["pgd", "pgd-min", "fgsm?eps=2/255", "none"], eps=["8/255", "1/255"])
    assert {cell.attack: (cell.bounds, cell.config.options.get("eps")) for cell in cells} == {
        "pgd": (("1/255", "8/255"), "1/255,8/255"),
        "pgd-min": (("8/255",), "8/255"),
        "fgsm?eps=2/255": ((), "2/255"),
        "none": ((), None),
    }


def test_a_rule_may_take_a_bound_away() -> None:
    cells = grid(models=UNET, attacks=["pgd", "fgsm"], eps="1/255,8/255", exclude={"attack": "fgsm", "eps": "8/255"})
    assert {cell.attack: cell.bounds for cell in cells} == {"pgd": ("1/255", "8/255"), "fgsm": ("1/255",)}


def test_options_go_to_the_attacks_and_tasks_that_have_them() -> None:
    cells = grid(models=[UNET, TRACKER], attacks=["pgd", {"attack": "square"}], loss="ce", window=2, probes=0)
    assert {(cell.model, cell.attack): cell.config.options for cell in cells} == {
        (UNET, "pgd"): {"loss": "ce"},
        (UNET, "square"): {},
        (TRACKER, "pgd"): {"loss": "ce", "window": 2},
        (TRACKER, "square"): {"window": 2},
    }
    assert {cell.config.probes for cell in cells} == {0}


def test_a_name_is_of_all_but_the_bounds() -> None:
    (one,), (more,) = grid(models=UNET, eps="4/255"), grid(models=UNET, eps=["4/255", "8/255"])
    (other,) = grid(models=UNET, eps="4/255", limit=3)
    assert one.name == more.name != other.name
    two = grid(models=UNET, attacks=["pgd?eps=1/255", "pgd?eps=2/255"])
    assert len({cell.name for cell in two}) == 2


def test_a_data_set_has_settings_of_its_own() -> None:
    (cell,) = grid(models=UNET, data=[{"spec": "scenes:", "split": "val", "limit": 3, "size": "96x192"}], limit=9)
    assert (cell.config.data, cell.config.split, cell.config.limit, cell.config.size) == (
        "scenes:", "val", 3, (96, 192),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"limit": "four"}, "limit: expected a whole number from 1 on, got 'four'"),
        ({"steps": "ten", "attacks": ["pgd", "none"]}, "steps: expected a whole number, got 'ten'"),
        (
            {"data": ["scenes:", {"spec": "scenes:", "limit": 0}]},
            "data, number 2 (scenes:, limit 0): limit: expected a number from 1 on, got 0",
        ),
        (
            {"attacks": ["fgsm", {"attack": "pgd", "steps": "ten"}]},
            "attacks, number 2 (pgd?steps=ten): steps: expected a whole number, got 'ten'",
        ),
    ],
)
def test_a_wrong_value_is_named_with_its_place_in_the_file(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingError) as caught:
        grid(models=[UNET, DILATED], **settings)
    assert str(caught.value) == words


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "models: is needed"),
        ({"models": []}, "expected at least one, got an empty list"),
        ({"models": UNET, "data": None}, "data: is needed"),
        ({"models": [UNET, UNET]}, f"models: expected each once, got {UNET}"),
        ({"models": UNET, "model": UNET}, "under one name, got models and model"),
        ({"models": [7]}, "models: expected specs"),
        ({"models": UNET, "data": [{"split": "val"}]}, "expected the key spec"),
        ({"models": UNET, "attacks": [{"steps": 3}]}, "attacks: expected specs"),
        ({"models": UNET, "attacks": ["pgd", "pgd"]}, "attacks: expected each once"),
        ({"models": UNET, "attacks": ["pgd", {"attack": "pgd", "steps": 20}]}, "which are the same run"),
        ({"models": UNET, "attacks": ["worst-case", None]}, "which are the same run"),
        ({"models": UNET, "eps": []}, "eps: expected a bound"),
        ({"models": UNET, "eps": ["1/255", "1/255"]}, "eps: expected each bound once"),
        ({"models": UNET, "eps": "8"}, "eps"),
        ({"models": UNET, "seeds": [True]}, "seeds: expected whole numbers"),
        ({"models": UNET, "seeds": [1, 1]}, "seeds: expected each once"),
        ({"models": UNET, "seeds": [-1]}, "seeds: expected whole numbers"),
        ({"models": UNET, "only": []}, None),
        ({"models": UNET, "only": "pgd"}, "only: expected mappings"),
        ({"models": UNET, "exclude": [{"model": []}]}, "got an empty list"),
        ({"models": UNET, "exclude": [{"model": "x"}]}, "expected rules that cells match, got {model: x}"),
        ({"models": UNET, "only": [{"seed": 0}], "exclude": [{"seed": 0}]}, "expected at least one cell, got none"),
        ({"models": [UNET, TRACKER], "attacks": ["ara"]}, "got 1 that cannot: bundled:scenes-unet x scenes: x ara: "),
        ({"models": TRACKER, "data": ["scenes:", "folder:x"], "attacks": "ara"}, "folder, which has no clips"),
        ({"models": UNET, "attacks": ["pgd?steps=0"]}, "(pgd?steps=0): steps"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(settings: dict[str, Any], words: str | None) -> None:
    if words is None:
        assert grid(**settings)
        return
    with pytest.raises(SettingError) as caught:
        grid(**settings)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"models": UNET, "atacks": ["pgd"]}, "did you mean attacks"),
        ({"models": UNET, "attacks": ["pdg"]}, "did you mean dag or pgd"),
        ({"models": UNET, "attacks": [{"attack": "pgd", "limit": 3}]}, "option of an attack 'limit'"),
        ({"models": UNET, "exclude": [{"atack": "pgd"}]}, "did you mean attack"),
        ({"models": UNET, "data": ["scens:"]}, "did you mean scenes"),
    ],
)
def test_unknown_names_are_answered_with_near_ones(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(UnknownNameError) as caught:
        grid(**settings)
    assert words in str(caught.value)


def test_the_names_of_images_are_texts_also_in_a_data_set(tmp_path: Path) -> None:
    path = tmp_path / "sweep.yaml"
    path.write_text(f"models: {UNET}\ndata:\n  - spec: 'scenes:'\n    ids: [007, no]\neps: [1/255, 4/255]\n")
    (cell,) = cells_of(lists_of(read_mapping(path)))
    assert cell.config.ids == ("007", "no")
    assert cell.bounds == ("1/255", "4/255")


def cell(name: str, **known: Any) -> SweepCell:
    return SweepCell(**{"name": name, "model": "m", "data": "d", "attack": "a", "bounds": (), "seed": 0, **known})


def test_an_estimate_is_corrected_by_the_finished_cells_most_alike() -> None:
    done = cell("1", state="done", estimate=10.0, seconds=25.0, attacking=20.0)
    other = cell("2", state="done", estimate=10.0, seconds=8.0, attacking=5.0, attack="b")
    assert expected(cell("3", estimate=4.0), [], []) == 4.0
    assert expected(cell("3", estimate=4.0), [done, other], []) == 4 * 2.0 + 5
    assert expected(cell("3", estimate=4.0, attack="b"), [done, other], []) == 4 * 0.5 + 3
    assert expected(cell("3", estimate=4.0, attack="c"), [done, other], []) == 4 * 1.25 + 4


def test_without_an_estimate_the_gradients_of_others_say_it() -> None:
    trials = [SweepTrial(model="m", data="d", seconds=0, per_gradient=None, images=2, units={"1": 10, "2": 30})]
    waiting, done = cell("2"), cell("1", state="done", seconds=5.0)
    assert expected(waiting, [waiting], trials) is None
    assert expected(waiting, [waiting, done], trials) == 15.0
    assert time_left([waiting], trials) == (0.0, 1)
    begun = cell("2", state="begun", seconds=4.0)
    assert time_left([begun, done], trials) == (11.0, 0)
