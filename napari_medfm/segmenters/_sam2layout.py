"""Names of the tensors of SAM 2.1, in sam2's own files and in transformers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_RENAMES = (
    (r"^image_encoder\.trunk\.patch_embed\.proj\.", "T.patch_embed.projection."),
    (r"^image_encoder\.trunk\.", "T."),
    (r"^T\.(.*)\.norm([12])\.", r"T.\1.layer_norm\2."),
    (r"^T\.", "vision_encoder.backbone."),
    (r"^image_encoder\.neck\.convs\.(\d)\.conv\.", r"vision_encoder.neck.convs.\1."),
    (r"^sam_prompt_encoder\.", "prompt_encoder."),
    (r"^sam_mask_decoder\.", "mask_decoder."),
    (r"^no_mem_embed$", "no_memory_embedding"),
    (
        r"\.pe_layer\.positional_encoding_gaussian_matrix$",
        ".shared_embedding.positional_embedding",
    ),
    (r"\.mask_downscaling\.0\.", ".mask_embed.conv1."),
    (r"\.mask_downscaling\.1\.", ".mask_embed.layer_norm1."),
    (r"\.mask_downscaling\.3\.", ".mask_embed.conv2."),
    (r"\.mask_downscaling\.4\.", ".mask_embed.layer_norm2."),
    (r"\.mask_downscaling\.6\.", ".mask_embed.conv3."),
    (r"(\.transformer\.layers\.\d+)\.norm", r"\1.layer_norm"),
    (r"\.norm_final_attn\.", ".layer_norm_final_attn."),
    (r"(attn\w*)\.out_proj\.", r"\1.o_proj."),
    (r"\.output_upscaling\.0\.", ".upscale_conv1."),
    (r"\.output_upscaling\.1\.", ".upscale_layer_norm."),
    (r"\.output_upscaling\.3\.", ".upscale_conv2."),
    (r"^memory_attention\.norm\.", "memory_attention.layer_norm."),
    (r"^(memory_attention\.layers\.\d+)\.norm", r"\1.layer_norm"),
    (r"^memory_encoder\.fuser\.", "memory_encoder.memory_fuser."),
    (r"(\.memory_fuser\.layers\.\d+)\.norm\.", r"\1.layer_norm."),
    (r"(\.memory_fuser\.layers\.\d+)\.gamma$", r"\1.scale"),
    (r"\.dwconv\.", ".depthwise_conv."),
    (r"\.pwconv(\d)\.", r".pointwise_conv\1."),
    (r"^memory_encoder\.pix_feat_proj\.", "memory_encoder.feature_projection."),
    (r"^memory_encoder\.out_proj\.", "memory_encoder.projection."),
    (r"\.mask_downsampler\.encoder\.12\.", ".mask_downsampler.final_conv."),
    *(
        (rf"\.encoder\.{3 * n + step}\.", f".layers.{n}.{part}.")
        for n in range(4)
        for step, part in enumerate(("conv", "layer_norm"))
    ),
    (r"^obj_ptr_tpos_proj\.", "temporal_positional_encoding_projection_layer."),
    (r"^obj_ptr_proj\.", "object_pointer_proj."),
    (r"^no_obj_ptr$", "no_object_pointer"),
    (r"^no_obj_embed_spatial$", "occlusion_spatial_embedding_parameter"),
    (r"^maskmem_tpos_enc$", "memory_temporal_positional_encoding"),
    (r"^no_mem_pos_enc$", "no_memory_positional_encoding"),
    (r"(\.mlp|_head|_mlps\.\d|_pointer_proj)\.layers\.0\.", r"\1.proj_in."),
    (r"\.mlp\.layers\.1\.", ".mlp.proj_out."),
    (r"(_head|_mlps\.\d|_pointer_proj)\.layers\.1\.", r"\1.layers.0."),
    (r"(_head|_mlps\.\d|_pointer_proj)\.layers\.2\.", r"\1.proj_out."),
)
_POINT = re.compile(r"\.point_embeddings\.(\d)\.weight$")
_PLACES = (
    "prompt_encoder.shared_embedding.positional_embedding",
    "shared_image_embedding.positional_embedding",
)


def transformers_layout(tensors: Mapping[str, Any]) -> dict[str, Any]:
    """Rename the tensors of sam2's own files as transformers does.

    Files of transformers keep their names. The table of positions, of which a file may
    hold one copy, is there twice afterwards.
    """
    found = dict(tensors)
    if any(name.startswith("sam_mask_decoder.") for name in tensors):
        found = _renamed(tensors)
    for place, twin in (_PLACES, _PLACES[::-1]):
        if place in found and twin not in found:
            found[twin] = found[place].clone()
    return found


def _renamed(tensors: Mapping[str, Any]) -> dict[str, Any]:
    import torch

    found: dict[str, Any] = {}
    points: dict[int, Any] = {}
    for name, tensor in tensors.items():
        match = _POINT.search(name)
        if match:
            points[int(match[1])] = tensor
            continue
        for pattern, replacement in _RENAMES:
            name = re.sub(pattern, replacement, name)
        found[name] = tensor
    if points:
        stacked = torch.cat([points[number] for number in sorted(points)])
        found["prompt_encoder.point_embed.weight"] = stacked
    return found
