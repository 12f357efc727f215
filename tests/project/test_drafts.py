"""Work that was never saved is kept as a draft, and found again."""

import json
import os
import subprocess
import sys
import time

import numpy as np
import pytest
from states import same_state
from toys import ToyEncoder, ToySegmenter

from napari_medfm import Session, drafts
from napari_medfm.core.errors import BadFile, BadInput, WriteFailed
from napari_medfm.core.jobs import Job
from napari_medfm.project import draft as module
from napari_medfm.project.draft import drafts_folder, keep_draft
from napari_medfm.project.drafts import when
from napari_medfm.project.keeping import ProjectWarning
from napari_medfm.project.lock import InUse


@pytest.fixture
def kept(session):
    session.keep_draft()
    return session


def leave(session):
    """End as a program does that is stopped: nothing is cleared away."""
    session.close()


def back(one):
    return one.open(encoder=ToyEncoder(), segmenter=ToySegmenter())


def folders():
    home = drafts_folder()
    return sorted(home.iterdir()) if home.exists() else []


def test_all_comes_back(worked):
    worked.keep_draft()
    worked.annotate("array", "vessel", points=[(3, 3)])
    before = worked.labelling
    assert worked.project is None
    assert worked.dirty
    leave(worked)
    (one,) = drafts()
    assert one.images == ("disc.tif", "array", "volume")
    assert one.changes > 10
    again = back(one)
    same_state(before, again.labelling)
    again.undo()
    assert len(again.annotations) == len(before.annotations) - 1
    assert again.project is None
    assert again.dirty
    again.close()


def test_nothing_is_written_before_the_first_step(kept, disc):
    kept.add_image(disc[0], name="x")
    kept.embed("x")
    assert not folders()
    kept.add_class("a")
    (folder,) = folders()
    assert (folder / "journal.jsonl").stat().st_size


def test_sessions_of_scripts_leave_nothing(session, disc):
    session.add_image(disc[0], name="x")
    session.add_class("a")
    session.annotate("x", "a", points=[(1, 1)])
    assert not folders()


def test_every_step_is_on_the_disk_when_the_verb_returns(kept, disc_file):
    kept.add_image(disc_file, name="x")
    kept.add_class("a")
    (folder,) = folders()
    for number in range(3):
        before = (folder / "journal.jsonl").stat().st_size
        kept.annotate("x", "a", points=[(number, number)])
        assert (folder / "journal.jsonl").stat().st_size > before
    size = sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())
    assert size < 20_000
    assert not list(folder.rglob("*.zarr"))


def test_saving_ends_it(kept, disc, tmp_path, opened):
    kept.add_image(disc[0], name="x")
    kept.add_class("a")
    kept.annotate("x", "a", points=[(1, 1)])
    with pytest.raises(BadInput, match="Say where to save"):
        kept.save()
    assert len(folders()) == 1
    kept.save(tmp_path / "case.medfm")
    assert not folders()
    assert kept.project.folder == tmp_path / "case.medfm"
    kept.annotate("x", "a", points=[(2, 2)])
    before = kept.labelling
    kept.close()
    with pytest.warns(ProjectWarning, match="1 action after"):
        again = opened(tmp_path / "case.medfm")
    same_state(before, again.labelling)
    assert np.array_equal(again.images["x"].data, disc[0])


def test_a_save_that_fails_leaves_the_draft(kept, disc, tmp_path):
    kept.add_class("a")
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(WriteFailed, match="Nothing is lost"):
        kept.save(tmp_path / "file" / "case.medfm")
    kept.add_class("b")
    leave(kept)
    (one,) = drafts()
    assert one.changes == 2


def test_a_draft_opened_again_goes_on_and_becomes_a_project(kept, disc, tmp_path):
    kept.add_image(disc[0], name="x")
    kept.add_class("a")
    leave(kept)
    (one,) = drafts()
    again = back(one)
    assert not drafts(), "it is open here"
    again.annotate("x", "a", points=[(1, 1)])
    leave(again)
    (one,) = drafts()
    assert one.changes == 2
    again = back(one)
    assert len(again.annotations) == 1
    again.save(tmp_path / "case.medfm")
    assert not folders()
    again.close()


