"""Heads as ONNX, run by onnxruntime."""

import json

import numpy as np
import onnxruntime  # noqa: TID253
import pytest

from napari_medfm.core.errors import BadInput
from napari_medfm.core.labels import LabelClass
from napari_medfm.engine.probability import softmax
from napari_medfm.heads import make
from napari_medfm.verbs.onnxhead import onnx_bytes
from napari_medfm.verbs.trained import Expert, TrainedModel

RNG = np.random.default_rng(0)
CLASSES = tuple(LabelClass(n, v, "#e69f00") for n, v in (("bg", 0), ("a", 1), ("b", 5)))


def model(*parts):
    truth = np.array([0, 1, 5])[np.arange(150) % 3]
    experts = []
    for number, (kind, name) in enumerate(parts):
        rows = (
            RNG.normal(size=(150, 6 + number)).astype(np.float32) + truth[:, None] / 3
        )
        rows = rows.astype(np.float32)
        experts.append(Expert(kind, make(name).fit(rows, truth), 0.5 + number))
    return TrainedModel("x", CLASSES, tuple(experts), (0.1, -0.2, 0.3), 0.0, {"k": 1})


@pytest.mark.parametrize(
    "parts",
    [
        [("tokens", "ridge")],
        [("tokens", "logistic")],
        [("filters", "forest")],
        [("tokens", "ridge"), ("layers", "logistic"), ("filters", "forest")],
    ],
)
def test_the_same_numbers(parts):
    made = model(*parts)
    content = onnx_bytes(made)
    assert content == onnx_bytes(made)
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    rows = [
        RNG.normal(size=(400, e.head.width)).astype(np.float32) * 2
        for e in made.experts
    ]
    names = [one.name for one in session.get_inputs()]
    assert names == [f"features{n}_{e.kind}" for n, e in enumerate(made.experts)]
    logits, probabilities = session.run(None, dict(zip(names, rows)))
    wanted = np.array(made.bias, np.float32) + sum(
        e.weight * e.head.decision_function(x) for e, x in zip(made.experts, rows)
    )
    np.testing.assert_allclose(logits, wanted, atol=2e-4)
    np.testing.assert_allclose(probabilities, softmax(wanted), atol=1e-4)
    facts = session.get_modelmeta().custom_metadata_map
    assert [c["value"] for c in json.loads(facts["classes"])] == [0, 1, 5]
    assert json.loads(facts["card"]) == {"k": 1}


def test_what_cannot_be_written_is_said():
    with pytest.raises(BadInput, match="fit 'ridge'"):
        onnx_bytes(model(("tokens", "knn")))
