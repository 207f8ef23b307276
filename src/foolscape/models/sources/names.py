"""Checks a model's name before anything large is imported, and says what to write instead."""

from __future__ import annotations

import difflib
import importlib.util
from pathlib import Path
from typing import Final

from foolscape.errors import SettingError, UnknownNameError
from foolscape.paths import file_of
from foolscape.spec import BACKBONES, LIBRARIES, Spec, inner, parse, plugins, written

DOCS: Final = "docs/your-own-model.md"

_NEAR: Final = 0.6
"""How alike a name must be, by difflib's ratio, to be taken for what was meant."""

_CLOSE: Final = 0.7
"""The same for a scheme."""

_FILES: Final = {
    ".engine": ("a TensorRT engine", "it has no gradients: return the network of PyTorch that it was made of"),
    ".tflite": ("a TensorFlow Lite file", "foolscape attacks PyTorch networks: rebuild it as one"),
    ".pb": ("a TensorFlow graph", "foolscape attacks PyTorch networks: rebuild it as one"),
    ".h5": ("a Keras file", "foolscape attacks PyTorch networks: rebuild it as one"),
    ".keras": ("a Keras file", "foolscape attacks PyTorch networks: rebuild it as one"),
    ".mlmodel": ("a Core ML file", "it has no gradients: return the network of PyTorch that it was made of"),
}
"""Files that hold a network in some form: what they are called, and what a factory is to do."""

_NAMED: Final = {
    ".onnx": ("an ONNX file", "onnx"),
    ".ts": ("a TorchScript file", "torchscript"),
    ".torchscript": ("a TorchScript file", "torchscript"),
    ".pt2": ("an exported program", "exported"),
}
"""Files that are named behind a scheme of their own."""

_WEIGHTS: Final = (".pt", ".pth", ".ckpt", ".safetensors", ".bin", ".pkl", ".npz", ".caffemodel")


def check_names(texts: object) -> None:
    """Raise for the first of the specs in the list `texts` that names no model, without importing any.

    Anything but a list of texts is let through, for others to check. What does not show in a name, such as whether a
    factory is there, is left to those who make the model.

    Raises:
        UnknownNameError: a scheme, file or module that there cannot be.
        SettingError: a spec that cannot be read.
    """
    for text in texts if isinstance(texts, list | tuple) else ():
        if isinstance(text, str):
            spec = parse(text)
            named = inner(spec)
            known = named.scheme in (LIBRARIES if named is spec else (*LIBRARIES, *BACKBONES))
            if not (known or named.scheme.endswith(".py") or is_importable(named)):
                raise unknown_model(named)


def is_importable(spec: Spec) -> bool:
    """Whether `spec` names a plug-in, or a factory in a module that can be imported."""
    if (spec.scheme or spec.rest) in plugins():
        return True
    top = spec.scheme.partition(".")[0]
    return top.isidentifier() and importlib.util.find_spec(top) is not None


def unknown_model(spec: Spec) -> UnknownNameError | SettingError:
    """The error for a `spec` that names no model: what it is taken for, or what can be named and how."""
    body = written(spec.scheme, spec.rest, {})
    path = file_of(body)
    suffix = path.suffix.lower()
    if spec.scheme and (meant := difflib.get_close_matches(spec.scheme, (*LIBRARIES, *plugins()), n=1, cutoff=_CLOSE)):
        return UnknownNameError(f"unknown model {body!r}; did you mean {meant[0]}:{spec.rest}?")
    factory = f"write a file net.py with def build() and name it net.py:build ({DOCS})"
    if suffix == ".py":
        return SettingError(f"expected a factory behind the file, such as {body}:build, got {body!r}; see {DOCS}")
    if suffix in _NAMED:
        kind, scheme = _NAMED[suffix]
        return UnknownNameError(f"expected a network, got {kind}, {body!r}; name it {scheme}:{spec.rest}")
    if suffix in _FILES:
        kind, how = _FILES[suffix]
        return UnknownNameError(f"expected a network of PyTorch, got {kind}, {body!r}; {factory}: {how}")
    if suffix in _WEIGHTS:
        return UnknownNameError(
            f"expected a network, got a weights file, {body!r}, which does not say whose weights these are; name the "
            f"network and add ?weights={path.name}, as in net.py:build?weights={path.name}; stcn:FILE is STCN, "
            "ultralytics:FILE.pt a network of ultralytics with its weights"
        )
    if not spec.scheme and _is_folder(path):
        return UnknownNameError(
            f"expected a model, got the folder {body!r}; if it holds a network of transformers, name it "
            f"transformers:{body}, else {factory}"
        )
    if near := _near(body):
        return UnknownNameError(f"unknown model {body!r}; did you mean {' or '.join(near)}?")
    ways = ", ".join(f"{scheme}:" for scheme in LIBRARIES)
    installed = "".join(f", the plug-in {name}" for name in sorted(plugins())[:5])
    if spec.scheme:
        return UnknownNameError(
            f"unknown kind of model {spec.scheme!r} in {body!r}; foolscape knows {ways}{installed}, and"
            f" any network that a function of yours returns, of whatever library: {factory}"
        )
    return UnknownNameError(
        f"unknown model {body!r}; expected one of {ways} as in bundled:scenes-unet{installed}, or path/to/file.py:"
        f"factory for a network of your own ({DOCS}). `foolscape list models` lists all names"
    )


def exported(path: Path) -> str | None:
    """What a file that holds a network in another form than PyTorch's is called, by its name; None for any other."""
    return _FILES[path.suffix.lower()][0] if path.suffix.lower() in _FILES else None


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def _near(body: str) -> list[str]:
    """Up to three names that `body` may have meant: whole ones, or what stands behind their colon."""
    from foolscape.models.sources import named_models  # which imports this module

    names = (*named_models(), *plugins())
    tail = body.rpartition(":")[2]
    likeness = {name: max(_ratio(name, body), _ratio(name.rpartition(":")[2], tail)) for name in names}
    return sorted((name for name in names if likeness[name] >= _NEAR), key=lambda name: -likeness[name])[:3]


def _ratio(name: str, body: str) -> float:
    return difflib.SequenceMatcher(None, name, body).ratio()
