"""Projects on the desk: all comes back, and nothing is let go of unasked."""

from dataclasses import replace

import numpy as np
import pytest
import tifffile
from napari.components import ViewerModel
from persons import Person
from states import same_state
from toys import ToyEncoder, ToySegmenter

from napari_medfm import load_project
from napari_medfm.bridge.desk import Desk
from napari_medfm.bridge.finding import desk_of
from napari_medfm.bridge.onview import show_alone
from napari_medfm.bridge.running import InlineRunner
from napari_medfm.project.lock import InUse
from napari_medfm.session import Session


class OnDesk:
    """A viewer, whatever desk serves it now."""

    def __init__(self, tmp_path, *images):
        self.viewer, self.person, self.home = ViewerModel(), Person(), tmp_path
        session = Session(ToyEncoder(), ToySegmenter())
        for image, name in images:
            session.add_image(image, name=name)
        desk = Desk(self.viewer, session, InlineRunner())
        desk.projects.config = tmp_path / "config"
        desk.projects.dialogs = self.person

    @property
    def desk(self):
        return desk_of(self.viewer)

    @property
    def session(self):
        return self.desk.session

    @property
    def projects(self):
        return self.desk.projects

    def world(self, *index):
        return self.desk.binding.layer(self.desk.image).data_to_world(index)

    def click(self, *index):
        self.desk.hand.click("examples", self.world(*index), negative=False)

    def shown(self, role):
        return self.desk.mirror.layer(self.desk.image, role)

    def stroke(self, *path):
        self.desk.hand.stroke_done([self.world(*one) for one in path])


@pytest.fixture
def file(disc, tmp_path):
    path = tmp_path / "scans" / "disc.tif"
    path.parent.mkdir()
    tifffile.imwrite(path, disc[0])
    return path


@pytest.fixture
def one(file, ball, tmp_path):
    made = OnDesk(tmp_path, (file, "disc"), (ball[0], "ball"))
    yield made
    made.session.close()


def work(one):
    """Do something of every kind on the first image, and something on the second."""
    desk = one.desk
    desk.live.automatic = False
    desk.work_on("disc")
    desk.add_class("lesion", "#aa3377")
    one.click(70, 110)
    desk.choose_class(0)
    one.click(10, 10)
    one.stroke((20, 20), (20, 60))
    desk.runner.rest()
    desk.prompt.box((34, 74, 107, 147))
    desk.accept()
    desk.prompt.box((30, 70, 100, 140))
    desk.work_on("ball")
    desk.choose_class(1)
    one.click(6, 50, 60)
    desk.runner.rest()


def save(one, name="case.medfm"):
    one.person.places.append(one.home / name)
    one.projects.save()


def test_all_comes_back_in_another_window(one, tmp_path):
    work(one)
    save(one)
    assert one.projects.standing.words == "Saved"
    before = one.session.labelling
    one.session.close()

    other = OnDesk(tmp_path)
    other.projects.open(tmp_path / "case.medfm")
    assert not other.person.asked
    same_state(before, other.session.labelling)
    assert {x.name for x in other.viewer.layers} >= {"disc", "ball"}
    other.desk.work_on("disc")
    other.desk.runner.rest()
    assert len(other.shown("examples").data) == 2
    assert other.shown("strokes").data.any()
    assert np.array_equal(other.shown("labels").data, other.session.labels("disc"))
    assert other.shown("labels").data.any()
    assert other.desk.prompt.mask is not None
    assert other.shown("mask").data.any()
    predicted = one.session.predict("disc").labels
    assert np.array_equal(other.shown("prediction").data, predicted)
    assert [c.name for c in other.desk.classes] == ["background", "lesion"]
    depth = other.session.workspace.depth
    assert depth == len([1 for _ in range(depth) if other.session.undo()])
    assert other.session.annotations == ()
    while other.session.redo():
        pass
    same_state(before, other.session.labelling)
    other.session.close()


