"""Vision transformers built by timm, from weights in several layouts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.errors import BadFile, BadInput
from napari_medfm.core.specs import EncoderSpec
from napari_medfm.encoders._layouts import timm_names
from napari_medfm.encoders._onnx import onnx_tensors
from napari_medfm.engine.device import device_of
from napari_medfm.engine.torchload import import_torch
from napari_medfm.engine.weights import read_tensors

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class TimmViT:
    """How to build one vision transformer.

    Parameters
    ----------
    architecture
        timm's name of it.
    options
        What `timm.create_model` needs besides; the size of its position table follows
        from ``img_size``.
    onnx_part
        Name of the module inside an ONNX export, where one is a source.
    """

    architecture: str
    options: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    onnx_part: str = "backbone"

    def tensors(self, path: Path) -> dict[str, Tensor]:
        """Read a weights file in any known layout and check it against the network.

        Raises
        ------
        BadFile
            If the file is damaged or of another network, saying what does not match.
        """
        if path.suffix.lower() == ".onnx":
            found = onnx_tensors(path, self.onnx_part)
        else:
            found = read_tensors(path)
        named = {name: tensor.float() for name, tensor in timm_names(found).items()}
        with _meta():
            expected = self._build().state_dict()
        _check(path, self.architecture, named, expected)
        return {name: named[name].contiguous() for name in expected}

    def load(
        self,
        spec: EncoderSpec,
        tensors: dict[str, Tensor],
        weights_hash: str,
        device: str | None,
    ) -> TimmEncoder:
        """Build the network with these weights on a device."""
        where = device_of(device)
        with _meta():
            model = self._build()
        model.load_state_dict(tensors, strict=True, assign=True)
        return TimmEncoder(spec, weights_hash, model.eval().to(where), where)

    def _build(self) -> Any:
        import_torch()
        import timm

        options = {"num_classes": 0, "dynamic_img_size": True, **self.options}
        return timm.create_model(self.architecture, pretrained=False, **options)


class TimmEncoder:
    """A timm vision transformer as an `Encoder`."""

    def __init__(
        self, spec: EncoderSpec, weights_hash: str, model: Any, device: str
    ) -> None:
        self.spec = spec
        self.weights_hash = weights_hash
        self.device = device
        self._model = model
        if model.num_prefix_tokens != spec.prefix_tokens:
            raise BadInput(
                f"{spec.name} has {model.num_prefix_tokens} prefix tokens, its SPEC "
                f"says {spec.prefix_tokens}"
            )

    def encode(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Tokens (n, rows, cols, layers, dim) of RGB pictures (n, height, width, 3).

        Pictures are in [0, 1], their height and width multiples of the patch. Every
        layer is seen through the encoder's final norm.
        """
        import torch

        mean = torch.tensor(self.spec.mean, device=self.device)
        std = torch.tensor(self.spec.std, device=self.device)
        with torch.inference_mode():
            pictures = torch.from_numpy(np.ascontiguousarray(batch)).to(self.device)
            channels_first = ((pictures - mean) / std).permute(0, 3, 1, 2).contiguous()
            layers = self._model.forward_intermediates(
                channels_first,
                indices=list(self.spec.blocks),
                norm=True,
                output_fmt="NLC",
                intermediates_only=True,
            )
            tokens = torch.stack(layers, dim=2).cpu().numpy()
        n, height, width, _ = batch.shape
        rows, cols = height // self.spec.patch, width // self.spec.patch
        shaped: NDArray[np.float32] = tokens.reshape(n, rows, cols, *tokens.shape[2:])
        return shaped


def _meta() -> Any:
    """Build without memory for weights: they come from the file."""
    import torch

    return torch.device("meta")


def _check(
    path: Path,
    architecture: str,
    found: Mapping[str, Tensor],
    expected: Mapping[str, Tensor],
) -> None:
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
            f"{path} does not hold the weights of {architecture}: "
            f"{'; '.join(problems)}. Use the file made for this model"
        )
