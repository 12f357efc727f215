"""Names of a vision transformer's weights: other libraries' to timm's."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

_WRAPPERS = ("module.", "teacher.backbone.", "backbone.", "vit.", "dinov2.")
_UNUSED = re.compile(
    r"^(embeddings\.)?mask_token$|^(head|fc|classifier|pooler|decoder)\b"
)
_TRANSFORMERS = (
    (r"^embeddings\.cls_token$", "cls_token"),
    (r"^embeddings\.register_tokens$", "register_tokens"),
    (r"^embeddings\.position_embeddings$", "pos_embed"),
    (r"^embeddings\.patch_embeddings\.projection\.", "patch_embed.proj."),
    (r"^encoder\.layer\.(\d+)\.", r"blocks.\1."),
    (r"\.(?:attention\.)?attention\.output\.dense\.", ".attn.proj."),
    (r"\.layernorm_before\.", ".norm1."),
    (r"\.layernorm_after\.", ".norm2."),
    (r"\.intermediate\.dense\.", ".mlp.fc1."),
    (r"\.mlp\.(?:weights_in|w12)\.", ".mlp.fc1."),
    (r"\.mlp\.(?:weights_out|w3)\.", ".mlp.fc2."),
    (r"^(blocks\.\d+)\.output\.dense\.", r"\1.mlp.fc2."),
    (r"\.layer_scale([12])\.lambda1$", r".ls\1.gamma"),
    (r"^layernorm\.", "norm."),
)
_QKV = re.compile(
    r"^(blocks\.\d+)\.attention\.attention\.(query|key|value)\.(weight|bias)$"
)


def timm_names(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Rename a ViT's weights as timm does; what timm has no use for is left out.

    Understood are timm's own names, those of Meta's DINO releases, and those of
    ``transformers`` (ViT and DINOv2), whose query, key and value are joined into one.
    """
    import torch

    named: dict[str, Tensor] = {}
    apart: dict[str, dict[str, Tensor]] = {}
    for name, tensor in _unwrapped(tensors).items():
        if _UNUSED.match(name):
            continue
        for pattern, replacement in _TRANSFORMERS:
            name = re.sub(pattern, replacement, name)
        match = _QKV.match(name)
        if match:
            block, part, kind = match.groups()
            apart.setdefault(f"{block}.attn.qkv.{kind}", {})[part] = tensor
        else:
            named[name] = tensor
    for name, parts in apart.items():
        if len(parts) == 3:
            named[name] = torch.cat([parts[part] for part in ("query", "key", "value")])
    return _registers_apart(named)


def part_of(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Take the tensors whose names begin so, without that beginning."""
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }


def _registers_apart(named: dict[str, Tensor]) -> dict[str, Tensor]:
    """Add the class token's position to it, as timm's networks with registers do."""
    if "register_tokens" not in named:
        return named
    table = named["pos_embed"]
    return {
        **{k: v for k, v in named.items() if k != "register_tokens"},
        "reg_token": named["register_tokens"],
        "cls_token": named["cls_token"] + table[:, :1],
        "pos_embed": table[:, 1:],
    }


def _unwrapped(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Take off the prefix that a training framework put before every name."""
    for wrapper in _WRAPPERS:
        inside = {
            name.removeprefix(wrapper): tensor
            for name, tensor in tensors.items()
            if name.startswith(wrapper)
        }
        if inside:
            tensors = inside
    return tensors