def test_nothing_of_the_old_session_is_left(one, disc, tmp_path):
    work(one)
    save(one)
    one.projects.new()
    assert not one.viewer.layers
    assert not one.session.images
    assert one.session.encoder == "toy-encoder"
    one.viewer.add_image(disc[0][::-1].copy(), name="disc")
    assert one.desk.image == "disc"
    assert one.shown("examples") is None
    assert not one.desk.timeline.can_undo
    one.desk.add_class("other")
    one.person.answers.append("leave")
    one.projects.open(tmp_path / "case.medfm")
    assert "1 change would be lost" in one.person.asked[0].text
    assert [c.name for c in one.desk.classes] == ["background", "lesion"]
    assert sorted(one.session.images) == ["ball", "disc"]
    drawn = [x for x in one.viewer.layers if one.desk.mirror.role_of(x) is None]
    assert len(drawn) == 2


def test_an_old_desk_hears_nothing_more(one, tmp_path):
    work(one)
    save(one)
    old = one.desk
    one.projects.new()
    heard = []
    old.changed.connect(lambda: heard.append(1))
    one.viewer.add_image(np.zeros((20, 20), np.uint8), name="new")
    one.viewer.dims.set_point(0, 1)
    assert not heard
    assert not old.session.project


def test_opening_lets_go_of_the_lock(one, tmp_path):
    work(one)
    save(one)
    with pytest.raises(InUse):
        load_project(tmp_path / "case.medfm")
    one.projects.new()
    load_project(tmp_path / "case.medfm").close()


@pytest.mark.parametrize("answer", ["cancel", "save", "leave"])
def test_unsaved_work_is_asked_about(one, answer, tmp_path):
    work(one)
    labelling = one.session.labelling
    one.person.answers.append(answer)
    one.person.places.append(tmp_path / "kept.medfm")
    one.projects.new()
    assert len(one.person.asked) == 1
    assert (tmp_path / "kept.medfm").exists() == (answer == "save")
    if answer == "cancel":
        assert one.session.labelling is labelling
    else:
        assert not one.session.images
    if answer == "save":
        kept = load_project(tmp_path / "kept.medfm")
        same_state(labelling, kept.labelling)
        kept.close()


def test_images_alone_are_no_work(one):
    one.projects.new()
    assert not one.person.asked
    assert not one.session.images


@pytest.mark.parametrize("answer", ["open", "as saved", "cancel"])
def test_a_journal_ahead_of_its_save(one, answer, tmp_path):
    work(one)
    save(one)
    saved = one.session.labelling
    one.desk.work_on("disc")
    for row in (40, 50, 60):
        one.stroke((row, 80), (row, 90))
    assert "3 changes since the last save" in one.projects.standing.words
    ahead = one.session.labelling
    one.session.close()  # as a program that was killed: no save

    other = OnDesk(tmp_path)
    other.person.answers.append(answer)
    other.projects.open(tmp_path / "case.medfm")
    assert "3 changes since its last save" in other.person.asked[0].text
    if answer == "cancel":
        assert other.projects.folder is None
        with pytest.warns(UserWarning, match="after the last save"):
            load_project(tmp_path / "case.medfm").close()
        return
    found = other.session.labelling
    assert len(found.annotations) == len(
        (ahead if answer == "open" else saved).annotations
    )
    if answer == "as saved":
        same_state(saved, found)
        copies = list((tmp_path / "case.medfm").glob("journal.ahead*.jsonl"))
        assert len(copies) == 1
        other.desk.work_on("disc")
        other.stroke((90, 80), (90, 90))
        after = other.session.labelling
        other.session.close()
        with pytest.warns(UserWarning, match="after the last save"):
            again = load_project(tmp_path / "case.medfm")
        same_state(after, again.labelling)
        again.close()
    other.session.close()


def test_saving_again_asks_nothing_and_clears_the_count(one):
    work(one)
    save(one)
    one.desk.add_class("more")
    assert one.projects.standing.unsaved == 1
    one.projects.save()
    assert one.projects.standing.words == "Saved"


