"""Tensors of an exported network: read from an ONNX file, without running it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_medfm.core.errors import BadFile

if TYPE_CHECKING:
    from torch import Tensor

_POSITIONS = "embeddings.position_embeddings"


def onnx_tensors(path: Path, prefix: str) -> dict[str, Tensor]:
    """Read the weights of one part of an ONNX graph under their module names.

    An export renames the matrix of a linear layer to a number and stores it transposed;
    the node that uses it still bears the layer's name, and gives it back here. Folded
    position tables of a class token and of the patches are joined again.

    Parameters
    ----------
    prefix
        Module whose weights are wanted, such as "backbone"; it is taken off the names.

    Raises
    ------
    BadFile
        If the file is not an ONNX graph.
    """
    import torch

    graph = _graph(path)
    arrays = {item.name: _array(path, item) for item in graph.initializer}
    found = {
        name.removeprefix(f"{prefix}."): array
        for name, array in arrays.items()
        if name.startswith(f"{prefix}.")
    }
    for node in graph.node:
        module = node.name.strip("/").replace("/", ".")
        if not module.startswith(f"{prefix}."):
            continue
        module = module.removeprefix(f"{prefix}.")
        constants = [arrays[name] for name in node.input if name in arrays]
        if node.op_type == "MatMul" and len(constants) == 1:
            found[module.removesuffix(".MatMul") + ".weight"] = constants[0].T
        elif module.startswith("embeddings.") and len(constants) == 1:
            _keep_positions(found, node.op_type, constants[0])
    return {name: torch.tensor(array) for name, array in _joined(found).items()}


def check_self_contained(path: Path) -> None:
    """Raise `BadFile` unless this is one whole ONNX file that points to no other."""
    for item in _graph(path).initializer:
        _refuse_external(path, item)


def _graph(path: Path) -> Any:
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    try:
        graph = onnx.load(str(path), load_external_data=False).graph
        _check_texts(graph)
    except (DecodeError, ValueError, TypeError) as error:
        raise BadFile(
            f"{path} is not an ONNX file, or is damaged: get it again"
        ) from error
    if not graph.node:
        raise BadFile(f"{path} holds no network: get it again")
    return graph


def _check_texts(graph: Any) -> None:
    """Raise `TypeError` where a name is not UTF-8: protobuf hands it out as bytes."""
    names = [item.name for item in graph.initializer]
    for node in graph.node:
        names += [node.name, node.op_type, *node.input]
    if not all(isinstance(name, str) for name in names):
        raise TypeError("a name is no text")


def _array(path: Path, item: Any) -> Any:
    from onnx import numpy_helper

    _refuse_external(path, item)
    try:
        return numpy_helper.to_array(item)
    except (ValueError, TypeError, KeyError) as error:
        raise BadFile(f"{path} is damaged at {item.name!r}: get it again") from error


def _refuse_external(path: Path, item: Any) -> None:
    from onnx import TensorProto

    if item.data_location == TensorProto.EXTERNAL:
        raise BadFile(f"{path} keeps its weights in other files: use a single file")


def _keep_positions(found: dict[str, Any], kind: str, array: Any) -> None:
    if kind == "Concat" and array.ndim == 3 and array.shape[1] == 1:
        found[f"{_POSITIONS}.class"] = array
    elif kind == "Reshape" and array.ndim == 3:
        found[f"{_POSITIONS}.patches"] = array


def _joined(found: dict[str, Any]) -> dict[str, Any]:
    import numpy as np

    parts = [found.pop(f"{_POSITIONS}.{part}", None) for part in ("class", "patches")]
    if parts[0] is not None and parts[1] is not None:
        found[_POSITIONS] = np.concatenate(parts, axis=1)
    return found