def test_an_image_that_left_is_missing_and_the_labels_stay(kept, disc_file):
    kept.add_image(disc_file, name="x")
    kept.add_class("a")
    kept.accept("x", np.ones((160, 192), bool), "a")
    leave(kept)
    disc_file.unlink()
    (one,) = drafts()
    with pytest.warns(ProjectWarning, match=r"file of .x. is missing"):
        again = back(one)
    assert again.labels("x").all()
    again.close()


def test_discarding(kept):
    kept.add_class("a")
    assert folders()
    leave(kept)
    drafts()[0].discard()
    assert not folders()


def test_one_that_is_open_is_neither_opened_nor_discarded(kept):
    kept.add_class("a")
    leave(kept)
    (one,) = drafts()
    again = back(one)
    with pytest.raises(InUse):
        back(one)
    with pytest.raises(InUse):
        one.discard()
    again.close()


def test_what_is_discarded_is_kept_again_from_the_next_step_on(kept):
    kept.add_class("a")
    kept.workspace.keeper.discard()
    assert not folders()
    kept.add_class("b")
    leave(kept)
    assert drafts()[0].changes == 2


def test_a_session_of_a_program_that_runs_is_not_offered(kept):
    kept.add_class("a")
    code = (
        "from napari_medfm import Session, drafts\n"
        "s = Session(); s.keep_draft(); s.add_class('mine')\n"
        "print(len(drafts()), flush=True)\n"
        "input()"
    )
    other = subprocess.Popen(  # noqa: S603  this program
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert other.stdout.readline() == "0\n"
        assert len(folders()) == 2
        assert not drafts()
    finally:
        other.kill()
        other.wait()
        other.stdin.close()
        other.stdout.close()
    (one,) = drafts()
    assert one.changes == 1
    again = back(one)
    assert [c.name for c in again.classes] == ["background", "mine"]
    again.close()


def test_a_draft_of_another_computer_is_said_to_be(kept):
    kept.add_class("a")
    leave(kept)
    (folder,) = folders()
    lock = {"pid": 1, "host": "far", "since": "x", "started": "", "token": "t"}
    (folder / "lock.json").write_text(json.dumps(lock))
    (one,) = drafts()
    assert one.elsewhere == "far"
    assert "on the computer far" in str(one)
    with pytest.raises(InUse, match="far"):
        back(one)
    one.discard()
    assert not folders()


def test_a_folder_that_cannot_be_written_is_said_once(session, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("NAPARI_MEDFM_DRAFTS", str(tmp_path / "file" / "drafts"))
    session.keep_draft()
    with pytest.warns(ProjectWarning, match="no draft can be kept.*Not a dir"):
        session.add_class("a")
    session.add_class("b")
    assert "Not a directory" in session.workspace.keeper.problem
    (tmp_path / "file").unlink()
    session.add_class("c")
    assert session.workspace.keeper.problem is None
    leave(session)
    assert drafts()[0].changes == 3


def test_large_images_are_read_behind_and_nothing_overtakes(
    session, disc_file, monkeypatch
):
    monkeypatch.setattr(module, "_AT_ONCE", 1000)
    waiting = []
    session.add_image(disc_file, name="x")
    keep_draft(session.workspace, waiting.append)
    session.add_class("a")
    session.annotate("x", "a", points=[(1, 1)])
    assert waiting
    assert session.workspace.keeper.dirty
    job = Job(waiting[0])
    job.drain()
    assert session.workspace.keeper.dirty
    job.result()
    assert not session.workspace.keeper.dirty
    count = len(waiting)
    session.annotate("x", "a", points=[(2, 2)])
    assert len(waiting) == count
    leave(session)
    (one,) = drafts()
    assert one.changes == 3
    again = back(one)
    same_state(session.labelling, again.labelling)
    again.close()


@pytest.fixture
def small_copies(monkeypatch):
    monkeypatch.setattr(module.Draft, "largest_copy", 1000)


def test_pixels_without_a_file_are_kept_up_to_a_size(
    small_copies, kept, disc, tmp_path
):
    kept.add_image(disc[0], name="x")
    kept.add_class("a")
    kept.accept("x", disc[1], "a")
    assert not list(folders()[0].rglob("*.zarr"))
    kept.save(tmp_path / "case.medfm")
    assert list((tmp_path / "case.medfm" / "images").iterdir())
    assert np.array_equal(kept.images["x"].data, disc[0])


def test_the_size_holds_after_it_is_opened_again(small_copies, kept, disc):
    for name in "abc":
        kept.add_class(name)
    leave(kept)
    (one,) = drafts()
    again = back(one)
    again.add_image(disc[0], name="large")
    again.add_image(np.zeros((4, 4), np.uint8), name="small")
    again.accept("large", disc[1], "a")
    assert len(list(folders()[0].rglob("zarr.json"))) == 1, "the small one alone"
    again.close()


def test_what_was_made_ready_and_never_used_goes_after_a_while(kept):
    home = drafts_folder()
    empty = home / "2026-01-01-000000-00000000.medfm"
    empty.mkdir(parents=True)
    gone = home / ".gone-2026.medfm"
    gone.mkdir()
    assert not drafts()
    assert empty.exists(), "another program may just be making it"
    assert not gone.exists()
    os.utime(empty, (time.time() - 3600,) * 2)
    assert not drafts()
    assert not empty.exists()


def test_a_damaged_one_is_told_and_never_removed(kept):
    for name in "abc":
        kept.add_class(name)
    leave(kept)
    (folder,) = folders()
    path = folder / "journal.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    lines[2] = lines[2].replace(b"}", b"]", 1)
    path.write_bytes(b"".join(lines))
    (one,) = drafts()
    assert one.damaged
    with pytest.raises(BadFile, match="line 3 is damaged"):
        back(one)
    with pytest.warns(ProjectWarning, match="damaged after 1 action"):
        again = one.open(encoder=ToyEncoder(), segmenter=ToySegmenter(), salvage=True)
    assert [c.name for c in again.classes] == ["background", "a"]
    again.close()
    path.write_bytes(b"nothing")
    assert drafts()[0].damaged
    assert folder.exists()


