"""Drafts on the desk: kept from the first step on, offered, opened, let go of."""

import pytest
from napari.components import ViewerModel
from persons import Person
from states import same_state
from toys import ToyEncoder, ToySegmenter

from napari_medfm import drafts, load_project
from napari_medfm.bridge.desk import Desk
from napari_medfm.bridge.finding import desk_of
from napari_medfm.bridge.running import InlineRunner
from napari_medfm.project import draft as module
from napari_medfm.session import Session


class OnDesk:
    """A viewer in which somebody works, whatever desk serves it now."""

    def __init__(self, tmp_path):
        self.viewer, self.person = ViewerModel(), Person()
        session = Session(ToyEncoder(), ToySegmenter())
        desk = Desk(self.viewer, session, InlineRunner())
        desk.projects.config = tmp_path / "config"
        desk.projects.dialogs = self.person
        desk.drafts.keep()
        desk.drafts.look()

    @property
    def desk(self):
        return desk_of(self.viewer)

    @property
    def drafts(self):
        return self.desk.drafts

    @property
    def words(self):
        return self.desk.projects.standing.words

    def work(self, pixels):
        self.viewer.add_image(pixels, name="ct", rgb=False)
        self.desk.add_class("lesion")
        where = self.desk.binding.layer("ct").data_to_world((70, 110))
        self.desk.hand.click("examples", where, negative=False)

    def stop(self):
        """End as a program does that is killed, as far as files tell."""
        self.desk.session.close()


@pytest.fixture
def left(disc, tmp_path):
    """Somebody's work that was never saved."""
    one = OnDesk(tmp_path)
    one.work(disc[0])
    assert one.words == "2 changes not saved, but kept in a draft"
    one.stop()
    return one.desk.session.labelling


def test_it_is_offered_and_opened_with_all_that_was_made(left, tmp_path):
    one = OnDesk(tmp_path)
    assert "on ct (2 changes)" in one.drafts.offered.words
    one.drafts.open(one.drafts.offered)
    same_state(left, one.desk.session.labelling)
    assert one.drafts.offered is None
    assert one.words.startswith("2 changes not saved, but kept")
    assert "work is back" in one.desk.message
    one.desk.undo()
    one.stop()
    assert drafts()[0].changes == 3, "undoing is a step too"


def test_it_is_saved_as_a_project(left, tmp_path):
    one = OnDesk(tmp_path)
    one.person.places.append(tmp_path / "case")
    one.drafts.open(one.drafts.offered, save=True)
    assert one.words == "Saved"
    assert not drafts()
    one.stop()
    again = load_project(tmp_path / "case.medfm", read_only=True)
    same_state(left, again.labelling)


@pytest.mark.parametrize(("answer", "count"), [("discard", 0), ("cancel", 1)])
def test_it_is_discarded_after_a_question_only(left, tmp_path, answer, count):
    one = OnDesk(tmp_path)
    one.person.answers.append(answer)
    one.drafts.discard(one.drafts.offered)
    assert "cannot be brought back" in one.person.asked[0].text
    assert len(drafts()) == count
    assert (one.drafts.offered is None) == (count == 0)


def test_later_is_later(left, tmp_path):
    one = OnDesk(tmp_path)
    one.drafts.put_off()
    assert one.drafts.offered is None
    assert len(one.drafts.found) == 1
    one.desk.projects.new()
    assert one.drafts.offered is None
    assert len(drafts()) == 1


def test_one_that_another_window_opened_meanwhile(left, tmp_path):
    one, other = OnDesk(tmp_path), OnDesk(tmp_path)
    found = one.drafts.offered
    other.drafts.open(other.drafts.offered)
    one.person.answers.append("cancel")
    one.drafts.open(found)
    assert "in another window of this program" in one.person.asked[0].text
    one.person.answers.append("discard")
    one.drafts.discard(found)
    assert one.desk.is_problem
    assert other.desk.session.annotations
    other.stop()


@pytest.mark.parametrize(("answer", "count"), [("leave", 0), ("cancel", 1)])
def test_letting_go_unsaved_ends_the_draft_when_the_user_says_so(
    disc, tmp_path, answer, count
):
    one = OnDesk(tmp_path)
    one.work(disc[0])
    one.person.answers.append(answer)
    gone = []
    one.desk.projects.let_go(lambda: gone.append(True))
    assert "2 changes would be lost" in one.person.asked[0].text
    assert bool(gone) == (count == 0)
    one.stop()
    assert len(drafts()) == count


def test_what_comes_after_new_has_a_draft_of_its_own(disc, tmp_path):
    one = OnDesk(tmp_path)
    one.work(disc[0])
    one.person.answers.append("leave")
    one.desk.projects.new()
    one.desk.add_class("another")
    one.stop()
    (found,) = drafts()
    assert found.changes == 1


def test_a_large_image_is_read_behind(disc, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_AT_ONCE", 1000)
    one = OnDesk(tmp_path)
    titles = []
    run = one.desk.runner.run
    monkeypatch.setattr(
        one.desk.runner, "run", lambda w, *a, **k: (titles.append(w.title), run(w, *a))
    )
    one.work(disc[0])
    assert "Keeping a draft of the work on ct" in titles
    one.stop()
    assert drafts()[0].changes == 2


def test_where_none_can_be_kept_the_dock_says_so(disc, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("NAPARI_MEDFM_DRAFTS", str(tmp_path / "file" / "drafts"))
    one = OnDesk(tmp_path)
    with pytest.warns(UserWarning, match="no draft can be kept"):
        one.work(disc[0])
    assert "2 changes not saved, and no draft can be kept" in one.words
    assert one.desk.projects.standing.is_problem


def test_without_its_desk_a_session_keeps_its_draft_by_itself(
    disc, tmp_path, monkeypatch
):
    monkeypatch.setattr(module, "_AT_ONCE", 1000)
    one = OnDesk(tmp_path)
    session = one.desk.session
    session.add_image(disc[0], name="ct")
    one.desk.close()
    session.add_class("lesion")
    assert not session.workspace.keeper.dirty
    session.close()
    assert drafts()[0].changes == 1
