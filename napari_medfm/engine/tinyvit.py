"""LiteMedSAM's image encoder, computed in another order: the same numbers, sooner.

Two thirds of the network's own time goes into moving hundreds of megabytes between
layers. Here batch normalisation is folded into the convolutions, pixels stay rows of
channels from end to end, and the wide layers run over strips of the picture that fit
the processor's cache.

The network is TinyViT (Wu et al., TinyViT: Fast Pretraining Distillation for Small
Vision Transformers, 2022) as LiteMedSAM changed it: full resolution in the first stage,
no shrinking after the third.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_STRIP = 1 << 19
"""Numbers in the widest array of a strip: 2 MB."""


def quick(network: Any) -> Callable[[Any], Any]:
    """Return a function (1, 3, side, side) -> (1, 256, side / 4, side / 4).

    Parameters
    ----------
    network
        A ``TinyViT`` of LiteMedSAM's shape, on the processor.
    """
    embed = network.patch_embed.seq
    start = [_dense(embed[0]), _dense(embed[2])]
    mixers = [_mixer(block) for block in network.layers[0].blocks]
    stages = [
        (_merger(before.downsample), [_attender(block) for block in layer.blocks])
        for before, layer in zip(network.layers[:-1], network.layers[1:], strict=True)
    ]

    def encode(picture: Any) -> Any:
        import torch

        rows = picture[0].permute(1, 2, 0).contiguous()
        rows = _dense_of(_gelu(_dense_of(rows, start[0])), start[1])
        for mixer in mixers:
            rows = mixer(rows)
        for merger, attenders in stages:
            rows = merger(rows)
            for attender in attenders:
                rows = attender(rows)
        return network.neck(rows[None].permute(0, 3, 1, 2)).contiguous(
            memory_format=torch.contiguous_format
        )

    return encode


def _fused(pair: Any) -> tuple[Any, Any]:
    """Weight and bias of a convolution with its batch normalisation in it."""
    scale = pair.bn.weight / (pair.bn.running_var + pair.bn.eps).sqrt()
    weight = pair.c.weight * scale[:, None, None, None]
    return weight.detach(), (pair.bn.bias - pair.bn.running_mean * scale).detach()


def _dense(pair: Any) -> tuple[Any, Any]:
    """A 1 x 1 convolution as a matrix (in, out) and a bias."""
    weight, bias = _fused(pair)
    return weight[:, :, 0, 0].T.contiguous(), bias


def _dense_of(rows: Any, layer: tuple[Any, Any]) -> Any:
    import torch

    made = torch.addmm(layer[1], rows.flatten(0, -2), layer[0])
    return made.view(*rows.shape[:-1], -1)


def _gelu(values: Any) -> Any:
    import torch

    return torch.ops.aten.gelu_(values)


def _depthwise(rows: Any, layer: tuple[Any, Any], stride: int, pad: Any) -> Any:
    """A 3 x 3 convolution of each channel of (rows, cols, channels)."""
    from torch.nn.functional import conv2d

    planes = rows[None].permute(0, 3, 1, 2)
    weight, bias = layer
    made = conv2d(planes, weight, bias, stride, pad, groups=len(weight))
    return made[0].permute(1, 2, 0)


def _mixer(block: Any) -> Callable[[Any], Any]:
    """An inverted bottleneck (1 x 1, 3 x 3 by channel, 1 x 1), strip by strip."""
    widen, narrow = _dense(block.conv1), _dense(block.conv3)
    weight, bias = _fused(block.conv2)
    middle = weight.contiguous(), bias

    def mix(rows: Any) -> Any:
        import torch
        from torch.nn.functional import pad

        height, width, _ = rows.shape
        made = torch.empty_like(rows)
        step = max(1, _STRIP // (width * widen[0].shape[1]))
        for top in range(0, height, step):
            low, high = max(0, top - 1), min(height, top + step + 1)
            wide = _gelu(_dense_of(rows[low:high], widen))
            above, below = int(low == top), int(high < top + step + 1)
            wide = pad(wide, (0, 0, 0, 0, above, below))
            seen = _gelu(_depthwise(wide, middle, 1, (0, 1)).contiguous())
            part = rows[top : top + step]
            made[top : top + step] = _gelu(_dense_of(seen, narrow).add_(part))
        return made

    return mix


def _merger(merging: Any) -> Callable[[Any], Any]:
    """Fewer and wider rows between two stages."""
    first, last = _dense(merging.conv1), _dense(merging.conv3)
    middle = _fused(merging.conv2)
    stride = merging.conv2.c.stride[0]

    def merge(rows: Any) -> Any:
        wide = _gelu(_dense_of(rows, first))
        seen = _depthwise(wide, middle, stride, 1).contiguous()
        return _dense_of(_gelu(seen), last)

    return merge


def _attender(block: Any) -> Callable[[Any], Any]:
    """Attention within windows, a 3 x 3 convolution by channel, a small network."""
    side = block.window_size
    mend = _fused(block.local_conv)

    def attend(rows: Any) -> Any:
        from torch.nn.functional import pad

        height, width, channels = rows.shape
        down, right = -height % side, -width % side
        padded = pad(rows, (0, 0, 0, right, 0, down))
        across = padded.shape[1] // side
        grid = padded.reshape(-1, side, across, side, channels).transpose(1, 2)
        windows = grid.reshape(-1, side * side, channels)
        seen = _attention(block.attn, windows).view(grid.shape)
        seen = seen.transpose(1, 2).reshape(padded.shape)[:height, :width]
        rows = _depthwise(rows + seen, mend, 1, 1).contiguous()
        return _added(block.mlp, rows)

    return attend


def _attention(attention: Any, windows: Any) -> Any:
    """Attention of (windows, tokens, channels), a few windows at a time."""
    import torch

    count, tokens, channels = windows.shape
    heads = attention.num_heads
    made = torch.empty_like(windows)
    step = max(1, _STRIP // (heads * tokens * tokens))
    for start in range(0, count, step):
        part = windows[start : start + step]
        mixed = attention.qkv(attention.norm(part)).view(len(part), tokens, heads, -1)
        asked, keys, values = mixed.transpose(1, 2).split(attention.key_dim, dim=-1)
        scores = (asked * attention.scale) @ keys.transpose(-2, -1)
        shares = torch.softmax(scores.add_(attention.ab), dim=-1)
        heard = (shares @ values).transpose(1, 2).reshape(-1, tokens, channels)
        made[start : start + step] = attention.proj(heard)
    return made


def _added(network: Any, rows: Any) -> Any:
    """Rows plus what the small network says of each, a strip at a time."""
    flat = rows.flatten(0, 1)
    step = max(1, _STRIP // network.fc1.out_features)
    for start in range(0, len(flat), step):
        part = flat[start : start + step]
        part += network.fc2(_gelu(network.fc1(network.norm(part))))
    return rows
