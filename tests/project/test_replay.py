"""Everything can be made again from images and journal, bit for bit."""

import json
from dataclasses import replace

import numpy as np
import pytest
from toys import ENCODER, SEGMENTER, ToyEncoder, ToySegmenter

from napari_medfm import encoders, replay_project, segmenters
from napari_medfm.cli import main
from napari_medfm.core.errors import BadInput
from napari_medfm.core.forms import dumps
from napari_medfm.project.journal import new_journal, read_journal


@pytest.fixture
def toy_models(monkeypatch):
    for folder, spec, toy in (
        (encoders, ENCODER, ToyEncoder),
        (segmenters, SEGMENTER, ToySegmenter),
    ):
        monkeypatch.setattr(folder, "spec_of", lambda name, *_, spec=spec: spec)
        monkeypatch.setattr(folder, "load", lambda name, toy=toy, **_: toy())


@pytest.fixture
def case(worked, tmp_path, toy_models):
    session = worked
    at = [(70, 110)]
    session.similarity("file", at=at, against=[(10, 10)])
    shown = session.similarity("array", at=at)["array"] > 0.5
    session.accept("array", shown, "vessel", origin="similarity")
    ball = session.propagate("volume", session.mask("volume", 6), 6, (5, 7))
    session.accept("volume", ball, "lesion")
    session.accept("file", session.predict("file"))
    session.undo()
    session.fit("pool")
    session.predict("volume", planes=[3])
    session.save(tmp_path / "case.medfm")
    session.close()
    return tmp_path / "case.medfm"


def test_replay_makes_the_same_bits(case, capsys):
    before = sorted((p, p.stat().st_mtime_ns) for p in case.rglob("*"))
    assert main(["replay", str(case), "--check"]) == 0
    assert "bit for bit" in capsys.readouterr().out
    assert sorted((p, p.stat().st_mtime_ns) for p in case.rglob("*")) == before


def test_python_does_the_same(case, tmp_path):
    found = replay_project(case, encoder=ToyEncoder(), segmenter=ToySegmenter())
    assert found.difference is None
    assert found.calls > 10
    assert found.masks > 10


class Changed(ToySegmenter):
    """The toy under the same name, with other answers."""

    def decode(self, embedding, **prompts):
        found = super().decode(embedding, **prompts)
        return replace(found, logits=found.logits[..., ::-1])


def test_python_names_what_differs(case):
    found = replay_project(case, encoder=ToyEncoder(), segmenter=Changed())
    assert found.difference.startswith("call ")
    assert "segment" in found.difference
    assert "cannot be done again" not in found.difference


def test_python_says_which_image_is_missing(case, disc_file):
    disc_file.unlink()
    with pytest.raises(BadInput, match="is missing"):
        replay_project(case, encoder=ToyEncoder(), segmenter=ToySegmenter())


def test_predictions_that_were_overtaken_are_made_as_they_were(
    worked, tmp_path, toy_models
):
    late = worked.predict.start("array")
    early = late.result
    worked.annotate("file", "vessel", points=[(100, 30), (20, 20)])
    worked.fit("ridge")
    worked.accept("array", early())
    worked.save(tmp_path / "case.medfm")
    worked.close()
    assert main(["replay", str(tmp_path / "case.medfm"), "--check"]) == 0


