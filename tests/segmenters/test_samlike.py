"""Our segmenters beside the projects' own predictors: same crop, same numbers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_medfm import segmenters
from napari_medfm.core.errors import BadFile, BadInput
from napari_medfm.core.geometry import Box
from napari_medfm.core.specs import SegmenterSpec
from napari_medfm.engine.samdecoder import masks_of
from napari_medfm.engine.samlike import SamLike, fill
from napari_medfm.segmenters import lite_medsam, medsam, sam

SIZE = 128


@pytest.fixture(scope="module")
def network():
    """A SAM with random weights in its own classes, small enough for a test."""
    import torch
    from segment_anything.modeling import (
        ImageEncoderViT,
        MaskDecoder,
        PromptEncoder,
        Sam,
        TwoWayTransformer,
    )

    torch.manual_seed(0)
    model = Sam(
        image_encoder=ImageEncoderViT(
            img_size=SIZE,
            embed_dim=32,
            depth=2,
            num_heads=2,
            use_rel_pos=True,
            window_size=4,
            global_attn_indexes=(1,),
            out_chans=32,
        ),
        prompt_encoder=PromptEncoder(
            embed_dim=32,
            image_embedding_size=(SIZE // 16, SIZE // 16),
            input_image_size=(SIZE, SIZE),
            mask_in_chans=8,
        ),
        mask_decoder=MaskDecoder(
            transformer_dim=32,
            transformer=TwoWayTransformer(
                depth=2, embedding_dim=32, num_heads=4, mlp_dim=64
            ),
        ),
        pixel_mean=[123.675, 116.28, 103.53],
        pixel_std=[58.395, 57.12, 57.375],
    )
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.05 * torch.randn_like(parameter)
    return model.eval()


@pytest.fixture(scope="module")
def pair(network):
    from segment_anything import SamPredictor

    return SamLike(sam.SPECS[0], network, "toy"), SamPredictor(network)


PROMPTS = {
    "box": {"boxes": [Box(12, 20, 60, 70)]},
    "click": {
        "points": np.array([[[30.0, 41.0]]]),
        "point_labels": np.array([[True]]),
    },
    "clicks": {
        "points": np.array([[[30.0, 41.0], [5.0, 60.0]]]),
        "point_labels": np.array([[True, False]]),
    },
    "box and clicks": {
        "boxes": [Box(12, 20, 60, 70)],
        "points": np.array([[[30.0, 41.0], [5.0, 60.0]]]),
        "point_labels": np.array([[True, False]]),
    },
    "box and mask": {"boxes": [Box(12, 20, 60, 70)], "low_res": "earlier"},
}


@pytest.mark.parametrize("shape", [(128, 128), (90, 75), (200, 310)])
@pytest.mark.parametrize("kind", PROMPTS)
@pytest.mark.parametrize("multimask", [False, True])
def test_equals_sam_predictor(pair, shape, kind, multimask):
    ours, theirs = pair
    rng = np.random.default_rng(3)
    eight_bits = rng.integers(0, 256, (*shape, 3), dtype=np.uint8)
    prompt = dict(PROMPTS[kind])
    given_box = prompt.get("boxes")
    if "low_res" in prompt:
        prompt["low_res"] = rng.normal(size=(1, SIZE // 4, SIZE // 4)).astype("f4")
    theirs.set_image(eight_bits)
    logits, scores, low = theirs.predict(
        box=None if given_box is None else np.array(given_box[0])[[1, 0, 3, 2]],
        point_coords=prompt["points"][0][:, ::-1] if "points" in prompt else None,
        point_labels=prompt["point_labels"][0] if "points" in prompt else None,
        mask_input=prompt.get("low_res"),
        multimask_output=multimask,
        return_logits=True,
    )
    embedding = ours.encode(eight_bits.astype(np.float32) / 255)
    decoded = ours.decode(embedding, **prompt, multimask=multimask)
    assert decoded.logits.shape == (1, len(logits), *shape)
    np.testing.assert_allclose(decoded.low_res[0], low, atol=1e-5)
    np.testing.assert_allclose(decoded.logits[0], logits, atol=1e-5)
    np.testing.assert_allclose(decoded.scores[0], scores, atol=1e-5)
    sure = np.abs(logits) > 1e-5
    assert ((decoded.logits[0] > 0) == (logits > 0))[sure].all()


def test_a_coarser_embedding_answers_with_a_quarter_of_the_tokens(pair):
    ours, _ = pair
    picture = np.random.default_rng(3).random((90, 75, 3), dtype=np.float32)
    embedding = ours.encode(picture)
    coarse = embedding.coarser
    assert coarse.features.shape[-2:] == tuple(
        n // 2 for n in embedding.features.shape[-2:]
    )
    exact = ours.decode(embedding, boxes=[Box(12, 20, 60, 70)])
    rough = ours.decode(coarse, boxes=[Box(12, 20, 60, 70)])
    assert rough.logits.shape == exact.logits.shape
    assert rough.scores.shape == exact.scores.shape
    assert np.isfinite(rough.logits).all()
    again = ours.decode(embedding, boxes=[Box(12, 20, 60, 70)])
    np.testing.assert_array_equal(again.logits, exact.logits)


def test_a_batch_equals_one_after_another(pair):
    ours, _ = pair
    crop = np.random.default_rng(1).random((100, 120, 3), dtype=np.float32)
    boxes = [Box(5, 5, 40, 50), Box(20, 30, 90, 110), Box(0, 0, 100, 120)]
    embedding = ours.encode(crop)
    batch = ours.decode(embedding, boxes=boxes)
    for number, box in enumerate(boxes):
        alone = ours.decode(embedding, boxes=[box])
        np.testing.assert_allclose(batch.logits[number], alone.logits[0], atol=1e-5)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**31), prompts=st.integers(1, 4), clicks=st.integers(1, 5))
def test_decoder_in_another_order(network, seed, prompts, clicks):
    import torch

    torch.manual_seed(seed)
    features = torch.randn(1, 32, 8, 8)
    sparse = torch.randn(prompts, clicks, 32)
    dense = torch.randn(prompts, 32, 8, 8)
    place = network.prompt_encoder.get_dense_pe()
    with torch.no_grad():
        theirs = network.mask_decoder(features, place, sparse, dense, True)
        ours = masks_of(network.mask_decoder, features, place, sparse, dense, True)
    for mine, their in zip(ours, theirs):
        torch.testing.assert_close(mine, their, atol=2e-5, rtol=1e-5)


def test_true_vit_b_layout_loads_and_answers(tmp_path):
    import torch
    from safetensors.torch import save_file
    from segment_anything import sam_model_registry

    torch.manual_seed(1)
    path = tmp_path / "sam_vit_b.safetensors"
    save_file(sam_model_registry["vit_b"](checkpoint=None).state_dict(), path)
    spec = next(s for s in sam.SPECS if s.name == "sam-vit-b")
    model = sam.load(spec, path, None)
    assert len(model.weights_hash) == 64
    with pytest.raises(BadFile, match="do not fit SAM ViT-L"):
        sam.load(next(s for s in sam.SPECS if s.name == "sam-vit-l"), path, None)


def test_medsam_reads_the_layout_of_transformers():
    from segment_anything import sam_model_registry

    renamed = medsam.original_layout(dict.fromkeys(_transformers_names()))
    assert set(renamed) == set(
        sam_model_registry["vit_b"](checkpoint=None).state_dict()
    )


def _transformers_names():
    """Names of ``transformers.SamModel``'s tensors, as its 5.23 gives them."""
    both = ("weight", "bias")
    names = ["shared_image_embedding.positional_embedding", "vision_encoder.pos_embed"]
    parts = ["vision_encoder.patch_embed.projection"]
    for k in range(12):
        layer = f"vision_encoder.layers.{k}"
        names += [f"{layer}.attn.rel_pos_{axis}" for axis in "hw"]
        tails = ("layer_norm1", "layer_norm2", "attn.qkv", "attn.proj")
        parts += [f"{layer}.{tail}" for tail in (*tails, "mlp.lin1", "mlp.lin2")]
    parts += [f"vision_encoder.neck.layer_norm{k}" for k in (1, 2)]
    names += [f"vision_encoder.neck.conv{k}.weight" for k in (1, 2)]
    names += ["prompt_encoder.shared_embedding.positional_embedding"]
    names += [f"prompt_encoder.point_embed.{k}.weight" for k in range(4)]
    names += [
        f"prompt_encoder.{n}.weight" for n in ("no_mask_embed", "not_a_point_embed")
    ]
    masks = ("conv1", "conv2", "conv3", "layer_norm1", "layer_norm2")
    parts += [f"prompt_encoder.mask_embed.{tail}" for tail in masks]
    names += [f"mask_decoder.{n}.weight" for n in ("iou_token", "mask_tokens")]
    ways = "mask_decoder.transformer"
    attentions = [f"{ways}.final_attn_token_to_image"]
    for k in range(2):
        layer = f"{ways}.layers.{k}"
        attentions += [
            f"{layer}.{kind}"
            for kind in (
                "self_attn",
                "cross_attn_token_to_image",
                "cross_attn_image_to_token",
            )
        ]
        parts += [f"{layer}.layer_norm{n}" for n in (1, 2, 3, 4)]
        parts += [f"{layer}.mlp.lin{n}" for n in (1, 2)]
    for attention in attentions:
        parts += [f"{attention}.{p}_proj" for p in ("q", "k", "v", "out")]
    parts += [f"{ways}.layer_norm_final_attn"]
    ups = ("upscale_conv1", "upscale_conv2", "upscale_layer_norm")
    parts += [f"mask_decoder.{tail}" for tail in ups]
    heads = [f"output_hypernetworks_mlps.{k}" for k in range(4)]
    for head in [*heads, "iou_prediction_head"]:
        parts += [
            f"mask_decoder.{head}.{tail}"
            for tail in ("proj_in", "layers.0", "proj_out")
        ]
    return names + [f"{part}.{tail}" for part in parts for tail in both]


