"""nnInteractive: prompts in volumes, answered by a server that the user runs.

The program speaks to it through its own client. The pixels that are asked about go to
that server, and to no other; without its address nothing is sent anywhere.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.errors import MissingWeights
from napari_medfm.core.geometry import Box
from napari_medfm.core.specs import Decoded
from napari_medfm.engine.packages import is_importable, optional
from napari_medfm.engine.weights import is_offline
from napari_medfm.segmenters._spec import described

T = TypeVar("T")
ADDRESS = "NAPARI_MEDFM_NNINTERACTIVE"
SERVED = (
    "nnInteractive runs on a server: start nninteractive-server, and set "
    f"{ADDRESS} to its address, such as http://gpu-box:1527"
)
_SURE = 10.0

SPEC = described(
    "nninteractive",
    "nnInteractive",
    "Outlining any object in a volume from an outline, clicks or a box",
    dimension=3,
    architecture="nnU-Net with residual encoder, on a server",
    input_size=192,
    licence="code Apache-2.0; weights CC-BY-NC-SA-4.0",
    commercial=False,
    page="https://huggingface.co/MIC-DKFZ/nnInteractive",
    prompts=frozenset({"box", "points"}),
    needs=("nnInteractive",),
    notes="Runs on a server of your own: start nninteractive-server, and set "
    f"{ADDRESS} to its address. Tested with its own client 2.6.0 against a stand-in "
    "for the server, not with the weights.",
)


def is_named() -> bool:
    """Whether a server is named, and its client installed."""
    return bool(os.environ.get(ADDRESS)) and is_importable("nnInteractive")


def load(offline: bool | None) -> NnInteractive:
    """Reach the server that the environment names.

    Raises
    ------
    MissingWeights
        If none is named or it does not answer, or ``offline`` forbids it.
    MissingPackage
        If its client is not installed.
    """
    address = os.environ.get(ADDRESS, "")
    if not address:
        raise MissingWeights(SERVED)
    if is_offline(offline):
        raise MissingWeights(
            "nnInteractive runs on a server, and offline is set: use a segmenter that "
            "runs here"
        )
    remote = optional("nnInteractive.inference.remote", "nnInteractive")
    return NnInteractive(address, remote.nnInteractiveRemoteInferenceSession)


@dataclass(frozen=True, eq=False)
class Picture:
    """A crop as it will be sent: grey values (rows, cols)."""

    grey: NDArray[np.float32]

    @property
    def nbytes(self) -> int:
        """Memory held."""
        return int(self.grey.nbytes)


class NnInteractive:
    """A model on a server; planes are sent as volumes of one plane.

    Parameters
    ----------
    address
        Of the server.
    connect
        Opens a session of the client with it.
    """

    def __init__(self, address: str, connect: Callable[[str], Any]) -> None:
        self._address, self._connect = address, connect
        self._client = self._reached(lambda: connect(address))
        told = self._client.license
        licence = told if told and "MISSING" not in told else SPEC.licence
        self.spec = replace(SPEC, licence=licence)
        version = self._client.INFERENCE_SESSION_VERSION
        self.weights_hash = f"not told by the server, session version {version}"

    def encode(self, crop: NDArray[np.float32]) -> Picture:
        """Keep a crop, float32 (rows, cols, 3) in [0, 1], to be sent."""
        return Picture(np.ascontiguousarray(crop.mean(-1), np.float32))

    def decode(
        self,
        embedding: Picture,
        *,
        boxes: list[Box] | None = None,
        points: NDArray[np.float64] | None = None,
        point_labels: NDArray[np.bool_] | None = None,
        low_res: NDArray[np.float32] | None = None,
        multimask: bool = False,
    ) -> Decoded:
        """Answer boxes and clicks one after another; see `Segmenter`.

        One mask a prompt, with a score of 1: the model tells none.
        """
        count = (
            len(boxes)
            if boxes is not None
            else len(points if points is not None else [])
        )
        volume = embedding.grey[None]
        found = []
        for number in range(count):
            told: list[Callable[[Any, bool], object]] = []
            if boxes is not None:
                told.append(_box(boxes[number], embedding.grey.shape))
            if points is not None and point_labels is not None:
                told += [
                    _click(place, bool(on))
                    for place, on in zip(
                        points[number], point_labels[number], strict=True
                    )
                ]
            found.append(self._asked(volume, (1.0, 1.0, 1.0), told)[0])
        logits = np.where(np.stack(found), _SURE, -_SURE).astype(np.float32)[:, None]
        scores = np.ones((count, 1), np.float32)
        return Decoded(logits, scores, logits[..., ::4, ::4])

    def outline(
        self,
        volume: NDArray[np.float32],
        known: Mapping[int, NDArray[np.bool_]],
        spacing: Sequence[float],
    ) -> NDArray[np.bool_]:
        """Outline an object in a volume from outlines of planes.

        See `napari_medfm.core.specs.VolumeSegmenter`.
        """
        told = [
            _outline(plane, mask, volume.shape)
            for plane, mask in known.items()
            if mask.any()
        ]
        return self._asked(volume, spacing, told)

    def _asked(
        self,
        volume: NDArray[np.float32],
        spacing: Sequence[float],
        told: Sequence[Callable[[Any, bool], object]],
    ) -> NDArray[np.bool_]:
        """Send a volume and what is known of the object; the last of it is answered."""

        def ask() -> NDArray[np.bool_]:
            answer = np.zeros(volume.shape, np.uint8)
            client = self._client
            client.set_image(volume[None], {"spacing": [float(v) for v in spacing]})
            client.set_target_buffer(answer)
            client.reset_interactions()
            for number, tell in enumerate(told):
                tell(client, number == len(told) - 1)
            inside: NDArray[np.bool_] = answer > 0
            return inside

        return self._reached(ask)

    def _reached(self, ask: Callable[[], T]) -> T:
        """Do what needs the server; a session that it forgot is opened once more."""
        remote = optional("nnInteractive.inference.remote.remote_session", SPEC.title)
        try:
            try:
                return ask()
            except remote.SessionExpiredError:
                self._client = self._connect(self._address)
                return ask()
        except (remote.httpx.HTTPError, RuntimeError) as error:
            raise MissingWeights(
                f"The nnInteractive server at {self._address} does not answer as it "
                f"should ({error}): see that it runs, and that {ADDRESS} is its address"
            ) from error


def _box(box: Box, shape: tuple[int, ...]) -> Callable[[Any, bool], object]:
    inside = box.rounded().clipped((shape[0], shape[1]))
    rows, cols = inside.slices
    corners = [[0, 1], [rows.start, rows.stop], [cols.start, cols.stop]]
    return lambda client, last: client.add_bbox_interaction(
        corners, True, run_prediction=last
    )


def _click(place: NDArray[np.float64], on: bool) -> Callable[[Any, bool], object]:
    row, col = np.rint(place).astype(int).tolist()
    return lambda client, last: client.add_point_interaction(
        [0, row, col], on, run_prediction=last
    )


def _outline(
    plane: int, mask: NDArray[np.bool_], shape: tuple[int, ...]
) -> Callable[[Any, bool], object]:
    drawn = np.zeros(shape, np.uint8)
    drawn[plane] = mask
    return lambda client, last: client.add_lasso_interaction(
        drawn, True, run_prediction=last
    )
