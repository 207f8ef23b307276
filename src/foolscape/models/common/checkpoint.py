"""Reading weights without running code, loading them strictly, and fingerprinting a network."""

from __future__ import annotations

import hashlib
import re
import warnings
import zipfile
from collections.abc import Callable, Mapping
from errno import ENOENT, ENOTDIR
from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn

from foolscape.errors import CheckpointError
from foolscape.models.common.black_boxes import WITHOUT_GRADIENTS
from foolscape.models.common.caffemodel import read_caffemodel
from foolscape.paths import file_of
from foolscape.regular import check_regular

_NESTS: Final = ("state_dict", "model_state_dict", "model", "network")
_HALF: Final = (torch.float16, torch.bfloat16)
_FLOATING: Final = (*_HALF, torch.float32, torch.float64)
_AVERAGED: Final = ("model_ema", "state_dict_ema", "ema_state_dict", "ema", "params_ema")
"""Where trainers keep the moving average of weights; asked where none of the others is there."""


def read_state_dict(path: Path | str) -> dict[str, Tensor]:
    """The tensors by name in a .safetensors or .caffemodel file, or one of `torch.save`; no code in it is ever run.

    A dict inside "state_dict", "model_state_dict", "model" or "network" is taken out, else that of a moving average
    ("model_ema", "ema", ..). The prefixes that DataParallel ("module.") and torch.compile ("_orig_mod.") leave behind
    are dropped, and the count of AveragedModel.

    Raises:
        CheckpointError: the file is missing, empty, damaged, needs code to be read, or holds no state dict.
    """
    path = file_of(path)
    try:
        size = check_regular(path)
    except OSError as error:
        got = "nothing" if error.errno in (ENOENT, ENOTDIR) else error.strerror
        raise CheckpointError(f"expected a weights file at {path}, got {got}") from None
    if not size:
        raise CheckpointError(f"expected weights in {path}, got an empty file; copy or download it again")
    content = _reader_of(path)(path)
    return _without_prefixes(_unwrapped(content, path))


def _read_safetensors(path: Path) -> object:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise _damaged(path, error) from error


def _read_torch(path: Path) -> object:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns of other kinds of file before it refuses them
            _compare_checksums(path)
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # the unpickler meets arbitrary bytes: anything may come out of it
        if needs := _needs_code(str(error), path):
            raise CheckpointError(
                f"expected only tensors in {path}, got {needs}; refused, because reading it would run the code in it. "
                "If you trust its source, convert it in a place that may run it: "
                "safetensors.torch.save_file(model.state_dict(), 'weights.safetensors')"
            ) from error
        raise _damaged(path, error) from error


def _compare_checksums(path: Path) -> None:
    """`BadZipFile` where a file in the archive `path` is not what its checksum says; torch.load reads it all the same.

    What is no archive has no checksums, nor has one that was written with `set_crc32_options(False)`: all are 0.
    """
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        wrong = archive.testzip() if any(entry.CRC for entry in archive.infolist()) else None
    if wrong is not None:
        raise zipfile.BadZipFile(f"the checksum of {wrong} in it does not hold")


def _needs_code(message: str, path: Path) -> str | None:
    """What in the file needs code to be read, going by PyTorch's message; None if nothing does."""
    if "TorchScript" in message:
        return "a TorchScript program"
    if match := re.search(r"(?:Unsupported global: GLOBAL|Unsupported class|GLOBAL) ([\w.]+)", message):
        return f"a pickle that needs {match[1]}"
    with path.open("rb") as file:
        pickled = file.read(2).startswith((b"\x80", b"PK"))  # a bare pickle, or one in a zip archive
    return "a pickle that needs code" if pickled and "Unsupported" in message else None


_READERS: Final[dict[str, Callable[[Path], object]]] = {
    ".safetensors": _read_safetensors,
    ".caffemodel": read_caffemodel,
}
"""By the end of a file's name; anything else is one of `torch.save`."""


