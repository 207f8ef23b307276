"""The source files that a model is made of: what it was imported from, and what they import in turn.

Files count that lie in the folder or package of the factory, and any other file that is a user's own, neither the
standard library's nor in site-packages: those have a version.
"""

from __future__ import annotations

import ast
import hashlib
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Final

from foolscape.paths import real

_INSTALLED: Final = tuple(
    real(Path(place))
    for place in {
        *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")),
        *(str(real(Path(root))) for root in sys.modules["foolscape"].__path__),
    }
)


def is_own(path: Path) -> bool:
    """Whether a source file is a user's own: none of Python's, of an installed package or of foolscape."""
    if path.suffix != ".py" or {"site-packages", "dist-packages"} & set(path.parts):
        return False
    return not any(path.is_relative_to(place) for place in _INSTALLED) and path.is_file()


def behind(kinds: Iterable[type]) -> set[Path]:
    """The own files that classes were defined in, and those of modules that the globals of their methods hold."""
    paths: set[Path] = set()
    for base in {base for kind in kinds for base in kind.__mro__}:
        for function in _functions(base):
            path = Path(function.__code__.co_filename)
            if not is_own(path):
                continue
            paths.add(real(path))
            held = (value for value in function.__globals__.values() if isinstance(value, ModuleType))
            files = (getattr(module, "__file__", None) for module in held)
            paths |= {real(Path(file)) for file in files if file and is_own(Path(file))}
    return paths


def closure(seeds: Iterable[Path], root: Path, package: Path | None = None) -> dict[str, str]:
    """The sha256 of each of the files `seeds` and of all that they import, by its path from `root`.

    Imports are read from the text, also those inside functions, which a factory or a forward pass makes later.

    Args:
        seeds: Python files.
        root: the folder that absolute imports are resolved in first.
        package: the folder of a package whose files count although it is installed.
    """
    waiting, hashes = [real(path) for path in seeds], dict[Path, str]()
    while waiting:
        path = waiting.pop()
        if path in hashes:
            continue
        try:
            content = path.read_bytes()
        except OSError:
            continue
        hashes[path] = hashlib.sha256(content).hexdigest()
        waiting += [
            imported
            for imported in _imported(content, path, root)
            if is_own(imported) or (package is not None and imported.is_relative_to(package))
        ]
    return {_named(path, root): value for path, value in sorted(hashes.items())}


def _functions(kind: type) -> Iterator[FunctionType]:
    for value in vars(kind).values():
        inner = getattr(value, "__func__", getattr(value, "fget", value))
        inner = getattr(inner, "__wrapped__", inner)  # behind torch.no_grad() and the like
        if isinstance(inner, FunctionType):
            yield inner


def _imported(content: bytes, path: Path, root: Path) -> Iterator[Path]:
    """The files of the modules that the source at `path` imports anywhere, as far as they can be found."""
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError, RecursionError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _files(alias.name, root)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            names = [base, *(f"{base}.{alias.name}".strip(".") for alias in node.names)]
            folder = root if not node.level else path.parents[min(node.level, len(path.parents)) - 1]
            for name in names:
                yield from _files(name, folder, relative=bool(node.level))


def _files(name: str, folder: Path, *, relative: bool = False) -> Iterator[Path]:
    """The files of the module `name` and of the packages it lies in, below `folder` or as imported already."""
    parts = name.split(".") if name else []
    for count in range(0 if relative else 1, len(parts) + 1):
        place = folder.joinpath(*parts[:count])
        for path in (place.with_suffix(".py") if count else place, place / "__init__.py"):
            if path.is_file():
                yield real(path)
    module = None if relative else sys.modules.get(name)
    file = getattr(module, "__file__", None)
    if isinstance(file, str) and file.endswith(".py"):
        yield real(Path(file))


def _named(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()
