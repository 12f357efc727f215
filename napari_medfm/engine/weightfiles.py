"""Weights files: read without running code, hashed, written whole."""

from __future__ import annotations

import hashlib
import struct
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError  # noqa: TID251  the error alone, to catch it
from typing import TYPE_CHECKING, Any

from napari_medfm.core.errors import BadFile
from napari_medfm.engine.atomic import atomic_path

if TYPE_CHECKING:
    from torch import Tensor

TORCH_SUFFIXES = (".pt", ".pth", ".bin", ".ckpt")
SUFFIXES = (".safetensors", *TORCH_SUFFIXES, ".onnx", ".whl")
_SAFE_TORCH = (2, 10)
_WRAPPERS = ("state_dict", "model", "teacher", "model_state_dict")
_CHUNK = 1 << 20
_DAMAGED = (
    UnpicklingError,
    struct.error,
    AssertionError,
    RuntimeError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    EOFError,
    OSError,
    ArithmeticError,
    MemoryError,
)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read named tensors from a weights file; code in it is never run.

    Parameters
    ----------
    path
        ``.safetensors``, or a PyTorch file (``.pt .pth .bin .ckpt``), which is read
        with ``weights_only=True``. Of a training checkpoint only the model is taken.

    Raises
    ------
    BadFile
        If it is missing, damaged, of another kind, or holds anything but tensors.
    """
    path = Path(path)
    if not path.is_file():
        raise BadFile(f"{path} is not a file: name the weights file itself")
    suffix = path.suffix.lower()
    if suffix == ".safetensors":
        return _read_safetensors(path)
    if suffix in TORCH_SUFFIXES:
        return _read_torch(path)
    raise BadFile(
        f"{path}: weights are read from .safetensors and {', '.join(TORCH_SUFFIXES)} "
        "files; convert it, or name another file"
    )


def write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write a safetensors file whole or not at all; same tensors, same bytes."""
    from safetensors.torch import save_file

    with atomic_path(path) as temporary:
        save_file(dict(tensors), temporary)


def hash_of_tensors(tensors: Mapping[str, Tensor]) -> str:
    """Return the SHA-256 of the file that `write_tensors` would write."""
    from safetensors.torch import save

    return hashlib.sha256(save(dict(tensors))).hexdigest()


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return dict(load_file(path))
    except (SafetensorError, *_DAMAGED) as error:
        raise _damaged(path, error) from error


def _read_torch(path: Path) -> dict[str, Tensor]:
    import torch

    version = tuple(int(part) for part in torch.__version__.split(".")[:2])
    if version < _SAFE_TORCH:
        raise BadFile(
            f"{path}: PyTorch {torch.__version__} cannot read such files safely. "
            "Upgrade to torch 2.10 or later, or use a .safetensors file"
        )
    _check_stored(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            content = torch.load(path, map_location="cpu", weights_only=True)  # noqa: TID251  the one place
    except _DAMAGED as error:
        raise _damaged(path, error) from error
    return _only_tensors(path, content)


def _only_tensors(path: Path, content: Any) -> dict[str, Tensor]:
    import torch

    for wrapper in _WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
    found = {}
    if isinstance(content, Mapping):
        found = {
            str(name): value.detach()
            for name, value in content.items()
            if isinstance(value, torch.Tensor)
        }
    if not found:
        raise BadFile(f"{path} holds no named tensors: it is not a weights file")
    for name, value in found.items():
        if not _is_whole(value):
            raise BadFile(f"{path}: the tensor {name!r} says more than it holds")
    return found


def _check_stored(path: Path) -> None:
    """Refuse a file of packed parts: PyTorch writes them as they are.

    Raises
    ------
    BadFile
        If parts would unpack to more than the file's size.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            total = sum(item.file_size for item in archive.infolist())
    except (zipfile.BadZipFile, *_DAMAGED):
        return  # of before 2020, or damaged, which PyTorch says
    if total > path.stat().st_size:
        raise BadFile(f"{path} unpacks to {total} bytes: it is not PyTorch's own file")


def _is_whole(tensor: Tensor) -> bool:
    """Whether every number of a tensor is in the file, once."""
    import torch

    if tensor.layout is not torch.strided or tensor.is_quantized or tensor.is_meta:
        return False
    return tensor.numel() * tensor.element_size() <= tensor.untyped_storage().nbytes()


def _damaged(path: Path, error: BaseException) -> BadFile:
    lines = str(error).strip().splitlines()
    reason = lines[0][:160] if lines else type(error).__name__
    return BadFile(
        f"{path} cannot be read as weights ({reason}): it is truncated, damaged or "
        "holds more than tensors; get the file again"
    )
