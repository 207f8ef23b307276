"""`--dry-run` says what would be done, with where each value comes from, and writes nothing."""

from pathlib import Path

import pytest

from foolscape.cli import main
from foolscape.cli.console import ERROR
from foolscape.run.preview import Section, _joined

from .made import write_net, write_photos

SCENES = "--model bundled:scenes-unet --data scenes: --size 64x96 --dry-run"


def told(capfd: pytest.CaptureFixture[str], *arguments: object) -> str:
    """What a command prints, with single spaces."""
    main_arguments = [str(argument) for argument in arguments]
    with pytest.raises(SystemExit) as caught:
        main(main_arguments)
    assert not caught.value.code
    return " ".join(capfd.readouterr().out.split())


def test_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    nets, photos = write_net(tmp_path), write_photos(tmp_path / "p", 7)
    (tmp_path / "a.yaml").write_text(f"model: {nets}:net\ndata: folder:{photos}\nsteps: 3\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    before = sorted(tmp_path.iterdir())
    chosen = ("--config", "a.yaml", "--attack", "pgd?eps=4/255", "--norm", "linf", "--probes", 2, "--dry-run")
    said = told(capfd, "run", *chosen)
    for part in (
        "eps 4/255 (in --attack)", "steps 3 (in a.yaml)", "norm linf (--norm)", "loss ce (default)",
        "images 7: photo0, photo1, photo2, photo3, photo4, ...", "measured clean, adversarial, permuted, noise",
        "probes on 2 images", "3 x 7 = 21 gradients", "output: runs/nets-net-pgd-1, begins there",
    ):  # fmt: skip
        assert part in said
    assert sorted(path for path in tmp_path.iterdir() if path.name != "__pycache__") == before
    several = told(capfd, "run", *chosen[:2], "--eps", "8/255,2/255", "--attack", "pgd", "--dry-run")
    for part in (
        "eps 2/255 (--eps), 8/255 (--eps)",
        "step 0.5/255 (default), 2/255 (default)", "clean, adversarial@2/255, permuted@2/255, noise@2/255, adv",
        "6 x 7 = 42 gradients",
    ):  # fmt: skip
        assert part in several
    clean = told(
        capfd,
        "run",
        "--model",
        f"{nets}:net",
        "--data",
        f"folder:{photos}",
        "--attack",
        "none",
        "--dry-run",
        "--out",
        "there",
    )
    assert "7 predictions" in clean
    assert "output: there, begins there" in clean


def test_what_networks_share_is_said_once_and_what_they_do_not_by_name() -> None:
    attack, mine, other = (Section("attack", ((name, "."),)) for name in ("pgd", "dag", "fgsm"))
    of_each = {
        "a": [attack, Section("models", (("a", "1"),)), mine],
        "b": [attack, Section("models", (("b", "2"),)), other],
    }
    found = {section.title: section.lines for section in _joined(of_each)}
    assert found["models"] == (("a", "1"), ("b", "2"))
    titles = [section.title for section in _joined({"a": [attack], "b": [attack], "c": [mine]})]
    assert titles == ["attack, a, b", "attack, c"]


def test_a_directory_that_is_there(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    nets, photos = write_net(tmp_path), write_photos(tmp_path / "p", 1)
    run = ("run", "--model", f"{nets}:net", "--data", f"folder:{photos}", "--attack", "none", "--out", tmp_path / "out")
    told(capfd, *run, "--quiet")
    assert "resumes what is there" in told(capfd, *run, "--dry-run").replace("\n", " ")
    with pytest.raises(SystemExit) as caught:
        main([str(part) for part in (*run, "--seed", 3, "--dry-run")])
    assert caught.value.code == ERROR
    assert "expected the command that began" in " ".join(capfd.readouterr().err.split())


def test_a_hardening_of_less_than_a_batch_is_refused_as_it_would_be(capfd: pytest.CaptureFixture[str]) -> None:
    splits = "--train-split train --test-split test --train-limit 4 --test-limit 1"
    with pytest.raises(SystemExit) as caught:
        main(["harden", *SCENES.split(), *splits.split()])
    assert caught.value.code == ERROR
    said = " ".join(capfd.readouterr().err.split())
    assert "expected at least 8 training images, a whole batch, got 4 of 4" in said


@pytest.mark.parametrize(
    ("command", "parts"),
    [
        (
            f"transfer {SCENES} --model bundled:scenes-dilated --split test --limit 2 --attack mi-fgsm --ensemble all",
            ("2 networks x 9 changes x 2 images", "ensemble of scenes-unet and scenes-dilated"),
        ),
        (
            f"universal {SCENES} --train-split train --test-split test --target hide:person --train-limit 6 --limit 2 "
            "--epochs 3",
            ("18 gradients", "tile 64x16", "learnt on train 6: train-000000"),
        ),
        (
            f"harden {SCENES} --train-split train --test-split test --train-limit 4 --test-limit 1 --batch 2 "
            "--epochs 2 --eps 2/255",
            ("attack segpgd (default)", "eps 2/255 (--eps)", "24 gradients", "measuring 240 gradients"),
        ),
    ],
)
def test_the_other_commands(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    command: str,
    parts: tuple[str, ...],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    said = told(capfd, *command.split())
    for part in (*parts, "nothing was written"):
        assert part in said
    assert said.count(" models ") == 1
    assert list(tmp_path.iterdir()) == []