@pytest.mark.parametrize("line", [b"[]\n", b"{}\n", b'{"call": 3}\n', b"\xff\n", b""])
def test_nonsense_in_the_folder_is_no_trouble(kept, line, tmp_path):
    home = drafts_folder()
    (home / "x.medfm").mkdir(parents=True)
    (home / "x.medfm" / "journal.jsonl").write_bytes(line)
    (home / "notes.txt").write_text("mine")
    (home / "link.medfm").symlink_to(tmp_path)
    drafts()
    assert (home / "notes.txt").exists()
    assert (home / "link.medfm").exists()


def test_a_closed_session_lets_go(kept):
    kept.add_class("a")
    kept.close()
    kept.add_class("b")
    assert drafts()[0].changes == 1


def test_when_in_words():
    now = time.time()
    assert when(now).startswith("today ")
    assert when(now - 86_400).startswith("yesterday ")
    assert "2020" in when(1.6e9)


def test_a_project_needs_no_draft(session, tmp_path):
    session.add_class("a")
    session.save(tmp_path / "case.medfm")
    session.keep_draft()
    session.add_class("b")
    assert not folders()


def test_it_is_the_users_alone(kept):
    kept.add_class("a")
    (folder,) = folders()
    assert folder.stat().st_mode & 0o077 == 0
    assert folder.parent.stat().st_mode & 0o077 == 0


def test_several_sessions_each_have_their_own(tmp_path):
    made = [Session(ToyEncoder(), ToySegmenter()) for _ in range(3)]
    for number, one in enumerate(made):
        one.keep_draft()
        one.add_class(f"class {number}")
    assert len(folders()) == 3
    for one in made:
        one.close()
    names = {back(one).classes[-1].name for one in drafts()}
    assert names == {f"class {number}" for number in range(3)}
