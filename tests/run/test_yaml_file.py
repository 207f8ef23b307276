"""Files of settings: what they may hold, and what ends at once."""

import inspect
import os
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from foolscape.cli import app
from foolscape.cli.measuring import out_of
from foolscape.errors import SettingError
from foolscape.run.harden.config import make_harden_config
from foolscape.run.settings.config import make_config, read_settings
from foolscape.run.settings.yaml_file import read_mapping


@pytest.fixture
def file(tmp_path):
    def write(content: str | bytes) -> Path:
        path = tmp_path / "settings.yaml"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


LAUGHS = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{after}: &{after} [{','.join([f'*{before}'] * 9)}]\n"
    for before, after in zip("abcdefghi", "bcdefghij", strict=True)
)


def test_settings(file):
    path = file(
        "\ufeffmodel: net.py:build\r\ndata: 'folder:a b'\nlimit: 3\nstop: 0.5\nstep: 1.0e-3\nquantise_steps: yes\n"
        "eps: 8/255\nsize: null\n"
    )
    assert read_settings(path) == {
        "models": ["net.py:build"],
        "data": "folder:a b",
        "limit": 3,
        "stop": 0.5,
        "step": 0.001,
        "quantise_steps": True,
        "eps": "8/255",
        "size": None,
    }


@pytest.mark.parametrize(
    ("make", "settings"),
    [
        (make_config, {"models": ["m"], "data": "scenes:", "limit": True}),
        (make_config, {"models": ["m"], "data": "scenes:", "stop": False}),
        (make_harden_config, {"model": "m", "data": "d", "train_split": "a", "test_split": "b", "epochs": True}),
    ],
)
def test_a_truth_value_is_no_number(make, settings):
    with pytest.raises(SettingError, match=r"^(limit|stop|epochs): expected .*(true|false|True|False)"):
        make(settings)


def test_ids_are_names_as_they_are_written(file):
    path = file("ids: [007, 010, no, 2024-01-01, 1_000, 12:30, ~, 0x1F, 1e3, a]\n")
    assert read_settings(path)["ids"] == ["007", "010", "no", "2024-01-01", "1_000", "12:30", "~", "0x1F", "1e3", "a"]


def test_aliases_and_merges(file):
    assert read_mapping(file("a: &a [1, 2]\nb: *a\n")) == {"a": [1, 2], "b": [1, 2]}
    assert read_mapping(file("a: &a {x: 1}\nb:\n  <<: *a\n  y: 2\n")) == {"a": {"x": 1}, "b": {"x": 1, "y": 2}}


