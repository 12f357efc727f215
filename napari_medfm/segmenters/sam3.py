"""SAM 3, through the package transformers: words and examples, clicks and boxes.

Two networks share one image encoder: a detector that finds every object that a few
words or example boxes describe, and SAM 2's decoder for clicks, boxes and masks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.errors import BadInput
from napari_medfm.core.geometry import Box
from napari_medfm.core.specs import Found, SegmenterSpec, Source
from napari_medfm.engine.packages import optional
from napari_medfm.engine.samlike import check_crop, fill, whole_model
from napari_medfm.engine.textnumbers import TOKENIZER, Words
from napari_medfm.engine.torchload import import_torch
from napari_medfm.segmenters._sam2planes import Sam2Embedding, Sam2Planes
from napari_medfm.segmenters._spec import ALL

_WORDS = 32
# The text that stands for examples alone, as in training.
_EXAMPLES_ALONE = "visual"
_LEVELS = 3

SPEC = SegmenterSpec(
    name="sam3",
    title="SAM 3",
    domain="general",
    task="masks",
    architecture="Perception encoder ViT-L+/14 with a text tower, a detector and "
    "SAM 2's decoder",
    parameters=848,
    input_size=1008,
    licence="SAM licence",
    commercial=True,
    gated=True,
    page="https://huggingface.co/facebook/sam3",
    intended_use="Finding all objects that a few words or an example describe, and "
    "outlining single ones from clicks and boxes. Research use; not a medical device.",
    sources=(
        Source(
            "hub",
            "facebook/sam3",
            "model.safetensors",
            size=3_440_000_000,
            also=(TOKENIZER,),
        ),
    ),
    needs=("transformers", "tokenizers"),
    notes="Trained on photographs and videos: few words of medicine are known to it. "
    "Volumes are followed by hand-over, not by its memory. Loading, clicks, words "
    "and examples were tested with random weights in this layout, not the release.",
    prompts=ALL | {"text"},
    normalisation="sam",
)


@dataclass(frozen=True, eq=False)
class Sam3Embedding(Sam2Embedding):
    """Feature maps for the decoder, and the encoder's tokens for the detector."""

    tokens_map: Any

    @property
    def nbytes(self) -> int:
        """Memory held."""
        held = self.tokens_map
        return super().nbytes + int(held.numel() * held.element_size())


class Sam3Segmenter(Sam2Planes):
    """`Sam3Model` and `Sam3TrackerModel` of transformers as one segmenter.

    The promise: the same crop, words and boxes give the objects of that package's own
    processor and model; clicks and boxes those of its tracker. The crop fills the
    square input, both sides stretched.

    Parameters
    ----------
    detector, tracker
        The two networks; the tracker's image encoder is the detector's.
    read
        Turns a text into token numbers (1, 32).
    """

    mean = std = (0.5, 0.5, 0.5)

    def __init__(
        self,
        spec: SegmenterSpec,
        detector: Any,
        tracker: Any,
        weights_hash: str,
        device: str | None,
        read: Callable[[str], Any],
    ) -> None:
        super().__init__(spec, tracker, weights_hash, device)
        self._detector = detector.eval().requires_grad_(False).to(self._device)
        self._read = read

    def encode(self, crop: NDArray[np.float32]) -> Sam3Embedding:
        """Embed a crop, float32 (rows, cols, 3) in [0, 1], at any size.

        Raises
        ------
        BadInput
            If the crop is no RGB picture.
        """
        import torch

        check_crop(crop)
        pixels = self._pixels(crop)
        network = self._network
        with torch.inference_mode():
            tokens = network.vision_encoder.backbone(pixels).last_hidden_state
            side = round(tokens.shape[1] ** 0.5)
            tokens_map = tokens.transpose(1, 2).reshape(1, -1, side, side)
            fine, middle, coarse = network.vision_encoder.neck(tokens_map)[0][:_LEVELS]
            decoder = network.mask_decoder
            bare = network.no_memory_embedding.reshape(1, -1, 1, 1)
            maps = decoder.conv_s0(fine), decoder.conv_s1(middle), coarse + bare
        return Sam3Embedding(maps, (crop.shape[0], crop.shape[1]), tokens_map)

    def find(
        self,
        embedding: Sam3Embedding,
        *,
        text: str = "",
        boxes: Sequence[Box] = (),
        box_labels: Sequence[bool] = (),
        least: float = 0.5,
    ) -> Found:
        """Find all that fits words or examples; see `ConceptSegmenter`.

        Raises
        ------
        BadInput
            If there are neither words nor examples.
        """
        import torch
        from torch.nn.functional import interpolate

        if not text.strip() and not boxes:
            raise BadInput("Nothing to find: give words or example boxes")
        ids = self._read(text.strip() or _EXAMPLES_ALONE).to(self._device)
        with torch.inference_mode():
            answer = self._detector(
                vision_embeds=self._seen(embedding.tokens_map),
                input_ids=ids,
                attention_mask=_until_end(ids),
                **self._examples(boxes, box_labels, embedding.crop_shape),
            )
            scores = answer.pred_logits[0].sigmoid() * answer.presence_logits.sigmoid()
            scores = scores.reshape(-1)
            order = scores.argsort(descending=True, stable=True)
            order = order[scores[order] > least]
            if not len(order):
                return Found(
                    np.zeros((0, *embedding.crop_shape), np.float32),
                    np.zeros(0, np.float32),
                )
            inside = interpolate(
                answer.pred_masks[:, order].sigmoid(),
                embedding.crop_shape,
                mode="bilinear",
                align_corners=False,
            )[0]
            logits = torch.logit(inside, eps=1e-6)
        return Found(logits.float().cpu().numpy(), scores[order].cpu().numpy())

    def _seen(self, tokens_map: Any) -> Any:
        """What the detector's image encoder would give."""
        neck = self._detector.vision_encoder.neck
        maps, places = neck(tokens_map)
        return SimpleNamespace(
            fpn_hidden_states=maps,
            fpn_position_encoding=places,
            hidden_states=None,
            attentions=None,
        )

    def _examples(
        self, boxes: Sequence[Box], labels: Sequence[bool], shape: tuple[int, int]
    ) -> dict[str, Any]:
        """Boxes as centre and size, x before y, shares of the crop."""
        import torch

        if not boxes:
            return {}
        corners = np.asarray(boxes, float).reshape(-1, 2, 2) / shape
        middle, size = corners.mean(1), corners[:, 1] - corners[:, 0]
        told = np.concatenate([middle[:, ::-1], size[:, ::-1]], axis=1)
        meant = torch.as_tensor([int(label) for label in labels], device=self._device)
        return {
            "input_boxes": self._tensor(told)[None],
            "input_boxes_labels": meant[None],
        }


