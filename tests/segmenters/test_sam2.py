"""SAM 2.1 beside the processor and model of transformers, with random weights."""

import numpy as np
import pytest

from napari_medfm.core.errors import BadInput
from napari_medfm.core.geometry import Box
from napari_medfm.segmenters import sam2, sam2_memory

SMALL = {
    "hidden_size": 16,
    "embed_dim_per_stage": [16, 32, 64, 128],
    "num_attention_heads_per_stage": [1, 2, 2, 4],
    "blocks_per_stage": [1, 1, 2, 1],
    "global_attention_blocks": [3],
}
MEDSAM2 = next(spec for spec in sam2.SPECS if spec.name == "medsam2")


@pytest.fixture(scope="module")
def network():
    import torch

    torch.manual_seed(0)
    model = sam2.build(MEDSAM2, **SMALL)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.05 * torch.randn_like(parameter)
    return model.eval()


@pytest.fixture(scope="module")
def pair(network):
    from transformers import Sam2ImageProcessor, Sam2Processor

    side = {"height": 512, "width": 512}
    images = Sam2ImageProcessor(size=side, mask_size={"height": 128, "width": 128})
    processor = Sam2Processor(images, target_size=512)
    return sam2.Sam2Segmenter(
        MEDSAM2, network, "toy", "cpu", lambda planes: planes
    ), processor


PROMPTS = {
    "box": {"boxes": [Box(12, 20, 60, 70)]},
    "boxes": {"boxes": [Box(12, 20, 60, 70), Box(5, 5, 90, 40)]},
    "clicks": {
        "points": np.array([[[30.0, 41.0], [5.0, 60.0]]]),
        "point_labels": np.array([[True, False]]),
    },
}


@pytest.mark.parametrize("multimask", [False, True])
@pytest.mark.parametrize("kind", PROMPTS)
def test_equals_transformers_own(pair, network, kind, multimask):
    import torch

    ours, processor = pair
    rng = np.random.default_rng(3)
    eight_bits = rng.integers(0, 256, (100, 75, 3), dtype=np.uint8)
    prompt = PROMPTS[kind]
    told = {}
    if "boxes" in prompt:
        told["input_boxes"] = [[[b[1], b[0], b[3], b[2]] for b in prompt["boxes"]]]
    else:
        told["input_points"] = [prompt["points"][..., ::-1].tolist()]
        told["input_labels"] = [prompt["point_labels"].astype(int).tolist()]
    inputs = processor(images=eight_bits, return_tensors="pt", **told)
    with torch.no_grad():
        answer = network(**inputs, multimask_output=multimask)
    masks = processor.post_process_masks(
        answer.pred_masks, inputs["original_sizes"], binarize=False
    )[0]
    decoded = ours.decode(
        ours.encode(eight_bits.astype(np.float32) / 255), **prompt, multimask=multimask
    )
    np.testing.assert_allclose(decoded.low_res, answer.pred_masks[0], atol=1e-5)
    np.testing.assert_allclose(decoded.logits, masks, atol=1e-5)
    np.testing.assert_allclose(decoded.scores, answer.iou_scores[0], atol=1e-5)


def test_a_mask_goes_with_each_prompt(pair):
    ours, _ = pair
    crop = np.random.default_rng(1).random((90, 80, 3), dtype=np.float32)
    boxes = PROMPTS["boxes"]["boxes"]
    embedding = ours.encode(crop)
    low = ours.decode(embedding, boxes=boxes).low_res[:, 0]
    both = ours.decode(embedding, boxes=boxes, low_res=low)
    assert both.logits.shape == (2, 1, 90, 80)
    alone = ours.decode(embedding, boxes=boxes[1:], low_res=low[1:])
    np.testing.assert_allclose(both.logits[1], alone.logits[0], atol=1e-5)
    assert embedding.nbytes > 0


def test_bad_crops_and_prompts(pair):
    ours, _ = pair
    with pytest.raises(BadInput, match="A crop is"):
        ours.encode(np.zeros((4, 4), np.float32))
    with pytest.raises(BadInput, match="Nothing to decode"):
        ours.decode(ours.encode(np.zeros((8, 8, 3), np.float32)))


@pytest.mark.parametrize("spec", sam2.SPECS, ids=lambda spec: spec.name)
def test_the_networks_are_as_large_as_their_cards(spec):
    import torch

    with torch.device("meta"):
        model = sam2_memory.build(spec, sam2.build(spec))
    count = sum(p.numel() for p in model.parameters()) / 1e6
    assert count == pytest.approx(spec.parameters, rel=0.06)
