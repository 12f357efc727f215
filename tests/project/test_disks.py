"""Disks that are really full, or really read-only: a clear message, nothing lost."""

import os
import shutil
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import pytest
from disks import kinds
from fuzzing.images import files_below, packed_zarr
from fuzzing.target import put
from states import same_state

from napari_medfm import load_head
from napari_medfm.core.errors import BadFile, BadInput, WriteFailed
from napari_medfm.project.keeping import ProjectWarning

FULL = r"No space left|File too large"
FORMATS = (
    *("a.tif", "a.ome.tif", "a.png", "a.nii.gz", "a.seg.nrrd", "a.ome.zarr"),
    *("a.coco.json", "a.geojson"),
)


@pytest.fixture(params=kinds(), ids=lambda kind: kind.__name__)
def disk(request):
    folder = Path(tempfile.mkdtemp(prefix="disk-"))
    made = request.param(folder)
    yield made
    made.close()
    shutil.rmtree(folder, ignore_errors=True)


def test_a_project_on_a_full_disk_waits_and_goes_on(disk, worked, opened):
    case = disk.folder / "case.medfm"
    worked.save(case)
    with disk.full():
        with pytest.warns(ProjectWarning, match=FULL):
            worked.add_class("one")
        with pytest.warns(ProjectWarning, match="kept in memory"):
            worked.annotate("array", "vessel", points=[(3, 3)])
        with pytest.raises(WriteFailed, match="save the project elsewhere"):
            worked.save()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            half = opened(case, read_only=True)
        assert [c.name for c in half.classes] == ["background", "lesion", "vessel"]
        half.close()
    worked.add_class("three")
    assert not worked.dirty
    worked.close()
    with pytest.warns(ProjectWarning, match="3 actions after"):
        same_state(worked.labelling, opened(case).labelling)


def test_a_project_is_saved_elsewhere_when_its_disk_is_full(
    disk, worked, opened, tmp_path
):
    """Of the same process: where no file of it can grow, it is saved afterwards."""
    worked.save(disk.folder / "case.medfm")
    with disk.full(), pytest.warns(ProjectWarning, match=FULL):
        worked.add_class("one")
    worked.save(tmp_path / "rescued.medfm")
    assert not worked.dirty
    worked.close()
    same_state(worked.labelling, opened(tmp_path / "rescued.medfm").labelling)


def test_a_save_that_does_not_fit_leaves_nothing(disk, worked, opened, tmp_path):
    worked.save(tmp_path / "case.medfm")
    with disk.full(), pytest.raises(WriteFailed, match=FULL):
        worked.save(disk.folder / "other.medfm")
    assert list(disk.folder.iterdir()) == []
    worked.add_class("still written")
    worked.close()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        same_state(worked.labelling, opened(tmp_path / "case.medfm").labelling)


@pytest.mark.parametrize("name", FORMATS)
def test_an_export_onto_a_full_disk_leaves_the_old_file(disk, worked, name):
    worked.accept("array", worked.labels("file") > 0, "lesion")
    path = disk.folder / name
    worked.export_masks("array", path)
    before = files_below(disk.folder)
    worked.accept("array", np.ones_like(worked.labels("array"), bool), "vessel")
    with disk.full(), pytest.raises(WriteFailed, match=FULL):
        worked.export_masks("array", path)
    assert files_below(disk.folder) == before
    worked.export_masks("array", path)
    assert files_below(disk.folder) != before


@pytest.mark.parametrize("name", ["a.csv", "a.parquet"])
def test_a_table_onto_a_full_disk_leaves_the_old_one(disk, worked, name):
    worked.export_table(disk.folder / name)
    before = files_below(disk.folder)
    worked.accept("array", np.ones_like(worked.labels("array"), bool), "vessel")
    with disk.full(), pytest.raises(WriteFailed, match=FULL):
        worked.export_table(disk.folder / name)
    assert files_below(disk.folder) == before


