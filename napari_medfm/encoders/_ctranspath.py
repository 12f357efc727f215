"""The first layers of CTransPath: convolutions where a Swin transformer has patches.

As in Wang et al., Transformer-based unsupervised contrastive learning for
histopathological image classification, 2022.
"""

from __future__ import annotations

from typing import Any


def conv_stem() -> Any:
    """Return the class that timm's Swin transformer takes as ``embed_layer``."""
    import torch
    from torch import nn

    class ConvStem(nn.Module):
        """Two strided convolutions and a projection: (n, 3, h, w) to (n, h/4, w/4, c).

        timm gives more keywords than matter here.
        """

        def __init__(
            self,
            img_size: Any = 224,
            embed_dim: int = 96,
            norm_layer: Any = None,
            **_: Any,
        ) -> None:
            super().__init__()
            height, width = (
                (img_size, img_size) if isinstance(img_size, int) else img_size
            )
            self.img_size, self.patch_size = (height, width), (4, 4)
            self.grid_size = (height // 4, width // 4)
            self.num_patches = self.grid_size[0] * self.grid_size[1]
            thin = embed_dim // 8
            self.proj = nn.Sequential(
                nn.Conv2d(3, thin, 3, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(thin),
                nn.ReLU(inplace=True),
                nn.Conv2d(thin, 2 * thin, 3, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(2 * thin),
                nn.ReLU(inplace=True),
                nn.Conv2d(2 * thin, embed_dim, 1),
            )
            self.norm = norm_layer(embed_dim) if norm_layer else nn.Identity()

        def forward(self, pictures: torch.Tensor) -> torch.Tensor:
            """Return the first tokens, channels last."""
            tokens: torch.Tensor = self.norm(self.proj(pictures).permute(0, 2, 3, 1))
            return tokens

    return ConvStem
