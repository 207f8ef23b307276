"""Who takes part: all contenders that can be run here, and why others cannot."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version

from comparison import others, own
from comparison.contender import Absent, Contender

INSTALL = "python -m pip install --no-deps --no-build-isolation -r benchmarks/requirements-peers.txt"

LIBRARIES: Mapping[str, Callable[[], Sequence[Contender | Absent]]] = {
    "torchattacks": others.torchattacks,
    "foolbox": others.foolbox,
    "captum": others.captum,
    "ART": others.art,
    "cospgd": others.cospgd,
    "adv-lib": others.adv_lib,
}
"""What makes the contenders of each library, by its name."""

PACKAGES: Mapping[str, str] = {"ART": "adversarial-robustness-toolbox"}
"""The distributions whose name is another than the library's."""


def field(only: Sequence[str] = ()) -> tuple[list[Contender], list[Absent]]:
    """Contenders and absentees; `only` keeps those whose name begins with one of its items, in any case of letters."""
    found: list[Contender | Absent] = [*own.contenders()]
    for library, make in LIBRARIES.items():
        try:
            found += make()
        except Exception as error:  # whatever an import of somebody else's library ends in
            found.append(Absent(library, f"{type(error).__name__}: {error}; {INSTALL}"))
    found.append(others.SEA)
    wanted = [one for one in found if not only or one.name.lower().startswith(tuple(name.lower() for name in only))]
    return [one for one in wanted if isinstance(one, Contender)], [one for one in wanted if isinstance(one, Absent)]


def versions(contenders: Sequence[Contender]) -> dict[str, str]:
    """The installed version of every library that takes part, and of PyTorch."""
    names = ["torch", *dict.fromkeys(one.library for one in contenders)]
    return {name: _version(PACKAGES.get(name, name)) for name in names}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed as a package"