def test_min_max_and_stretch(network):
    """MedSAM's preprocessing: both sides fill the input, each crop spans 0 to 1."""
    spec = SegmenterSpec(**{**vars(medsam.SPEC), "input_size": SIZE})
    model = SamLike(spec, network, "toy", fit="stretch")
    crop = np.random.default_rng(2).random((60, 90, 3), dtype=np.float32)
    first = model.encode(crop)
    assert first.input_shape == (SIZE, SIZE)
    dim = model.encode(0.25 * crop + 0.5)
    np.testing.assert_allclose(first.features, dim.features, atol=1e-4)
    assert first.nbytes == first.features.numel() * 4


def test_a_flat_crop_is_finite(pair):
    ours, _ = pair
    decoded = ours.decode(
        ours.encode(np.zeros((40, 40, 3), np.float32)), boxes=[Box(5, 5, 20, 20)]
    )
    assert np.isfinite(decoded.logits).all()


def test_bad_calls_say_what_is_wrong(pair):
    ours, _ = pair
    with pytest.raises(BadInput, match="crop is"):
        ours.encode(np.zeros((40, 40), np.float32))
    with pytest.raises(BadInput, match="Nothing to decode"):
        ours.decode(ours.encode(np.zeros((40, 40, 3), np.float32)))


