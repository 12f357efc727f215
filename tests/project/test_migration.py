"""Projects of older programs open, and are kept as they were beside the new form."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from napari_medfm.core.errors import BadFile
from napari_medfm.core.forms import dumps
from napari_medfm.project.journal import new_journal, read_journal
from napari_medfm.project.keeping import ProjectWarning
from napari_medfm.project.layout import SCHEMA
from napari_medfm.project.migrations import migrated

OLD = Path(__file__).with_name("schema1")


@pytest.fixture
def case(tmp_path):
    return shutil.copytree(OLD, tmp_path / "case.medfm")


def test_schema_1_opens_with_all_that_it_holds(case, opened):
    with pytest.warns(ProjectWarning, match="journal.schema1.jsonl"):
        session = opened(case)
    assert [c.name for c in session.classes] == ["background", "lesion"]
    assert session.annotations[0].pixels.tolist() == [[3, 4], [5, 6]]
    labels = session.labels("ct")
    assert labels[:4].all()
    assert not labels[4:].any()
    assert session.history[0].at == pytest.approx(1795551984.720016)
    while session.undo():
        pass
    assert not session.annotations


def test_the_old_journal_is_kept_and_the_new_one_written(case, opened):
    with pytest.warns(ProjectWarning):
        session = opened(case)
    session.undo()
    session.close()
    kept = case / "journal.schema1.jsonl"
    assert kept.read_bytes() == (OLD / "journal.jsonl").read_bytes()
    assert read_journal(case / "journal.jsonl").entries[0]["schema"] == SCHEMA
    with pytest.warns(ProjectWarning, match="1 action after the last save"):
        again = opened(case)
    np.testing.assert_array_equal(again.labels("ct"), session.labels("ct"))


def test_reading_alone_changes_nothing(case, opened):
    with pytest.warns(ProjectWarning):
        opened(case, read_only=True)
    assert (case / "journal.jsonl").read_bytes() == (OLD / "journal.jsonl").read_bytes()
    assert not (case / "lock.json").exists()


def test_what_is_new_already_stays():
    entries = [{"kind": "napari-medfm journal", "schema": SCHEMA}, {"x": 1}]
    assert migrated(entries) == entries


def test_a_newer_schema_is_refused_with_the_way_out(case, opened):
    path = case / "journal.jsonl"
    entries = json.loads(dumps(list(read_journal(path).entries)))
    entries[0]["schema"] = 99
    path.unlink()
    new_journal(path, entries)
    with pytest.raises(BadFile, match=r"schema 99.*update"):
        opened(case)
