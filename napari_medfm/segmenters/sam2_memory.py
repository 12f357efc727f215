"""The memory of SAM 2.1 and MedSAM2: an object followed from plane to plane.

`Sam2VideoModel` of transformers, fed one plane at a time. A known plane goes in as a
mask; each further plane is decoded with what was remembered of the known planes and of
the last ones before it.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.errors import BadFile
from napari_medfm.core.specs import SegmenterSpec, Tracked
from napari_medfm.engine.packages import optional
from napari_medfm.engine.samlike import fill, whole_model
from napari_medfm.segmenters._sam2layout import transformers_layout

_OBJECT = 1
_SIDE_PER_TOKEN = 16
_SHARED = (
    "vision_encoder",
    "prompt_encoder",
    "mask_decoder",
    "shared_image_embedding",
    "no_memory_embedding",
)
_STAND_IN = {
    "hidden_size": 8,
    "embed_dim_per_stage": [8, 8, 8, 8],
    "num_attention_heads_per_stage": [1, 1, 1, 1],
    "blocks_per_stage": [1, 1, 1, 1],
    "global_attention_blocks": [],
}


class MemoryTrack:
    """One object followed through a volume; see `Track`.

    The promise: the same planes and masks in the same order give the logits of
    transformers' own processor and `propagate_in_video_iterator`. A plane's pixels are
    dropped when it is done, and of the planes gone by only what a later one can still
    ask for is kept: those as near to a known plane or to the last one as the model
    looks back.

    Parameters
    ----------
    network
        A `Sam2VideoModel`.
    planes
        Of the volume.
    pixels
        Makes the network's input (1, 3, size, size) of a plane.
    """

    def __init__(
        self,
        network: Any,
        planes: int,
        pixels: Callable[[NDArray[np.float32]], Any],
    ) -> None:
        import torch

        package = optional("transformers", "SAM 2")
        of_volume = {"num_frames": planes}
        kind = type("OfVolume", (package.Sam2VideoInferenceSession,), of_volume)
        device = network.device
        self._session = kind(
            inference_device=device,
            inference_state_device=device,
            video_storage_device=device,
            dtype=torch.float32,
        )
        self._index = self._session.obj_id_to_idx(_OBJECT)
        self._network = network
        self._pixels = pixels
        self._known: set[int] = set()

    def show(
        self, plane: int, rgb: NDArray[np.float32], mask: NDArray[np.bool_]
    ) -> None:
        """Remember a plane where the object is known; see `Track`."""
        session = self._session
        session.add_mask_inputs(self._index, plane, self._square(mask))
        session.obj_with_new_inputs = [_OBJECT]
        self._known.add(plane)
        self._run(plane, rgb, False)
        session.remove_mask_inputs(self._index, plane)

    def find(self, plane: int, rgb: NDArray[np.float32], *, backward: bool) -> Tracked:
        """Find the object on a plane; see `Track`."""
        from torch.nn.functional import interpolate

        answer = self._run(plane, rgb, backward)
        low = answer.pred_masks.float()
        logits = interpolate(low, rgb.shape[:2], mode="bilinear", align_corners=False)
        score = float(answer.object_score_logits.flatten()[0])
        return Tracked(logits[0, 0].cpu().numpy(), score)

    @property
    def remembered(self) -> int:
        """Planes of which something is kept."""
        outputs = self._session.output_dict_per_obj[self._index]
        return sum(len(kept) for kept in outputs.values())

    @property
    def nbytes(self) -> int:
        """Memory held, without the network."""
        import torch

        outputs = self._session.output_dict_per_obj[self._index]
        tensors = [
            value
            for kept in outputs.values()
            for output in kept.values()
            for value in output.values()
            if isinstance(value, torch.Tensor)
        ]
        return sum(tensor.numel() * tensor.element_size() for tensor in tensors)

    def _run(self, plane: int, rgb: NDArray[np.float32], backward: bool) -> Any:
        self._session.add_new_frame(self._pixels(rgb), plane)
        answer = self._network(self._session, frame_idx=plane, reverse=backward)
        self._session.processed_frames.clear()
        self._session.cache.clear_all()
        self._forget(plane)
        return answer

    def _forget(self, now: int) -> None:
        """Drop what no later plane asks for."""
        config = self._network.config
        outputs = self._session.output_dict_per_obj[self._index]
        for kept in outputs.values():
            for output in kept.values():
                output.pop("high_res_masks", None)
        found = outputs["non_cond_frame_outputs"]
        for plane in list(found):
            away = min(abs(plane - near) for near in (now, *self._known))
            if away >= config.max_object_pointers_in_encoder:
                del found[plane]
            elif away >= config.num_maskmem:
                found[plane] = {"object_pointer": found[plane]["object_pointer"]}
        self._session.frames_tracked_per_obj[self._index].clear()

    def _square(self, mask: NDArray[np.bool_]) -> Any:
        """Tensor (1, 1, size, size) of 0 and 1; of a tiny object a pixel is left."""
        import torch
        from torch.nn.functional import interpolate

        size = self._network.config.image_size
        whole = torch.from_numpy(np.asarray(mask, np.float32))[None, None]
        if mask.shape == (size, size):
            return whole
        square = interpolate(
            whole, (size, size), mode="bilinear", align_corners=False, antialias=True
        )
        return (square >= (min(0.5, float(square.max())) or 0.5)).float()


def build(spec: SegmenterSpec, planes: Any) -> Any:
    """Return the network with a memory, random but for what it shares.

    Parameters
    ----------
    planes
        The `Sam2Model` of planes, of which it takes all parts.
    """
    package = optional("transformers", spec.title)
    side = spec.input_size
    vision = deepcopy(planes.config.vision_config)
    vision.backbone_config = package.Sam2HieraDetConfig(
        image_size=[side, side], **_STAND_IN
    )
    vision.backbone_channel_list = _STAND_IN["embed_dim_per_stage"]
    grid = side // _SIDE_PER_TOKEN
    network = package.Sam2VideoModel(
        package.Sam2VideoConfig(
            vision_config=vision,
            prompt_encoder_config={"image_size": side},
            image_size=side,
            memory_attention_rope_feat_sizes=[grid, grid],
        )
    )
    for part in _SHARED:
        setattr(network, part, getattr(planes, part))
    return network


def load(spec: SegmenterSpec, path: Path, planes: Any) -> Any:
    """Return the network with a memory, its own parts read from a file.

    Raises
    ------
    BadFile
        If the file does not hold exactly its tensors, or is not the one any more that
        ``planes`` were read from.
    """
    from napari_medfm.engine.weights import read_tensors

    tensors = transformers_layout(whole_model(read_tensors(path)))
    for name, value in planes.state_dict().items():
        if name in tensors and not tensors[name].to(value).equal(value):
            raise BadFile(
                f"{path} has changed since {spec.title} was loaded: choose the model "
                "again to load it anew"
            )
    network = build(spec, planes)
    try:
        return fill(network, tensors, f"{spec.title} with its memory")
    except BadFile as error:
        raise BadFile(
            f'{path}: {error}, or propagate with way="hand-over", which needs no memory'
        ) from None
