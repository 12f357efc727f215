"""An image tower of timm beside a BERT, each with a projection into one space."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from napari_medfm.core.specs import EncoderSpec
from napari_medfm.encoders._joint import JointEncoder
from napari_medfm.encoders._network import Network, Weights
from napari_medfm.encoders._timm import Timm
from napari_medfm.engine.packages import optional
from napari_medfm.engine.textnumbers import Words
from napari_medfm.engine.torchload import import_torch

if TYPE_CHECKING:
    from torch import Tensor

Pooling = Literal["first", "pooler", "three layers"]
Project = Literal["linear", "mlp", "unit linear", "none"]


@dataclass(frozen=True)
class ImageAndBert(Network):
    """How to build the two towers.

    Parameters
    ----------
    image
        The image tower.
    width, joint
        Numbers an image token has, and numbers in the shared space.
    renames
        (pattern, replacement) of published names, to ``image. image_proj. text.
        text_proj. logit_scale``.
    project
        Of texts: "mlp" has a hidden layer of half the widths' sum; "unit linear"
        scales to unit length before; "none" takes them as they are.
    pooling
        Of texts: the first token, BERT's pooler, or the mean over all tokens of the
        states after layers 1, 2 and the last.
    deep
        The image's projection has a hidden layer.
    bert
        Settings where they are not BERT's own.
    words
        How texts become numbers.
    """

    image: Timm
    width: int
    joint: int
    renames: tuple[tuple[str, str], ...]
    project: Project = "mlp"
    pooling: Pooling = "first"
    deep: bool = False
    bert: Mapping[str, Any] = field(default_factory=dict)
    words: Words = field(default_factory=lambda: Words("file", 256))

    def build(self) -> Any:
        """Return the towers with random weights."""
        torch = import_torch()
        package = optional("transformers", "A BERT text tower")
        config = package.BertConfig(**self.bert)
        model = torch.nn.Module()
        model.image = self.image.build()
        model.image_proj = self._image_projection()
        pooler = self.pooling == "pooler"
        model.text = package.BertModel(config, add_pooling_layer=pooler)
        model.text_proj = self._projection(config.hidden_size)
        model.logit_scale = torch.nn.Parameter(torch.tensor(2.6592))
        return model

    def _image_projection(self) -> Any:
        from torch import nn

        if not self.deep:
            return nn.Linear(self.width, self.joint, bias=False)
        return nn.Sequential(
            nn.Linear(self.width, self.joint),
            nn.GELU(),
            nn.Linear(self.joint, self.joint),
        )

    def _projection(self, width: int) -> Any:
        from torch import nn

        if self.project == "none":
            return nn.Identity()
        if self.project != "mlp":
            return nn.Linear(width, self.joint, bias=False)
        hidden = (width + self.joint) // 2
        return nn.Sequential(
            nn.Linear(width, hidden, bias=False),
            nn.GELU(),
            nn.Linear(hidden, self.joint, bias=False),
        )

    def named(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """Rename the tensors as the towers here do."""
        found: dict[str, Tensor] = {}
        for name, tensor in tensors.items():
            for pattern, replacement in self.renames:
                name = re.sub(pattern, replacement, name)
            unused = ".pooler." in name and self.pooling != "pooler"
            if not name.endswith("position_ids") and not unused:
                found[name] = tensor
        if "logit_scale" in found:
            found["logit_scale"] = found["logit_scale"].reshape(())
        return found

    def encoder(
        self, spec: EncoderSpec, weights: Weights, model: Any, device: str
    ) -> ImageAndBertEncoder:
        """Return the filled towers as an encoder."""
        encoder = ImageAndBertEncoder(
            spec,
            weights.sha256,
            model,
            device,
            lambda: self.words.reader(weights.folder, spec.title),
        )
        encoder.network = self
        return encoder

    def reduced(self, spec: EncoderSpec) -> tuple[EncoderSpec, ImageAndBert]:
        """Return a stand-in of few, thin blocks."""
        small, image = self.image.reduced(spec)
        bert = {
            **self.bert,
            "hidden_size": 64,
            "intermediate_size": 96,
            "num_hidden_layers": 3,
            "num_attention_heads": 4,
        }
        joint = 64 if self.project == "none" else 48
        network = replace(self, image=image, width=small.dim, joint=joint, bert=bert)
        return replace(small, joint=joint), network


class ImageAndBertEncoder(JointEncoder):
    """The two towers as a `TextEncoder`."""

    network: ImageAndBert

    def _layers(self, pixels: Tensor) -> Tensor:
        import torch

        layers = self._model.image.forward_intermediates(
            pixels,
            indices=list(self.spec.blocks),
            norm=True,
            output_fmt="NCHW",
            intermediates_only=True,
        )
        return torch.stack([layer.flatten(2).transpose(1, 2) for layer in layers], 2)

    def _text(self, numbers: Tensor) -> Tensor:
        import torch

        mask = (numbers != self.network.words.pad).long()
        answer = self._model.text(
            numbers, attention_mask=mask, output_hidden_states=True
        )
        states = answer.hidden_states
        if self.network.pooling == "pooler":
            pooled = answer.pooler_output
        elif self.network.pooling == "first":
            pooled = answer.last_hidden_state[:, 0]
        else:
            layers = torch.stack([states[1], states[2], states[-1]]).mean(0)
            shares = mask / mask.sum(1, keepdim=True)
            pooled = (layers * shares[..., None]).sum(1)
        if self.network.project == "unit linear":
            pooled = torch.nn.functional.normalize(pooled, dim=-1)
        projected: Tensor = self._model.text_proj(pooled)
        return projected

    def _joint(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        image, project = self._model.image, self._model.image_proj
        if not hasattr(image, "blocks"):
            grid = image.forward_features(pixels)
            return project(grid.flatten(2).transpose(1, 2)), project(grid.mean((2, 3)))
        whole = image.forward_features(pixels)[:, 0]
        last = len(image.blocks) - 1
        before = image.forward_intermediates(
            pixels,
            indices=[last - 1],
            output_fmt="NLC",
            intermediates_only=True,
        )[0]
        seen = image.norm(_values(image.blocks[last], before))
        return project(seen), project(whole)


def _values(block: Any, tokens: Tensor) -> Tensor:
    """Values of a timm block's attention, projected out: no token is mixed."""
    from torch.nn.functional import linear

    attention = block.attn
    width = tokens.shape[-1]
    bias = attention.qkv.bias
    values = linear(
        block.norm1(tokens),
        attention.qkv.weight[2 * width :],
        None if bias is None else bias[2 * width :],
    )
    projected: Tensor = block.ls1(attention.proj(values))
    return projected
