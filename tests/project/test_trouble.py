"""Full disks, read-only folders, killed and greedy programs: nothing is lost."""

import errno
import json
import os
import subprocess
import sys

import pytest
from states import same_state

from napari_medfm.core.errors import BadFile, WriteFailed
from napari_medfm.project import journal as journals
from napari_medfm.project.keeping import ProjectWarning
from napari_medfm.project.lock import InUse


@pytest.fixture
def case(worked, tmp_path):
    worked.save(tmp_path / "case.medfm")
    return tmp_path / "case.medfm"


def full(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


def half(file, content):
    os.write(file, content[: len(content) // 2])
    full()


@pytest.mark.parametrize("broken", [full, half])
def test_a_full_disk_loses_nothing(case, worked, opened, monkeypatch, broken, tmp_path):
    with monkeypatch.context() as disk:
        disk.setattr(journals, "_write", broken)
        with pytest.warns(ProjectWarning, match="No space left"):
            worked.add_class("one")
        with pytest.warns(ProjectWarning, match="2 actions are kept in memory"):
            worked.add_class("two")
        assert worked.dirty
        with pytest.raises(WriteFailed, match="save the project elsewhere"):
            worked.save()
        assert [c.name for c in worked.classes][-2:] == ["one", "two"]
    worked.add_class("three")
    assert not worked.dirty
    assert worked.project.problem is None
    worked.close()
    with pytest.warns(ProjectWarning, match="3 actions after"):
        same_state(worked.labelling, opened(case).labelling)


def test_a_save_that_fails_leaves_no_folder_and_the_old_binding(
    case, worked, opened, monkeypatch, tmp_path
):
    from napari_medfm.project import saving

    with monkeypatch.context() as disk:
        disk.setattr(saving, "new_journal", full)
        with pytest.raises(WriteFailed, match="No space left"):
            worked.save(tmp_path / "other.medfm")
    assert worked.project.folder == case
    assert sorted(p.name for p in tmp_path.iterdir()) == ["cache", "case.medfm", "data"]
    worked.add_class("still written")
    assert not worked.dirty


def test_a_folder_removed_under_us(case, worked, opened, tmp_path):
    import shutil

    shutil.rmtree(case)
    with pytest.warns(ProjectWarning, match="was removed"):
        worked.add_class("late")
    assert worked.dirty
    worked.save(tmp_path / "rescued.medfm")
    assert not worked.dirty
    worked.close()
    again = opened(tmp_path / "rescued.medfm")
    same_state(worked.labelling, again.labelling)


def test_saving_again_where_the_folder_was_removed(case, worked, opened):
    import shutil

    shutil.rmtree(case)
    worked.save()
    worked.close()
    same_state(worked.labelling, opened(case).labelling)


def test_a_journal_replaced_under_us_is_not_written_into(case, worked):
    path = case / "journal.jsonl"
    text = path.read_bytes()
    path.unlink()
    path.write_bytes(text)
    with pytest.warns(ProjectWarning, match="replaced by another file"):
        worked.add_class("late")
    assert path.read_bytes() == text


def test_where_no_lock_can_be_made_changes_wait(
    case, worked, opened, monkeypatch, tmp_path
):
    from napari_medfm.project import opening

    worked.close()
    monkeypatch.setattr(opening, "Lock", full)
    with pytest.warns(ProjectWarning, match="open for reading"):
        again = opened(case)
    monkeypatch.undo()
    again.add_class("new")
    assert again.dirty
    again.save(tmp_path / "mine.medfm")
    assert not again.dirty
    again.close()
    same_state(again.labelling, opened(tmp_path / "mine.medfm").labelling)


def test_two_sessions_on_one_project(case, worked, opened):
    with pytest.raises(InUse, match="already open in this program"):
        opened(case)
    reader = opened(case, read_only=True)
    reader.add_class("not written")
    assert reader.dirty
    worked.close()
    assert opened(case).classes == worked.classes


def test_two_programs_on_one_project(case, worked, opened):
    worked.close()
    code = (
        "import sys; from pathlib import Path; "
        "from napari_medfm.project.lock import Lock; "
        f"lock = Lock(Path({str(case)!r})); print('held', flush=True); "
        "sys.stdin.read()"
    )
    other = subprocess.Popen(  # noqa: S603  this program
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(InUse, match=f"process {other.pid} on this computer"):
            opened(case)
    finally:
        other.kill()
        other.wait()
        other.stdin.close()
        other.stdout.close()
    opened(case)


def test_a_lock_of_another_computer_is_believed(case, worked, opened):
    worked.close()
    lock = {"pid": 1, "host": "far", "since": "x", "started": "", "token": "t"}
    (case / "lock.json").write_text(json.dumps(lock))
    with pytest.raises(InUse, match="on far, since x"):
        opened(case)
    opened(case, take_over=True)


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"pid": "x"}', "null"])
def test_a_lock_that_says_nothing_is_taken_over(case, worked, opened, text):
    worked.close()
    (case / "lock.json").write_text(text)
    opened(case)


@pytest.mark.parametrize("cut", [1, 2, 30, 100])
def test_a_torn_last_line_is_dropped_with_a_word(case, worked, opened, cut):
    worked.annotate("array", "vessel", points=[(3, 3)])
    worked.add_class("torn")
    worked.close()
    path = case / "journal.jsonl"
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.warns(ProjectWarning, match=r"never finished|came from the journal"):
        again = opened(case)
    assert any("never finished" in note for note in again.project.notes)
    worked.undo()
    same_state(worked.labelling, again.labelling)
    again.add_class("after")
    again.close()
    with pytest.warns(ProjectWarning, match="2 actions after"):
        assert opened(case).classes[-1].name == "after"


def test_a_damaged_line_is_refused_with_a_way_out(case, worked, opened):
    worked.accept("volume", worked.predict("volume"))
    worked.save()
    worked.close()
    path = case / "journal.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    lines[9] = lines[9].replace(b"}", b"]", 1)
    path.write_bytes(b"".join(lines))
    with pytest.raises(
        BadFile, match=r"line 10 is damaged: it was changed .*in the window"
    ):
        opened(case)
    with pytest.warns(ProjectWarning):
        again = opened(case, salvage=True)
    assert any("damaged after 8 actions" in note for note in again.project.notes)
    for name in ("file", "array", "volume"):
        assert (again.labels(name) == worked.labels(name)).all()
    assert (case / "journal.damaged.jsonl").read_bytes() == b"".join(lines)
    again.close()
    assert opened(case).project.notes == ()


def test_a_journal_that_ends_before_the_last_save(case, worked, opened):
    worked.close()
    path = case / "journal.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:9]))
    with pytest.raises(BadFile, match="ends before the last save"):
        opened(case)
    with pytest.warns(ProjectWarning):
        again = opened(case, salvage=True)
    assert (again.labels("file") == worked.labels("file")).all()


@pytest.mark.parametrize("content", [None, b"", b"{", b"[]", b'{"kind": 1}'])
def test_without_its_facts_a_project_opens_from_the_journal(
    case, worked, opened, content
):
    worked.close()
    path = case / "project.json"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.warns(ProjectWarning, match="read from the journal"):
        same_state(worked.labelling, opened(case).labelling)


def test_what_is_no_project(opened, tmp_path):
    with pytest.raises(BadFile, match="There is no project"):
        opened(tmp_path / "nothing.medfm")
    (tmp_path / "empty.medfm").mkdir()
    with pytest.raises(BadFile, match="it has no journal"):
        opened(tmp_path / "empty.medfm")
    assert list((tmp_path / "empty.medfm").iterdir()) == []
