"""Encoders of volumes: MONAI's SegResNet and Swin transformer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.errors import BadInput
from napari_medfm.core.specs import EncoderSpec
from napari_medfm.encoders._layouts import part_of
from napari_medfm.encoders._network import Network, Weights
from napari_medfm.engine.packages import optional
from napari_medfm.engine.torchload import import_torch

if TYPE_CHECKING:
    from torch import Tensor

_SWIN = re.compile(r"^.*?swinViT\.")
_WINDOW = 7


@dataclass(frozen=True)
class Monai(Network):
    """How to build one encoder of volumes.

    Parameters
    ----------
    kind
        "segresnet": the encoder of SegResNetDS; "swin": that of SwinUNETR.
    options
        Its settings.
    part
        Prefix of the names of a published file that are this network's; a SwinUNETR's
        encoder is found by itself.
    """

    kind: Literal["segresnet", "swin"]
    options: Mapping[str, Any] = field(default_factory=dict)
    part: str = ""

    def build(self) -> Any:
        """Return the network with random weights."""
        torch = import_torch()
        optional("monai.networks.nets", "An encoder of volumes")
        if self.kind == "segresnet":
            from monai.networks.nets.segresnet_ds import SegResEncoder

            return SegResEncoder(**self.options)
        from monai.networks.nets.swin_unetr import SwinTransformer

        with torch.device("cpu"):
            return SwinTransformer(
                in_chans=1,
                window_size=(_WINDOW,) * 3,
                patch_size=(2, 2, 2),
                num_heads=(3, 6, 12, 24),
                spatial_dims=3,
                **{"depths": (2, 2, 2, 2), **self.options},
            )

    def named(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """Find the encoder among a published network's tensors."""
        if self.kind == "segresnet":
            return part_of(tensors, self.part)
        inside = {k: v for k, v in tensors.items() if _SWIN.match(k)} or tensors
        found = {}
        for name, tensor in inside.items():
            name = _SWIN.sub("", name).removeprefix("module.")
            name = re.sub(r"\.mlp\.fc([12])\.", r".mlp.linear\1.", name)
            if name.startswith(("patch_embed.", "layers")):
                found[name] = tensor
        return found

    def encoder(
        self, spec: EncoderSpec, weights: Weights, model: Any, device: str
    ) -> MonaiEncoder:
        """Return the filled network as an encoder of volumes."""
        return MonaiEncoder(spec, weights.sha256, model, device)

    def reduced(self, spec: EncoderSpec) -> tuple[EncoderSpec, Monai]:
        """Return a stand-in with few filters."""
        if self.kind == "segresnet":
            small = {**self.options, "init_filters": 8}
            dim = 8 * 2 ** (len(self.options["blocks_down"]) - 1)
        else:
            thin = {"embed_dim": 12, "depths": (1, 1, 1, 1)}
            small, dim = {**self.options, **thin}, 192
        return replace(spec, dim=dim), replace(self, options=small)


class MonaiEncoder:
    """An encoder of MONAI as a `VolumeEncoder`."""

    def __init__(
        self, spec: EncoderSpec, weights_hash: str, model: Any, device: str
    ) -> None:
        self.spec = spec
        self.weights_hash = weights_hash
        self.device = device
        self._model = model

    def encode(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Tokens (n, depth, rows, cols, layers, dim) of volumes (n, d, h, w) in [0, 1].

        Raises
        ------
        BadInput
            If a side is not a multiple of the patch.
        """
        import torch

        if batch.ndim != 4 or any(side % self.spec.patch for side in batch.shape[1:]):
            raise BadInput(
                f"{self.spec.title} takes volumes (n, depth, height, width) with sides "
                f"that are multiples of {self.spec.patch}, got {batch.shape}"
            )
        with torch.inference_mode():
            voxels = torch.from_numpy(np.ascontiguousarray(batch, np.float32))
            stages = self._model(voxels[:, None].to(self.device))
            layers = [stages[block].movedim(1, -1) for block in self.spec.blocks]
            tokens: NDArray[np.float32] = torch.stack(layers, -2).float().cpu().numpy()
        return tokens
