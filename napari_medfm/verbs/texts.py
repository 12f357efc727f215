"""Texts as prompts: maps of where they apply, and names for whole planes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.arguments import list_of
from napari_medfm.core.errors import BadInput
from napari_medfm.core.image import Image
from napari_medfm.core.jobs import Progress, Steps, Work
from napari_medfm.core.results import Embedding
from napari_medfm.core.specs import Encoder, TextEncoder
from napari_medfm.engine.embed import embed_rgb, embedding_key
from napari_medfm.engine.provenance import version
from napari_medfm.engine.rgb import normalised, to_rgb
from napari_medfm.engine.texts import (
    JointTokens,
    picture_vector,
    shares_of,
    text_map,
    vectors_of,
)
from napari_medfm.engine.upsample import upsample
from napari_medfm.verbs.models import model_facts
from napari_medfm.verbs.planes import PlaneReader, is_large
from napari_medfm.verbs.workspace import Workspace

Maps = dict[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Texts:
    """What was asked: texts meant, texts not meant, and the sentences around them."""

    like: tuple[str, ...]
    unlike: tuple[str, ...] = ()
    templates: tuple[str, ...] | None = None

    @classmethod
    def of(
        cls,
        text: str | Sequence[str],
        against: str | Sequence[str],
        templates: Sequence[str] | None,
    ) -> Texts:
        """Take one text or several."""
        sentences = None if templates is None else _several(templates, "templates")
        return cls(_several(text, "text"), _several(against, "against_text"), sentences)


def text_similarity(
    ws: Workspace,
    targets: Sequence[Image],
    texts: Texts,
    planes: Sequence[int] | None,
) -> Work[Maps]:
    """Map where texts apply on all planes of images, or on those given."""
    if not texts.like:
        raise BadInput("Nothing to compare with: give at least one text")
    wanted = [(target, _indices(target, planes)) for target in targets]
    reader = ws.planes

    def commit(maps: Maps) -> Maps:
        facts = {
            "made_by": "similarity",
            "program": version(),
            "model": model_facts(reader.encoder.get()),
            "prompt": {"like": list(texts.like), "unlike": list(texts.unlike)},
        }
        ws.similar.update({target.uid: facts for target in targets})
        return maps

    return Work(
        f"Similarity to {texts.like[0]!r}",
        lambda: _maps(reader, texts, wanted),
        commit,
    )


def zero_shot(
    ws: Workspace,
    image: str,
    texts: Sequence[str],
    plane: int | None = None,
    templates: Sequence[str] | None = None,
) -> Work[dict[str, float]]:
    """Say which of several texts fits a plane best, without training.

    Parameters
    ----------
    texts
        Names, such as ["normal mucosa", "adenocarcinoma"].
    plane
        Of a volume; its middle plane if None.
    templates
        Sentences with "{}" where a name goes; the encoder's own if None.

    Returns
    -------
    dict
        Text -> probability among these texts; a model's guess, to be looked at.

    Raises
    ------
    BadInput
        If the encoder has no text tower, or fewer than two texts are given.
    """
    source = ws.image(image)
    asked = Texts.of(texts, (), templates)
    if len(asked.like) < 2:
        raise BadInput("Give at least two texts: each is judged against the others")
    index = source.n_planes // 2 if plane is None else source.plane_index(plane)
    reader = ws.planes

    def steps() -> Steps[dict[str, float]]:
        yield Progress(0, 2, f"reading {image}")
        rgb = to_rgb(normalised(source, index))
        with reader.encoder.use() as encoder:
            towers = _with_text(encoder)
            yield Progress(1, 2, f"comparing with {len(asked.like)} texts")
            vectors = vectors_of(towers, asked.like, asked.templates)
            picture = picture_vector(towers, rgb)
            shares = shares_of(picture, vectors, towers.sharpness)
        return dict(zip(asked.like, shares.tolist(), strict=True))

    return Work(f"Texts for {image}", steps, lambda found: found)


def _several(text: str | Sequence[str], name: str) -> tuple[str, ...]:
    texts = (text,) if isinstance(text, str) else tuple(list_of(text, name))
    if not all(isinstance(each, str) and each.strip() for each in texts):
        raise BadInput(f"`{name}` is a text or a list of texts, and no empty ones")
    return texts


def _indices(target: Image, planes: Sequence[int] | None) -> list[int]:
    return (
        list(range(target.n_planes)) if planes is None else target.plane_indices(planes)
    )


def _with_text(encoder: Encoder) -> TextEncoder:
    if not isinstance(encoder, TextEncoder) or not encoder.spec.joint:
        raise BadInput(
            f"{encoder.spec.title} knows no texts: use an encoder with a text tower, "
            "such as biomedclip, quiltnet-b32, plip, flair or clip-base-16"
        )
    return encoder


def _maps(
    reader: PlaneReader, texts: Texts, wanted: Sequence[tuple[Image, list[int]]]
) -> Steps[Maps]:
    with reader.encoder.use() as encoder:
        towers = _with_text(encoder)
        like = vectors_of(towers, texts.like, texts.templates)
        unlike = np.zeros((0, like.shape[1]), np.float32)
        if texts.unlike:
            unlike = vectors_of(towers, texts.unlike, texts.templates)
    maps: Maps = {}
    for target, planes in wanted:
        found = np.full(target.shape, np.nan, np.float32)
        for plane in planes:
            embedding = yield from _joint(reader, target, plane)
            scores = text_map(embedding.tokens, like, unlike, towers.sharpness)
            map_ = upsample(scores[..., None], embedding.grid, target.plane_shape)
            found[plane if target.ndim > 2 else ...] = map_[..., 0]
        maps[target.name] = found
    return maps


def _joint(reader: PlaneReader, image: Image, plane: int) -> Steps[Embedding]:
    """Return a plane's vectors in the space of texts: stored, or computed."""
    if is_large(image):
        raise BadInput(
            f"{image.name!r} is too large for a text map: cut out a part, or add a "
            "coarser level of it"
        )
    yield Progress(0, 1, f"reading {image.name}")
    with reader.encoder.use() as encoder:
        joint = JointTokens(_with_text(encoder))
        key = embedding_key(image.plane_sha256(plane), image.window, joint, shifts=True)
        stored = reader.store.get(key)
        if stored is not None:
            return stored
        rgb = to_rgb(normalised(image, plane))
        layers, grid = yield from embed_rgb(rgb, joint)
    embedding = Embedding(layers, grid, key, joint.spec.name)
    reader.store.put(embedding)
    return embedding
