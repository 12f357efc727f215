"""A head as ONNX: from features to probabilities, without the encoder.

For programs that compute the features themselves. Upsampling, smoothing and an image's
own thresholds are no part of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.errors import BadInput
from napari_medfm.verbs.trained import Expert, TrainedModel

_FLOOR = 0.05
_OPSET, _ML_OPSET, _IR = 17, 3, 8


def onnx_bytes(model: TrainedModel) -> bytes:
    """Return an ONNX model; the same head gives the same bytes.

    Inputs are one float32 (n, width) matrix of rows an expert, named
    ``features0_KIND``, ``features1_KIND`` ...; outputs ``logits`` and ``probabilities``
    (n, classes), in the order of the classes in the metadata, which hold the card.

    Raises
    ------
    BadInput
        If an expert is neither linear nor a forest.
    """
    from onnx import TensorProto, helper

    count = len(model.classes)
    graph = _Graph()
    terms = [_expert(graph, number, e) for number, e in enumerate(model.experts)]
    total = terms[0]
    for term in terms[1:]:
        total = graph.node("Add", [total, term])
    bias = graph.constant(np.array(model.bias, np.float32))
    graph.node("Add", [total, bias], "logits")
    graph.node("Softmax", ["logits"], "probabilities", axis=1)
    inputs = [
        helper.make_tensor_value_info(
            _name(number, expert), TensorProto.FLOAT, ["n", expert.head.width]
        )
        for number, expert in enumerate(model.experts)
    ]
    outputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", count])
        for name in ("logits", "probabilities")
    ]
    made = helper.make_model(
        helper.make_graph(graph.nodes, "head", inputs, outputs, graph.constants),
        opset_imports=[
            helper.make_opsetid("", _OPSET),
            helper.make_opsetid("ai.onnx.ml", _ML_OPSET),
        ],
        ir_version=_IR,
        producer_name="napari-medfm",
    )
    classes = [{"name": c.name, "value": c.value} for c in model.classes]
    facts = {"classes": classes, "recipe": model.recipe, "card": model.card}
    helper.set_model_props(made, {k: json.dumps(v) for k, v in facts.items()})
    content: bytes = made.SerializeToString(deterministic=True)
    return content


class _Graph:
    """Nodes and constants as they are added, with names of their own."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, array: NDArray[Any]) -> str:
        from onnx import numpy_helper

        name = f"constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def node(
        self, kind: str, inputs: Iterable[str], output: str = "", **options: Any
    ) -> str:
        from onnx import helper

        output = output or f"step{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [output], **options))
        return output


def _name(number: int, expert: Expert) -> str:
    return f"features{number}_{expert.kind}"


def _expert(graph: _Graph, number: int, expert: Expert) -> str:
    """Add an expert's weighted logits and return their name."""
    head: Any = expert.head
    rows = _name(number, expert)
    weight = np.array(expert.weight, np.float32)
    if head.spec.name == "forest":
        shares = graph.node("TreeEnsembleRegressor", [rows], **_trees(head))
        graph.nodes[-1].domain = "ai.onnx.ml"
        lifted = _lifted(graph, shares, len(head.classes_))
        return graph.node("Mul", [lifted, graph.constant(weight)])
    if not (hasattr(head, "coef_") and hasattr(head, "intercept_")):
        raise BadInput(
            f"A {head.spec.name} head cannot be written as ONNX: fit 'ridge', "
            "'logistic' or 'forest'"
        )
    linear = getattr(head, "linear_", (head.coef_, head.intercept_))
    coefficients, intercepts = (
        np.asarray(part, np.float32) * weight for part in linear
    )
    product = graph.node("MatMul", [rows, graph.constant(coefficients)])
    return graph.node("Add", [product, graph.constant(intercepts)])


def _lifted(graph: _Graph, shares: str, count: int) -> str:
    """Add the logarithm of shares that were lifted from 0, as `log_of` does."""
    scaled = graph.node(
        "Mul", [shares, graph.constant(np.array(1 - _FLOOR, np.float32))]
    )
    least = graph.constant(np.array(_FLOOR / count, np.float32))
    return graph.node("Log", [graph.node("Add", [scaled, least])])


def _trees(head: Any) -> dict[str, Any]:
    """Return the attributes of an ensemble whose leaves add up to the mean share."""
    number = np.arange(len(head.feature_))
    starts = head.roots_
    if starts[0] != 0 or (np.diff(starts) <= 0).any():
        raise BadInput(
            "The trees of this forest do not follow one another: fit it again"
        )
    tree = np.searchsorted(starts, number, side="right") - 1
    local = number - starts[tree]
    leaf = head.left_ == number
    leaves = np.flatnonzero(leaf)
    classes = head.value_.shape[1]
    shares = head.value_[leaves] / len(starts)
    return {
        "n_targets": classes,
        "aggregate_function": "SUM",
        "nodes_treeids": tree.tolist(),
        "nodes_nodeids": local.tolist(),
        "nodes_featureids": head.feature_.tolist(),
        "nodes_values": _below(head.threshold_).tolist(),
        "nodes_modes": ["LEAF" if one else "BRANCH_LEQ" for one in leaf],
        "nodes_truenodeids": np.where(leaf, 0, head.left_ - starts[tree]).tolist(),
        "nodes_falsenodeids": np.where(leaf, 0, head.right_ - starts[tree]).tolist(),
        "target_treeids": np.repeat(tree[leaves], classes).tolist(),
        "target_nodeids": np.repeat(local[leaves], classes).tolist(),
        "target_ids": np.tile(np.arange(classes), len(leaves)).tolist(),
        "target_weights": shares.ravel().astype(np.float32).tolist(),
    }


def _below(thresholds: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the greatest float32 that is not above: the same rows go left."""
    near = thresholds.astype(np.float32)
    return np.where(near > thresholds, np.nextafter(near, np.float32(-np.inf)), near)
