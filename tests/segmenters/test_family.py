"""The rest of the SAM family: true layouts with random weights, small where large."""

import numpy as np
import pytest

from napari_medfm import segmenters
from napari_medfm.core.errors import BadFile, MissingWeights
from napari_medfm.core.geometry import Box
from napari_medfm.segmenters import mobile_sam, sam_med2d

SPECS = segmenters.specs()


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_a_spec_says_what_a_user_must_know(spec):
    assert spec.licence
    assert spec.page.startswith("https://")
    assert spec.task == "masks"
    assert spec.architecture
    assert all(source.size > 1e6 for source in spec.sources)
    if spec.absent:
        with pytest.raises(MissingWeights, match="cannot be loaded here"):
            segmenters.load(spec.name)
        with pytest.raises(MissingWeights, match="cannot be loaded here"):
            segmenters.fetch(spec.name)


def test_names_are_unique():
    assert len({spec.name for spec in SPECS}) == len(SPECS)


def test_mobile_sam_in_its_own_layout(tmp_path):
    import torch

    torch.manual_seed(0)
    network = mobile_sam.build("t").eval()
    tensors = dict(network.state_dict())
    tensors["image_encoder.norm_head.weight"] = torch.zeros(320)
    tensors["image_encoder.head.weight"] = torch.zeros(1000, 320)
    torch.save(tensors, tmp_path / "mobile_sam.pt")
    segmenter = segmenters.load(
        "mobile-sam", weights=tmp_path / "mobile_sam.pt", device="cpu"
    )
    crop = np.random.default_rng(0).random((60, 80, 3), dtype=np.float32)
    embedding = segmenter.encode(crop)
    assert embedding.features.shape == (1, 256, 64, 64)
    answer = segmenter.decode(embedding, boxes=[Box(5, 5, 40, 50)])
    assert answer.logits.shape == (1, 1, 60, 80)
    del tensors["mask_decoder.iou_token.weight"]
    torch.save(tensors, tmp_path / "broken.pt")
    with pytest.raises(BadFile, match="do not fit MobileSAM"):
        segmenters.load("mobile-sam", weights=tmp_path / "broken.pt")


def test_sam_med2d_has_an_adapter_in_every_block(tmp_path, monkeypatch):
    import torch

    torch.manual_seed(0)
    real = sam_med2d.build
    monkeypatch.setattr(sam_med2d, "build", lambda: real(64, 4, 4))
    network = sam_med2d.build()
    names = set(network.state_dict())
    for part in ("channel.0.weight", "spatial.2.weight", "norm.bias"):
        assert f"image_encoder.blocks.3.Adapter.{part}" in names
    torch.save({"model": network.state_dict()}, tmp_path / "sam-med2d_b.pth")
    segmenter = segmenters.load("sam-med2d", weights=tmp_path / "sam-med2d_b.pth")
    crop = np.random.default_rng(0).random((90, 60, 3), dtype=np.float32)
    embedding = segmenter.encode(crop)
    assert embedding.features.shape == (1, 256, 16, 16)
    click = segmenter.decode(
        embedding,
        points=np.array([[[30.0, 20.0]]]),
        point_labels=np.array([[True]]),
        multimask=True,
    )
    assert click.logits.shape == (1, 3, 90, 60)


def test_sam_med2d_is_as_large_as_its_card():
    import torch

    with torch.device("meta"):
        network = sam_med2d.build()
    millions = sum(p.numel() for p in network.parameters()) / 1e6
    assert millions == pytest.approx(sam_med2d.SPEC.parameters, rel=0.02)
