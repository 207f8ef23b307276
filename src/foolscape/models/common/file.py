"""Networks that users bring: `path/to/file.py:factory` and `package.module:factory`."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

from torch import nn

from foolscape.errors import FoolscapeError, ModelError, SettingError, unknown
from foolscape.models.common.guard import guarded, in_words, where
from foolscape.paths import path_of, real
from foolscape.tasks.detection import Detector
from foolscape.tasks.segmentation import Segmenter
from foolscape.tasks.video import Follower

UserModel = nn.Module | Segmenter | Detector | Follower
"""What a factory may return."""


def from_file(path: Path, factory: str) -> UserModel:
    """What `factory` in the Python file `path` makes; the file may import its neighbours.

    Raises:
        SettingError: no such file or factory (near misses are named).
        ModelError: importing or calling it failed, or it made something else.
    """
    if not path.is_file():
        near = ", ".join(sorted(p.name for p in path.parent.glob("*.py"))[:5]) if path.parent.is_dir() else "no folder"
        raise SettingError(
            f"expected a Python file at {path}, got nothing there ({path.parent} has {near or 'no .py files'})"
        )
    # The factory is called in here as well: it may import a neighbour only then.
    with _neighbours(real(path).parent):
        return _made(_execute(real(path)), factory, str(path))


def from_module(name: str, factory: str) -> UserModel:
    """What `factory` in the importable module `name` makes; see `from_file`."""
    return _made(_module(name), factory, name)


def _module(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            raise SettingError(
                f"expected an importable module {name}, got no module {error.name}; install it, or name a file: "
                "path/to/file.py:factory"
            ) from error
        raise _failed(f"importing {name}", error) from error
    except Exception as error:
        raise _failed(f"importing {name}", error) from error


def imported(place: str, name: str) -> object:
    """What `name` stands for in a Python file, which may import its neighbours, or in an importable module.

    Raises:
        SettingError: no such file, module or name (near misses are named).
        ModelError: importing it failed.
    """
    if place.endswith(".py"):
        path = real(path_of(place))
        if not path.is_file():
            raise SettingError(f"expected a Python file at {place}, got nothing there")
        with _neighbours(path.parent):
            module = _execute(path)
    else:
        module = _module(place)
    if not hasattr(module, name):
        raise unknown(f"name in {place}", name, _own_names(module))
    thing: object = getattr(module, name)
    return thing


def checked_answer(thing: object, source: str) -> UserModel:
    """`thing`, if it is a network, segmenter, detector or tracker; else `ModelError` naming `source` that made it."""
    if isinstance(thing, UserModel):
        return thing
    missing = [name for name in ("classes", "notes", "logits") if not hasattr(thing, name)]
    lacks = f" without {' and '.join(missing)}" if 0 < len(missing) < 3 else ""
    raise ModelError(
        f"expected {source} to return a torch.nn.Module, or a Segmenter (classes, notes, logits), Detector (classes, "
        f"notes, two_stage, candidates, detect) or tracker (propagate), got {type(thing).__name__}{lacks}"
    )


def kind_of(thing: UserModel) -> str:
    """What `thing` is, in a word."""
    kinds = {Segmenter: "segmenter", Detector: "detector", Follower: "tracker"}
    return next((word for kind, word in kinds.items() if isinstance(thing, kind)), "network")


def call(function: Callable[..., object], source: str, *arguments: str) -> UserModel:
    """What `function` makes of `arguments`; whatever goes wrong in it becomes a `ModelError` that names `source`."""
    try:
        thing = function(*arguments)
    except FoolscapeError:
        raise
    except (Exception, SystemExit) as error:
        raise _failed(source, error) from error
    with guarded(f"a look at the attributes of what {source} returned"):
        for name in ("classes", "notes"):  # they may be properties of the user's; isinstance asks in no fixed order
            hasattr(thing, name)
        return checked_answer(thing, source)


def _made(module: ModuleType, factory: str, where: str) -> UserModel:
    """What the function `factory` of an imported module makes."""
    function = getattr(module, factory, None)
    if function is None:
        raise unknown(f"factory in {where}", factory, _own_names(module))
    if not callable(function):
        raise SettingError(
            f"expected {where}:{factory} to be callable without arguments, got {type(function).__name__}"
        )
    return call(function, f"{where}:{factory}()")


def _own_names(module: ModuleType) -> list[str]:
    """What can be meant by a name in `module`: what can be called, and was made there rather than imported."""
    return [
        name
        for name, value in vars(module).items()
        if callable(value) and not name.startswith("_") and _is_own(value, module.__name__)
    ]


def _is_own(value: object, module: str) -> bool:
    """Whether `value` was made in `module`: an object that does not say, such as a partial, may have been."""
    if type(value).__module__ in ("typing", "numpy"):
        return False
    says = inspect.isclass(value) or inspect.isroutine(value) or "__module__" in getattr(value, "__dict__", ())
    return not says or getattr(value, "__module__", None) == module


class _AsItIs(SourceFileLoader):
    """Runs the source that lies there: a `.pyc` of one that was changed within a second, to the same size, is not told
    from its own, and what is run would not be what was hashed.
    """

    def get_code(self, fullname: str) -> CodeType:
        """See `SourceFileLoader`."""
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)


def _execute(path: Path) -> ModuleType:
    """The file at `path`, imported under a name of its own."""
    name = f"foolscape_user_{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:12]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise SettingError(f"expected a Python file whose name ends in .py, got {path}")
    if isinstance(spec.loader, SourceFileLoader):
        spec.loader = _AsItIs(name, str(path))
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and typing look their module up there
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # SystemExit: a script that is not meant to be imported
        del sys.modules[name]
        raise _failed(f"importing {path}", error) from error
    return module


@contextmanager
def _neighbours(folder: Path) -> Iterator[None]:
    """Let modules in `folder` be imported, and forget them afterwards: another model may bring its own `blocks.py`."""
    before = set(sys.modules)
    sys.path.insert(0, str(folder))
    try:
        importlib.invalidate_caches()
        yield
    finally:
        sys.path.remove(str(folder))
        for name in set(sys.modules) - before:
            origin = getattr(sys.modules[name], "__file__", None)
            if not name.startswith("foolscape_user_") and origin and Path(origin).is_relative_to(folder):
                del sys.modules[name]


def _failed(what: str, error: BaseException) -> ModelError:
    return ModelError(f"expected {what} to succeed, got {in_words(error)}{where(error)}")
