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


def test_models_list_filters(shell):
    def names(*flags):
        return {
            m["name"] for m in json.loads(shell("models", "list", "--json", *flags)[1])
        }

    every = names()
    assert names("--commercial") < every
    assert "uni" not in names("--open")
    assert "titan" not in names("--loadable")
    assert "titan" in names("--task", "slide")
    assert names("--licence", "MIT") >= {"biomedclip", "quiltnet-b32"}
    small = names("--max-mb", "100")
    assert "lite-medsam" in small
    assert "dinov2-giant" not in small


@pytest.mark.parametrize(
    "name", ["uni", "titan", "dinov2-small", "lite-medsam", "flair"]
)
def test_models_info(shell, name):
    code, output, _ = shell("models", "info", name)
    spec = next(s for s in (*encoders.specs(), *segmenters.specs()) if s.name == name)
    assert code == 0
    assert spec.licence in output
    assert spec.intended_use in output
    assert ("NOT for commercial use" in output) == (not spec.commercial)
    assert json.loads(shell("models", "info", name, "--json")[1])["name"] == name


def test_a_model_of_ones_own_and_a_bundle_of_it(shell, tmp_path):
    import timm
    import torch

    torch.save(
        timm.create_model("test_vit", num_classes=0).state_dict(), tmp_path / "w.pth"
    )
    add = ("models", "add", "mine", tmp_path / "w.pth", "--architecture", "test_vit")
    cache = ("--cache-dir", tmp_path / "here")
    code, output, errors = shell(*add, *cache)
    assert code == 0, errors
    assert "mine" in shell("models", "list", "--installed", *cache)[1]
    bundle = tmp_path / "set.tar"
    code, output, _ = shell("models", "export", bundle, "mine", *cache)
    assert code == 0
    assert "licence" in output
    there = ("--cache-dir", tmp_path / "there")
    assert shell("models", "import", bundle, *there)[0] == 0
    found = tmp_path / "there/weights/mine/model.safetensors"
    assert (
        found.read_bytes()
        == (tmp_path / "here/weights/mine/model.safetensors").read_bytes()
    )
    code, _, errors = shell(
        "models", "add", "uni", tmp_path / "w.pth", *add[4:], *cache
    )
    assert code == 1
    assert "another name" in errors


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
