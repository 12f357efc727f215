"""The notebooks run from top to bottom, on the real default models."""

import io
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.weights.conftest import Server

WORDS = "words_as_prompts"
NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))


def test_there_are_notebooks():
    assert NOTEBOOKS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_they_are_stored_without_outputs(path):
    cells = nbformat.read(path, as_version=4).cells
    code = [cell for cell in cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in code)


@pytest.mark.weights
@pytest.mark.parametrize(
    "path", [p for p in NOTEBOOKS if p.stem != WORDS], ids=lambda path: path.stem
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_they_run(path, real_weights, tmp_path, monkeypatch):
    run(path, tmp_path, monkeypatch)
    assert (tmp_path / "tissue.tif").exists() or path.stem != "quick_start"


def run(path, folder, monkeypatch):
    """Run a notebook in a folder, and return it with what its cells printed."""
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=400,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
    )
    return client.execute()


@pytest.fixture
def random_towers(monkeypatch):
    """A hub on this machine with QuiltNet's layout, and nothing learned in it."""
    import torch

    from napari_medfm import encoders

    entry = encoders._catalogue()["quiltnet-b32"]
    torch.manual_seed(0)
    file = io.BytesIO()
    torch.save(entry.network.build().half().state_dict(), file)
    source = entry.spec.sources[0]
    server = Server()
    place = f"/{source.ref}/resolve/main/{source.member}"
    server.serve(place, file.getvalue())
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    yield server
    assert {path for path, _ in server.asked} == {place}
    server.close()


@pytest.mark.weights
@pytest.mark.timeout(900)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_words_run_on_random_weights_and_do_not_pretend(
    random_towers, tmp_path, monkeypatch
):
    path = next(p for p in NOTEBOOKS if p.stem == WORDS)
    done = run(path, tmp_path, monkeypatch)
    printed = "".join(
        output.get("text", "")
        for cell in done.cells
        for output in cell.get("outputs", ())
    )
    assert "no better than chance" in printed
    assert "label by hand instead" in printed
