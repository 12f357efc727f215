"""UNI: pathology, ViT-L/16, gated and not for commercial use."""

from __future__ import annotations

from types import MappingProxyType

from napari_medfm.core.specs import EncoderSpec, Source
from napari_medfm.encoders._timm import TimmViT

SPEC = EncoderSpec(
    name="uni",
    title="UNI",
    domain="pathology",
    architecture="ViT-L/16, 303 M parameters",
    input_size=224,
    patch=16,
    dim=1024,
    blocks=(5, 11, 17, 23),
    mpp=0.5,
    licence="CC-BY-NC-ND-4.0",
    commercial=False,
    gated=True,
    page="https://huggingface.co/MahmoodLab/UNI",
    intended_use=(
        "Features of H&E tiles at 20x (0.5 microns a pixel). Academic, non-commercial "
        "research only; not a medical device."
    ),
    sources=(Source("hub", "MahmoodLab/UNI", "pytorch_model.bin", size=1_213_000_000),),
    notes=(
        "Access is granted by its authors on its page. Loading was tested with random "
        "weights in this layout, not with the release."
    ),
)

MODEL = TimmViT(
    "vit_large_patch16_224",
    MappingProxyType({"img_size": SPEC.input_size, "init_values": 1e-5}),
)
