"""Text prompts with tiny towers in the layout of CLIP, and with a known toy."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_medfm import Session, encoders
from napari_medfm.core.errors import BadInput
from napari_medfm.encoders._network import Weights
from napari_medfm.engine.textnumbers import Words
from napari_medfm.engine.texts import shares_of, text_map, vectors_of
from tests.toys import ENCODER, ToyEncoder

WORDS = {"bright": (1, 0, 0), "dark": (-1, 0, 0), "red": (0, 1, 0)}


class ToyTowers(ToyEncoder):
    """Joint space: brightness, redness and a constant; texts by their words."""

    def __init__(self):
        super().__init__()
        self.spec = replace(
            ENCODER, name="toy-towers", joint=3, templates=("a {}.", "the {} one.")
        )
        self.sharpness = 10.0
        self.asked = []

    def encode_text(self, texts):
        self.asked += texts
        known = [next(v for w, v in WORDS.items() if w in text) for text in texts]
        return np.array(known, np.float32)

    def encode_joint(self, batch):
        n, height, width, _ = batch.shape
        patches = batch.reshape(n, height // 14, 14, width // 14, 14, 3).mean((2, 4))
        bright = patches.mean(-1) - 0.5
        red = patches[..., 0] - patches[..., 1:].mean(-1)
        joint = np.stack([bright, red, np.full_like(red, 0.05)], -1).astype(np.float32)
        return joint, joint.mean((1, 2))


@pytest.fixture
def session(tmp_path):
    made = Session(encoder=ToyTowers(), cache_dir=tmp_path)
    picture = np.zeros((56, 112, 3), np.uint8)
    picture[:, 56:] = 255
    made.add_image(picture, name="x")
    return made


def test_a_text_lights_up_where_it_applies(session):
    found = session.similarity("x", text="bright", against_text=["dark"])["x"]
    assert found.shape == (56, 112)
    assert found.dtype == np.float32
    assert found[:, 80:].min() > 0.9
    assert found[:, :30].max() < -0.9


def test_without_others_the_planes_mean_is_taken_off(session):
    found = session.similarity("x", text="bright")["x"]
    assert found[:, 80:].min() > 0.9
    assert found[:, :30].max() < -0.9


def test_sentences_can_be_edited(session):
    towers = session.workspace.encoder.get()
    session.similarity("x", text="dark", templates=["stained {}"])
    assert towers.asked == ["stained dark"]
    with pytest.raises(BadInput, match="needs a"):
        session.similarity("x", text="dark", templates=["stained"])


def test_names_for_a_plane(session):
    found = session.zero_shot("x", ["bright", "dark", "red"])
    assert sum(found.values()) == pytest.approx(1, abs=1e-5)
    dark = np.zeros((28, 28, 3), np.uint8)
    session.add_image(dark, name="night")
    found = session.zero_shot("night", ["bright", "dark"])
    assert found["dark"] > 0.99


def test_the_script_says_it_again(session):
    session.similarity("x", text="bright", against_text=["dark"])
    assert "text='bright'" in session.script().replace('"', "'")


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda s: s.similarity("x", text="bright", at=[(1, 1)]), "not both"),
        (lambda s: s.similarity("x", text=" "), "no empty ones"),
        (lambda s: s.similarity("x", text=[]), "at least one text"),
        (lambda s: s.similarity("x"), "or a `text`"),
        (lambda s: s.zero_shot("x", ["one"]), "at least two"),
    ],
)
def test_bad_questions(session, call, said):
    with pytest.raises(BadInput, match=said):
        call(session)


def test_an_encoder_without_texts_says_which_have_them(tmp_path):
    session = Session(encoder=ToyEncoder(), cache_dir=tmp_path)
    session.add_image(np.zeros((28, 28), np.uint8), name="x")
    with pytest.raises(BadInput, match="biomedclip"):
        session.similarity("x", text="bright")


def test_a_volume_is_mapped_on_the_planes_asked_for(session):
    volume = np.zeros((3, 28, 28), np.uint8)
    session.add_image(volume, name="v", axes="zyx")
    found = session.similarity("v", text="dark", against_text="red", planes=[1])["v"]
    assert np.isnan(found[0]).all()
    assert np.isfinite(found[1]).all()


def test_probabilities_of_texts_by_hand():
    like, unlike = np.eye(2, dtype=np.float32)
    token = np.array([[[3.0, 4.0]]], np.float32)
    score = text_map(token, like[None], unlike[None], 5.0)[0, 0]
    expected = 2 / (1 + np.exp(5 * (0.8 - 0.6))) - 1
    assert score == pytest.approx(expected, abs=1e-6)
    shares = shares_of(np.array([0.6, 0.8], np.float32), np.eye(2, dtype="f4"), 5.0)
    assert shares[0] == pytest.approx((expected + 1) / 2, abs=1e-6)


def test_the_towers_of_clip_equal_transformers_own(tmp_path):
    """Token for token, picture for picture and text for text."""
    import torch
    from transformers import CLIPModel

    entry = encoders._catalogue()["clip-base-16"]
    spec, network = entry.network.reduced(entry.spec)
    torch.manual_seed(0)
    model = network.build().eval()
    assert isinstance(model, CLIPModel)
    weights = Weights(model.state_dict(), "hash", Path("/nowhere"))
    ours = network.load(spec, weights, "cpu")
    batch = np.random.default_rng(0).random((2, 224, 224, 3), dtype=np.float32)
    mean, std = (np.array(v, np.float32) for v in (spec.mean, spec.std))
    pixels = torch.from_numpy(((batch - mean) / std).transpose(0, 3, 1, 2).copy())
    numbers = torch.tensor([[49406, 320, 1125, 49407], [49406, 7, 49407, 0]])
    ours._reader = lambda texts: numbers
    with torch.no_grad():
        whole = model(input_ids=numbers, pixel_values=pixels, output_hidden_states=True)
    places, pictures = ours.encode_joint(batch)
    unit = pictures / np.linalg.norm(pictures, axis=1, keepdims=True)
    np.testing.assert_allclose(unit, whole.image_embeds, atol=1e-5)
    texts = vectors_of(ours, ["a", "b"], ["{}"])
    np.testing.assert_allclose(texts, whole.text_embeds, atol=1e-5)
    assert places.shape == (2, 14, 14, 48)
    states = whole.vision_model_output.hidden_states[-1]
    with torch.no_grad():
        last = model.vision_model.post_layernorm(states)[:, 1:]
    tokens = ours.encode(batch)[..., -1, :].reshape(2, 196, 64)
    np.testing.assert_allclose(tokens, last, atol=1e-5)


def test_open_clips_words_are_read_at_the_length_of_the_model(tmp_path):
    """A word's number in the vocabulary of CLIP, between the two that frame a text."""
    read = Words("clip", 77).reader(tmp_path, "QuiltNet")
    numbers = read(["a"])
    assert numbers.shape == (1, 77)
    assert numbers[0, :4].tolist() == [49406, 320, 49407, 0]
