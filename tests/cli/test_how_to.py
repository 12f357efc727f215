"""The how-to pages' own lines, run on toys over files of the names they use."""

import re
import shlex
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

DOCS = Path(__file__).parents[2] / "docs" / "how-to"


def blocks(page, language):
    text = (DOCS / page).read_text("utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.S)


@pytest.fixture
def ct_files(tmp_path, monkeypatch, toy_models):
    """Volumes with one bright object where the pages click."""
    z, rows, cols = np.mgrid[:60, :180, :140]
    inside = ((z - 40) * 4) ** 2 + (rows - 120) ** 2 + (cols - 85) ** 2 < 24**2
    noise = np.random.default_rng(0).normal(0, 0.03, inside.shape)
    for name in ("ct", "ct1", "ct2", "ct3", "other"):
        pixels = (inside + noise).astype(np.float32).T
        nib.save(nib.Nifti1Image(pixels, np.eye(4)), tmp_path / f"{name}.nii.gz")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_python_page(ct_files, capsys):
    first, second = blocks("python.md", "python")
    made = {}
    exec(compile(first, "python.md", "exec"), made)  # noqa: S102
    exec(compile(second, "python.md", "exec"), made)  # noqa: S102
    assert (ct_files / "lesion.nii.gz").is_file()
    assert (ct_files / "lesion.head.safetensors").is_file()
    assert made["maps"]["ct"].shape == (60, 180, 140)
    assert made["volume"].data.any()
    assert "s.propagate(" in capsys.readouterr().out


def test_shell_page(ct_files, head_file, shell):
    (ct_files / "slide.png").write_bytes(_picture())
    (lines,) = blocks("shell.md", "sh")
    done = 0
    for line in lines.splitlines():
        words = shlex.split(line)[1:]
        if words[0] == "models" and words[1] in ("fetch", "import", "export"):
            continue
        assert shell(*words)[0] == 0, line
        done += 1
    assert done >= 10
    assert (ct_files / "masks" / "ct3.nii.gz").is_file()


def _picture():
    import io

    from PIL import Image

    target = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 255, (160, 180, 3), np.uint8)
    Image.fromarray(pixels).save(target, "PNG")
    return target.getvalue()
