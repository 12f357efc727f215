import subprocess
import sys
from pathlib import Path

import pytest

from napari_medfm import encoders
from napari_medfm.core.errors import BadInput, MissingWeights
from napari_medfm.core.specs import EncoderSpec

NAMES = [spec.name for spec in encoders.specs()]


def test_the_catalogue_has_its_encoders_in_order():
    assert {"dinov2-small", "dinov2-base", "uni"} <= set(NAMES)
    assert sorted(NAMES) == NAMES


def test_every_file_is_one_encoder():
    folder = Path(encoders.__file__).parent
    files = [path for path in folder.glob("*.py") if not path.name.startswith("_")]
    assert len(files) == len(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_spec_says_what_a_user_must_know(name):
    spec = encoders.spec_of(name)
    assert isinstance(spec, EncoderSpec)
    assert spec.licence
    assert spec.page.startswith("https://")
    assert "not a medical device" in spec.intended_use
    assert spec.sources
    assert all(source.size > 1e6 for source in spec.sources)
    assert all(source.sha256 for source in spec.sources if source.kind == "wheel")
    assert list(spec.blocks) == sorted(spec.blocks)
    assert spec.input_size % spec.patch == 0


@pytest.mark.parametrize("name", NAMES)
def test_the_network_is_what_the_spec_says(name):
    import torch

    spec, model = encoders._entry(name)
    with torch.device("meta"):
        network = model._build()
    assert network.embed_dim == spec.dim
    assert network.num_prefix_tokens == spec.prefix_tokens
    assert network.patch_embed.patch_size == (spec.patch, spec.patch)
    assert spec.blocks[-1] == len(network.blocks) - 1


@pytest.mark.parametrize(
    ("wrong", "near"), [("dinov2", "dinov2-small"), ("UNI2", "uni"), ("zzz", "uni")]
)
def test_an_unknown_name_lists_near_ones(wrong, near):
    for ask in (encoders.spec_of, encoders.load, encoders.is_installed):
        with pytest.raises(BadInput, match=near):
            ask(wrong)


@pytest.mark.parametrize("name", NAMES)
def test_without_weights_nothing_is_downloaded(name, tmp_path, monkeypatch):
    def forbidden(*_, **__):
        raise AssertionError("load started a download")

    monkeypatch.setattr("urllib.request.OpenerDirector.open", forbidden)
    monkeypatch.setattr("subprocess.Popen.__init__", forbidden)
    assert not encoders.is_installed(name, tmp_path)
    with pytest.raises(MissingWeights, match=f"models fetch {name}"):
        encoders.load(name, cache_dir=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_reading_the_catalogue_imports_nothing_heavy():
    code = (
        "import sys; from napari_medfm import encoders; encoders.specs();"
        "heavy = {'torch', 'timm', 'onnx', 'zarr', 'scipy', 'huggingface_hub'};"
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603
    assert done.returncode == 0, done.stderr
