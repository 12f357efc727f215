"""What others do with the same labels; each returns a function case -> logits.

A method takes the examples and the training images, and gives a function that maps an
image to logits (classes, rows, cols). None of this is part of the program.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np
from kinds import Case

from napari_medfm.engine.upsample import upsample
from napari_medfm.verbs.examples import Example

Method = Callable[[list[Example], list[Case]], Callable[[Case], np.ndarray]]


def filters_forest(examples: list[Example], _: list[Case]) -> Callable:
    """Filter bank and random forest as in skimage.future's tutorial (and ilastik)."""
    from skimage.feature import multiscale_basic_features
    from sklearn.ensemble import RandomForestClassifier

    seen: dict[int, np.ndarray] = {}

    def bank(channels: np.ndarray) -> np.ndarray:
        if id(channels) not in seen:
            seen[id(channels)] = multiscale_basic_features(
                channels, sigma_min=1, sigma_max=16, channel_axis=-1
            ).astype(np.float32)
        return seen[id(channels)]

    rows = [bank(e.features.channels)[tuple(e.pixels.T)] for e in examples]
    forest = RandomForestClassifier(100, random_state=0)
    forest.fit(np.concatenate(rows), [e.value for e in examples])

    def apply(case: Case) -> np.ndarray:
        flat = bank(case.channels).reshape(case.truth.size, -1)
        found = np.concatenate(
            [forest.predict_proba(part) for part in np.array_split(flat, 16)]
        )
        return found.T.reshape(-1, *case.truth.shape)

    return apply


def last_tokens(examples: list[Example], _: list[Case]) -> Callable:
    """Last-block tokens, neither centred nor shifted, and logistic regression."""
    from sklearn.linear_model import LogisticRegression

    def rows(features: Any) -> np.ndarray:
        tokens = features.layers[:, :, -1].astype(np.float32)
        coarse = np.repeat(np.repeat(tokens[::2, ::2], 2, 0), 2, 1)
        return coarse[: len(tokens), : tokens.shape[1]]

    held = {id(e.features): rows(e.features) for e in examples}
    X = [held[id(e.features)].reshape(-1, 384)[e.token_index] for e in examples]
    model = LogisticRegression(max_iter=2000)
    model.fit(np.concatenate(X), [e.value for e in examples])

    def apply(case: Case) -> np.ndarray:
        tokens = rows(case.features)
        logits = model.decision_function(tokens.reshape(-1, tokens.shape[-1]))
        if logits.ndim == 1:
            logits = np.stack([-logits, logits], 1) / 2
        maps = logits.reshape(*tokens.shape[:2], -1)
        found = upsample(maps, case.features.grid, case.truth.shape)
        return np.moveaxis(found, -1, 0)

    return apply


def dinosim(examples: list[Example], _: list[Case]) -> Callable:
    """Distance to the five nearest reference tokens, per class, as DINOSim does.

    It knows no negatives; here each class has its references and the nearest wins.
    """
    values = sorted({e.value for e in examples})
    references = {
        value: np.concatenate(
            [_last(e)[e.token_index] for e in examples if e.value == value]
        )
        for value in values
    }

    def apply(case: Case) -> np.ndarray:
        from scipy.spatial.distance import cdist

        grid = case.features.grid
        tokens = case.features.layers[:, :, -1].astype(np.float32)
        flat = tokens.reshape(-1, tokens.shape[-1])
        maps = []
        for value in values:
            far = np.sort(cdist(flat, references[value]), axis=1)[:, :5].mean(1)
            maps.append(-far.reshape(grid.rows, grid.cols))
        found = upsample(np.stack(maps, -1), grid, case.truth.shape)
        return np.moveaxis(found, -1, 0)

    return apply


def _last(example: Example) -> np.ndarray:
    tokens = example.features.layers[:, :, -1].astype(np.float32)
    return tokens.reshape(-1, tokens.shape[-1])


def convpaint(encoder: Any = None) -> Method:
    """napari-convpaint with its Gaussian features, or with an encoder of ours.

    The encoder's network runs as convpaint runs its own DINOv2: one pass over the
    plane, normalised and padded by it. Passes over the same pixels are remembered.
    """
    from napari_convpaint import ConvpaintModel

    if encoder is not None:
        ConvpaintModel._init_fe_models_dict()  # noqa: SLF001  its only way in
        ConvpaintModel.FE_MODELS_TYPES_DICT["ours"] = _extractor(encoder._model)  # noqa: SLF001

    def method(examples: list[Example], training: list[Case]) -> Callable:
        drawn = {case.name: np.zeros(case.truth.shape, np.uint8) for case in training}
        for example in examples:
            drawn[example.image][tuple(example.pixels.T)] = example.value + 1
        used = [case for case in training if drawn[case.name].any()]
        if encoder is None:
            model = ConvpaintModel(alias="gaussian")
        else:
            model = ConvpaintModel(fe_name="ours")
        model.set_params(channel_mode="rgb", ignore_warnings=True)
        model.train(
            [_channels_first(case) for case in used],
            [drawn[case.name] for case in used],
            clf_use_device="cpu",
            fe_use_device="cpu",
        )
        count = len({e.value for e in examples})

        def apply(case: Case) -> np.ndarray:
            found = model.predict_probas(_channels_first(case), fe_use_device="cpu")
            return np.asarray(found).reshape(count, *case.truth.shape)

        return apply

    return method


def _extractor(network: Any) -> type:
    import torch
    from napari_convpaint.feature_extractors.dino import Dinov2Features

    class Wrapped(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network
            self.known: dict[bytes, Any] = {}

        def forward_features(self, batch: Any) -> dict[str, Any]:
            key = hashlib.sha256(batch.numpy().tobytes()).digest()
            if key not in self.known:
                self.known[key] = self.network.forward_features(batch)[:, 1:]
            return {"x_norm_patchtokens": self.known[key]}

    shared = Wrapped()

    class Ours(Dinov2Features):  # type: ignore[misc]
        def __init__(self, model_name: str = "dinov2_small-reg", **_: object) -> None:
            super().__init__("dinov2_small-reg")

        @staticmethod
        def create_model(model_name: str) -> Any:
            return shared

    return Ours


def _channels_first(case: Case) -> np.ndarray:
    channels = case.channels
    if channels.shape[-1] == 1:
        channels = np.repeat(channels, 3, axis=-1)
    return np.moveaxis(channels, -1, 0).astype(np.float32)


METHODS: dict[str, Method] = {
    "filters + forest": filters_forest,
    "last tokens + logistic": last_tokens,
    "DINOSim-like": dinosim,
}
