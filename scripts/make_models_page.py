"""Write docs/models.md from the SPECs: ``python scripts/make_models_page.py``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from napari_medfm import encoders, segmenters
from napari_medfm.core.specs import EncoderSpec, ModelSpec, SegmenterSpec

PAGE = Path(__file__).parents[1] / "docs" / "models.md"
DOMAINS = ("general", "pathology", "radiology", "ophthalmology")
INTRODUCTION = """# Models

This page is made from the catalogue by `scripts/make_models_page.py`. All models are
for research; none is a medical device. *Not commercial* means that the licence of the
weights does not allow it, or is not known to. *Gated*: access is asked for on the
model's page. *Checked*: the facts were compared with the model's own code or card;
where that is missing, take them as a start, and look at the page. No weights but those
of the two defaults have been run here: loading is tested with random weights in each
layout.

`napari-medfm models list` filters the same catalogue (`--domain`, `--task`,
`--licence`, `--commercial`, `--open`, `--max-mb`, `--loadable`, `--installed`), `models
info NAME` shows a card, `models fetch NAME` downloads after asking, `models import NAME
FILE` takes a file you have, `models export BUNDLE.tar` and `models import BUNDLE.tar`
carry weights to a machine without a network, and `models add NAME FILE --architecture
TIMM` adds an encoder of your own. In the window, *All models…* of the step *Models*
does the same.
"""


def page() -> str:
    """Return the page's text."""
    return "\n".join([INTRODUCTION, *_encoders(), *_segmenters(), *_absent()])


def _encoders() -> Iterator[str]:
    for domain in DOMAINS:
        found = [s for s in encoders.specs() if s.domain == domain and not s.absent]
        yield f"## Encoders: {domain}\n"
        yield "| name | network | tokens | input | licence | size | |"
        yield "|---|---|---|---|---|---|---|"
        yield from (_encoder(spec) for spec in found)
        yield ""


def _encoder(spec: EncoderSpec) -> str:
    tokens = f"{spec.patch} px, {spec.dim}"
    return _row(spec, spec.architecture, tokens)


def _segmenters() -> Iterator[str]:
    yield "## Segmenters\n"
    yield "| name | network | prompts | input | licence | size | |"
    yield "|---|---|---|---|---|---|---|"
    for spec in segmenters.specs():
        if not spec.absent:
            yield _segmenter(spec)
    yield ""


def _segmenter(spec: SegmenterSpec) -> str:
    return _row(spec, spec.architecture, ", ".join(sorted(spec.prompts)))


def _row(spec: ModelSpec, network: str, answers: str) -> str:
    flags = {
        "texts": spec.task == "text",
        "volumes": spec.dimension == 3,
        "gated": spec.gated,
        "not commercial": not spec.commercial,
        "checked": spec.verified,
    }
    title = f"[{spec.name}]({spec.page})" if spec.page else spec.name
    size = f"{spec.size / 1e6:.0f} MB" if spec.size else "brought by hand"
    cells = (
        title,
        network,
        answers,
        f"{spec.input_size} px",
        spec.licence,
        size,
        ", ".join(name for name, holds in flags.items() if holds),
    )
    return f"| {' | '.join(cells)} |"


def _absent() -> Iterator[str]:
    yield "## Known, and not loaded here\n"
    yield "| name | network | why, and the way out |"
    yield "|---|---|---|"
    found = [s for s in (*encoders.specs(), *segmenters.specs()) if s.absent]
    for spec in sorted(found, key=lambda spec: (spec.domain, spec.name)):
        title = f"[{spec.name}]({spec.page})" if spec.page else spec.name
        yield f"| {title} | {spec.architecture} | {spec.absent} |"
    yield ""


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"{PAGE}: {len(page().splitlines())} lines")