_LAYERS_FIRST: Final = (b"\x0a", b"\x12", b"\xa2\x06")
"""How a .caffemodel begins: with its name, or a layer in the former or the present form."""


def _reader_of(path: Path) -> Callable[[Path], object]:
    """By the end of the name; a file without one that begins as Caffe's do is Caffe's (`detection_final`)."""
    if not path.suffix:
        with path.open("rb") as file:
            if file.read(2).startswith(_LAYERS_FIRST):
                return read_caffemodel
    return _READERS.get(path.suffix, _read_torch)


def _damaged(path: Path, error: Exception) -> CheckpointError:
    first = (str(error).splitlines() or [""])[0]
    return CheckpointError(
        f"expected a weights file of torch.save or safetensors at {path}, got one that cannot be read "
        f"({type(error).__name__}: {first}); it may be damaged or cut off: copy or download it again"
    )


def _unwrapped(content: object, path: Path) -> dict[str, Tensor]:
    """The state dict in `content`, at most three levels deep."""
    for _ in range(3):
        keys = (*_NESTS, *_AVERAGED)
        inner = next((content[key] for key in keys if key in content), None) if isinstance(content, Mapping) else None
        if not isinstance(inner, Mapping):
            break
        content = inner
    if not isinstance(content, Mapping):
        raise CheckpointError(f"expected a dict of tensors in {path}, got {type(content).__name__}")
    tensors = {str(name): value for name, value in content.items() if isinstance(value, Tensor)}
    if not tensors or len(tensors) < len(content):
        others = [repr(name) for name, value in content.items() if not isinstance(value, Tensor)]
        raise CheckpointError(
            f"expected a dict of tensors in {path}, or one under {' or '.join(map(repr, _NESTS))}; got "
            f"{'an empty dict' if not content else 'other things under ' + ', '.join(others[:5])}; save "
            "model.state_dict() alone"
        )
    return tensors