def test_fill_refuses_other_shapes_and_names(network):
    tensors = dict(network.state_dict())
    name = next(iter(tensors))
    with pytest.raises(BadFile, match="unknown"):
        fill(network, {**tensors, "more": tensors[name]}, "toy")
    with pytest.raises(BadFile, match="has shape"):
        fill(network, {**tensors, name: tensors[name][..., :1]}, "toy")


def test_catalogue():
    names = [spec.name for spec in segmenters.specs()]
    assert names[0] == "lite-medsam"
    assert len(set(names)) == len(names)
    assert {"medsam", "sam-vit-b", "sam-vit-l", "sam-vit-h"} < set(names)
    assert segmenters.spec_of("medsam").prompts == {"box"}
    with pytest.raises(BadInput, match="sam-vit-b"):
        segmenters.spec_of("sam-vit-x")
    assert not segmenters.is_installed("sam-vit-h")


@pytest.mark.weights
def test_lite_medsam_equals_its_own_forward():
    import torch

    from napari_medfm.engine.weightfiles import read_tensors
    from napari_medfm.engine.weights import locate

    model = segmenters.load("lite-medsam")
    own = lite_medsam.build()
    own.load_state_dict(read_tensors(locate(lite_medsam.SPEC)))
    own.eval()
    rng = np.random.default_rng(0)
    crop = rng.random((256, 256, 3), dtype=np.float32)
    crop.flat[:2] = 0, 1
    box = Box(60, 70, 180, 200)
    decoded = model.decode(model.encode(crop), boxes=[box])
    with torch.no_grad():
        picture = torch.from_numpy(crop.transpose(2, 0, 1)[None])
        low = own(picture, np.array([[70.0, 60.0, 200.0, 180.0]]))
        logits = own.postprocess_masks(low, (256, 256), (256, 256))
    largest = np.abs(low.numpy()).max()
    np.testing.assert_allclose(decoded.low_res, low, atol=1e-5 * largest)
    np.testing.assert_allclose(decoded.logits, logits, atol=1e-5 * largest)