def test_a_head_onto_a_full_disk_leaves_the_old_one(disk, worked):
    path = disk.folder / "a.head.safetensors"
    worked.export_head(path)
    worked.fit("prototype")
    before = path.read_bytes()
    with disk.full(), pytest.raises(WriteFailed, match=FULL):
        worked.export_head(path)
    assert path.read_bytes() == before
    assert load_head(path).classes
    assert [p.name for p in disk.folder.iterdir()] == [path.name]


def test_a_full_cache_only_costs_time(disk, disc, toys_on):
    session = toys_on(disk.folder / "cache")
    session.add_image(disc[0], name="x")
    with disk.full():
        session.embed("x")
        found = session.similarity("x", at=[(70, 110)])["x"]
    assert found.shape == disc[0].shape
    session.close()


@pytest.fixture
def toys_on():
    from toys import ToyEncoder, ToySegmenter

    from napari_medfm import Session

    return lambda cache: Session(ToyEncoder(), ToySegmenter(), cache_dir=cache)


def test_a_project_in_a_read_only_folder_opens_for_reading(
    disk, session, opened, disc, tmp_path
):
    session.add_image(disc[0], name="array")
    session.add_class("lesion")
    session.annotate("array", "lesion", points=[(70, 110)])
    case = disk.folder / "case.medfm"
    session.save(case)
    session.close()
    with disk.read_only():
        with pytest.warns(ProjectWarning, match="open for reading"):
            again = opened(case)
        same_state(session.labelling, again.labelling)
        again.add_class("new")
        assert again.dirty
        with pytest.raises(BadInput, match="opened for reading"):
            again.save()
    again.save(tmp_path / "mine.medfm")
    again.close()
    same_state(again.labelling, opened(tmp_path / "mine.medfm").labelling)
    assert opened(case).classes == session.classes


def test_exports_into_a_read_only_folder_say_so(disk, worked):
    with disk.read_only():
        for name in FORMATS:
            with pytest.raises(WriteFailed, match=r"Read-only|Permission"):
                worked.export_masks("file", disk.folder / name)
        with pytest.raises(WriteFailed, match=r"Read-only|Permission"):
            worked.export_table(disk.folder / "a.csv")
        with pytest.raises(WriteFailed, match=r"Read-only|Permission"):
            worked.save(disk.folder / "case.medfm")
    assert list(disk.folder.iterdir()) == []


def test_an_image_folder_removed_under_us_is_said(session, tmp_path):
    """Parts that are not there are zeros in zarr: of a folder that is gone, none."""
    path = put(tmp_path, "a.zarr", packed_zarr(2))
    session.add_image(path, name="x")
    shutil.rmtree(path)
    with pytest.raises(BadFile, match="was removed"):
        session.images["x"].plane(1)


RACE = """
import sys, time
from pathlib import Path
from napari_medfm.project.lock import InUse, Lock
case, begin = Path(sys.argv[1]), Path(sys.argv[2])
print("ready", flush=True)
while not begin.exists():
    time.sleep(0.001)
try:
    lock = Lock(case)
except InUse:
    print("refused", flush=True)
else:
    print("held", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("left", [False, True], ids=["free", "left by a dead program"])
def test_of_many_programs_one_gets_a_project(case_of_nobody, tmp_path, left):
    lock = case_of_nobody / "lock.json"
    if left:
        dead = subprocess.run(
            [sys.executable, "-c", "import os; print(os.getpid())"],
            capture_output=True,
            text=True,
            check=True,
        )
        lock.write_text(
            f'{{"pid": {dead.stdout.strip()}, "host": "{os.uname().nodename}",'
            ' "since": "x", "started": "1", "token": "t"}'
        )
    programs = [
        subprocess.Popen(  # noqa: S603  this program
            [sys.executable, "-c", RACE, str(case_of_nobody), str(tmp_path / "begin")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(5)
    ]
    try:
        assert {p.stdout.readline() for p in programs} == {"ready\n"}
        (tmp_path / "begin").touch()
        answers = sorted(p.stdout.readline().strip() for p in programs)
    finally:
        for program in programs:
            program.communicate()
    assert answers == ["held", *["refused"] * 4]


@pytest.fixture
def case_of_nobody(worked, tmp_path):
    worked.save(tmp_path / "case.medfm")
    worked.close()
    return tmp_path / "case.medfm"
