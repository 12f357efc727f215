"""The list of recent projects."""

import pytest

from napari_medfm.project.recent import (
    forget_project,
    recent_projects,
    remember_project,
)


def test_newest_first_each_once_and_only_what_is_there(tmp_path):
    config = tmp_path / "config"
    assert recent_projects(config) == []
    folders = [tmp_path / f"{n}.medfm" for n in range(12)]
    for folder in folders:
        folder.mkdir()
        remember_project(folder, config)
    remember_project(folders[5], config)
    assert recent_projects(config)[:3] == [folders[5], folders[11], folders[10]]
    assert len(recent_projects(config)) == 10
    folders[11].rmdir()
    assert folders[11] not in recent_projects(config)
    forget_project(folders[5], config)
    assert folders[5] not in recent_projects(config)


@pytest.mark.parametrize("text", ["", "{}", "[1, null]", "[" * 99_999, '["a\\u0000"]'])
def test_a_list_that_cannot_be_read_is_empty(tmp_path, text):
    (tmp_path / "recent-projects.json").write_text(text)
    assert recent_projects(tmp_path) == []
    (tmp_path / "a.medfm").mkdir()
    remember_project(tmp_path / "a.medfm", tmp_path)
    assert recent_projects(tmp_path) == [tmp_path / "a.medfm"]
