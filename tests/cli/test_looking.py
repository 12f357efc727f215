"""inspect, models and doctor."""

import json

import numpy as np
import pytest

from napari_medfm import encoders, segmenters
from napari_medfm.core.errors import MissingWeights


def test_inspect_head(shell, head_file):
    code, output, _ = shell("inspect", head_file)
    assert code == 0
    for word in ("ridge", "lesion", "toy-encoder", "label counts"):
        assert word in output
    facts = json.loads(shell("inspect", head_file, "--json")[1])
    assert facts["classes"] == {"background": 0, "lesion": 1}
    assert facts["encoder"]["weights_sha256"] == "toy"


def test_inspect_image(shell, ball_file):
    facts = json.loads(shell("inspect", ball_file[0], "--json")[1])
    assert facts["shape"] == [12, 96, 112]
    assert facts["dtype"] == "float32"
    np.testing.assert_allclose(facts["spacing"], [2, 0.5, 0.5])
    assert "volume" in shell("inspect", ball_file[0])[1]


def test_inspect_mask_with_its_provenance(shell, toy_models, disc_file, tmp_path):
    out = tmp_path / "mask.tif"
    shell("segment", disc_file[0], "--point", "70,110", "--out", out)
    output = shell("inspect", out)[1]
    assert "toy-segmenter" in output
    beside = tmp_path / "mask.tif.provenance.json"
    assert "toy-segmenter" in shell("inspect", beside)[1]


@pytest.mark.parametrize("name", ["none.tif", "none.json", "none.head.safetensors"])
def test_inspect_what_is_not_there(shell, tmp_path, name):
    code, _, errors = shell("inspect", tmp_path / name)
    assert code == 1
    assert name in errors


@pytest.mark.parametrize("text", ["[1, 2]", "{", "[" * 100_000, "\x00\xff"])
def test_inspect_json_that_is_no_provenance(shell, tmp_path, text):
    path = tmp_path / "x.json"
    path.write_bytes(text.encode("latin-1"))
    code, _, errors = shell("inspect", path)
    assert code == 1
    assert errors.count("\n") == 1


def test_models_list(shell):
    code, output, _ = shell("models", "list")
    assert code == 0
    names = [line.split()[0] for line in output.splitlines()[1:]]
    assert names == [s.name for s in (*encoders.specs(), *segmenters.specs())]
    listed = json.loads(shell("models", "list", "--json")[1])
    assert {m["name"] for m in listed} == set(names)


def test_models_list_by_domain_and_presence(shell):
    output = shell("models", "list", "--domain", "pathology")[1]
    assert "uni" in output
    assert "lite-medsam" not in output
    output = shell("models", "list", "--installed")[1]
    assert "lite-medsam" in output
    assert "sam-vit-h" not in output


@pytest.mark.parametrize("spec", [*encoders.specs(), *segmenters.specs()])
def test_models_info(shell, spec):
    code, output, _ = shell("models", "info", spec.name)
    assert code == 0
    assert spec.licence in output
    assert (
        json.loads(shell("models", "info", spec.name, "--json")[1])["name"] == spec.name
    )


def test_models_info_of_a_name_that_is_nearly_right(shell):
    code, _, errors = shell("models", "info", "dinov2-smal")
    assert code == 1
    assert "dinov2-small" in errors


def test_fetch_says_what_and_asks(shell, monkeypatch):
    class Terminal:
        answer = "n\n"

        def isatty(self):
            return True

        def readline(self):
            return self.answer

    monkeypatch.setattr("sys.stdin", Terminal())
    code, output, errors = shell("models", "fetch", "sam-vit-b")
    assert code == 1
    assert "375.0 MB" in output
    assert "licence" in output
    assert "nothing was downloaded" in errors


def test_fetch_offline_names_the_way_out(shell):
    code, _, errors = shell("models", "fetch", "sam-vit-b", "--yes", "--offline")
    assert code == 1
    assert "models import sam-vit-b FILE" in errors


def test_fetch_what_is_here(shell):
    code, output, _ = shell("models", "fetch", "lite-medsam")
    assert code == 0
    assert "here already" in output


def test_import_refuses_what_is_no_weights_file(shell, tmp_path):
    path = tmp_path / "x.safetensors"
    path.write_bytes(b"not tensors")
    code, _, errors = shell("models", "import", "dinov2-small", path)
    assert code == 1
    assert errors.count("\n") == 1


def test_missing_weights_while_offline(shell, disc_file):
    code, _, errors = shell("embed", disc_file[0], "--offline")
    assert code == 1
    assert "models fetch dinov2-small" in errors


def test_missing_weights_name_the_command():
    with pytest.raises(MissingWeights, match="models import"):
        encoders.load("dinov2-small")


def test_doctor(shell, monkeypatch):
    monkeypatch.setenv("NAPARI_MEDFM_OFFLINE", "1")
    code, output, _ = shell("doctor")
    assert code == 0
    for word in (
        "Python",
        "torch",
        "device",
        "screen",
        "cache",
        "lite-medsam",
        "offline",
    ):
        assert word in output
    assert "models fetch dinov2-small" in output


def test_doctor_finds_a_cache_that_cannot_be_written(shell, tmp_path):
    (tmp_path / "file").write_text("")
    code, output, _ = shell("doctor", "--cache-dir", tmp_path / "file" / "cache")
    assert code == 1
    assert "FAIL" in output
    assert "--cache-dir" in output
