"""Settings by the names that they had before: taken with a warning on every route, and one thing under both names."""

from pathlib import Path

import pytest

from foolscape.api.attack import as_recipe
from foolscape.cli import main
from foolscape.errors import SettingError
from foolscape.run.settings.attack_options import over
from foolscape.run.settings.config import make_config
from foolscape.run.settings.former_names import FORMER_NAMES, FormerNameWarning

VALUES = {
    "objective": ("pgd", "js"),
    "boost": ("pgd", "di"),
    "victim": ("pgd", "car"),
    "against": ("pgd", "objects"),
    "supervision": ("pgd", "prediction"),
    "refresh": ("pgd", 3),
    "rounded": ("dag", False),
}
"""By former name, an attack that takes it and a value."""

COMMON: dict[str, object] = {"models": ["bundled:scenes-unet"], "data": "scenes:"}


def test_every_former_name_is_tried() -> None:
    assert set(VALUES) == set(FORMER_NAMES)


@pytest.mark.parametrize("former", FORMER_NAMES)
def test_a_setting_by_its_former_name(former: str) -> None:
    attack, value = VALUES[former]
    now = make_config(COMMON | {"attack": attack, FORMER_NAMES[former]: value})
    told = f"{former} is called {FORMER_NAMES[former]} now"
    with pytest.warns(FormerNameWarning, match=told):
        assert make_config(COMMON | {"attack": attack, former: value}) == now
    with pytest.warns(FormerNameWarning, match=told), pytest.raises(SettingError, match="expected one value"):
        make_config(COMMON | {"attack": attack, former: value, FORMER_NAMES[former]: "another"})


def test_the_spec_of_an_attack() -> None:
    now = make_config(COMMON | {"attack": "dag?quantise_steps=false"})
    with pytest.warns(FormerNameWarning):
        assert make_config(COMMON | {"attack": "dag?rounded=false"}) == now
    with pytest.warns(FormerNameWarning):
        assert as_recipe("dag?rounded=false") == as_recipe("dag?quantise_steps=false")


def test_what_an_attack_does_to_a_task_is_no_part_of_a_recipe() -> None:
    with pytest.raises(SettingError, match=r"goal: expected it beside the recipe, .* write goal='vanish'"):
        as_recipe("pgd?goal=vanish")
    with pytest.warns(FormerNameWarning), pytest.raises(SettingError, match=r"write options=\{'attack_pixels': \.\."):
        as_recipe("pgd?against=all")


def test_an_option_wins_over_a_file_by_either_name() -> None:
    with pytest.warns(FormerNameWarning):
        assert over({"victim": "car"}, {"only_class": "person"}) == {"options": {"only_class": "person"}}
    with pytest.warns(FormerNameWarning):
        assert over({"only_class": "car"}, {"victim": "person"}) == {"options": {"only_class": "person"}}


@pytest.mark.parametrize("former", FORMER_NAMES)
def test_the_command_line(former: str, capfd: pytest.CaptureFixture[str]) -> None:
    attack, value = VALUES[former]
    option = ["--no-rounded"] if value is False else [f"--{former}", str(value)]
    with pytest.raises(SystemExit):  # at the bound, after the names
        main(["run", "--model", "bundled:scenes-unet", "--data", "scenes:", "--attack", attack, *option, "--eps", "8"])
    told = " ".join(capfd.readouterr().err.split())
    assert told.startswith(f"warning: {former} is called {FORMER_NAMES[former]} now")
    assert told.count("warning") == 1
    assert "error: eps: expected a fraction" in told


def test_yaml(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "run.yaml").write_text(
        "model: bundled:scenes-unet\ndata: 'scenes:'\nattack: dag\nrounded: no\neps: '8'\n"
    )
    with pytest.raises(SystemExit):
        main(["run", "--config", str(tmp_path / "run.yaml")])
    assert "warning: rounded is called quantise_steps now" in " ".join(capfd.readouterr().err.split())