def test_a_project_that_is_open_elsewhere(one, tmp_path):
    work(one)
    save(one)
    other = OnDesk(tmp_path)
    other.person.answers.append("cancel")
    other.projects.open(tmp_path / "case.medfm")
    assert "another window of this program" in other.person.asked[0].text
    assert other.projects.folder is None
    other.person.answers.append("read")
    other.projects.open(tmp_path / "case.medfm")
    same_state(one.session.labelling, other.session.labelling)
    other.desk.add_class("lost?")
    assert other.projects.standing.is_problem
    assert other.projects.standing.at_stake == 1
    other.person.places.append(tmp_path / "mine")
    other.projects.save()
    assert other.projects.folder == tmp_path / "mine.medfm"
    assert not other.projects.standing.is_problem
    other.session.close()


@pytest.mark.parametrize("found", [True, False])
def test_missing_images_are_looked_for(one, file, found, tmp_path):
    work(one)
    save(one)
    before = one.session.labelling
    one.session.close()
    place = tmp_path / "deep" / "down" / "renamed.tif"
    place.parent.mkdir(parents=True)
    file.rename(place)
    other = OnDesk(tmp_path)
    other.person.answers += ["look"] if found else ["open"]
    other.person.places.append(place.parent)
    other.projects.open(tmp_path / "case.medfm")
    assert "disc" in other.person.asked[0].text
    assert "load_project" not in other.desk.message
    if found:
        assert not other.projects.missing
        same_state(before, other.session.labelling)
        assert np.array_equal(
            np.asarray(other.session.images["disc"].data), tifffile.imread(place)
        )
        other.session.close()
        again = load_project(tmp_path / "case.medfm")  # where it is now was written
        assert not again.project.missing
        again.close()
        return
    assert list(other.projects.missing) == ["disc"]
    other.desk.work_on("disc")
    assert other.shown("labels").data.any()
    assert "missing" in other.desk.binding.layer("disc").name
    other.person.places[:] = [place.parent]
    other.projects.find_images()
    assert not other.projects.missing
    same_state(before, other.session.labelling)
    other.session.close()


def test_a_folder_without_the_image_asks_again(one, file, tmp_path):
    work(one)
    save(one)
    one.session.close()
    file.unlink()
    other = OnDesk(tmp_path)
    (tmp_path / "nothing").mkdir()
    other.person.answers += ["look", "cancel"]
    other.person.places.append(tmp_path / "nothing")
    other.projects.open(tmp_path / "case.medfm")
    assert "Not found in nothing" in other.person.asked[1].text
    assert other.projects.folder is None
    with pytest.warns(UserWarning, match="is missing"):
        load_project(tmp_path / "case.medfm").close()


def test_a_damaged_project_offers_what_is_left(one, tmp_path):
    work(one)
    save(one)
    one.session.close()
    journal = tmp_path / "case.medfm" / "journal.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    lines[-2] = lines[-2].replace(b"a", b"b", 1)
    journal.write_bytes(b"".join(lines))
    other = OnDesk(tmp_path)
    other.person.answers.append("salvage")
    other.projects.open(tmp_path / "case.medfm")
    assert "damaged" in other.person.asked[0].text
    assert sorted(other.session.images) == ["ball", "disc"]
    other.session.close()


@pytest.mark.parametrize("what", ["no.medfm", "scans"])
def test_what_is_no_project_is_refused(one, what, tmp_path):
    work(one)
    one.person.answers.append("leave")
    one.projects.open(tmp_path / what)
    assert one.desk.is_problem
    assert "not a project" in one.desk.message
    assert sorted(one.session.images) == ["ball", "disc"]


def test_a_disk_that_refuses_is_said_and_asked_about(one, monkeypatch):
    import errno

    from napari_medfm.project import journal as journals

    work(one)
    save(one)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(journals, "_write", full)
        with pytest.warns(UserWarning, match="No space"):
            one.desk.add_class("more")
        assert one.projects.standing.is_problem
        assert "No space left" in one.projects.standing.words
        one.person.answers.append("cancel")
        one.projects.new()
    assert "1 change would be lost" in one.person.asked[-1].text
    assert sorted(one.session.images) == ["ball", "disc"]


