"""Any torch module, exported program or ONNX graph as an encoder."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.errors import BadFile, BadInput
from napari_medfm.core.specs import EncoderSpec
from napari_medfm.encoders._network import TorchEncoder
from napari_medfm.engine.device import device_of
from napari_medfm.engine.packages import optional
from napari_medfm.engine.torchload import import_torch

if TYPE_CHECKING:
    from torch import Tensor

PROGRAMS = (".pt2", ".pt", ".ts", ".onnx")
_TRY = 4


class ModuleEncoder(TorchEncoder):
    """A callable of normalised pictures (n, 3, h, w) that answers tokens.

    The answer is (n, tokens, dim), prefix tokens first, or (n, dim, rows, cols).
    """

    def __init__(self, spec: EncoderSpec, run: Any, sha256: str, device: str) -> None:
        super().__init__(spec, sha256, None, device)
        self._run = run

    def _layers(self, pixels: Tensor) -> Tensor:
        answer = self._run(pixels)
        if isinstance(answer, (tuple, list)):
            answer = answer[-1]
        answer = getattr(answer, "last_hidden_state", answer)
        if answer.ndim == 4:
            answer = answer.flatten(2).transpose(1, 2)
        tokens: Tensor = answer[:, self.spec.prefix_tokens :, None]
        return tokens


def module_encoder(
    module: Any,
    spec: EncoderSpec,
    *,
    device: str | None = None,
    tokens: Callable[[Any], Any] | None = None,
) -> ModuleEncoder:
    """Use a torch module as an encoder, after one small picture was tried.

    Parameters
    ----------
    spec
        Facts; ``dim`` and ``prefix_tokens`` are found by the trial.
    tokens
        What to call with normalised pictures instead of the module itself, such as
        ``module.forward_features``.

    Raises
    ------
    BadInput
        If the answer is no grid of tokens of this patch size.
    """
    import_torch()
    where = device_of(device)
    module = module.eval().to(where)
    call = tokens or getattr(module, "forward_features", None) or module
    return _tried(spec, call, _hash(module), where)


def program_encoder(
    path: Path, spec: EncoderSpec, *, trust: bool = False, device: str | None = None
) -> ModuleEncoder:
    """Use an exported network: TorchScript, ``torch.export`` (``.pt2``) or ONNX.

    Parameters
    ----------
    trust
        TorchScript and ``torch.export`` files are programs: they run with your rights,
        so they are opened only if you say that you trust them. ONNX needs no trust.

    Raises
    ------
    BadInput
        If the file is a program that is not trusted, or gives no grid of tokens.
    BadFile
        If it cannot be read.
    """
    from napari_medfm.engine.weights import sha256_of

    suffix = path.suffix.lower()
    if suffix not in PROGRAMS or not path.is_file():
        raise BadFile(f"{path} is no exported network ({', '.join(PROGRAMS)})")
    where = device_of(device)
    if suffix == ".onnx":
        return _tried(spec, _onnx(path), sha256_of(path), "cpu")
    if not trust:
        raise BadInput(
            f"{path} is a program that would run with your rights: say trust=True if "
            "you know who made it, or use a .safetensors or .onnx file"
        )
    return _tried(spec, _torch_program(path, where), sha256_of(path), where)


def _torch_program(path: Path, device: str) -> Any:
    torch = import_torch()
    try:
        if path.suffix.lower() == ".pt2":
            return torch.export.load(path).module().to(device)
        return torch.jit.load(str(path), map_location=device).eval()
    except (RuntimeError, ValueError, OSError, KeyError) as error:
        raise BadFile(f"{path} is no exported network: {error}") from error


def _onnx(path: Path) -> Callable[[Tensor], Tensor]:
    from napari_medfm.encoders._onnx import check_self_contained

    check_self_contained(path)
    runtime = optional("onnxruntime", path.name)
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    try:
        session = runtime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
    except (RuntimeError, ValueError) as error:
        raise BadFile(f"{path} does not run: {error}") from error
    name = session.get_inputs()[0].name

    def run(pixels: Tensor) -> Tensor:
        import torch

        return torch.from_numpy(session.run(None, {name: pixels.numpy()})[0])

    return run


def _tried(spec: EncoderSpec, run: Any, sha256: str, device: str) -> ModuleEncoder:
    """Run one picture, and find how many numbers and prefix tokens there are."""
    import torch

    side = spec.input_size
    count = (side // spec.patch) ** 2
    trial = ModuleEncoder(replace(spec, prefix_tokens=0), run, sha256, device)
    picture = np.zeros((1, side, side, 3), np.float32)
    with torch.inference_mode():
        answer = trial._layers(trial._pixels(picture))  # noqa: SLF001  its own trial
    prefix = answer.shape[1] - count
    if answer.ndim != 4 or not 0 <= prefix <= _TRY * 4:
        raise BadInput(
            f"The module gives {tuple(answer.shape)} for a picture of {side} pixels; "
            f"wanted is one token for each {spec.patch} x {spec.patch} pixels, "
            "(n, tokens, dim) or (n, dim, rows, cols): say `tokens=` what to call"
        )
    found = replace(spec, prefix_tokens=prefix, dim=int(answer.shape[-1]))
    return ModuleEncoder(found, run, sha256, device)


def _hash(module: Any) -> str:
    """SHA-256 over the names and values of a module's tensors."""
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        array: NDArray[Any] = tensor.detach().float().cpu().numpy()
        digest.update(f"{name}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
