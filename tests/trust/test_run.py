"""The verdict of whole runs: what is tried, what is stored, and where the word stands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from foolscape.report import print_tables

from ..run.made import do_run, write_net, write_photos


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, Any]:
    net, photos = write_net(tmp_path), write_photos(tmp_path / "photos")
    return {"models": [f"{net}:net"], "data": f"folder:{photos}", "attack": "pgd", "eps": "8/255"}


def answers(summary: dict[str, Any]) -> dict[str, bool | None]:
    return {one["id"]: one["ok"] for one in summary["trust"]["reasons"]}


def test_a_run_tries_other_attacks_and_ends_in_a_word(tmp_path: Path, settings: dict[str, Any], capfd: Any) -> None:
    out, said = tmp_path / "out", list[str]()
    summary = do_run(out, said, **settings)
    (place,) = (out / "probes").iterdir()
    probed = json.loads(place.read_text())
    assert list(probed["images"]) == ["photo0", "photo1", "photo2", "photo3"]
    assert [sorted(found) for found in probed["images"].values()][1:] == [["longer", "stronger"]] * 3
    assert probed["probes"]["stronger"] == {"attack": "worst-case", "eps": "8/255"}
    assert any("other attacks are tried on 4 images" in text for text in said)
    assert {"converged", "larger", "unbound", "square", "beats-noise", "beats-shuffled", "eight-bits"} <= set(
        answers(summary)
    )
    word = summary["trust"]["verdict"]
    assert f"Can this be trusted? <strong>{word}" in (out / "report.html").read_text()
    print_tables(out, Console(width=80))
    assert f"Can this be trusted? {word}" in capfd.readouterr().out
    # The same again, from what is stored.
    assert do_run(out, **settings) == summary


def test_a_weak_attack_is_not_trusted_and_the_better_command_is_better(
    tmp_path: Path, settings: dict[str, Any]
) -> None:
    weak = do_run(tmp_path / "weak", **settings | {"attack": "mi-fgsm", "steps": 1, "step": "0.6/255"})
    assert answers(weak)["converged"] is False
    assert weak["trust"]["verdict"] == "not trusted"
    (converged,) = (one for one in weak["trust"]["reasons"] if one["id"] == "converged")
    words = converged["advice"].split()
    options = dict(zip(words[-4::2], words[-3::2], strict=True))
    assert "--attack" in options
    told = {name.lstrip("-"): value for name, value in options.items()}
    better = do_run(tmp_path / "better", probes=0, **settings | told)
    before, after = (run["models"][0]["conditions"]["adversarial"]["pixel_accuracy"] for run in (weak, better))
    assert after < before - 2


def test_without_probes_nothing_is_decided(tmp_path: Path, settings: dict[str, Any]) -> None:
    summary = do_run(tmp_path / "out", probes=0, **settings)
    assert not (tmp_path / "out/probes").exists()
    assert answers(summary)["converged"] is None
    assert summary["trust"]["verdict"] == "not decided"
