"""What all loaders share: a network, the weights for it, and tokens out of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.errors import BadFile
from napari_medfm.core.specs import EncoderSpec
from napari_medfm.engine.device import device_of

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class Weights:
    """Weights that were read and checked.

    Parameters
    ----------
    tensors
        By the network's own names.
    sha256
        Their name.
    folder
        Where their file lies; a tokenizer may lie beside it.
    """

    tensors: Mapping[str, Tensor]
    sha256: str
    folder: Path


class Network(ABC):
    """How to build one network and how its weights are published."""

    @abstractmethod
    def build(self) -> Any:
        """Return the network with random weights."""

    @abstractmethod
    def encoder(
        self, spec: EncoderSpec, weights: Weights, model: Any, device: str
    ) -> Any:
        """Return the filled network as an encoder."""

    @abstractmethod
    def reduced(self, spec: EncoderSpec) -> tuple[EncoderSpec, Self]:
        """Return a stand-in: the same layout with few, thin blocks, and its SPEC."""

    def named(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """Rename published tensors as the network names them."""
        return tensors

    def read(self, path: Path) -> dict[str, Tensor]:
        """Read the tensors of a file, as they are named in it."""
        from napari_medfm.engine.weights import read_tensors

        return read_tensors(path)

    def sized(self, tensors: Mapping[str, Tensor]) -> Self:
        """Return the network whose tables have the size of these."""
        return self

    def tensors(self, path: Path) -> dict[str, Tensor]:
        """Read a weights file in any known layout and check it against the network.

        Raises
        ------
        BadFile
            If the file is damaged or of another network, saying what does not match.
        """
        found = {k: v.float() for k, v in self.named(self.read(path)).items()}
        with on_meta():
            expected = self.sized(found).build().state_dict()
        check_fit(path, found, expected)
        return {name: found[name].contiguous() for name in expected}

    def load(self, spec: EncoderSpec, weights: Weights, device: str | None) -> Any:
        """Build the network with these weights on a device, as an encoder."""
        where = device_of(device)
        network = self.sized(weights.tensors)
        with on_meta():
            model = network.build()
        model.load_state_dict(dict(weights.tensors), strict=True, assign=True)
        if any(buffer.is_meta for buffer in model.buffers()):
            model = network.build()
            model.load_state_dict(dict(weights.tensors), strict=True)
        return self.encoder(spec, weights, model.eval().to(where), where)


class TorchEncoder(ABC):
    """A torch network as an `Encoder`."""

    def __init__(
        self, spec: EncoderSpec, weights_hash: str, model: Any, device: str
    ) -> None:
        import torch

        self.spec = spec
        self.weights_hash = weights_hash
        self.device = device
        self._model = model
        self._mean = torch.tensor(spec.mean, device=device)
        self._std = torch.tensor(spec.std, device=device)

    @abstractmethod
    def _layers(self, pixels: Tensor) -> Tensor:
        """Tokens (n, rows * cols, layers, dim) of normalised pictures (n, 3, h, w)."""

    def encode(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Tokens (n, rows, cols, layers, dim) of RGB pictures (n, height, width, 3).

        Pictures are in [0, 1], their height and width multiples of the patch.
        """
        import torch

        n, height, width, _ = batch.shape
        rows, cols = height // self.spec.patch, width // self.spec.patch
        with torch.inference_mode():
            tokens = self._layers(self._pixels(batch))
            shaped = tokens.reshape(n, rows, cols, *tokens.shape[2:])
            result: NDArray[np.float32] = shaped.float().cpu().numpy()
        return result

    def _pixels(self, batch: NDArray[np.float32]) -> Tensor:
        import torch

        pictures = torch.from_numpy(np.ascontiguousarray(batch)).to(self.device)
        return ((pictures - self._mean) / self._std).permute(0, 3, 1, 2).contiguous()


def on_meta() -> Any:
    """Build without memory for weights: they come from the file."""
    import torch

    return torch.device("meta")


def check_fit(
    path: Path, found: Mapping[str, Tensor], expected: Mapping[str, Tensor]
) -> None:
    """Raise `BadFile` unless the tensors are those that a network needs."""
    missing = sorted(expected.keys() - found.keys())
    unknown = sorted(found.keys() - expected.keys())
    reshaped = [
        f"{name} is {tuple(found[name].shape)}, not {tuple(expected[name].shape)}"
        for name in expected
        if name in found and found[name].shape != expected[name].shape
    ]
    problems = []
    if missing:
        problems.append(f"{len(missing)} tensors are missing ({missing[0]} ...)")
    if unknown:
        problems.append(f"{len(unknown)} are not known ({unknown[0]} ...)")
    problems += reshaped[:1]
    if problems:
        raise BadFile(
            f"{path} does not hold the weights of this network: "
            f"{'; '.join(problems)}. Use the file made for this model"
        )