def _without_prefixes(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    tensors = {name.replace("_orig_mod.", ""): value for name, value in tensors.items()}
    if all(name.startswith("module.") for name in tensors if name != "n_averaged"):
        tensors.pop("n_averaged", None)
    while tensors and all(name.startswith("module.") for name in tensors):
        tensors = {name.removeprefix("module."): value for name, value in tensors.items()}
    return tensors


def load_weights(module: nn.Module, path: Path | str) -> None:
    """Load the weights at `path` into `module`: every name and shape must agree.

    Raises:
        CheckpointError: as `read_state_dict`, or the weights are another network's (missing, unexpected and misshapen
            names are counted, the first few listed).
    """
    load_state(module, read_state_dict(path), str(path))


def load_state(module: nn.Module, tensors: Mapping[str, Tensor], source: str) -> None:
    """Load `tensors` from `source` (a name for the error) into `module`, strictly; see `load_weights`.

    Where all names of the network stand behind one prefix, as those of a part of a LightningModule, it is taken away,
    and what stands beside it (the weights of a loss) is left out.
    """
    own = {name: value for name, value in module.state_dict().items() if isinstance(value, Tensor)}
    tensors = _of_part(tensors, own, source)
    _refuse_quantised(
        {name: tensors[name] for name in own if name in tensors and own[name].is_floating_point()}, source
    )
    misshapen = [
        f"{name} (expected {tuple(own[name].shape)}, got {tuple(value.shape)})"
        for name, value in tensors.items()
        if name in own and own[name].shape != value.shape
    ]
    missing, unexpected = [n for n in own if n not in tensors], [n for n in tensors if n not in own]
    if not misshapen:
        # Asking the module itself lets it rename the keys of its older versions.
        try:
            result = module.load_state_dict(dict(tensors), strict=False)
        except RuntimeError as error:
            raise CheckpointError(f"expected weights of {type(module).__name__} in {source}, got {error}") from error
        missing, unexpected = list(result.missing_keys), list(result.unexpected_keys)
    account = [
        f"{len(names)} {kind} ({', '.join(names[:3])}{', ...' if len(names) > 3 else ''})"
        for kind, names in (("missing", missing), ("unexpected", unexpected), ("of another shape", misshapen))
        if names
    ]
    if account:
        raise CheckpointError(
            f"expected the {len(own)} tensors of {type(module).__name__} in {source}, got {len(tensors)}: "
            f"{', '.join(account)}; these weights are another network's or another number of classes"
        )
    if half := next((value.dtype for value in tensors.values() if value.dtype in _HALF), None):
        remark(module, f"weights of {str(half).removeprefix('torch.')} in the file are taken as float32")


def _refuse_quantised(tensors: Mapping[str, Tensor], source: str) -> None:
    """Raise `CheckpointError` where weights by name, which are floating numbers in the network, are quantised ones.

    PyTorch copies integers into floating weights as they are, without the scale that they stand for.
    """
    found = [name for name, value in tensors.items() if value.is_quantized or value.dtype not in _FLOATING]
    if found:
        kind = str(tensors[found[0]].dtype).removeprefix("torch.")
        listed = f"{', '.join(found[:3])}{', ...' if len(found) > 3 else ''}"
        raise quantised(source, f"{kind} for {len(found)} of {len(tensors)} ({listed})")


def quantised(source: str, got: str) -> CheckpointError:
    """The error for quantised weights in `source`; `got` says what shows that they are."""
    return CheckpointError(
        f"expected weights in floating numbers in {source}, got {got}, whose rounding leaves no gradient and whose "
        "scales a network in float32 has no place for; give the weights from before they were quantised, or "
        f"{WITHOUT_GRADIENTS}"
    )


def remark(module: nn.Module, note: str) -> None:
    """Keep with `module` what tables are to say of how it was saved; see `remarks_of`."""
    module.remarks_of_loading = (*vars(module).get("remarks_of_loading", ()), note)  # type: ignore[assignment]


def remarks_of(module: nn.Module) -> tuple[str, ...]:
    """What tables are to say of how `module` and its parts were saved."""
    said = (note for part in module.modules() for note in vars(part).get("remarks_of_loading", ()))
    return tuple(dict.fromkeys(said))


def _of_part(tensors: Mapping[str, Tensor], own: Mapping[str, Tensor], source: str) -> Mapping[str, Tensor]:
    """Those of `tensors` that stand behind the one prefix that all names of `own` have in it; all, where there is none.

    Raises:
        CheckpointError: there are several such prefixes, as in a file that also holds a moving average.
    """
    if not own or any(name in tensors for name in own):
        return tensors
    first = next(iter(own))
    prefixes = [name.removesuffix(first) for name in tensors if name.endswith(f".{first}")]
    whole = [prefix for prefix in prefixes if all(f"{prefix}{name}" in tensors for name in own)]
    if len(whole) > 1:
        raise CheckpointError(
            f"expected the weights of one network in {source}, got {len(whole)}, behind {' and '.join(whole)}; save "
            "those that are meant alone"
        )
    if not whole:
        return tensors
    return {name.removeprefix(whole[0]): value for name, value in tensors.items() if name.startswith(whole[0])}


def weights_sha256(*modules: nn.Module) -> str:
    """SHA-256 over the sorted names, dtypes, shapes and bytes of all parameters and buffers."""
    digest = hashlib.sha256()
    for module in modules:
        tensors: dict[str, Tensor] = dict(module.named_parameters(remove_duplicate=False))
        tensors.update(module.named_buffers(remove_duplicate=False))
        for name, value in sorted(tensors.items()):
            value = value.detach().cpu().contiguous()
            digest.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
            flat = value.reshape(-1)  # a single value that was expanded keeps a stride of 0
            digest.update(flat.as_strided(flat.shape, (1,)).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
