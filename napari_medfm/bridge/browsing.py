"""The catalogue as the window shows it: searched, filtered, read, got, imported."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_medfm import encoders, segmenters
from napari_medfm.bridge.asking import Ask
from napari_medfm.bridge.catalogue import Offer, fetching
from napari_medfm.core.jobs import Progress, Steps, Work
from napari_medfm.core.specs import EncoderSpec, ModelSpec
from napari_medfm.verbs.choosing import Listed, listed

if TYPE_CHECKING:
    from napari_medfm.bridge.desk import Desk

NORMALISATIONS = {
    "imagenet": ("ImageNet", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "half": ("-1 to 1", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    "clip": (
        "CLIP",
        (0.48145466, 0.4578275, 0.40821073),
        (0.26862954, 0.26130258, 0.27577711),
    ),
    "none": ("0 to 1", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
}
PROGRAMS = (".onnx", ".pt2", ".ts", ".torchscript")


@dataclass(frozen=True)
class Sought:
    """What the user looks for.

    Parameters
    ----------
    words
        All of them are to be found in name, title, network, licence or purpose.
    domain, kind
        None for any.
    commercial, free, here, usable
        Only models whose licence allows commercial use; that ask for no access; whose
        weights are on this machine; that can be loaded here.
    most
        Bytes of the download, at most; None for any.
    """

    words: str = ""
    domain: str | None = None
    kind: str | None = None
    commercial: bool = False
    free: bool = False
    here: bool = False
    usable: bool = True
    most: float | None = None

    def finds(self, model: Listed) -> bool:
        """Whether a model fits the words."""
        spec = model.spec
        text = " ".join(
            (
                *(spec.name, spec.title, spec.domain, spec.architecture),
                *(spec.licence, spec.intended_use, *model.badges),
            )
        ).lower()
        return all(word in text for word in self.words.lower().split())


def found(sought: Sought, cache_dir: Path | None) -> list[Listed]:
    """Return the models that fit, those on this machine first."""
    wanted: dict[str, Any] = {
        "domain": sought.domain,
        "kind": sought.kind,
        "commercial": sought.commercial or None,
        "gated": False if sought.free else None,
        "installed": sought.here or None,
        "loadable": sought.usable or None,
        "max_size": sought.most,
    }
    models = [m for m in listed(cache_dir, **wanted) if sought.finds(m)]
    return sorted(models, key=lambda m: (not m.here, m.spec.title.lower()))


def card(model: Listed) -> list[tuple[str, str]]:
    """Return what a clinician should know of a model, as (heading, text)."""
    spec = model.spec
    rows = [("What it is for", spec.intended_use), ("Terms", _terms(spec))]
    if spec.absent:
        rows.append(("Not loaded here", spec.absent))
    elif model.here:
        rows.append(("Weights", "On this machine."))
    else:
        rows.append(("Weights", f"Not on this machine. {_how(model)}"))
    rows.append(("Made for", _made_for(spec)))
    checked = (
        "The facts were compared with the model's own code or card."
        if spec.verified
        else "The facts were not compared with the model's own code: look at its page."
    )
    rows.append(("Facts", f"{checked} {spec.notes}".strip()))
    if spec.page:
        rows.append(("Page", spec.page))
    return rows


def _terms(spec: ModelSpec) -> str:
    use = (
        "The licence allows commercial use."
        if spec.commercial
        else "NOT for commercial use, or not known to be allowed."
    )
    return f"Licence: {spec.licence}. {use} For research: it is no medical device."


def _how(model: Listed) -> str:
    spec = model.spec
    download = Offer(spec.name, spec, model.here).download
    if download is None:
        where = f" from {spec.page}" if spec.page else ""
        return f"Bring its weights file{where}, then choose “From a file…”."
    if spec.gated:
        return (
            f"Access is asked for: agree to the terms at {spec.page}, log in on this "
            f"machine (hf auth login), then choose “Get it…” ({download}). Or bring "
            "the weights as a file."
        )
    return f"“Get it…” downloads {download}."


def _made_for(spec: ModelSpec) -> str:
    planes = "volumes" if spec.dimension == 3 else "pictures and planes"
    text = f"{spec.domain}, {planes}. Network: {spec.architecture}"
    if spec.parameters:
        text += f", {spec.parameters} million parameters"
    if spec.input_size:
        text += f"; input {spec.input_size} pixels a side"
    if isinstance(spec, EncoderSpec):
        if spec.patch:
            text += f"; one token for {spec.patch} pixels"
        if spec.mpp:
            text += f"; trained at {spec.mpp} micrometres a pixel"
        if spec.joint:
            text += "; knows texts"
    return f"{text}."


@dataclass(frozen=True)
class OwnModel:
    """An encoder of the user's own.

    Parameters
    ----------
    path
        A weights file; or an exported network (ONNX, ``torch.export``, TorchScript).
    network
        timm's name of the network that the weights are of.
    patch
        Pixels a token of an exported network.
    normalisation
        One of `NORMALISATIONS`.
    trusted
        Whether a program in the file may run.
    """

    path: Path
    network: str = ""
    patch: int = 16
    normalisation: str = "imagenet"
    trusted: bool = False

    @property
    def is_program(self) -> bool:
        """Whether the file holds a network, not only its weights."""
        return self.path.suffix.lower() in PROGRAMS

    @property
    def name(self) -> str:
        """What it is called in the catalogue of this machine."""
        kept = [c if c.isalnum() or c in "-_." else "-" for c in self.path.stem.lower()]
        return "".join(kept).strip("-_.")[:60] or "own-model"


class Browsing:
    """Gets, imports, adds and uses models of the catalogue, in jobs."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._ask: Ask[Any] = Ask(desk, "fetch", lambda: None)

    def found(self, sought: Sought) -> list[Listed]:
        """Return the models that fit."""
        return found(sought, self._desk.session.options["cache_dir"])

    @property
    def busy(self) -> bool:
        """Whether weights are on their way."""
        return self._ask.pending

    def in_use(self, model: Listed) -> bool:
        """Whether the session works with a model."""
        session = self._desk.session
        return model.spec.name in {session.encoder, session.segmenter}

    def use(self, model: Listed) -> None:
        """Work with a model from now on."""
        desk, session = self._desk, self._desk.session
        is_encoder = model.kind == "encoder"
        change = session.use_encoder if is_encoder else session.use_segmenter
        if desk.act(lambda: change(model.spec.name)):
            desk.say(f"{model.spec.title} is in use now")

    def get(self, model: Listed) -> None:
        """Download a model; the user has agreed."""
        offer = Offer(model.spec.name, model.spec, model.here)
        self._begin(
            lambda: fetching(model.kind, offer, self._desk.session),
            f"{offer.title} is ready",
        )

    def take_file(self, model: Listed, path: Path) -> None:
        """Take a model's weights from a file that the user has."""
        folder = encoders if model.kind == "encoder" else segmenters
        cache = self._desk.session.options["cache_dir"]

        def steps() -> Steps[Path]:
            yield Progress(0, 1, f"checking {path.name}")
            kept: Path = folder.import_file(model.spec.name, path, cache_dir=cache)
            return kept

        title = f"Importing {model.spec.title}"
        self._begin(
            lambda: Work(title, steps, lambda kept: kept),
            f"{model.spec.title} is ready",
        )

    def add(self, own: OwnModel) -> None:
        """Take up an encoder of the user's own, and work with it."""
        desk = self._desk
        options = desk.session.options

        def steps() -> Steps[Any]:
            yield Progress(0, 1, f"trying {own.path.name}")
            if not own.is_program:
                spec = encoders.add(
                    own.name,
                    own.path,
                    own.network.strip(),
                    normalisation=own.normalisation,
                    cache_dir=options["cache_dir"],
                )
                return spec.name
            _, mean, std = NORMALISATIONS[own.normalisation]
            return encoders.wrap(
                own.path,
                patch=own.patch,
                name=own.name,
                mean=mean,
                std=std,
                trust=own.trusted,
                device=options["device"],
            )

        def commit(encoder: Any) -> None:
            desk.session.use_encoder(encoder)

        self._begin(
            lambda: Work(f"Adding {own.name}", steps, commit),
            f"{own.name} is in use now",
        )

    def _begin(self, plan: Callable[[], Work[Any]], said: str) -> None:
        desk = self._desk

        def done(_: Any) -> None:
            desk.render()
            desk.say(said)
            desk.changed.emit()

        def failed(error: BaseException) -> None:
            desk.complain(error)
            desk.changed.emit()

        self._ask.begin(plan, done, failed=failed)
        desk.changed.emit()
