"""SAM ViT-B, -L and -H, the original segment-anything models."""

from __future__ import annotations

from pathlib import Path

from napari_medfm.core.specs import SegmenterSpec, Source
from napari_medfm.engine.samlike import SamLike, fill, whole_model
from napari_medfm.engine.torchload import import_torch

_HOST = "https://dl.fbaipublicfiles.com/segment_anything"


def _spec(letter: str, file: str, sha256: str, size: int) -> SegmenterSpec:
    return SegmenterSpec(
        name=f"sam-vit-{letter}",
        title=f"SAM ViT-{letter.upper()}",
        domain="general",
        task="masks",
        architecture=f"ViT-{letter.upper()}/16 encoder, SAM prompt encoder and decoder",
        input_size=1024,
        licence="Apache-2.0",
        commercial=True,
        page="https://github.com/facebookresearch/segment-anything",
        intended_use="Outlining objects in any picture from clicks, boxes and masks",
        sources=(Source(kind="url", ref=f"{_HOST}/{file}", sha256=sha256, size=size),),
        verified=True,
        notes="Trained on photographs, not on medical images.",
        prompts=frozenset({"box", "points", "mask"}),
        normalisation="sam",
    )


SPECS = (
    _spec(
        "b",
        "sam_vit_b_01ec64.pth",
        "ec2df62732614e57411cdcf32a23ffdf28910380d03139ee0f4fcbe91eb8c912",
        375_042_383,
    ),
    _spec(
        "l",
        "sam_vit_l_0b3195.pth",
        "3adcc4315b642a4d2101128f611684e8734c41232a17c648ed1693702a49a622",
        1_249_524_607,
    ),
    _spec(
        "h",
        "sam_vit_h_4b8939.pth",
        "a7bf3b02f3ebf1267aba913ff637d9a2d5c33d3173bb679e46d9f338c26f262e",
        2_564_550_879,
    ),
)


def load(spec: SegmenterSpec, path: Path, device: str | None) -> SamLike:
    """Return the segmenter with the weights of a file.

    Raises
    ------
    BadFile
        If the file does not hold this model's tensors.
    """
    import_torch()
    from segment_anything import sam_model_registry

    from napari_medfm.engine.weights import read_tensors, weights_hash

    kind = spec.name.removeprefix("sam-").replace("-", "_")
    tensors = whole_model(read_tensors(path))
    network = fill(sam_model_registry[kind](checkpoint=None), tensors, spec.title)
    return SamLike(spec, network, weights_hash(path, tensors), device=device)
