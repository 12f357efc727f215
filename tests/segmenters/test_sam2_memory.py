"""SAM 2.1's memory beside transformers' own video processor, with random weights."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_medfm.core.errors import BadFile
from napari_medfm.core.specs import Tracker
from napari_medfm.segmenters import sam2, sam2_memory
from napari_medfm.segmenters._sam2layout import transformers_layout

pytestmark = pytest.mark.usefixtures("one_thread")
SIDE = 64
SPEC = replace(
    next(spec for spec in sam2.SPECS if spec.name == "medsam2"), input_size=SIDE
)
SMALL = {
    "hidden_size": 8,
    "embed_dim_per_stage": [8, 16, 32, 64],
    "num_attention_heads_per_stage": [1, 2, 4, 8],
}
LAYOUT = Path(__file__).with_name("sam2_layout.txt")
SHAPE = (50, 44)


@pytest.fixture(scope="module")
def networks():
    """The network of planes, and the one with a memory that shares its weights."""
    import torch

    torch.manual_seed(0)
    planes = sam2.build(SPEC, **SMALL)
    network = sam2_memory.build(SPEC, planes).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.05 * torch.randn_like(parameter)
        network.mask_decoder.pred_obj_score_head.proj_out.bias += 3
        table = network.prompt_encoder.shared_embedding.positional_embedding
        network.shared_image_embedding.positional_embedding.copy_(table)
    return planes, network


@pytest.fixture
def segmenter(networks):
    return sam2.Sam2Segmenter(SPEC, networks[0], "toy", "cpu", lambda _: networks[1])


@pytest.fixture(scope="module")
def volume():
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (44, *SHAPE, 3), dtype=np.uint8)


def mask_at(row, col):
    mask = np.zeros(SHAPE, bool)
    mask[row : row + 20, col : col + 17] = True
    return mask


def light(plane):
    return plane.astype(np.float32) / 255


def theirs(network, volume, known):
    """Logits and object scores of transformers' own way, on up and down."""
    import torch
    from transformers import (
        Sam2ImageProcessor,
        Sam2VideoProcessor,
        Sam2VideoVideoProcessor,
    )

    side = {"height": SIDE, "width": SIDE}
    images = Sam2ImageProcessor(size=side)
    videos = Sam2VideoVideoProcessor(size=side)
    processor = Sam2VideoProcessor(images, videos, target_size=SIDE)
    session = processor.init_video_session(video=list(volume), dtype=torch.float32)
    for plane, mask in known.items():
        processor.add_inputs_to_inference_session(
            session, frame_idx=plane, obj_ids=1, input_masks=mask
        )
        network(session, frame_idx=plane)
    found = {}
    for backward, start in ((False, min(known)), (True, min(known))):
        answers = network.propagate_in_video_iterator(
            session, start_frame_idx=start, reverse=backward
        )
        for answer in answers:
            (logits,) = processor.post_process_masks(
                [answer.pred_masks], [SHAPE], binarize=False
            )
            score = float(answer.object_score_logits.flatten()[0])
            found.setdefault(answer.frame_idx, (logits[0, 0].numpy(), score))
    return found


def test_equals_transformers_own_up_and_down(segmenter, networks, volume):
    """What is forgotten on the way is what no later plane asks for."""
    known = {6: mask_at(5, 9), 9: mask_at(12, 14)}
    own = theirs(networks[1], volume, known)
    track = segmenter.track(len(volume))
    for plane, mask in known.items():
        track.show(plane, light(volume[plane]), mask)
    up = [plane for plane in range(7, len(volume)) if plane not in known]
    kept = []
    for plane in [*up, *range(5, -1, -1)]:
        mine = track.find(plane, light(volume[plane]), backward=plane < 6)
        logits, score = own[plane]
        assert mine.logits.shape == SHAPE
        assert logits.std() > 0.1
        np.testing.assert_allclose(mine.logits, logits, atol=1e-5)
        assert mine.score == pytest.approx(score, abs=1e-5)
        kept.append(track.remembered)
    assert max(kept) < 36


