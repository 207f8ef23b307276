"""Specs and paths: what is written is what is read, in both directions and in every place."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foolscape.errors import FoolscapeError, SettingError
from foolscape.paths import path_of
from foolscape.spec import parse, text_of, written

NAMES = st.text(alphabet='ab+%~ é"&?=:/.#', min_size=1, max_size=12)
VALUES = st.text(alphabet='ab+%~ é"&?=:/.#', max_size=12)
OPTIONS = st.dictionaries(st.sampled_from(["weights", "classes", "range"]), VALUES)


@given(st.sampled_from(["bundled", "torchvision", "stcn"]), NAMES, OPTIONS)
def test_a_written_spec_is_read_as_it_was(scheme: str, rest: str, options: dict[str, str]) -> None:
    spec = parse(written(scheme, rest, options))
    assert (spec.scheme, spec.rest, spec.options) == (scheme, rest, options)


@given(NAMES, OPTIONS)
def test_a_written_file_is_read_as_it_was(folder: str, options: dict[str, str]) -> None:
    spec = parse(written(f"x{folder}/net.py", "build", options))
    assert (spec.scheme, spec.rest, spec.options) == (f"x{folder}/net.py", "build", options)


@given(NAMES, OPTIONS)
def test_a_spec_of_yaml_is_read_as_it_was(weights: str, options: dict[str, str]) -> None:
    spec = parse(str(text_of({"spec": "net.py:build", **options, "weights": weights})))
    assert (spec.scheme, spec.rest, spec.options) == ("net.py", "build", {**options, "weights": weights})


@pytest.mark.parametrize(
    ("text", "scheme", "rest", "options"),
    [
        ("net.py:build?weights=voc07+12.pth", "net.py", "build", {"weights": "voc07+12.pth"}),
        ("net.py:build?classes=100%25.txt", "net.py", "build", {"classes": "100%25.txt"}),
        ('net.py:build?weights="a&b?c.pth"&offset=1', "net.py", "build", {"weights": "a&b?c.pth", "offset": "1"}),
        ('net.py:build?weights="say ""hi"".pth"', "net.py", "build", {"weights": 'say "hi".pth'}),
        ("net.py:build?weights=C:/a:b.pth", "net.py", "build", {"weights": "C:/a:b.pth"}),
        ("a:b/net.py:build", "a:b/net.py", "build", {}),
        ("C:\\nets\\net.py:build", "C:\\nets\\net.py", "build", {}),
        ("bundled/net.py:build", "bundled/net.py", "build", {}),
        ("package.module:build", "package.module", "build", {}),
        ("stcn:C:/stcn.pth?top_k=5", "stcn", "C:/stcn.pth", {"top_k": "5"}),
        ("transformers:a:b", "transformers", "a:b", {}),
        ("propagation:torchvision:resnet18", "propagation", "torchvision:resnet18", {}),
        ('"what?/net.py":build', "what?/net.py", "build", {}),
        ("scenes-unet", "", "scenes-unet", {}),
        ("net.py:build?", "net.py", "build", {}),
    ],
)
def test_specs(text: str, scheme: str, rest: str, options: dict[str, str]) -> None:
    spec = parse(text)
    assert (spec.scheme, spec.rest, spec.options) == (scheme, rest, options)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected a spec such as"),
        ("net.py:build?weights", "expected options as .* got 'weights'"),
        ("net.py:build?weights=a&b.pth", "got 'b.pth'; a value that holds & or . is quoted"),
        ("net.py:build?weights=a?offset=1", "expected & between the options"),
        ('net.py:build?weights="a&b.pth', "expected a closing quote"),
        ('net.py:build?weights="a"b', "expected a closing quote"),
        ("net.py:build?offset=1&offset=0", "expected the option offset once"),
        ("net.py:build?=1", "expected options as"),
        ("net.py:\0", "NUL"),
    ],
)
def test_what_cannot_be_read_is_said(text: str, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        parse(text)


def test_values_of_yaml_become_text() -> None:
    given = {"spec": "net.py:build?offset=1", "mean": [0.5, 0.25, 1], "everywhere": True, "range": 255}
    assert text_of(given) == "net.py:build?offset=1&mean=0.5,0.25,1&everywhere=1&range=255"
    assert text_of("net.py:build") == "net.py:build"
    for wrong in ({"weights": "x"}, {"spec": "net.py:build?offset=1", "offset": 0}, {"spec": "a:b", "x": {"y": 1}}):
        with pytest.raises(FoolscapeError):
            text_of(wrong)


def test_the_home_folder_is_meant_by_a_tilde(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert path_of("~") == tmp_path
    assert path_of("~/a~b/c.txt") == tmp_path / "a~b/c.txt"
    assert path_of(Path("~/c.txt")) == tmp_path / "c.txt"
    assert path_of("./~/c.txt") == Path("./~/c.txt")
    assert path_of("a/~/c.txt") == Path("a/~/c.txt")
    (tmp_path / "~no-such-user").touch()
    assert path_of("~no-such-user") == Path("~no-such-user")
    with pytest.raises(SettingError, match=r"got no user 'nobody-here'; write \./~nobody-here"):
        path_of("~nobody-here/r")
    with pytest.raises(SettingError, match="NUL"):
        path_of("a\0b")
