"""SAM 3 beside the processors and models of transformers, with random weights."""

from dataclasses import replace
from string import ascii_lowercase

import numpy as np
import pytest

from napari_medfm import segmenters
from napari_medfm.core.errors import BadFile, BadInput, MissingWeights
from napari_medfm.core.geometry import Box
from napari_medfm.core.specs import ConceptSegmenter, Tracker
from napari_medfm.segmenters import sam3

pytestmark = pytest.mark.usefixtures("one_thread")
SIDE = 112
BUILD = sam3.build
SPEC = replace(sam3.SPEC, input_size=SIDE)
SMALL = {
    "backbone": {
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "window_size": 4,
        "global_attn_indexes": [1],
        "pretrain_image_size": SIDE,
    },
    "text": {
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "vocab_size": 64,
        "projection_dim": 16,
        "eos_token_id": 63,
        "bos_token_id": 62,
    },
    "layers": {"num_layers": 2, "intermediate_size": 64},
}


@pytest.fixture(scope="module")
def whole():
    """Return transformers' own model of detector and tracker, as the hub's file is."""
    import torch
    from transformers import Sam3TrackerVideoConfig, Sam3VideoConfig, Sam3VideoModel

    torch.manual_seed(0)
    detector, tracker = sam3.build(SPEC, **SMALL)
    tracker_config = Sam3TrackerVideoConfig(
        vision_config=tracker.config.vision_config.to_dict(),
        prompt_encoder_config=tracker.config.prompt_encoder_config.to_dict(),
        image_size=SIDE,
    )
    config = Sam3VideoConfig(
        detector_config=detector.config, tracker_config=tracker_config
    )
    model = Sam3VideoModel(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.05 * torch.randn_like(parameter)
    return model.eval()


@pytest.fixture(scope="module")
def folder(whole, tmp_path_factory):
    """Return a folder with the weights and a tokenizer of letters."""
    from safetensors.torch import save_file
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    folder = tmp_path_factory.mktemp("sam3")
    tensors = {k: v.contiguous().clone() for k, v in whole.state_dict().items()}
    save_file(tensors, folder / "model.safetensors")
    letters = [*ascii_lowercase, *(f"{letter}</w>" for letter in ascii_lowercase)]
    vocabulary = {letter: number for number, letter in enumerate(letters)}
    vocabulary |= {"<start>": 62, "<end>": 63}
    words = Tokenizer(models.BPE(vocabulary, [], end_of_word_suffix="</w>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.post_processor = processors.TemplateProcessing(
        single="<start> $A <end>", special_tokens=[("<start>", 62), ("<end>", 63)]
    )
    words.save(str(folder / "tokenizer.json"))
    return folder


def load_small(folder):
    """Load a file as `napari_medfm.segmenters.load` does, into the small network."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sam3, "build", lambda spec: BUILD(SPEC, **SMALL))
        return segmenters.load(
            "sam3", weights=folder / "model.safetensors", device="cpu"
        )


@pytest.fixture(scope="module")
def loaded(folder):
    return load_small(folder)


@pytest.fixture(scope="module")
def picture():
    return np.random.default_rng(3).integers(0, 256, (100, 75, 3), dtype=np.uint8)


def processor(folder):
    from transformers import CLIPTokenizerFast, Sam3ImageProcessor, Sam3Processor

    tokenizer = CLIPTokenizerFast(
        tokenizer_file=str(folder / "tokenizer.json"),
        **dict.fromkeys(("eos_token", "pad_token", "unk_token"), "<end>"),
        **{"bos_token": "<start>"},
    )
    side = {"height": SIDE, "width": SIDE}
    images = Sam3ImageProcessor(size=side, mask_size={"height": 32, "width": 32})
    return Sam3Processor(images, tokenizer, target_size=SIDE)


ASKED = {
    "words": {"text": "bright nucleus"},
    "a word": {"text": "nucleus"},
    "examples": {
        "boxes": [Box(12, 20, 60, 70), Box(5, 5, 90, 40)],
        "box_labels": [True, False],
    },
    "both": {
        "text": "round",
        "boxes": [Box(12.5, 20, 60, 70.25)],
        "box_labels": [True],
    },
}


@pytest.mark.parametrize("kind", ASKED)
def test_words_and_examples_equal_transformers_own(
    whole, loaded, folder, picture, kind
):
    import torch

    asked = ASKED[kind]
    told = {"text": asked.get("text")}
    if "boxes" in asked:
        told["input_boxes"] = [[[b[1], b[0], b[3], b[2]] for b in asked["boxes"]]]
        told["input_boxes_labels"] = [[int(v) for v in asked["box_labels"]]]
    own = processor(folder)
    inputs = own(images=picture, return_tensors="pt", **told)
    with torch.no_grad():
        answer = whole.detector_model(
            **{k: v for k, v in inputs.items() if k != "original_sizes"}
        )
    scores = (answer.pred_logits[0].sigmoid() * answer.presence_logits.sigmoid())[0]
    least = float(scores.sort().values[-6:-4].mean())
    (expected,) = own.post_process_instance_segmentation(
        answer, threshold=least, target_sizes=[picture.shape[:2]]
    )
    order = expected["scores"].argsort(descending=True, stable=True)
    found = loaded.find(
        loaded.encode(picture.astype(np.float32) / 255), **asked, least=least
    )
    assert len(found.scores) == 5
    np.testing.assert_allclose(found.scores, expected["scores"][order], atol=1e-6)
    np.testing.assert_array_equal(
        found.logits > 0, expected["masks"][order].numpy().astype(bool)
    )


@pytest.fixture(scope="module")
def own_tracker(whole):
    """Return transformers' tracker with the weights, by its own change of names."""
    from transformers import Sam3TrackerModel
    from transformers.conversion_mapping import get_checkpoint_conversion_mapping

    _, tracker = BUILD(SPEC, **SMALL)
    vision = tracker.config.vision_config
    vision.backbone_config = whole.config.detector_config.vision_config.backbone_config
    model = Sam3TrackerModel(tracker.config)
    wanted, found = model.state_dict(), {}
    for name, tensor in whole.state_dict().items():
        for rule in get_checkpoint_conversion_mapping("sam3_tracker"):
            name = rule.rename_source_key(name)[0]
        if name in wanted:
            found[name] = tensor
    model.load_state_dict(found)
    return model.eval()


PROMPTS = {
    "box": {"boxes": [Box(12, 20, 60, 70)]},
    "clicks": {
        "points": np.array([[[30.0, 41.0], [5.0, 60.0]]]),
        "point_labels": np.array([[True, False]]),
    },
}


@pytest.mark.parametrize("multimask", [False, True])
@pytest.mark.parametrize("kind", PROMPTS)
def test_clicks_equal_transformers_own(
    own_tracker, loaded, folder, picture, kind, multimask
):
    import torch
    from transformers import Sam3TrackerProcessor

    images = processor(folder).image_processor
    prompt = PROMPTS[kind]
    told = {}
    if "boxes" in prompt:
        told["input_boxes"] = [[[b[1], b[0], b[3], b[2]] for b in prompt["boxes"]]]
    else:
        told["input_points"] = [prompt["points"][..., ::-1].tolist()]
        told["input_labels"] = [prompt["point_labels"].astype(int).tolist()]
    inputs = Sam3TrackerProcessor(images, target_size=SIDE)(
        images=picture, return_tensors="pt", **told
    )
    inputs.pop("original_sizes")
    with torch.no_grad():
        answer = own_tracker(**inputs, multimask_output=multimask)
    decoded = loaded.decode(
        loaded.encode(picture.astype(np.float32) / 255), **prompt, multimask=multimask
    )
    np.testing.assert_allclose(decoded.low_res, answer.pred_masks[0], atol=1e-5)
    np.testing.assert_allclose(decoded.scores, answer.iou_scores[0], atol=1e-5)


def test_what_it_can_do(loaded):
    assert isinstance(loaded, ConceptSegmenter)
    assert not isinstance(loaded, Tracker)
    assert "text" in loaded.spec.prompts


def test_the_two_networks_share_the_image_encoder(loaded):
    assert (
        loaded._network.vision_encoder.backbone
        is loaded._detector.vision_encoder.backbone
    )


def test_nothing_to_find_is_said(loaded, picture):
    embedding = loaded.encode(picture.astype(np.float32) / 255)
    assert embedding.nbytes > 0
    with pytest.raises(BadInput, match="give words or example boxes"):
        loaded.find(embedding, text="  ")
    sure = loaded.find(embedding, text="nucleus", least=1.0)
    assert sure.logits.shape == (0, 100, 75)


def test_words_without_the_tokenizer_are_refused_with_the_way_out(
    folder, picture, tmp_path
):
    (tmp_path / "model.safetensors").symlink_to(folder / "model.safetensors")
    bare = load_small(tmp_path)
    embedding = bare.encode(picture.astype(np.float32) / 255)
    assert bare.decode(embedding, boxes=[Box(5, 5, 40, 40)]).logits.any()
    with pytest.raises(MissingWeights, match=r"tokenizer\.json is not in"):
        bare.find(embedding, text="nucleus")


def test_a_file_of_another_model_is_refused(folder, tmp_path):
    from safetensors.torch import load_file, save_file

    tensors = load_file(folder / "model.safetensors")
    tensors.pop("tracker_model.no_memory_embedding")
    save_file(tensors, tmp_path / "model.safetensors")
    with pytest.raises(BadFile, match="do not fit SAM 3"):
        load_small(tmp_path)


def test_it_is_as_large_as_its_card():
    import torch

    with torch.device("meta"):
        detector, tracker = sam3.build(sam3.SPEC)
    both = {id(p): p.numel() for net in (detector, tracker) for p in net.parameters()}
    assert sum(both.values()) / 1e6 == pytest.approx(sam3.SPEC.parameters, rel=0.06)