@pytest.fixture
def levels(session, disc, tmp_path, toy_models):
    """A project with heads of objects and of whole images."""
    image, truth = disc
    session.add_image(image, name="bright")
    session.add_image((image // 4).astype(np.uint16), name="dark")
    session.add_class("lesion")
    session.annotate_image("bright", "lesion")
    session.annotate_image("dark", "background")
    session.fit(level="image")
    session.predict("dark", level="image")
    numbers = np.zeros(truth.shape, np.int32)
    numbers[truth], numbers[5:25, 5:25], numbers[130:150, 20:50] = 7, 123_456, 9
    session.use_objects("bright", numbers)
    session.annotate_object("bright", "lesion", at=(70, 110))
    session.annotate_object("bright", "background", at=(10, 10))
    session.fit(level="object")
    session.predict("bright", level="object")
    session.rank_images()
    session.export_predictions(tmp_path / "once.csv", level="object")
    session.save(tmp_path / "levels.medfm")
    session.close()
    return tmp_path / "levels.medfm"


def test_heads_of_objects_and_images_are_made_again(levels, tmp_path, capsys):
    (tmp_path / "once.csv").unlink()
    assert main(["replay", str(levels), "--check"]) == 0, capsys.readouterr().err
    assert not (tmp_path / "once.csv").exists()


@pytest.mark.parametrize("level", ["image", "object"])
def test_another_head_of_a_level_is_told(levels, capsys, level):
    def change(entry):
        call = entry["call"]
        if call["verb"] == "fit" and call["kwargs"].get("level") == level:
            call["args"] = ["knn"]

    forged(levels, change)
    assert main(["replay", str(levels), "--check"]) == 1
    assert "the head" in capsys.readouterr().err


def test_other_objects_are_told(levels, capsys):
    def change(entry):
        call = entry["call"]
        if call["verb"] == "use_objects":
            labels = call["kwargs"]["labels"]
            labels["$values"] = labels["$values"].replace("123456*", "0*", 1)

    forged(levels, change)
    assert main(["replay", str(levels), "--check"]) == 1
    assert "objects" in capsys.readouterr().err


def forged(case, change):
    """Write the journal again with some entry changed, with right digests."""
    path = case / "journal.jsonl"
    entries = json.loads(dumps(list(read_journal(path).entries)))
    for entry in entries[1:]:
        change(entry)
    path.unlink()
    new_journal(path, entries)


@pytest.mark.parametrize(
    ("verb", "message"),
    [
        ("segment", "pixels differ"),
        ("predict", "the answer is not the same"),
        ("similarity", "the answer is not the same"),
        ("fit", "the head"),
    ],
)
def test_the_first_difference_is_told(case, capsys, verb, message):
    def change(entry):
        if entry["call"]["verb"] != verb:
            return
        if verb == "segment":
            entry.pop("answer")
            if "box" in entry["call"]["kwargs"]:
                entry["call"]["kwargs"]["box"] = [20, 60, 90, 130]
        elif verb == "fit":
            entry["call"]["args"] = ["knn"]
        else:
            entry["answer"] = "0" * 64

    forged(case, change)
    assert main(["replay", str(case), "--check"]) == 1
    errors = capsys.readouterr().err
    assert message in errors
    assert f"s.{verb}(" in errors
    assert main(["replay", str(case)]) == 1
    assert message in capsys.readouterr().err


def test_replay_needs_the_images(case, capsys, disc_file):
    disc_file.unlink()
    assert main(["replay", str(case)]) == 1
    assert "put it back" in capsys.readouterr().err


@pytest.mark.weights
def test_replay_with_the_real_models(real_weights, tmp_path):
    from napari_medfm import Session
    from napari_medfm.sample_data import load

    sample = load("pathology")
    session = Session()
    session.add_image(np.asarray(sample.data)[:160, :192], name="x")
    session.add_class("nucleus")
    session.annotate("x", "nucleus", points=[(60, 60), (40, 100)])
    session.annotate("x", "background", points=[(10, 10), (120, 30)])
    session.fit("ridge")
    session.accept("x", session.predict("x"))
    session.accept("x", session.segment("x", points=[(60, 60)]), "nucleus")
    session.save(tmp_path / "case.medfm")
    session.close()
    assert main(["replay", str(tmp_path / "case.medfm"), "--check"]) == 0


@pytest.mark.parametrize("verb", ["close", "__init__", "_commit", "before_export"])
def test_a_journal_cannot_name_what_is_no_verb(case, capsys, verb):
    path = case / "journal.jsonl"
    entries = list(read_journal(path).entries)
    similar = next(e for e in entries[1:] if e["call"]["verb"] == "similarity")
    similar["call"]["verb"] = verb
    path.unlink()
    new_journal(path, entries)
    assert main(["replay", str(case), "--check"]) == 1
    assert f"{verb!r} is nothing that a session does" in capsys.readouterr().err


def test_a_call_with_other_arguments_than_its_verb_has(case, capsys):
    path = case / "journal.jsonl"
    entries = list(read_journal(path).entries)
    similar = next(e for e in entries[1:] if e["call"]["verb"] == "similarity")
    similar["call"]["args"], similar["call"]["kwargs"] = [], {"size": 3}
    path.unlink()
    new_journal(path, entries)
    assert main(["replay", str(case), "--check"]) == 1
    assert "cannot be done again" in capsys.readouterr().err
