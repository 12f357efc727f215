"""The main job on a sample, step by step, timed, with all it made on disk."""

from __future__ import annotations

import json
import os
import platform
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_medfm.commands import options
from napari_medfm.commands.models import fetch
from napari_medfm.commands.say import Stopwatch, counted, say
from napari_medfm.engine.atomic import atomic_bytes, atomic_path

if TYPE_CHECKING:
    from napari_medfm.core.results import Mask, Prediction
    from napari_medfm.sample_data import Sample
    from napari_medfm.session import Session

DEFAULT_SAMPLE = "pathology"


@dataclass
class Tour:
    """One run over one sample.

    Parameters
    ----------
    folder
        Where everything is written.
    seconds, scores, files
        Filled by the steps, for the summary.
    """

    sample: Sample
    session: Session
    folder: Path
    seconds: dict[str, float] = field(default_factory=dict)
    scores: dict[str, float] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)

    def run(self) -> None:
        """Do every step and write the summary."""
        from napari_medfm.commands.page import page_of

        say(self.sample.title)
        say(f"  {self.sample.source}; licence: {self.sample.licence}")
        self._image()
        similarity = self._similarity()
        mask = self._mask()
        prediction = self._prediction()
        with self._step("page and script", ""):
            page = page_of(self, similarity, mask, prediction)
            with atomic_path(self._file("contact-sheet.png")) as path:
                page.save(path)
            atomic_bytes(self._file("script.py"), self._script().encode())
        self._summary()

    @property
    def plane(self) -> int | None:
        """The plane worked on; None for a picture."""
        return self.sample.hints.plane

    @property
    def clicks(self) -> list[tuple[int, int]]:
        """The clicks on the target, as (row, col)."""
        return [(place[-2], place[-1]) for place in self.sample.hints.positive]

    def _image(self) -> None:
        sample = self.sample
        with self._step("image", f"{sample.data.shape}, {sample.modality}"):
            self.session.add_image(
                sample.data,
                name=sample.name,
                spacing=sample.spacing,
                channel_axis=sample.channel_axis,
            )
            if self.plane is None:
                self._write_picture()
        planes = None if self.plane is None else [self.plane]
        with self._step("embedding", f"once, with {self.session.encoder}"):
            self.session.embed(sample.name, planes=planes)

    def _write_picture(self) -> None:
        from PIL import Image

        with atomic_path(self._file("image.png")) as path:
            Image.fromarray(self.sample.data).save(path)

    def _similarity(self) -> NDArray[np.float32]:
        from napari_medfm.exporters import export_map

        hints, name = self.sample.hints, self.sample.name
        clicks = f"{counted(hints.positive, 'click')} on {hints.target}"
        with self._step("similarity", f"{clicks}, {len(hints.negative)} beside it"):
            found = self.session.similarity(
                name, at=hints.positive, against=hints.negative
            )[name]
        export_map(self._file("similarity.tif"), found, self.session.images[name])
        return found

    def _mask(self) -> Mask:
        name, box, clicks = self.sample.name, self.sample.hints.box, self.clicks
        what = f"box and {counted(clicks, 'click')}"
        with self._step("mask", f"{what}, with {self.session.segmenter}"):
            mask = self.session.segment(name, box=box, points=clicks, plane=self.plane)
        if mask.note:
            say(f"          {mask.note}")
        self._export(self._labels_file("mask"))
        return mask

    def _prediction(self) -> Prediction:
        session, name = self.session, self.sample.name
        points = self.sample.hints.points
        with self._step("labels", _counts(points)):
            for class_name in self.sample.class_names:
                session.add_class(class_name)
            for class_name, places in points.items():
                session.annotate(name, class_name, points=places)
        with self._step("head", "trained, recipes weighed against each other"):
            head = session.fit()
        planes = None if self.plane is None else [self.plane]
        with self._step("prediction", f"every pixel, by {head.recipe}"):
            prediction = session.predict(name, planes=planes)
        session.accept(name, prediction)
        self._export(self._labels_file("prediction"))
        self._score(prediction)
        session.export_head(self._file(f"{name}.head.safetensors"))
        return prediction

    def _score(self, prediction: Prediction) -> None:
        """Compare with the labels that came with the sample, if any did."""
        truth = self.sample.labels
        if truth is None:
            return
        where = ... if self.plane is None else self.plane
        made, known = prediction.labels[where], truth[where]
        for value, class_name in enumerate(self.sample.class_names, 1):
            both = (made == value) & (known == value)
            total = (made == value).sum() + (known == value).sum()
            self.scores[class_name] = round(2 * float(both.sum()) / float(total), 3)
        scores = ", ".join(f"{n} {s:.2f}" for n, s in self.scores.items())
        say(f"          Dice against the sample's labels: {scores}")

    def _labels_file(self, stem: str) -> Path:
        suffix = "png" if self.plane is None else "nii.gz"
        return self._file(f"{stem}.{suffix}")

    def _export(self, path: Path) -> None:
        for written in self.session.export_masks(self.sample.name, path):
            if written.name not in self.files:
                self.files.append(written.name)

    def _file(self, name: str) -> Path:
        self.files.append(name)
        return self.folder / name

    @contextmanager
    def _step(self, name: str, what: str) -> Iterator[None]:
        watch = Stopwatch()
        with watch.timed():
            yield
        self.seconds[name] = round(watch.seconds, 3)
        say(f"{watch.seconds:7.2f} s  {name}{': ' if what else ''}{what}")

    def _script(self) -> str:
        """Return the session's script with the sample filled in."""
        name = self.sample.name
        head, _, tail = self.session.script().partition("images = {}")
        given = (
            "from napari_medfm.sample_data import load\n\n"
            f"images = {{{name!r}: load({name!r}).data}}\n"
        )
        return head.rstrip() + "\n" + given + tail.partition("\n")[2]

    def _summary(self) -> None:
        from napari_medfm.engine.provenance import version

        summary = {
            "program": version(),
            "python": platform.python_version(),
            "processors": os.cpu_count(),
            "sample": self.sample.name,
            "encoder": self.session.encoder,
            "segmenter": self.session.segmenter,
            "seconds": self.seconds,
            "dice": self.scores,
            "files": sorted([*self.files, "summary.json"]),
        }
        text = json.dumps(summary, indent=1) + "\n"
        atomic_bytes(self.folder / "summary.json", text.encode())
        total = sum(self.seconds.values())
        say(f"{total:7.2f} s  in all; {len(self.files) + 1} files in {self.folder}")


def run_tour(args: Namespace) -> None:
    """Fetch what is missing, saying so, and do the tour."""
    from napari_medfm.sample_data import load

    sample = load(args.sample or DEFAULT_SAMPLE)
    session = options.session_of(args)
    atomic_bytes(args.out / "summary.json", b"{}\n")
    for name in (session.encoder, session.segmenter):
        fetch(name, args.cache_dir, args.offline, ask=False)
    Tour(sample, session, args.out).run()


def _counts(points: Mapping[str, Sequence[object]]) -> str:
    return ", ".join(f"{len(places)} {name}" for name, places in points.items())
