"""CLIP models in open_clip's layout, which is also that of OpenAI's own files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from napari_medfm.core.specs import EncoderSpec
from napari_medfm.encoders._joint import JointEncoder, attention_values
from napari_medfm.encoders._layouts import part_of
from napari_medfm.encoders._network import Network, Weights
from napari_medfm.engine.packages import optional
from napari_medfm.engine.textnumbers import Words
from napari_medfm.engine.torchload import import_torch

if TYPE_CHECKING:
    from torch import Tensor

_SETTINGS = frozenset({"input_resolution", "context_length", "vocab_size"})


@dataclass(frozen=True)
class OpenClip(Network):
    """How to build one CLIP model with open_clip.

    Parameters
    ----------
    vision, text
        open_clip's ``vision_cfg`` and ``text_cfg``.
    joint
        Numbers in the shared space.
    part
        Prefix of the names of a published file that are this network's.
    """

    vision: Mapping[str, Any]
    text: Mapping[str, Any] = field(default_factory=dict)
    joint: int = 512
    part: str = ""

    def build(self) -> Any:
        """Return the network with random weights."""
        import_torch()
        model = optional("open_clip.model", "A CLIP model of this layout")
        return model.CLIP(
            self.joint, dict(self.vision), dict(self.text), quick_gelu=True
        )

    def named(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """Leave out what is not weights."""
        found = part_of(tensors, self.part)
        return {k: v for k, v in found.items() if k not in _SETTINGS}

    def encoder(
        self, spec: EncoderSpec, weights: Weights, model: Any, device: str
    ) -> OpenClipEncoder:
        """Return the filled network as an encoder."""
        words = Words("clip", int(self.text.get("context_length", 77)))
        return OpenClipEncoder(
            spec,
            weights.sha256,
            model,
            device,
            lambda: words.reader(weights.folder, spec.title),
        )

    def reduced(self, spec: EncoderSpec) -> tuple[EncoderSpec, OpenClip]:
        """Return a stand-in of few, thin blocks."""
        vision = {**self.vision, "layers": 3, "width": 64, "head_width": 16}
        text = {**self.text, "layers": 2, "width": 64, "heads": 4}
        small = replace(spec, dim=64, blocks=(0, 2), joint=48)
        return small, replace(self, vision=vision, text=text, joint=48)


class OpenClipEncoder(JointEncoder):
    """A CLIP model of open_clip as a `TextEncoder`."""

    def _tokens(self, pixels: Tensor, blocks: list[int]) -> list[Tensor]:
        """Patch tokens after these blocks, before the last norm."""
        found: list[Tensor] = self._model.visual.forward_intermediates(
            pixels, indices=blocks, output_fmt="NLC", intermediates_only=True
        )["image_intermediates"]
        return found

    def _layers(self, pixels: Tensor) -> Tensor:
        import torch

        self._fit(pixels)
        norm = self._model.visual.ln_post
        layers = self._tokens(pixels, list(self.spec.blocks))
        return torch.stack([norm(layer) for layer in layers], dim=2)

    def _text(self, numbers: Tensor) -> Tensor:
        vectors: Tensor = self._model.encode_text(numbers)
        return vectors

    def _joint(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        self._fit(pixels)
        visual = self._model.visual
        last = len(visual.transformer.resblocks) - 1
        block = visual.transformer.resblocks[last]
        (before,) = self._tokens(pixels, [last - 1])
        seen = visual.ln_post(attention_values(block.attn, block.ln_1(before)))
        return seen @ visual.proj, self._model.encode_image(pixels)

    def _fit(self, pixels: Tensor) -> None:
        """Resample the position table to the picture's grid, from the original."""
        import torch
        from timm.layers.pos_embed import resample_abs_pos_embed

        visual = self._model.visual
        if not hasattr(self, "_table"):
            self._table = visual.positional_embedding.data
        patch = self.spec.patch
        grid = [side // patch for side in pixels.shape[-2:]]
        table = resample_abs_pos_embed(self._table[None], grid, num_prefix_tokens=1)[0]
        visual.positional_embedding = torch.nn.Parameter(table, requires_grad=False)
        visual.grid_size = tuple(grid)
        visual.image_size = tuple(pixels.shape[-2:])