def test_recent_projects_are_listed(one, tmp_path):
    work(one)
    save(one)
    save_two = tmp_path / "two.medfm"
    one.person.places.append(save_two)
    one.projects.save_as()
    assert one.projects.recent == [save_two, tmp_path / "case.medfm"]
    assert one.projects.folder == save_two


def test_layers_of_the_user_stay_hidden_and_are_no_images(one, tmp_path):
    work(one)
    save(one)
    mine = one.viewer.add_shapes([[[0, 0], [9, 9]]], name="mine")
    one.projects.new()
    assert mine in one.viewer.layers
    assert not mine.visible
    assert one.desk.image is None


def test_images_that_cannot_be_worked_on_stay_hidden(one):
    """What another plugin made is nobody's but the user's."""
    work(one)
    save(one)
    made = one.viewer.add_image(np.zeros((2, 3, 4, 8, 8)), name="five axes")
    assert one.desk.binding.name_of(made) is None
    one.projects.new()
    assert made in one.viewer.layers
    assert not made.visible
    assert not one.session.images


def test_the_effort_is_written_as_table_and_picture(one, tmp_path):
    import csv

    from PIL import Image

    work(one)
    one.person.places += [tmp_path / "e.csv", tmp_path / "e"]
    one.desk.effort.table()
    one.desk.effort.picture()
    with (tmp_path / "e.csv").open() as file:
        rows = {row["image"]: row for row in csv.DictReader(file)}
    assert (rows["disc"]["clicks"], rows["disc"]["strokes"]) == ("2", "1")
    assert (rows["disc"]["boxes"], rows["disc"]["accepted"]) == ("2", "1")
    assert rows["ball"]["clicks"] == "1"
    with Image.open(tmp_path / "e.png") as picture:
        assert picture.width > 500


def test_of_many_images_some_come_at_a_time_and_one_is_seen(one, disc, tmp_path):
    for number in range(9):
        one.session.add_image(disc[0] + number, name=f"more {number}")
    one.desk.runner.rest()
    work(one)
    save(one)
    one.projects.new()
    one.projects.open(tmp_path / "case.medfm")

    def images():
        return [x for x in one.viewer.layers if one.desk.mirror.role_of(x) is None]

    assert len(images()) == 4
    one.desk.runner.rest()
    assert len(images()) == len(one.session.images) == 11
    seen = [x.name for x in images() if x.visible]
    assert seen == [one.desk.image]
    show_alone(one.desk, "more 3")
    assert [x.name for x in images() if x.visible] == ["more 3"]
    show_alone(one.desk, "disc")
    one.desk.work_on("disc")
    assert one.shown("labels").visible


def test_all_is_done_again_and_compared(one, tmp_path):
    one.desk.repeating.begin()
    assert "save a project first" in one.desk.message
    work(one)
    save(one)
    case = tmp_path / "case.medfm"
    before = sorted((p, p.stat().st_mtime_ns) for p in case.rglob("*"))
    labelling = one.session.labelling
    one.desk.repeating.begin()
    assert "everything is the same, bit for bit" in one.desk.message
    assert one.session.labelling is labelling
    assert sorted((p, p.stat().st_mtime_ns) for p in case.rglob("*")) == before


def test_what_is_not_the_same_again_is_named(one, tmp_path):
    work(one)
    save(one)
    segmenter = one.session.workspace.segmenter.get()
    decode = segmenter.decode

    def other(embedding, **prompts):
        found = decode(embedding, **prompts)
        return replace(found, logits=found.logits[..., ::-1])

    segmenter.decode = other
    one.desk.repeating.begin()
    assert "Not all is the same: call " in one.desk.message
    assert one.desk.is_problem