def _until_end(ids: Any) -> Any:
    """Mask of a text's own numbers: all up to the first that ends it.

    The last number of CLIP's vocabulary, the largest, ends a text; what follows pads.
    """
    import torch

    ends = ids == ids.max()
    return (torch.cumsum(ends, 1) - ends.long() == 0).long()


def build(spec: SegmenterSpec, **small: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return detector and tracker with random weights and one image encoder.

    Parameters
    ----------
    small
        Settings in place of the model's own: ``backbone``, ``text``, and ``layers`` (of
        geometry encoder and detector).
    """
    import_torch()
    package = optional("transformers", spec.title)
    side = spec.input_size
    trunk = {"image_size": side, **small.get("backbone", {})}
    grid = side // package.Sam3ViTConfig(**trunk).patch_size
    sizes = [[n * grid, n * grid] for n in (4, 2, 1)]

    def vision(**facts: Any) -> Any:
        return package.Sam3VisionConfig(backbone_feature_sizes=sizes, **facts)

    facts = package.Sam3Config().to_dict()["text_config"]
    text = package.CLIPTextConfig(**{**facts, **small.get("text", {})})
    layers = small.get("layers", {})
    config = package.Sam3Config(
        vision_config=vision(backbone_config=package.Sam3ViTConfig(**trunk)),
        text_config=text,
        geometry_encoder_config=package.Sam3GeometryEncoderConfig(**layers),
        detr_encoder_config=package.Sam3DETREncoderConfig(**layers),
        detr_decoder_config=package.Sam3DETRDecoderConfig(**layers),
        mask_decoder_config=package.Sam3MaskDecoderConfig(),
    )
    detector = package.Sam3Model(config)
    bare = package.Sam3ViTConfig(**{**trunk, "num_hidden_layers": 1})
    tracker = package.Sam3TrackerModel(
        package.Sam3TrackerConfig(
            vision_config=vision(backbone_config=bare, scale_factors=[4.0, 2.0, 1.0]),
            prompt_encoder_config=package.Sam3TrackerPromptEncoderConfig(
                image_size=side, patch_size=side // grid
            ),
        )
    )
    tracker.vision_encoder.backbone = detector.vision_encoder.backbone
    return detector, tracker


def load(spec: SegmenterSpec, path: Path, device: str | None) -> Sam3Segmenter:
    """Return the segmenter with the weights of a file in the layout of the hub.

    Raises
    ------
    BadFile
        If the file does not hold this model's tensors.
    MissingPackage
        If transformers is not installed.
    """
    from napari_medfm.engine.weights import read_tensors, weights_hash

    detector, tracker = build(spec)
    tensors = whole_model(read_tensors(path))
    first = _part(tensors, {"detector_model.": ""}, detector)
    second = _part(
        tensors,
        {
            "detector_model.vision_encoder.backbone.": "vision_encoder.backbone.",
            "tracker_neck.": "vision_encoder.neck.",
            "tracker_model.": "",
        },
        tracker,
    )
    digest = weights_hash(path, tensors)
    fill(detector, first, spec.title)
    fill(tracker, second, spec.title)

    def read(text: str) -> Any:  # clicks and boxes need no tokenizer
        return Words("file", _WORDS).reader(path.parent, spec.title)([text])

    return Sam3Segmenter(spec, detector, tracker, digest, device, read)


def _part(
    tensors: Mapping[str, Any], prefixes: Mapping[str, str], network: Any
) -> dict[str, Any]:
    """Tensors that a network has, under its own names."""
    wanted = network.state_dict()
    found = {}
    for name, tensor in tensors.items():
        for prefix, own in prefixes.items():
            known = own + name.removeprefix(prefix)
            if name.startswith(prefix) and known in wanted:
                found[known] = tensor
    return found
