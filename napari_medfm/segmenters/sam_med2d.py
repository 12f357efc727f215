"""SAM-Med2D: SAM ViT-B at 256 pixels with an adapter in every block."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from napari_medfm.core.specs import SegmenterSpec
from napari_medfm.engine.samlike import SamLike, fill, whole_model
from napari_medfm.engine.torchload import import_torch
from napari_medfm.segmenters._spec import described

SPEC = described(
    "sam-med2d",
    "SAM-Med2D",
    "Outlining objects in medical images of many kinds from clicks, boxes and masks",
    architecture="SAM ViT-B/16 with adapters",
    parameters=271,
    input_size=256,
    page="https://github.com/OpenGVLab/SAM-Med2D",
    notes=(
        "Its authors' sam-med2d_b.pth is brought by hand: its page links to the file. "
        "Its own code resizes to the nearest pixel, here between pixels. Loading was "
        "tested with random weights in this layout, not the release."
    ),
)


def build(width: int = 768, depth: int = 12, heads: int = 12) -> Any:
    """Return the network with random weights."""
    import_torch()
    from functools import partial

    from segment_anything.modeling import (
        ImageEncoderViT,
        MaskDecoder,
        PromptEncoder,
        Sam,
        TwoWayTransformer,
    )
    from torch import nn

    side = SPEC.input_size // 16
    encoder = ImageEncoderViT(
        depth=depth,
        embed_dim=width,
        img_size=SPEC.input_size,
        num_heads=heads,
        norm_layer=partial(nn.LayerNorm, eps=1e-6),
        use_rel_pos=True,
        global_attn_indexes=tuple(depth * n // 4 - 1 for n in (1, 2, 3, 4)),
        window_size=14,
    )
    block = _block_with_adapter()
    for number, plain in enumerate(encoder.blocks):
        encoder.blocks[number] = block(plain, width)
    return Sam(
        image_encoder=encoder,
        prompt_encoder=PromptEncoder(
            embed_dim=256,
            image_embedding_size=(side, side),
            input_image_size=(SPEC.input_size, SPEC.input_size),
            mask_in_chans=16,
        ),
        mask_decoder=MaskDecoder(
            transformer_dim=256,
            transformer=TwoWayTransformer(
                depth=2, embedding_dim=256, num_heads=8, mlp_dim=2048
            ),
        ),
    )


def _block_with_adapter() -> Any:
    """Return a class that puts an adapter beside the second half of a SAM block.

    As in Cheng et al., SAM-Med2D, 2023: channels are weighted, then neighbours mixed at
    half the resolution.
    """
    import torch
    from segment_anything.modeling.image_encoder import (
        window_partition,
        window_unpartition,
    )
    from torch import nn

    class Adapter(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            thin = width // 4
            self.norm = nn.LayerNorm(width)
            self.channel = nn.Sequential(
                nn.Linear(width, thin, bias=False),
                nn.ReLU(),
                nn.Linear(thin, width, bias=False),
                nn.Sigmoid(),
            )
            self.spatial = nn.Sequential(
                nn.Conv2d(width, width, 3, stride=2, padding=1, bias=False),
                nn.ReLU(),
                nn.ConvTranspose2d(width, width, 4, stride=2, padding=1, bias=False),
                nn.ReLU(),
            )

        def forward(self, tokens: torch.Tensor) -> torch.Tensor:
            weighed = tokens * self.channel(tokens.mean((1, 2)))[:, None, None]
            mixed = self.spatial(weighed.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
            normed: torch.Tensor = self.norm(tokens + mixed)
            return normed

    class Block(nn.Module):
        def __init__(self, plain: Any, width: int) -> None:
            super().__init__()
            self.norm1, self.attn = plain.norm1, plain.attn
            self.norm2, self.mlp = plain.norm2, plain.mlp
            self.window_size = plain.window_size
            self.Adapter = Adapter(width)

        def forward(self, tokens: torch.Tensor) -> torch.Tensor:
            asked, shape = self.norm1(tokens), tokens.shape[1:3]
            if self.window_size:
                asked, padded = window_partition(asked, self.window_size)
                seen = self.attn(asked)
                seen = window_unpartition(seen, self.window_size, padded, shape)
            else:
                seen = self.attn(asked)
            tokens = tokens + seen
            normed = self.norm2(tokens)
            both: torch.Tensor = tokens + self.mlp(normed) + self.Adapter(normed)
            return both

    return Block


def load(spec: SegmenterSpec, path: Path, device: str | None) -> SamLike:
    """Return the segmenter with the weights of a file.

    Raises
    ------
    BadFile
        If the file does not hold SAM-Med2D's tensors.
    """
    from napari_medfm.engine.weights import read_tensors, weights_hash

    tensors = whole_model(read_tensors(path))
    network = fill(build(), tensors, spec.title)
    digest = weights_hash(path, tensors)
    return SamLike(spec, network, digest, device=device, fit="stretch")
