"""Exported masks say what made them, and nothing else."""

import json
from dataclasses import replace

import numpy as np
import pytest
from toys import ToyEncoder, ToySegmenter

from napari_medfm import Session
from napari_medfm.core.errors import BadInput


@pytest.fixture
def session(tmp_path, disc):
    encoder, segmenter = ToyEncoder(), ToySegmenter()
    encoder.spec = replace(
        encoder.spec, name="closed", licence="CC-BY-NC-4.0", commercial=False
    )
    s = Session(encoder, segmenter, cache_dir=tmp_path / "cache")
    s.add_image(disc[0], name="x")
    s.add_class("lesion")
    return s


def labelled(session):
    session.annotate("x", "lesion", points=[(70, 110), (60, 100)])
    session.annotate("x", "background", points=[(10, 10), (150, 30)])
    session.fit("ridge")


def record_of(session, tmp_path, what=None):
    session.export_masks("x", tmp_path / "out.tif", what)
    return json.loads((tmp_path / "out.tif.provenance.json").read_text())


def models(record):
    return [model["name"] for model in record["models"]]


def test_a_mask_by_hand_owes_nothing_to_any_model(session, disc, tmp_path):
    labelled(session)
    session.accept("x", disc[1], "lesion")
    record = record_of(session, tmp_path)
    assert models(record) == []
    assert record["head"] is None
    assert record["annotations"] == []
    assert record["licence_notes"] == []


def test_a_prompted_mask_names_the_segmenter_alone(session, tmp_path):
    labelled(session)
    session.segment("x", box=(30, 70, 110, 150))
    session.accept("x")
    record = record_of(session, tmp_path)
    assert models(record) == ["toy-segmenter"]
    assert record["licence_notes"] == []
    assert record["head"] is None


def test_a_similarity_mask_carries_the_encoder_and_its_licence(session, tmp_path):
    found = session.similarity("x", at=[(70, 110)], against=[(10, 10)])["x"]
    session.accept("x", found > 0, "lesion", origin="similarity")
    record = record_of(session, tmp_path)
    assert models(record) == ["closed"]
    assert "closed (CC-BY-NC-4.0)" in record["licence_notes"][0]
    assert record["prompts"][0]["like"] == [[70.0, 110.0]]
    assert record["prompts"][0]["unlike"] == [[10.0, 10.0]]


def test_an_encoder_taken_up_later_is_not_blamed(session, tmp_path):
    found = session.similarity("x", at=[(70, 110)])["x"]
    session.use_encoder(ToyEncoder())
    session.accept("x", found > 0, "lesion", origin="similarity")
    assert models(record_of(session, tmp_path)) == ["closed"]


def test_similarity_that_was_never_asked_is_refused(session, disc):
    with pytest.raises(BadInput, match="similarity first"):
        session.accept("x", disc[1], "lesion", origin="similarity")


def test_a_prediction_names_encoder_head_and_annotations(session, tmp_path):
    labelled(session)
    session.accept("x", session.predict("x"))
    record = record_of(session, tmp_path)
    assert models(record) == ["closed"]
    assert record["head"]["encoder"]["name"] == "closed"
    assert [a["id"] for a in record["annotations"]] == [1, 2]
    assert len(record["licence_notes"]) == 1


def test_what_was_painted_over_leaves_no_trace(session, disc, tmp_path):
    labelled(session)
    session.accept("x", session.predict("x"))
    session.accept("x", np.ones(disc[1].shape, bool), "lesion")
    record = record_of(session, tmp_path)
    assert models(record) == []
    assert record["content"]["regions"][0]["pixels"] == disc[1].size


def test_an_edit_keeps_what_it_left(session, tmp_path):
    session.segment("x", box=(30, 70, 110, 150))
    session.accept("x")
    edited = session.labels("x").copy()
    edited[:5] = 1
    session.accept("x", edited)
    record = record_of(session, tmp_path)
    assert models(record) == ["toy-segmenter"]
    assert record["human_edits"] == 1
    pixels = [region["pixels"] for region in record["content"]["regions"]]
    assert pixels == [int(edited[5:].sum()), 5 * edited.shape[1]]
    session.accept("x", np.zeros_like(edited))
    assert models(record_of(session, tmp_path)) == []


def test_a_given_prediction_is_written_with_its_own_provenance(session, tmp_path):
    import tifffile

    labelled(session)
    session.accept("x", np.ones((160, 192), bool), "lesion")
    found = session.predict("x")
    record = record_of(session, tmp_path, found)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "out.tif"), found.labels)
    assert record["content"]["what"] == "prediction"
    assert record["head"]["encoder"]["name"] == "closed"
    assert "s.export_masks('x', " in session.script()
    assert f", {found.as_code})" in session.script()


def test_a_given_mask_is_written_with_its_own_provenance(session, tmp_path):
    mask = session.segment("x", box=(30, 70, 110, 150))
    session.undo()
    record = record_of(session, tmp_path, mask)
    assert models(record) == ["toy-segmenter"]
    assert record["content"]["what"] == "mask"


def test_answers_about_an_image_that_left_are_refused(session, disc, tmp_path):
    labelled(session)
    found, mask = session.predict("x"), session.segment("x", box=(30, 70, 110, 150))
    session.remove_image("x")
    session.add_image(disc[0], name="x")
    session.add_class("other")
    for what in (found, mask):
        with pytest.raises(BadInput, match="before"):
            session.accept("x", what, "lesion")
        with pytest.raises(BadInput, match="before"):
            session.export_masks("x", tmp_path / "a.tif", what)


def test_a_script_keeps_where_accepted_pixels_came_from(session, tmp_path):
    found = session.similarity("x", at=[(70, 110)])["x"]
    session.accept("x", found > 0, "lesion", origin="similarity")
    session.accept("x", session.segment("x", box=(30, 70, 110, 150)), "lesion")
    kept = session.labelling.accepted
    again = Session("dinov2-small", "lite-medsam", cache_dir=tmp_path)
    again.add_image(np.zeros((160, 192)), name="x")
    again.add_class("lesion")
    for call in session.history:
        if call.verb == "accept":
            again.accept(*call.args, **json.loads(json.dumps(call.kwargs)))
    for one, other in zip(kept, again.labelling.accepted, strict=True):
        assert one.provenance == other.provenance
        np.testing.assert_array_equal(one.labels, other.labels)
