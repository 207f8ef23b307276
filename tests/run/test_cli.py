"""The command line: what it prints, and the exit codes that scripts rely on."""

import json
from pathlib import Path

import pytest

from foolscape.cli import main
from foolscape.cli.console import DONE, ERROR, SOME_FAILED, USAGE

from .made import write_net, write_photos
from .made_boxes import write_detector, write_squares


def foolscape(*arguments: object) -> int:
    """The exit code of a command line."""
    with pytest.raises(SystemExit) as caught:
        main([str(argument) for argument in arguments])
    assert isinstance(caught.value.code, int)
    return caught.value.code


def test_a_run_prints_its_table_and_report_prints_it_again(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    nets, photos, out = write_net(tmp_path), write_photos(tmp_path / "photos", 2), tmp_path / "out"
    assert (
        foolscape("run", "--model", f"{nets}:net", "--data", f"folder:{photos}", "--attack", "fgsm", "--out", out)
        == DONE
    )
    first = capfd.readouterr()
    for word in ("clean", "attacked", "same change,", "shuffled", "random noise", "mIoU"):
        assert word in first.out
    assert "input gradient right" in first.err
    assert (out / "report.html").exists()

    assert foolscape("report", out) == DONE
    assert capfd.readouterr().out == first.out
    assert foolscape("report", out, "--format", "markdown") == DONE
    assert capfd.readouterr().out == (out / "report.md").read_text()
    assert foolscape("report", out, "--format", "latex") == DONE
    assert r"\toprule" in capfd.readouterr().out
    assert foolscape("report", out, "--panel", "photo1") == DONE
    assert "change magnified" in capfd.readouterr().err
    assert (out / "panel.png").read_bytes().startswith(b"\x89PNG")
    assert foolscape("report", out, "--panel", "photo9") == ERROR


def test_a_yaml_file_and_options_that_win(tmp_path: Path) -> None:
    nets, photos = write_net(tmp_path), write_photos(tmp_path / "photos", 3)
    path = tmp_path / "run.yaml"
    path.write_text(f"model: {nets}:net\ndata: folder:{photos}\nattack: fgsm\nlimit: 3\nout: {tmp_path / 'out'}\n")
    assert foolscape("run", "--config", path, "--limit", 1) == DONE
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert record["config"]["limit"] == record["data"]["samples"] == 1
    assert record["command"][0] == "foolscape"


def test_images_left_out_show_in_the_exit_code(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    nets, photos = write_net(tmp_path), write_photos(tmp_path / "photos", 2)
    (photos / "broken.png").write_bytes(b"not a picture")
    command = (
        "run",
        "--model",
        f"{nets}:net",
        "--data",
        f"folder:{photos}",
        "--attack",
        "none",
        "--out",
        tmp_path / "out",
    )
    assert foolscape(*command) == SOME_FAILED
    assert "1 image(s) could not be used" in capfd.readouterr().err


def test_transforms_and_ensembles_from_the_command_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    nets, photos = write_net(tmp_path), write_photos(tmp_path / "photos", count=2)
    models = ("--model", f"{nets}:net", "--model", f"{nets}:slow", "--ensemble", "all")
    attack = ("--attack", "mi-fgsm", "--steps", 2, "--transforms", "di,ti=3,si=2", "--probes", 0)
    command = ("transfer", *models, *attack, "--data", f"folder:{photos}", "--out", tmp_path / "out")
    assert foolscape(*command) == DONE
    printed = capfd.readouterr().out
    assert "A & B, shuffled" in printed
    assert "Can this be trusted?" in printed
    assert "transforms di" not in printed
    assert foolscape("report", tmp_path / "out", "--footnotes") == DONE
    assert "transforms di,ti=3,si=2, gradients per step 4" in " ".join(capfd.readouterr().out.split())


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (
            ["run", "--model", "bundled:scenes-unet", "--data", "scenes:", "--new", "--out", "x"],
            USAGE,
            "new: is for runs",
        ),
        (["run", "--out", "x"], USAGE, "models: is needed"),
        (["run", "--nonsense"], USAGE, "No such option"),
        (["list", "modles"], USAGE, "modles"),
        (
            ["run", "--model", "bundled:scenes-unte", "--data", "scenes:", "--out", "x"],
            USAGE,
            "did you mean scenes-unet",
        ),
        (["run", "--model", "bundled:scenes-unet", "--data", "scnes:", "--out", "x"], USAGE, "did you mean scenes"),
        (["run", "--model", "bundled:scenes-unet", "--data", "scenes:", "--eps", "8", "--out", "x"], USAGE, "8/255"),
        (["report", "nowhere"], ERROR, "nowhere"),
    ],
)
def test_mistakes_are_told_in_words(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int,
    text: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert foolscape(*arguments) == code
    printed = capfd.readouterr()
    assert text in " ".join((printed.err + printed.out).split())
    assert "Traceback" not in printed.err
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("models", ["bundled:scenes-unet", "torchvision:lraspp_mobilenet_v3_large", "path/to/file.py:factory"]),
        ("attacks", ["dag", "pgd", "fgsm", "mi-fgsm", "segpgd", "annealed", "ara", "none"]),
        (
            "data",
            [
                "folder:DIR",
                "masks:IMAGES",
                "camvid:DIR",
                "voc:DIR",
                "coco:DIR",
                "scenes:",
                "davis2016:DIR",
                "youtube-vos:DIR",
                "video; one",
            ],
        ),
    ],
)
def test_list_names_what_there_is(capfd: pytest.CaptureFixture[str], kind: str, names: list[str]) -> None:
    assert foolscape("list", kind) == DONE
    printed = capfd.readouterr().out
    for name in names:
        assert name in printed


def test_check_gives_a_verdict(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    nets = write_net(tmp_path)
    assert foolscape("check", "--model", f"{nets}:net", "--size", "40x48") == DONE
    assert "FAIL" not in capfd.readouterr().out
    assert foolscape("check", "--model", f"{nets}:detached", "--size", "40x48") == ERROR
    assert "FAIL  input gradient at batch 1" in capfd.readouterr().out


def test_a_detector_is_attacked_checked_and_crossed_with_a_segmenter(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    nets, detectors, data = write_net(tmp_path), write_detector(tmp_path), write_squares(tmp_path / "squares", 2)
    given = ("--data", f"folder:{data}", "--attack", "fgsm", "--probes", 0)
    one = tmp_path / "one"
    assert foolscape("run", "--model", f"{detectors}:grid", *given, "--goal", "vanish", "--out", one) == DONE
    printed = capfd.readouterr().out
    assert "AP50" in printed
    assert "vanish" in printed

    both = tmp_path / "both"
    models = ("--model", f"{nets}:net", "--model", f"{detectors}:grid")
    assert foolscape("transfer", *models, *given, "--out", both) == DONE
    printed = capfd.readouterr().out
    assert "A + B, shuffled" in printed
    assert foolscape("report", both) == DONE
    assert capfd.readouterr().out == printed
    assert foolscape("report", both, "--format", "markdown") == DONE
    assert capfd.readouterr().out == (both / "report.md").read_text()

    assert foolscape("run", *models, *given, "--out", tmp_path / "mixed") == USAGE
    assert "foolscape transfer" in capfd.readouterr().err
    assert foolscape("check", "--model", f"{detectors}:grid", "--size", "32x48") == DONE
    assert "FAIL" not in capfd.readouterr().out
