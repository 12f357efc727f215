"""Encoders side by side: the same labels held out, and honest about what they tell."""

import csv
import json

import numpy as np
import pytest
from toys import OtherToy, ToyEncoder

from napari_medfm import Session
from napari_medfm.cli import main
from napari_medfm.core.errors import MissingWeights
from napari_medfm.engine.sidebyside import behind, likely, voices_of


def picture(seed):
    """Blue discs on red ground, and where they are; the reds are alike."""
    rng = np.random.default_rng(seed)
    rows, cols = np.mgrid[:112, :140]
    truth = ((rows - 40) ** 2 + (cols - 40) ** 2 < 26**2) | (
        (rows - 76) ** 2 + (cols - 104) ** 2 < 22**2
    )
    image = np.full((112, 140, 3), 120.0)
    image[..., 2] = np.where(truth, 210, 60)
    image += rng.normal(0, 6, image.shape)
    return image.clip(0, 255).astype(np.uint8), truth


@pytest.fixture
def session(tmp_path):
    found = Session(encoder=ToyEncoder(), cache_dir=tmp_path / "cache")
    found.add_class("disc")
    for number in range(3):
        name = f"image {number}"
        found.add_image(picture(number)[0], name=name, group=f"patient {number}")
        found.annotate(name, "disc", points=[(40, 40), (30, 50), (76, 104), (80, 96)])
        found.annotate(
            name, "background", points=[(10, 120), (100, 20), (20, 90), (98, 60)]
        )
    return found


def test_the_better_one_wins(session):
    before, encoder = session.labelling, session.encoder
    found = session.compare([OtherToy(), ToyEncoder()])
    best, other = found.contenders
    assert (best.encoder, other.encoder) == ("toy-encoder", "other-toy")
    assert best.balanced_accuracy > 0.95
    assert best.behind == (0, 0)
    assert other.log_loss - best.log_loss == pytest.approx(other.behind[0])
    assert other.clearly_behind
    assert best.title in found.verdict
    assert "may be as good" not in found.verdict
    assert set(best.dice) == {"background", "disc"}
    assert best.licence == "BSD-3-Clause"
    assert (found.labels, found.folds) == (24, 3)
    assert session.labelling is before
    assert session.encoder == encoder


def test_it_is_what_report_says(session):
    found = session.compare([ToyEncoder(), OtherToy()], head="ridge")
    own = {one.encoder: one for one in found.contenders}["toy-encoder"]
    report = session.report("ridge")
    assert own.dice == report.dice
    assert own.log_loss == pytest.approx(report.log_loss)
    assert own.balanced_accuracy == report.balanced_accuracy


def test_equals_are_called_equal(session):
    class Twin(ToyEncoder):
        def __init__(self):
            super().__init__()
            self.spec = OtherToy().spec
            self.weights_hash = "twin"

    found = session.compare([ToyEncoder(), Twin()])
    assert found.contenders[1].behind == (0, 0)
    assert "may be as good" in found.verdict


def test_few_labels_of_one_image_are_not_oversold(tmp_path):
    session = Session(encoder=ToyEncoder(), cache_dir=tmp_path)
    session.add_class("disc")
    session.add_image(picture(0)[0], name="x")
    session.annotate("x", "disc", points=[(40, 40), (76, 104)])
    session.annotate("x", "background", points=[(10, 120), (100, 20)])
    found = session.compare([ToyEncoder(), OtherToy()])
    assert found.how == "spatial blocks of one image"
    assert any("only 4 labels" in warning for warning in found.warnings)
    assert any("one image" in warning for warning in found.warnings)


def test_a_class_that_was_never_tested_is_none_in_json(tmp_path):
    session = Session(encoder=ToyEncoder(), cache_dir=tmp_path)
    session.add_class("disc")
    session.add_image(picture(0)[0], name="x")
    session.annotate("x", "disc", points=[(40, 40)])
    session.annotate("x", "background", points=[(10, 120), (100, 20), (90, 30)])
    found = session.compare([ToyEncoder(), OtherToy()])
    told = json.loads(json.dumps(found.as_dict(), allow_nan=False))
    assert None in [one["dice"]["disc"] for one in told["contenders"]]


def test_what_was_read_is_kept(session):
    first = OtherToy()
    session.compare([ToyEncoder(), first])
    again = OtherToy()
    found = session.compare([ToyEncoder(), again])
    assert first.calls > again.calls == 0
    assert all(one.read_seconds == 0 for one in found.contenders)


def test_whole_images(tmp_path):
    session = Session(encoder=ToyEncoder(), cache_dir=tmp_path)
    session.add_class("blue")
    for number in range(6):
        image = np.full((60, 60, 3), 120, np.uint8)
        image[..., 2] = 200 if number % 2 else 60
        session.add_image(image + np.uint8(number), name=f"{number}")
        session.annotate_image(f"{number}", "blue" if number % 2 else "background")
    found = session.compare([OtherToy(), ToyEncoder()], level="image")
    assert found.contenders[0].encoder == "toy-encoder"
    assert found.voices == 6
    assert not any("one image" in warning for warning in found.warnings)


def test_a_model_that_is_not_here(session):
    with pytest.raises(MissingWeights, match="no weights"):
        session.compare([ToyEncoder(), "uni"])


def test_groups_speak_with_one_voice():
    assert voices_of(list("aabb")).tolist() == [0, 1, 2, 3]
    assert len(np.unique(voices_of(list("aabbccddee")))) == 5
    gap, doubt = behind(np.array([2.0, 2.0]), np.array([1.0, 1.0]), np.arange(2))
    assert (gap, doubt) == (2, 0)
    alone = behind(np.ones(4), np.zeros(4), np.zeros(4, int))
    assert alone == (4, np.inf)
    low, high = likely(
        np.array([1.0, 0.0, 1.0, 1.0]), np.array([0, 0, 1, 1]), np.arange(4)
    )
    assert low < 0.75 < high


def test_in_the_shell(session, tmp_path, monkeypatch, capsys):
    from napari_medfm import encoders

    made = {"toy-encoder": ToyEncoder, "other-toy": OtherToy}
    spec_of = encoders.spec_of
    monkeypatch.setattr(encoders, "load", lambda name, **_: made[name]())
    monkeypatch.setattr(
        encoders,
        "spec_of",
        lambda name, *a: made[name]().spec if name in made else spec_of(name, *a),
    )
    monkeypatch.setattr(encoders, "check_installed", lambda *_: None)
    session.save(tmp_path / "case.medfm")
    session.close()
    table = tmp_path / "table.csv"
    command = ["compare", str(tmp_path / "case.medfm"), "toy-encoder", "other-toy"]
    assert main([*command, "--csv", str(table)]) == 0
    assert "Toy encoder is the best" in capsys.readouterr().out
    rows = list(csv.DictReader(table.read_text().splitlines()))
    assert [row["encoder"] for row in rows] == ["toy-encoder", "other-toy"]
    assert main([*command, "--csv", str(table)]) == 2
    capsys.readouterr()
    assert main([*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["labels"] == 24
