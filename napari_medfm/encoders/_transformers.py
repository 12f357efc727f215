"""Networks of the package transformers: vision encoders, CLIP and SigLIP.

Only the package's own classes are built; code from a hub is never run.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_medfm.core.errors import BadFile
from napari_medfm.core.specs import EncoderSpec
from napari_medfm.encoders._joint import JointEncoder, attention_values
from napari_medfm.encoders._network import Network, TorchEncoder, Weights
from napari_medfm.engine.packages import optional
from napari_medfm.engine.textnumbers import Words
from napari_medfm.engine.torchload import import_torch

if TYPE_CHECKING:
    from torch import Tensor

_DAMAGED = (OSError, ValueError, LookupError, AttributeError, RecursionError)
_TOWERS = ("clip", "siglip")
_KNOWN = ("vit", "dinov2", "dinov2_with_registers", "dinov3_vit", *_TOWERS)


@dataclass(frozen=True)
class Transformers(Network):
    """How to build one network with transformers.

    Parameters
    ----------
    model_type
        The package's name of the architecture.
    config
        Its settings, where they are not the architecture's own.
    words
        How texts become numbers, for CLIP and SigLIP.
    part
        Prefix of the names of a published file that are this network's.
    """

    model_type: str
    config: Mapping[str, Any] = field(default_factory=dict)
    words: Words | None = None
    part: str = ""

    @classmethod
    def of_folder(cls, folder: Path) -> Transformers:
        """Describe the network whose ``config.json`` lies in a folder.

        Raises
        ------
        BadFile
            If it is no such file, or of an architecture that gives no tokens of planes.
        """
        path = folder / "config.json"
        try:
            config = json.loads(path.read_text(encoding="utf-8"))
            kind = config.pop("model_type")
        except _DAMAGED as error:
            raise BadFile(f"{path} does not describe a network ({error})") from error
        if kind not in _KNOWN:
            raise BadFile(
                f"{path} describes a network of type {kind!r}; known are "
                f"{', '.join(_KNOWN)}"
            )
        config.pop("auto_map", None)
        return cls(kind, config)

    def build(self) -> Any:
        """Return the network with random weights."""
        import_torch()
        package = optional("transformers", f"A network of type {self.model_type}")
        config = package.AutoConfig.for_model(self.model_type, **self.config)
        options = {"add_pooling_layer": False} if self.model_type == "vit" else {}
        classes = package.MODEL_MAPPING[type(config)]
        return classes(config, **options)

    def named(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """Leave out what is not weights, and what only training used."""
        return {
            name.removeprefix(self.part): tensor
            for name, tensor in tensors.items()
            if name.startswith(self.part)
            and not name.endswith((".position_ids", "mask_token"))
            and not name.startswith("pooler.")
        } | self._unused(tensors)

    def _unused(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        name = "embeddings.mask_token"
        found = tensors.get(self.part + name)
        return {} if found is None else {name: found}

    def encoder(
        self, spec: EncoderSpec, weights: Weights, model: Any, device: str
    ) -> TorchEncoder:
        """Return the filled network as an encoder."""
        if self.model_type not in _TOWERS:
            return VisionEncoder(spec, weights.sha256, model, device)
        words = self.words or Words("file", 77)
        return TwoTowers(
            spec,
            weights.sha256,
            model,
            device,
            lambda: words.reader(weights.folder, spec.title),
        )

    def reduced(self, spec: EncoderSpec) -> tuple[EncoderSpec, Transformers]:
        """Return a stand-in of few, thin blocks."""
        thin = {
            "hidden_size": 64,
            "intermediate_size": 96,
            "num_hidden_layers": 3,
            "num_attention_heads": 4,
        }
        small = replace(spec, dim=64, blocks=(0, 2))
        if self.model_type not in _TOWERS:
            return small, replace(self, config={**self.config, **thin})
        vision = {**self.config.get("vision_config", {}), **thin}
        text = {**self.config.get("text_config", {}), **thin}
        joint = 48
        if self.model_type == "siglip":
            joint = text["projection_size"] = 64
        config = {
            **self.config,
            "projection_dim": joint,
            "vision_config": vision | {"projection_dim": joint},
            "text_config": text | {"projection_dim": joint},
        }
        return replace(small, joint=joint), replace(self, config=config)


class VisionEncoder(TorchEncoder):
    """A vision transformer of transformers as an `Encoder`."""

    def _layers(self, pixels: Tensor) -> Tensor:
        import torch

        options: dict[str, Any] = {"output_hidden_states": True}
        if self._model.config.model_type == "vit":
            options["interpolate_pos_encoding"] = True
        states = self._model(pixel_values=pixels, **options).hidden_states
        norm = getattr(self._model, "layernorm", None) or self._model.norm
        prefix = self.spec.prefix_tokens
        layers = [norm(states[block + 1])[:, prefix:] for block in self.spec.blocks]
        return torch.stack(layers, dim=2)


class TwoTowers(JointEncoder):
    """CLIP or SigLIP of transformers as a `TextEncoder`."""

    def _states(self, pixels: Tensor) -> Any:
        return self._model.vision_model(
            pixel_values=pixels,
            output_hidden_states=True,
            interpolate_pos_encoding=True,
        )

    @property
    def _norm(self) -> Any:
        return self._model.vision_model.post_layernorm

    def _layers(self, pixels: Tensor) -> Tensor:
        import torch

        states = self._states(pixels).hidden_states
        prefix = self.spec.prefix_tokens
        layers = [
            self._norm(states[block + 1])[:, prefix:] for block in self.spec.blocks
        ]
        return torch.stack(layers, dim=2)

    def _text(self, numbers: Tensor) -> Tensor:
        if self._model.config.model_type == "siglip":
            pooled: Tensor = self._model.text_model(numbers).pooler_output
            return pooled
        tower = self._model.text_model
        states = tower(numbers).last_hidden_state
        ends = numbers.argmax(dim=-1)
        rows = states[range(len(states)), ends]
        projected: Tensor = self._model.text_projection(rows)
        return projected

    def _joint(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        answer = self._states(pixels)
        if self._model.config.model_type == "siglip":
            head = self._model.vision_model.head
            seen = attention_values(head.attention, answer.last_hidden_state)
            return seen + head.mlp(head.layernorm(seen)), answer.pooler_output
        layer = self._model.vision_model.encoder.layers[-1]
        before = layer.layer_norm1(answer.hidden_states[-2][:, 1:])
        seen = layer.self_attn.out_proj(layer.self_attn.v_proj(before))
        project = self._model.visual_projection
        return project(self._norm(seen)), project(answer.pooler_output)
