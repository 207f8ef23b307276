"""Reading an ONNX file: its graph, where it takes images, and what it may not hold."""

from __future__ import annotations

import ast
import hashlib
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

from foolscape.errors import CheckpointError, ModelError
from foolscape.extras import extra
from foolscape.models.common.ultralytics.network import names_of
from foolscape.models.exported.network import Takes
from foolscape.paths import path_of
from foolscape.regular import check_regular, open_regular

BLACK_BOX: Final = "attack it without gradients: onnxruntime:{file} --attack square"
"""The way on where no gradient can be had."""

_BLOCK: Final = 1 << 20


@dataclass(frozen=True)
class ImageInput:
    """Where a graph takes images.

    Attributes:
        name: of the input.
        batch: how many images at once; None: any number.
        size: (H, W) that it is made for, a side that is not fixed as None.
        channels_last: whether it takes (B, H, W, 3).
        levels: whether it takes 8-bit levels, 0 to 255, in an integer type.
    """

    name: str
    batch: int | None
    size: tuple[int | None, int | None]
    channels_last: bool
    levels: bool


@dataclass(frozen=True)
class OnnxFile:
    """What a file holds.

    Attributes:
        path: of the file.
        proto: the `onnx.ModelProto`, with its external data.
        input: where it takes images.
        files: its own sha256 and those of the files of its external data, by name.
    """

    path: Path
    proto: Any
    input: ImageInput
    files: dict[str, str]

    @property
    def metadata(self) -> dict[str, str]:
        """What its exporter wrote beside the graph."""
        return {entry.key: entry.value for entry in self.proto.metadata_props}

    @property
    def way_on(self) -> str:
        """What to do where it has no gradient."""
        return BLACK_BOX.format(file=self.path)


def read_onnx(path: Path | str) -> OnnxFile:
    """The graph in the file `path`, with the data that lies beside it.

    Raises:
        MissingExtraError: onnx is not installed.
        CheckpointError: the file, or one of its external data, is missing, damaged or no graph.
        ModelError: it does not take one batch of RGB images.
    """
    path = path_of(path)
    check_file(path, "an ONNX file")
    with extra("onnx"):
        import onnx

    try:
        proto = onnx.load(str(path), load_external_data=False)
    except Exception as error:  # protobuf raises errors of its own kinds
        raise _damaged(path, error) from error
    if not proto.graph.node:
        raise CheckpointError(f"expected a graph in {path}, got one without an operator; export it again")
    beside = _external(proto, path)
    for place in beside:
        check_file(place, f"the external data of {path.name}")
    try:
        onnx.load_external_data_for_model(proto, str(path.parent))
    except Exception as error:
        raise _damaged(path, error) from error
    files = {place.name: _sha256(place) for place in (path, *beside)}
    return OnnxFile(path, proto, _image_input(proto, path), files)


def takes_of(file: OnnxFile) -> Takes:
    """The images that the graph was exported for."""
    return Takes(file.input.batch, file.input.size, file.input.channels_last, file.input.levels)


def names_in(file: OnnxFile) -> tuple[str, ...] | None:
    """What the file calls its classes, as those of ultralytics do (`names`, a dict in Python's notation); else None."""
    return names_in_metadata(file.metadata)


def names_in_metadata(metadata: Mapping[str, str]) -> tuple[str, ...] | None:
    """What ultralytics' `metadata` of an exported network call its classes; None where nobody gave names."""
    try:
        names = ast.literal_eval(metadata.get("names", ""))
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    return names_of(SimpleNamespace(names=names))


def check_file(path: Path, what: str) -> None:
    """`CheckpointError` unless there is a regular file with something in it at `path`."""
    try:
        size = check_regular(path)
    except OSError as error:
        got = "nothing" if isinstance(error, FileNotFoundError) else error.strerror
        raise CheckpointError(f"expected {what} at {path}, got {got}") from None
    if not size:
        raise CheckpointError(f"expected {what} at {path}, got an empty file; copy or download it again")


def file_sha256(path: Path) -> dict[str, str]:
    """The hash of the file at `path`, by its name."""
    return {path.name: _sha256(path)}


def output_names(proto: Any) -> tuple[str, ...]:
    """What the graph hands out, in order."""
    return tuple(value.name for value in proto.graph.output)


def shape_of_value(value: Any) -> tuple[int | None, ...] | None:
    """The shape that an input or output of a graph says, a side that is not fixed as None; None: it says none."""
    kind = value.type.tensor_type
    if not kind.HasField("shape"):
        return None
    return tuple(
        side.dim_value if side.HasField("dim_value") and side.dim_value > 0 else None for side in kind.shape.dim
    )


def _external(proto: Any, path: Path) -> list[Path]:
    """The files beside `path` that hold its tensors."""
    from onnx import TensorProto

    names = {
        entry.value
        for tensor in proto.graph.initializer
        if tensor.data_location == TensorProto.EXTERNAL
        for entry in tensor.external_data
        if entry.key == "location"
    }
    for name in names:
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise CheckpointError(f"expected external data beside {path}, got {name!r}; save the model with them there")
    return [path.parent / name for name in sorted(names)]


def _image_input(proto: Any, path: Path) -> ImageInput:
    """The one input of the graph."""
    from onnx import TensorProto

    held = {tensor.name for tensor in proto.graph.initializer}
    inputs = [value for value in proto.graph.input if value.name not in held]
    if len(inputs) != 1:
        names = ", ".join(value.name for value in inputs) or "none"
        raise ModelError(f"expected one input, a batch of images, in {path}, got {len(inputs)}: {names}; export it so")
    (value,) = inputs
    shape = shape_of_value(value) or (None, 3, None, None)
    last = len(shape) == 4 and shape[3] == 3 and shape[1] != 3
    if len(shape) != 4 or (not last and shape[1] not in (3, None)):
        sides = ", ".join("?" if side is None else str(side) for side in shape)
        raise ModelError(f"expected an input (B, 3, H, W) or (B, H, W, 3) of RGB images in {path}, got ({sides})")
    kind = value.type.tensor_type.elem_type
    floats = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.DOUBLE)
    if kind not in (*floats, TensorProto.UINT8):
        raise ModelError(
            f"expected images of a floating type or uint8 in {path}, got {TensorProto.DataType.Name(kind).lower()}"
        )
    size = (shape[1], shape[2]) if last else (shape[2], shape[3])
    return ImageInput(value.name, shape[0], size, last, kind == TensorProto.UINT8)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with open_regular(path) as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _damaged(path: Path, error: Exception) -> CheckpointError:
    first = (str(error).splitlines() or [""])[0]
    return CheckpointError(
        f"expected an ONNX file at {path}, got one that cannot be read ({type(error).__name__}: {first}); it may be "
        "damaged or cut off: copy or export it again"
    )


def session_of(proto_or_path: Any) -> Any:
    """An onnxruntime session on the CPU.

    Raises:
        MissingExtraError: onnxruntime is not installed.
        ModelError: it does not take the graph.
    """
    with extra("onnx"):
        import onnxruntime
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    given = str(proto_or_path) if isinstance(proto_or_path, Path) else proto_or_path.SerializeToString()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return onnxruntime.InferenceSession(given, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        first = (str(error).splitlines() or [""])[0]
        raise ModelError(f"expected a graph that onnxruntime takes, got {type(error).__name__}: {first}") from error
