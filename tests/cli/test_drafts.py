"""Work that was never saved, from the shell."""

import json

import pytest
from toys import ToyEncoder, ToySegmenter

from napari_medfm import Session, drafts, load_project


@pytest.fixture
def left(disc):
    session = Session(ToyEncoder(), ToySegmenter())
    session.keep_draft()
    session.add_image(disc[0], name="ct")
    session.add_class("lesion")
    session.accept("ct", disc[1], "lesion")
    session.close()
    return session


def test_there_is_none(shell):
    code, output, _ = shell("drafts")
    assert code == 0
    assert "no work that was not saved" in output


def test_list(shell, left):
    for words in (["drafts"], ["drafts", "list"]):
        code, output, _ = shell(*words)
        assert code == 0
        assert "on ct (2 changes)" in output
        assert "1 draft in" in output


@pytest.mark.parametrize("by_name", [False, True])
def test_save(shell, left, tmp_path, by_name):
    which = drafts()[0].folder.name if by_name else "1"
    code, output, errors = shell("drafts", "save", which, tmp_path / "case.medfm")
    assert (code, errors) == (0, "")
    assert "Saved" in output
    assert not drafts()
    again = load_project(tmp_path / "case.medfm", read_only=True)
    assert (again.labels("ct") == left.labels("ct")).all()


def test_save_where_something_is(shell, left, tmp_path):
    (tmp_path / "case.medfm").mkdir()
    code, _, errors = shell("drafts", "save", "1", tmp_path / "case.medfm")
    assert code == 1
    assert "exists" in errors
    assert len(drafts()) == 1


def test_save_what_is_damaged(shell, left, tmp_path):
    path = drafts()[0].folder / "journal.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    lines[3] = b"nonsense\n"
    path.write_bytes(b"".join([*lines, *lines[1:2]]))
    _, output, _ = shell("drafts")
    assert "(damaged)" in output
    code, _, errors = shell("drafts", "save", "1", tmp_path / "case.medfm")
    assert code == 0
    assert "damaged after 2 actions" in errors
    assert load_project(tmp_path / "case.medfm", read_only=True).classes[1:]


def test_discard_asks(shell, left, monkeypatch):
    code, _, errors = shell("drafts", "discard", "1")
    assert code == 2
    assert "--yes" in errors
    assert len(drafts()) == 1
    code, output, _ = shell("drafts", "discard", "1", "--yes")
    assert code == 0
    assert "discarded" in output
    assert not drafts()


@pytest.mark.parametrize("do", ["open", "save", "discard"])
def test_one_that_is_not_there(shell, do, tmp_path):
    words = ["drafts", do, "9"] + ([tmp_path / "a.medfm"] if do == "save" else [])
    code, _, errors = shell(*words)
    assert code == 2
    assert "`napari-medfm drafts` lists" in errors


def test_open(shell, left, monkeypatch):
    from napari_medfm import app

    opened = []
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    monkeypatch.setattr(app, "open_paths", opened.append)
    monkeypatch.setattr(app, "run", lambda: None)
    (one,) = drafts()
    assert shell("drafts", "open", "1")[0] == 0
    assert opened == [[one.folder]]


def test_one_that_may_be_open_elsewhere_is_not_taken_without_asking(
    shell, left, tmp_path
):
    lock = {"pid": 1, "host": "far", "since": "x", "started": "", "token": "t"}
    (drafts()[0].folder / "lock.json").write_text(json.dumps(lock))
    for words in (["save", "1", tmp_path / "case.medfm"], ["discard", "1"]):
        code, _, errors = shell("drafts", *words)
        assert code == 2
        assert "Nobody is there to be asked" in errors
    assert drafts()[0].elsewhere == "far"
    assert shell("drafts", "save", "1", tmp_path / "case.medfm", "--yes")[0] == 0
    assert not drafts()