@pytest.mark.parametrize(
    ("content", "want"),
    [
        (LAUGHS, "aliases that stand for more than 10,000 values, in line 5"),
        ("a: &a [*a]\n", "an alias for a value that it is part of, in line 1"),
        ("a: &a {b: *a}\n", "an alias for a value that it is part of"),
        ("a: " + "[" * 3000 + "]" * 3000, "values nested too deeply"),
        ("a: " + "[" * 40 + "]" * 40, "values nested deeper than 20 in line 1"),
        ("a: " + "{b: " * 3000 + "}" * 3000, "values nested too deeply"),
        ("- " * 3000 + "a", "expected a mapping of settings in .*, got a list|nested too deeply"),
        ("a: " + "9" * 4301, "a number of 4301 digits in line 1"),
        ("a: 0." + "9" * 4301, "a number of 4303 digits"),
        ("seed: 010", "'010', no plain number, in line 1; write it as 1"),
        ("seed: 0x10", "'0x10', no plain number"),
        ("seed: 1_000", "'1_000', no plain number"),
        ("limit: 12:30", "'12:30', no plain number"),
        ("stop: .nan", r"'\.nan', no plain number"),
        ("stop: -.inf", r"'-\.inf', no plain number"),
        ("data: 2024-01-01", "'timestamp', no kind of a setting, in line 1; put it in quotes"),
        ("data: 2024-13-45", "'timestamp', no kind of a setting"),
        ("data: !!binary aGk=", "'binary', no kind of a setting"),
        ("data: !!set {a, b}", "'set', no kind of a setting"),
        ("data: !!python/object/apply:os.system [ls]", "'python/object/apply:os.system', no kind of a setting"),
        ("data: !mine x", "'!mine', no kind of a setting, in line 1; leave it out"),
        ("attack: pgd\ndata: x\nattack: dag\n", "'attack' for the second time in line 3; give it once"),
        ("1: x", "'1' where a name is expected, in line 1"),
        ("[a, b]: x", "a list where a name is expected"),
        ("null: x", "'null' where a name is expected"),
        ("a: !!int x", "'x', no plain number"),
        ("a: !!bool maybe", "'maybe', no truth value"),
        ("? !!str [a]\n: 1", "a list where a name is expected"),
        ("a: !!int [1]", "expected a scalar node"),
        ("<<: 5\n", "expected a mapping or list of mappings .* in line 1"),
        ("a: !!map x", "expected a mapping node"),
        ("a\0: 1", "a NUL in line 1"),
        ("a: 1\nb: \0", "a NUL in line 2"),
        ("a: \x07", "unacceptable character"),
        (b"a: caf\xe9", "can't decode byte 0xe9"),
        ("a: 1".encode("utf-16"), "can't decode byte 0xff"),
        ("a: 1\n--- \nb: 2\n", "but found another document in line 2"),
        ("b: 1\na: [", "expected the node content, but found .* in line 2"),
        ("data: scenes:\n", 'got mapping values are .* in line 1; a text .* in quotes, such as "scenes:"'),
        ("", "such as `data: folder:photos`, got nothing"),
        ("# only a remark\n", "got nothing"),
        ("just text", "got 'just text'"),
        ("a: *b", "found undefined alias"),
        ("a: 1\n" + "#" * (1 << 20), "more than 1,048,576 bytes"),
    ],
    ids=lambda value: ascii(value)[:30],
)
def test_what_is_refused(file, content, want):
    with pytest.raises(SettingError, match=want):
        read_mapping(file(content))


@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "nothing"])
def test_only_a_regular_file(tmp_path, kind):
    path = tmp_path / "settings.yaml"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "folder":
        path.mkdir()
    want = "No such file" if kind == "nothing" else f"a {kind}, not a regular file"
    with pytest.raises(SettingError, match=f"expected a YAML file of settings at .*settings.yaml, got .*{want}"):
        read_mapping(path)


@pytest.mark.parametrize("value", [[1], 1, True, {"a": 1}, "", "  ", "a\0b", ["a"]])
def test_out_is_the_name_of_a_directory(value):
    with pytest.raises(SettingError, match="out: expected the path of a directory, got "):
        out_of(None, {"out": value})


def test_out_in_settings():
    settings = {"out": "there", "data": "x"}
    assert out_of(None, settings) == Path("there")
    assert settings == {"data": "x"}
    assert out_of("here", {"out": [1]}) == Path("here")
    assert out_of(None, {}) is None


def test_the_commands_say_it(file):
    for command in ("run", "transfer", "universal", "harden"):
        result = CliRunner().invoke(app, [command, "--config", str(file(LAUGHS))])
        assert isinstance(result.exception, SettingError)
        assert "more than 10,000 values" in str(result.exception)


def test_how_deep_a_file_may_be_does_not_depend_on_pythons_limit(tmp_path: Path) -> None:
    """What is imported may raise the limit, and who calls may have used most of it."""
    (tmp_path / "deep.yaml").write_text("a: " + "[" * 3000 + "]" * 3000)
    before = sys.getrecursionlimit()
    try:
        for limit in (len(inspect.stack()) + 400, 100_000):
            sys.setrecursionlimit(limit)
            with pytest.raises(SettingError, match="values nested too deeply"):
                read_mapping(tmp_path / "deep.yaml")
    finally:
        sys.setrecursionlimit(before)
