"""A head from a project's labels, from the shell."""

import json

import numpy as np
import pytest
from toys import ToyEncoder, ToySegmenter

from napari_medfm import Session, load_head, load_project

pytestmark = pytest.mark.usefixtures("toy_models")


@pytest.fixture
def case(disc, ball, tmp_path):
    session = Session(ToyEncoder(), ToySegmenter())
    session.add_class("lesion")
    for name in "ab":
        session.add_image(disc[0], name=name)
        session.annotate(name, "lesion", points=np.argwhere(disc[1])[::900])
        session.annotate(name, "background", points=np.argwhere(~disc[1])[::5000])
        session.annotate_image(name, "lesion" if name == "a" else "background")
    session.save(tmp_path / "case.medfm")
    session.close()
    return tmp_path / "case.medfm"


def test_it_is_trained_tested_and_written(shell, case, tmp_path):
    before = (case / "journal.jsonl").read_bytes()
    out = tmp_path / "a.head.safetensors"
    code, output, _ = shell(
        *("train", case, "--out", out, "--head", "ridge", "--rest"),
        *("--class-weight", "lesion=2"),
    )
    assert code == 0
    assert "ridge: leave one group out, 2 folds" in output
    assert "Dice lesion: " in output
    card = load_head(out).card
    assert card["class_weights"] == {"lesion": 2}
    assert [a.get("weight") for a in card["annotations"]].count(0.1) == 2
    assert card["report"]["dice"]["lesion"] > 0.8
    assert (case / "journal.jsonl").read_bytes() == before
    again = load_project(case, read_only=True, encoder=ToyEncoder())
    assert again.head is None
    again.close()


def test_a_plane_without_a_rest_is_passed_over(shell, disc, tmp_path):
    session = Session(ToyEncoder(), ToySegmenter())
    session.add_class("lesion")
    for name in "ab":
        session.add_image(disc[0], name=name)
        session.annotate(name, "lesion", mask=disc[1])
    session.annotate("a", "background", mask=~disc[1])
    session.save(tmp_path / "case.medfm")
    session.close()
    code, _, errors = shell(
        *("train", tmp_path / "case.medfm", "--out", tmp_path / "a.head.safetensors"),
        *("--head", "ridge", "--rest"),
    )
    assert code == 0
    assert "a: Nothing is left" in errors
    assert "b: Nothing is left" not in errors


def test_the_test_as_json_and_what_cannot_be_tested(shell, case, tmp_path):
    words = ["train", case, "--out", tmp_path / "a.head.safetensors"]
    code, output, _ = shell(*words, "--head", "ridge", "--json")
    assert code == 0
    assert json.loads(output[: output.rindex("}") + 1])["recipe"] == "ridge"
    code, output, errors = shell(*words, "--level", "image", "--overwrite")
    assert code == 0
    assert "not tested: Nothing can be held out" in errors
    assert load_head(tmp_path / "a.head.safetensors").model.level == "image"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--head", "magic"], 1, "magic"),
        (["--level", "object"], 1, "annotate_object"),
        (["--level", "image", "--rest"], 2, "about pixels"),
        (["--class-weight", "lesion"], 2, "CLASS=WEIGHT"),
        (["--class-weight", "nothing=2"], 1, "No class 'nothing'"),
    ],
)
def test_what_does_not_fit_is_refused(shell, case, tmp_path, words, code, said):
    out = tmp_path / "b.head.safetensors"
    found, _, errors = shell("train", case, "--out", out, *words)
    assert found == code
    assert said in errors
    assert not out.exists()


def test_a_file_that_is_there_stays(shell, case, tmp_path):
    code, _, errors = shell("train", case, "--out", tmp_path / "a.txt")
    assert code == 2
    assert "should end in" in errors
    out = tmp_path / "there.onnx"
    out.write_text("mine")
    code, _, errors = shell("train", case, "--out", out)
    assert code == 2
    assert "exists" in errors
    assert out.read_text() == "mine"
