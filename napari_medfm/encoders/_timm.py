"""Networks that timm builds, from weights in several layouts."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_medfm.core.errors import BadInput
from napari_medfm.core.specs import EncoderSpec
from napari_medfm.encoders._layouts import part_of, timm_names
from napari_medfm.encoders._network import Network, TorchEncoder, Weights
from napari_medfm.encoders._onnx import onnx_tensors
from napari_medfm.engine.torchload import import_torch

if TYPE_CHECKING:
    from torch import Tensor

Options = Mapping[str, Any]
SWIGLU = "swiglu"


@dataclass(frozen=True)
class Timm(Network):
    """How to build one network with timm.

    Parameters
    ----------
    architecture
        timm's name of it.
    options
        What `timm.create_model` needs besides. ``mlp="swiglu"`` stands for the packed
        SwiGLU layer with SiLU.
    part
        Prefix of the names of a published file that are this network's.
    own_names
        The file is in a layout that timm's own loader of this architecture knows.
    dynamic
        timm is told that pictures may have any size.
    fixed
        Pictures are put in the corner of a square of ``img_size``, as the network's
        own windows demand, and cut out of its answer.
    onnx_part
        Name of the module inside an ONNX export, where one is a source.
    """

    architecture: str
    options: Options = field(default_factory=dict)
    part: str = ""
    own_names: bool = False
    dynamic: bool = True
    fixed: bool = False
    onnx_part: str = "backbone"

    def build(self) -> Any:
        """Return the network with random weights."""
        torch = import_torch()
        import timm
        from timm.layers.mlp import SwiGLUPacked

        options = {"num_classes": 0, **self.options}
        if self.dynamic:
            options["dynamic_img_size"] = True
        if options.pop("mlp", None) == SWIGLU:
            options |= {
                "mlp_layer": SwiGLUPacked,
                "act_layer": torch.nn.SiLU,
            }
        if options.pop("stem", None) == "convolutions":
            from napari_medfm.encoders._ctranspath import conv_stem

            options["embed_layer"] = conv_stem()
        return timm.create_model(self.architecture, pretrained=False, **options)

    def read(self, path: Path) -> dict[str, Tensor]:
        """Read the tensors of a file, ONNX exports included."""
        if path.suffix.lower() == ".onnx":
            return onnx_tensors(path, self.onnx_part)
        return super().read(path)

    def named(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """Rename the tensors as timm does."""
        tensors = part_of(tensors, self.part)
        if not self.own_names:
            return timm_names(tensors)
        model = self.build()
        own = sys.modules[type(model).__module__].checkpoint_filter_fn
        return timm_names(own(dict(tensors), model))

    def sized(self, tensors: Mapping[str, Tensor]) -> Timm:
        """Return the network whose position table has the size of the file's."""
        table = tensors.get("pos_embed")
        if table is None or table.ndim != 3:
            return self
        named = re.search(r"patch(\d+)", self.architecture)
        patch = self.options.get("patch_size") or int(named[1] if named else 16)
        side = math.isqrt(table.shape[1])
        return replace(self, options={**self.options, "img_size": side * patch})

    def encoder(
        self, spec: EncoderSpec, weights: Weights, model: Any, device: str
    ) -> TimmEncoder:
        """Return the filled network as an encoder."""
        encoder = TimmEncoder(spec, weights.sha256, model, device)
        encoder.square = self.options["img_size"] if self.fixed else 0
        return encoder

    def reduced(self, spec: EncoderSpec) -> tuple[EncoderSpec, Timm]:
        """Return a stand-in of few, thin blocks."""
        if self.architecture.startswith("resnet"):
            thin: dict[str, Any] = {"layers": (1, 1, 1, 1), "channels": (8, 8, 16, 32)}
            small = replace(spec, dim=128)
            return small, replace(self, options={**self.options, **thin})
        if self.architecture.startswith("swin"):
            thin = {"depths": (1, 1, 2, 1), "embed_dim": 24, "num_heads": (1, 2, 4, 8)}
            small = replace(spec, dim=192)
            return small, replace(self, options={**self.options, **thin})
        options: dict[str, Any] = {**self.options, "depth": 3, "num_heads": 4}
        options["embed_dim"] = 96
        if self.architecture.startswith("samvit"):
            options |= {"global_attn_indexes": (2,), "img_size": 128}
        dim = spec.dim if self.fixed else 96
        small = replace(spec, dim=dim, blocks=(0, 2))
        return small, replace(self, options=options)


class TimmEncoder(TorchEncoder):
    """A timm network as an `Encoder`; layers are seen through its final norm.

    Attributes
    ----------
    square
        Side of the only picture the network takes; 0 if it takes any.
    """

    square = 0

    def __init__(
        self, spec: EncoderSpec, weights_hash: str, model: Any, device: str
    ) -> None:
        super().__init__(spec, weights_hash, model, device)
        prefix = getattr(model, "num_prefix_tokens", 0)
        if prefix != spec.prefix_tokens:
            raise BadInput(
                f"{spec.name} has {prefix} prefix tokens, its SPEC says "
                f"{spec.prefix_tokens}"
            )

    def _layers(self, pixels: Tensor) -> Tensor:
        import torch

        rows, cols = (side // self.spec.patch for side in pixels.shape[-2:])
        layers = self._model.forward_intermediates(
            self._squared(pixels),
            indices=list(self.spec.blocks),
            norm=True,
            output_fmt="NCHW",
            intermediates_only=True,
        )
        seen = [layer[..., :rows, :cols] for layer in layers]
        return torch.stack([layer.flatten(2).transpose(1, 2) for layer in seen], 2)

    def _squared(self, pixels: Tensor) -> Tensor:
        import torch

        if not self.square:
            return pixels
        height, width = pixels.shape[-2:]
        if max(height, width) > self.square:
            raise BadInput(
                f"{self.spec.title} takes pictures of up to {self.square} pixels, got "
                f"{height} x {width}"
            )
        rest = (0, self.square - width, 0, self.square - height)
        return torch.nn.functional.pad(pixels, rest)
