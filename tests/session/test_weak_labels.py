"""What is only probable counts less in training, and tests nothing."""

import numpy as np
import pytest
from toys import ToyEncoder, ToySegmenter

from napari_medfm import Session, load_project
from napari_medfm.core.errors import BadInput
from napari_medfm.project.keeping import ProjectWarning
from napari_medfm.verbs.examples import certain, stacked
from napari_medfm.verbs.snapshot import Labels


@pytest.fixture
def session(tmp_path, disc, ball):
    s = Session(ToyEncoder(), ToySegmenter(), cache_dir=tmp_path / "cache")
    s.add_image(disc[0], name="x")
    s.add_image(ball[0], name="ct")
    s.add_class("lesion")
    return s


def drain(steps):
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            return stop.value


def examples_of(session):
    return drain(Labels.of(session.workspace).examples())[0]


def teach(session, disc):
    session.annotate("x", "lesion", points=np.argwhere(disc[1])[::300])
    session.annotate("x", "background", points=np.argwhere(~disc[1])[::3000])


def test_a_weight_is_the_sample_weight_of_every_head(session):
    session.annotate("x", "lesion", box=(60, 90, 90, 120), weight=0.25)
    session.annotate("x", "lesion", box=(60, 90, 90, 120))
    weak, sure = examples_of(session)
    for kind in ("tokens", "deep", "filters"):
        np.testing.assert_allclose(weak.weights(kind), sure.weights(kind) / 4)
        _, _, weights = stacked([weak, sure], kind)
        assert weights.sum() == pytest.approx(1.25 * sure.weights(kind).sum())
    assert weak.sums.xx.sum() == pytest.approx(sure.sums.xx.sum() / 4)


def test_a_wrong_mark_does_less_harm_if_it_was_only_probable(session, disc):
    teach(session, disc)
    truth, dice = disc[1], []
    for weight in (1, 0.05):
        wrong = session.annotate("x", "background", mask=truth, weight=weight)
        session.fit("ridge")
        sure = session.predict("x").probabilities[1][truth].mean()
        dice.append(sure)
        session.remove(wrong)
    assert dice[1] > dice[0] + 0.1


def test_the_card_and_the_script_say_so(session, disc):
    session.annotate("x", "lesion", points=[(70, 110)])
    session.annotate("x", "background", points=[(10, 10)], weight=0.25)
    card = session.fit("ridge").card
    assert [a.get("weight") for a in card["annotations"]] == [None, 0.25]
    assert "weight=0.25" in session.script()
    assert session.script().count("weight") == 1


def test_the_rest_keeps_away_from_labels(session, disc):
    session.annotate("x", "lesion", points=[(70, 110), (20, 30)])
    session.accept("x", disc[1], "lesion")
    number = session.annotate_rest("x", gap=12)
    made = session.annotations[-1]
    assert (made.id, made.value, made.weight, made.kind) == (number, 0, 0.1, "points")
    marked = np.concatenate([[(70, 110), (20, 30)], np.argwhere(disc[1])])
    away = np.linalg.norm(made.pixels[:, None] - marked[None], axis=-1).min(1)
    assert away.min() > 12
    assert 30 < len(made.pixels) < 70
    assert made.pixels.max(0).tolist() > [140, 170]
    assert made.pixels.min(0).tolist() < [20, 20]
    assert session.undo()
    assert len(session.annotations) == 1


def test_the_rest_of_a_plane_is_on_that_plane(session, ball):
    session.annotate("ct", "lesion", points=np.argwhere(ball[1][6])[:3], plane=6)
    session.annotate("ct", "lesion", mask=np.ones((96, 112), bool), plane=5)
    session.annotate_rest("ct", plane=6)
    assert set(session.annotations[-1].pixels[:, 0].tolist()) == {6}
    session.fit("ridge")


def test_there_is_no_rest_of_nothing(session):
    with pytest.raises(BadInput, match="Nothing is labelled on this plane"):
        session.annotate_rest("x")
    session.annotate("x", "lesion", mask=np.ones((160, 192), bool))
    with pytest.raises(BadInput, match="Nothing is left"):
        session.annotate_rest("x")


def test_clicks_and_the_rest_alone_make_a_good_head(session, disc):
    session.annotate("x", "lesion", points=np.argwhere(disc[1])[::300])
    session.annotate_rest("x")
    session.fit("ridge")
    found = session.predict("x").labels == 1
    assert 2 * (found & disc[1]).sum() / (found.sum() + disc[1].sum()) > 0.85


def test_nothing_is_tested_on_what_is_probable(session, disc):
    teach(session, disc)
    before = session.report("ridge")
    session.annotate_rest("x", weight=0.01)
    after = session.report("ridge")
    assert after.label_counts == before.label_counts
    assert np.sum(after.confusion) == np.sum(before.confusion)
    assert after.click_curve[-1][0] > before.click_curve[-1][0]
    assert len(session.doubtful()) <= 10


def test_a_class_with_nothing_certain_is_tested_all_the_same(session, disc):
    session.annotate("x", "lesion", points=np.argwhere(disc[1])[::300])
    session.annotate_rest("x")
    examples = examples_of(session)
    assert len(certain(examples)) == len(examples)
    report = session.report("ridge")
    assert np.sum(report.confusion, axis=1).min() > 0
    session.annotate("x", "background", points=[(5, 5), (150, 5)])
    assert {e.weight for e in certain(examples_of(session))} == {1}


def test_weights_come_back_with_the_project(session, disc, tmp_path):
    teach(session, disc)
    session.annotate("x", "lesion", box=(60, 90, 90, 120), weight=0.25)
    session.annotate_rest("x")
    session.save(tmp_path / "a.medfm")
    session.annotate("x", "lesion", points=[(70, 111)], weight=0.5)
    expected = session.fit("ridge").tensors()
    session.close()
    with pytest.warns(ProjectWarning, match="came from the journal"):
        again = load_project(tmp_path / "a.medfm", encoder=ToyEncoder())
    assert [a.weight for a in again.annotations] == [1, 1, 0.25, 0.1, 0.5]
    again.undo()
    assert [a.weight for a in again.annotations] == [1, 1, 0.25, 0.1]
    again.redo()
    found = again.fit("ridge").tensors()
    assert all(np.array_equal(found[name], expected[name]) for name in expected)
    again.close()


def test_a_class_that_weighs_more_has_better_odds(session, disc):
    teach(session, disc)
    session.fit("ridge")
    plain = session.predict("x").probabilities
    head = session.fit("ridge", class_weights={"lesion": 3})
    found = session.predict("x").probabilities
    odds = 3 * plain[1] / plain[0]
    np.testing.assert_allclose(found[1] / found[0], odds, rtol=1e-3)
    assert head.card["class_weights"] == {"lesion": 3}
    assert "class_weights={'lesion': 3}" in session.script()
    with pytest.raises(BadInput, match="level 'pixel'"):
        session.fit(level="image", class_weights={"lesion": 3})
