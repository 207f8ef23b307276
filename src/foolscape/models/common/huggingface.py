"""What the adapters of transformers' networks share: the library, a configuration without weights, normalisation."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from foolscape.errors import ModelError
from foolscape.extras import extra
from foolscape.regular import read_text

MEAN: Final = (0.485, 0.456, 0.406)
"""ImageNet's."""
STD: Final = (0.229, 0.224, 0.225)

_PROCESSORS: Final = ("preprocessor_config.json", "processor_config.json", "video_preprocessor_config.json")
_NESTS: Final = ("image_processor", "video_processor")


def hub() -> Any:
    """`transformers`; imported here because it is an extra and takes seconds."""
    with extra("transformers"):
        import transformers
    return transformers


@contextmanager
def quiet() -> Iterator[None]:
    """Within it transformers prints no progress bars and no report of weights: what is amiss is said in an error."""
    logging = hub().utils.logging
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


def config_of(name: str) -> dict[str, Any] | None:
    """The configuration of the network `name`, a folder or an identifier of the hub; None if it is not known.

    A folder is read as it is; of an identifier, only what is in the local cache.
    """
    path = local_file(name, "config.json")
    return None if path is None else _read(path)


def normalisation(
    name: str, default: tuple[Sequence[float], Sequence[float]] = (MEAN, STD)
) -> tuple[Sequence[float], Sequence[float]]:
    """Mean and deviation that the images of the network `name` are normalised with: its processor's, or `default`."""
    for file in _PROCESSORS:
        path = local_file(name, file)
        settings = {} if path is None else _read(path)
        for part in (settings, *(settings.get(nest) or {} for nest in _NESTS)):
            if part.get("do_normalize", True) and {"image_mean", "image_std"} <= part.keys():
                return tuple(part["image_mean"]), tuple(part["image_std"])
            if part.get("do_normalize") is False:
                return (0.0,) * 3, (1.0,) * 3
    return default


def pretrained_error(name: str, what: str, error: Exception) -> ModelError:
    """That there is no network `what` at `name`."""
    first = (str(error).splitlines() or [""])[0]
    return ModelError(f"expected {kind_of_place(name)} with {what} at {name}, got {type(error).__name__}: {first}")


def kind_of_place(name: str) -> str:
    """What a network's `name` may be, with its article."""
    return "a folder" if Path(name).is_dir() else "an identifier of the Hugging Face hub or a local folder"


def local_file(name: str, file: str, revision: str | None = None) -> Path | None:
    """The path of `file` of the network `name`, if it is on this machine."""
    if Path(name).is_dir():
        path = Path(name) / file
        return path if path.is_file() else None
    try:
        from huggingface_hub import try_to_load_from_cache

        cached = try_to_load_from_cache(name, file, revision=revision)
    except (ImportError, ValueError):  # ValueError: no identifier of the hub
        return None
    return Path(cached) if isinstance(cached, str) else None


def _read(path: Path) -> dict[str, Any]:
    """The JSON object in a file; empty if there is none."""
    try:
        content = json.loads(read_text(path))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