def test_one_plane_is_remembered_like_the_next(segmenter, volume):
    """Memory does not grow with the volume, and no pixels are kept."""
    track = segmenter.track(200)
    track.show(0, light(volume[0]), mask_at(5, 9))
    bytes_held = []
    for plane in range(1, 44):
        track.find(plane, light(volume[plane]), backward=False)
        bytes_held.append(track.nbytes)
        assert track.remembered <= 1 + 2 * 15 + 1
        assert not track._session.processed_frames
        assert not track._session.mask_inputs_per_obj[0]
    assert len(set(bytes_held[34:])) == 1
    unforgetful = 43 * 4 * (SIDE * SIDE + (SIDE // 4) ** 2)
    assert bytes_held[-1] < unforgetful


def test_it_is_a_tracker_and_planes_cost_nothing_more(networks):
    asked = []
    ours = sam2.Sam2Segmenter(
        SPEC, networks[0], "toy", "cpu", lambda _: asked.append(1) or networks[1]
    )
    assert isinstance(ours, Tracker)
    ours.encode(np.zeros((*SHAPE, 3), np.float32))
    assert asked == []
    ours.track(3)
    ours.track(3)
    assert asked == [1]
    planes, network = networks
    own = {p.data_ptr() for p in planes.parameters()}
    assert own <= {p.data_ptr() for p in network.parameters()}


def test_the_memory_does_not_change_what_planes_give(networks):
    """`Sam2VideoModel` decodes a plane as `Sam2Model` does."""
    import torch

    planes, network = networks
    pixels = torch.randn(1, 3, SIDE, SIDE)
    boxes = torch.tensor([[[8.0, 9.0, 40.0, 44.0]]])
    with torch.inference_mode():
        maps = network.get_image_embeddings(pixels)
        for mine, other in zip(planes.get_image_embeddings(pixels), maps, strict=True):
            np.testing.assert_allclose(mine, other, atol=1e-5)
        answer = planes(
            image_embeddings=maps, input_boxes=boxes, multimask_output=False
        )
        other = network._single_frame_forward(
            image_embeddings=maps, input_boxes=boxes, multimask_output=False
        )
    np.testing.assert_allclose(answer.pred_masks[:, 0], other.pred_masks, atol=1e-5)


def test_a_tiny_object_is_not_lost_on_the_way_in(segmenter):
    track = segmenter.track(3)
    mask = np.zeros((900, 700), bool)
    mask[400:403, 300:303] = True
    assert track._square(mask).any()
    assert not track._square(np.zeros_like(mask)).any()


def test_sam2s_own_names_become_exactly_the_models():
    """Names and shapes of the model that the package sam2 1.1.0 builds, at 512 px."""
    import torch

    spec = replace(SPEC, input_size=512)
    lines = [line.split() for line in LAYOUT.read_text().splitlines()]
    with torch.device("meta"):
        own = {
            name: torch.empty([int(n) for n in shape.split("x")])
            for name, shape in lines
        }
        model = sam2_memory.build(spec, sam2.build(spec))
    wanted = {name: value.shape for name, value in model.state_dict().items()}
    assert len(own) == 471
    found = transformers_layout(own)
    assert {name: value.shape for name, value in found.items()} == wanted


@pytest.fixture
def files(networks, tmp_path, monkeypatch):
    """Save tensors as this model's file."""
    from safetensors.torch import save_file

    monkeypatch.setitem(sam2._TRUNKS, "medsam2", SMALL)
    whole = {name: t.clone() for name, t in networks[1].state_dict().items()}

    def saved(**changes):
        path = tmp_path / "model.safetensors"
        tensors = {**whole, **changes}
        save_file({n: t for n, t in tensors.items() if t is not None}, path)
        return path

    return saved


def test_a_file_is_read_for_planes_and_then_for_volumes(files, networks, volume):
    path = files(**{"shared_image_embedding.positional_embedding": None})
    ours = sam2.load(SPEC, path, "cpu")
    told = sam2.Sam2Segmenter(SPEC, networks[0], "x", "cpu", lambda _: networks[1])
    answers = []
    for segmenter in (ours, told):
        track = segmenter.track(2)
        track.show(0, light(volume[0]), mask_at(5, 9))
        answers.append(track.find(1, light(volume[1]), backward=False).logits)
    np.testing.assert_array_equal(*answers)


def test_a_file_of_sam2s_own(networks, tmp_path, monkeypatch, volume):
    """As MedSAM2's are: sam2's names, inside "model", kept by torch."""
    import torch

    from napari_medfm import segmenters

    monkeypatch.setitem(sam2._TRUNKS, "medsam2", SMALL)
    whole = networks[1].state_dict()
    own = {}
    for name in (line.split()[0] for line in LAYOUT.read_text().splitlines()):
        if "point_embeddings" in name:
            number = int(name.split(".")[-2])
            rows = whole["prompt_encoder.point_embed.weight"][number : number + 1]
            own[name] = rows.clone()
        else:
            marker = {"sam_mask_decoder.marker": torch.zeros(1)}
            renamed = transformers_layout({name: torch.zeros(1), **marker})
            own[name] = whole[next(iter(renamed))]
    path = tmp_path / "MedSAM2_latest.pt"
    torch.save({"model": own}, path)
    monkeypatch.setattr(sam2, "SPECS", (SPEC,))
    kept = segmenters.import_file("medsam2", path, cache_dir=tmp_path / "cache")
    told = sam2.Sam2Segmenter(SPEC, networks[0], "x", "cpu", lambda _: networks[1])
    answers = []
    for ours in (sam2.load(SPEC, path, "cpu"), sam2.load(SPEC, kept, "cpu"), told):
        track = ours.track(2)
        track.show(0, light(volume[0]), mask_at(5, 9))
        answers.append(track.find(1, light(volume[1]), backward=False).logits)
    np.testing.assert_array_equal(answers[0], answers[2])
    np.testing.assert_array_equal(answers[1], answers[2])


def test_files_that_do_not_fit(files, networks):
    import torch

    one = "memory_attention.layers.3.linear2.weight"
    planes_only = {
        name: None
        for name in networks[1].state_dict()
        if name not in networks[0].state_dict()
    }
    for changes, said in (
        ({one: None}, r'1 tensors missing.*linear2.*way="hand-over"'),
        ({one: torch.zeros(3, 3)}, r"linear2.weight' has shape \(3, 3\)"),
        ({"memory_attention.more": torch.zeros(1)}, "1 unknown.*attention.more"),
        (planes_only, "160 tensors missing"),
    ):
        ours = sam2.load(SPEC, files(**changes), "cpu")
        with pytest.raises(BadFile, match=said):
            ours.track(4)


def test_a_file_that_changed_meanwhile_is_not_mixed_in(files, networks):
    ours = sam2.load(SPEC, files(), "cpu")
    name = "mask_decoder.iou_token.weight"
    files(**{name: networks[1].state_dict()[name] + 1})
    with pytest.raises(BadFile, match="has changed since"):
        ours.track(4)
