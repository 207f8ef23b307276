"""The public names: where they come from, and that type checkers are told the same."""

import ast
import importlib
import inspect
import pkgutil
import pydoc
import re
import runpy
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

import pytest
from mypy import api

import foolscape
from foolscape.attacks.registry import Attack
from tests.conftest import ROOT


def test_every_public_name_is_there() -> None:
    for name in foolscape.__all__:
        assert getattr(foolscape, name) is not None
        assert name in dir(foolscape)
    assert foolscape.__version__ == version("foolscape")
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = foolscape.nothing  # type: ignore[attr-defined]


def test_all_is_the_table_and_the_page_of_names() -> None:
    assert foolscape.__all__ == sorted(foolscape._PUBLIC)
    page = (ROOT / "docs" / "python.md").read_text()
    table = page[page.index("## All names") : page.index("## What does not fit")]
    attacks = re.findall(r"`fs\.(\w+)`", page[page.index("## Attacks") : page.index("are keyword functions")])
    assert sorted({*re.findall(r"`(\w+)`", table), *attacks}) == foolscape.__all__


def test_what_takes_others_two_lines_takes_one() -> None:
    page = (ROOT / "docs" / "python.md").read_text()
    (block,) = re.findall(r"```python\n(.*?)```", page[page.index("## Beside") : page.index("## Attacks")], re.DOTALL)
    statements = ast.parse(block).body
    assert len(statements) == 4
    assert all(one.lineno == one.end_lineno for one in statements)


def test_users_signatures_say_what_they_mean() -> None:
    """No public function or method of the front door has an argument or a result of any type at all."""
    doors = [getattr(foolscape, name) for name, module in foolscape._PUBLIC.items() if module.startswith("api.")]
    vague = []
    for door in doors:
        functions = [door] if inspect.isfunction(door) else [f for f in vars(door).values() if inspect.isfunction(f)]
        functions += [f.fget for f in vars(door).values() if isinstance(f, property) and f.fget is not None]
        for function in functions:
            if not function.__name__.startswith("_"):
                hints = inspect.get_annotations(function)
                vague += [
                    f"{door.__name__}.{function.__name__}" for hint in hints.values() if "Any" in str(hint).split()
                ]
                assert "return" in hints
    assert vague == []


def test_type_checkers_are_told_the_same() -> None:
    tree = ast.parse(Path(foolscape.__file__).read_text())
    told = {
        alias.asname: (node.module, alias.name)
        for block in tree.body
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    told["segmentation_problem"] = told.pop("_problem")
    assert sorted(told, key=str) == foolscape.__all__
    for name, (module, inner) in told.items():
        if module == "foolscape.attacks.typed":  # a stub alone, see the next test
            assert isinstance(getattr(foolscape, str(name)), Attack)
            continue
        assert getattr(foolscape, str(name)) is getattr(importlib.import_module(str(module)), inner)


def test_attacks_have_the_signature_of_their_function() -> None:
    written = runpy.run_path(str(ROOT / "tools" / "write_attack_types.py"))
    assert written["PLACE"].read_text() == written["text"](), "run python tools/write_attack_types.py"
    parameters = inspect.signature(foolscape.pgd).parameters
    assert {"eps", "steps", "loss"} < parameters.keys()
    assert all(one.kind is one.KEYWORD_ONLY for one in parameters.values())
    assert (parameters["eps"].default, parameters["steps"].default, parameters["steps"].annotation) == (
        "8/255",
        20,
        int,
    )
    helped = pydoc.plain(pydoc.render_doc(foolscape.pgd))
    for words in ("pgd(*, eps: ", "steps: most steps; 20", "loss: loss to maximise"):
        assert words in helped


@pytest.mark.slow
def test_a_type_checker_finds_wrong_options(tmp_path: Path) -> None:
    user = tmp_path / "user.py"
    user.write_text("""import foolscape as fs

right: fs.Recipe = fs.pgd(eps="8/255", steps=4, loss="js")
fs.pgd(epsilon="8/255")
fs.pgd(steps="4")
fs.dag(norm="l3")
""")
    said, _, _ = api.run(["--strict", "--config-file", str(ROOT / "pyproject.toml"), str(user)])
    assert re.findall(r"user.py:(\d+): error", said) == ["4", "5", "6"]


def test_no_name_hides_a_module() -> None:
    """A package whose `pictures` is a function has no `package.pictures` for those who name it by its path."""
    packages = [info.name for info in pkgutil.walk_packages(foolscape.__path__, "foolscape.") if info.ispkg]
    hidden = []
    for name in ("foolscape", *packages):
        package = importlib.import_module(name)
        inner = (info.name for info in pkgutil.iter_modules(package.__path__))
        hidden += [f"{name}.{one}" for one in inner if not isinstance(vars(package).get(one, package), ModuleType)]
    assert hidden == []
