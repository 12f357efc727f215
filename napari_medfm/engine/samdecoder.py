"""SAM's mask decoder, computed in another order: the same numbers, much sooner.

The decoder's cost lies in projecting the thousands of image tokens for a handful of
prompt tokens. Attention is bilinear, so the projections can be moved to the prompt's
side: ``q . (W k) = (W' q) . k``. What is left are products of rank heads x prompt
tokens (56 for a box), and no projected copy of the image is ever written. The
upscaling runs as plain matrix products with channels last.

The network and its weights are those of Kirillov et al., Segment Anything, 2023.
"""

from __future__ import annotations

from typing import Any


def masks_of(
    decoder: Any, features: Any, place: Any, sparse: Any, dense: Any, multimask: bool
) -> tuple[Any, Any]:
    """Return mask logits and predicted qualities for a batch of prompts.

    Parameters
    ----------
    decoder
        A ``MaskDecoder`` of segment-anything's shape.
    features, place
        Tensors (1, channels, h, w): the crop's embedding and the position code.
    sparse
        (prompts, tokens, channels).
    dense
        (prompts, channels, h, w), or (1, channels, h, w) if it is the same for all.
    multimask
        Three answers a prompt instead of one.

    Returns
    -------
    logits, scores
        (prompts, masks, 4 h, 4 w) and (prompts, masks).
    """
    import torch

    height, width = features.shape[-2:]
    start = torch.cat([decoder.iou_token.weight, decoder.mask_tokens.weight])
    tokens = torch.cat([start.expand(len(sparse), -1, -1), sparse], dim=1)
    image = (features + dense).flatten(2).transpose(1, 2)
    answer, image = _two_ways(
        decoder.transformer, tokens, image, place.flatten(2).transpose(1, 2)
    )
    wanted = range(1, decoder.num_mask_tokens) if multimask else range(1)
    hyper = torch.stack(
        [decoder.output_hypernetworks_mlps[k](answer[:, 1 + k]) for k in wanted], dim=2
    )
    logits = _upscaled(decoder.output_upscaling, image, hyper, (height, width))
    scores = decoder.iou_prediction_head(answer[:, 0])
    return logits, scores[:, wanted.start : wanted.stop]


def _two_ways(transformer: Any, tokens: Any, image: Any, place: Any) -> tuple[Any, Any]:
    queries = tokens
    for layer in transformer.layers:
        if layer.skip_first_layer_pe:
            queries = layer.self_attn(q=queries, k=queries, v=queries)
        else:
            asked = queries + tokens
            queries = queries + layer.self_attn(q=asked, k=asked, v=queries)
        queries = layer.norm1(queries)
        placed = image + place
        queries = queries + _ask_image(
            layer.cross_attn_token_to_image, queries + tokens, placed, image
        )
        queries = layer.norm2(queries)
        queries = layer.norm3(queries + layer.mlp(queries))
        image = layer.norm4(
            _tell_image(
                layer.cross_attn_image_to_token,
                placed,
                (queries + tokens, queries),
                image,
            )
        )
    queries = queries + _ask_image(
        transformer.final_attn_token_to_image, queries + tokens, image + place, image
    )
    return transformer.norm_final_attn(queries), image


def _ask_image(attention: Any, queries: Any, placed: Any, image: Any) -> Any:
    """Attention of a few tokens on the image's; a key's bias moves no softmax."""
    import torch

    heads = attention.num_heads
    asked = attention.q_proj(queries).unflatten(-1, (heads, -1))
    size = asked.shape[-1]
    keys = attention.k_proj.weight.unflatten(0, (heads, size))
    moved = torch.einsum("bthd,hdc->bhtc", asked, keys) * size**-0.5
    shares = torch.softmax(moved.flatten(1, 2) @ placed.transpose(1, 2), dim=-1)
    seen = (shares @ image).unflatten(1, (heads, -1))
    values = attention.v_proj.weight.unflatten(0, (heads, size))
    heard = torch.einsum("bhtc,hdc->bthd", seen, values).flatten(2)
    return attention.out_proj(heard + attention.v_proj.bias)


def _tell_image(
    attention: Any, placed: Any, keys_values: tuple[Any, Any], image: Any
) -> Any:
    """Image tokens plus their attention on a few tokens."""
    import torch

    heads = attention.num_heads
    keys = attention.k_proj(keys_values[0]).unflatten(-1, (heads, -1))
    values = attention.v_proj(keys_values[1]).unflatten(-1, (heads, -1))
    size = keys.shape[-1]
    weight = attention.q_proj.weight.unflatten(0, (heads, size))
    bias = attention.q_proj.bias.unflatten(0, (heads, size))
    moved = torch.einsum("bthd,hdc->bhtc", keys, weight) * size**-0.5
    shift = torch.einsum("bthd,hd->bht", keys, bias) * size**-0.5
    scores = moved.flatten(1, 2) @ placed.transpose(1, 2)
    scores = scores.unflatten(1, (heads, -1)) + shift[..., None]
    shares = torch.softmax(scores, dim=2).flatten(1, 2).transpose(1, 2)
    out = attention.out_proj.weight.unflatten(1, (heads, size))
    told = torch.einsum("bthd,chd->bhtc", values, out).flatten(1, 2)
    batch = len(told)
    base = (image + attention.out_proj.bias).expand(batch, -1, -1)
    return torch.baddbmm(base, shares, told)


def _upscaled(upscaling: Any, image: Any, hyper: Any, shape: tuple[int, int]) -> Any:
    """Logits (prompts, masks, 4 h, 4 w): two 2 x 2 transposed convolutions."""
    first, norm, act, second, last = upscaling
    fine = _doubled(first, image).unflatten(-1, (4, -1))
    centred = fine - fine.mean(-1, keepdim=True)
    spread = centred.square().mean(-1, keepdim=True).add_(norm.eps).sqrt_()
    fine = act(centred.div_(spread).mul_(norm.weight).add_(norm.bias))
    finer = last(_doubled(second, fine.flatten(1, 2))).unflatten(-1, (4, -1))
    logits = finer.flatten(1, 2) @ hyper
    rows, cols = shape
    tiled = logits.unflatten(1, (rows, cols, 2, 2, 2, 2))
    ordered = tiled.permute(0, 7, 1, 3, 5, 2, 4, 6)
    return ordered.reshape(len(logits), -1, 4 * rows, 4 * cols)


def _doubled(convolution: Any, image: Any) -> Any:
    """Each token becomes 2 x 2, side by side in the last axis: (down, right, c)."""
    weight = convolution.weight.permute(0, 2, 3, 1).flatten(1)
    return (image @ weight).add_(convolution.bias.repeat(4))
