"""Everything that reads or writes a file, in a program that may open no socket.

``python tests/offline.py FOLDER``; says each step, and ends with an error where a
socket is opened, an address looked up, or another program started.
"""

import socket
import sys
import warnings
from pathlib import Path

ASKING = ("urllib.Request", "http.client.connect", "ftplib.connect", "smtplib.connect")
PROGRAMS = ("subprocess.Popen", "os.system", "os.exec", "os.fork", "os.posix_spawn")
LOOKING = {"ldconfig", "gcc", "cc", "ld", "lscpu"}  # for libraries and processors


class Reached(BaseException):
    """Something reached for the network; no `except Exception` hides it."""


def watch(event, args):
    """Refuse; a pair of sockets inside the program is how asyncio wakes itself."""
    if event == "socket.__new__" and args[1] == socket.AF_UNIX:
        return
    if event in ("socket.__new__", "socket.bind") and _is_probe():
        return
    if event == "subprocess.Popen" and Path(args[0]).name in LOOKING:
        return
    if event.startswith("socket.") or event in (*ASKING, *PROGRAMS):
        print(f"reached: {event} {args[1:]!r}", flush=True)  # noqa: T201
        raise Reached(event)


def _is_probe():
    """Whether urllib3, as it is imported, asks if this machine has IPv6.

    pydicom imports requests where that is installed, and requests urllib3, which binds
    a socket to ::1 and closes it; nothing is sent.
    """
    frame = sys._getframe()
    while frame is not None:
        if frame.f_code.co_name == "_has_ipv6":
            return frame.f_globals.get("__name__") == "urllib3.util.connection"
        frame = frame.f_back
    return False


def main(folder):
    sys.path.insert(0, str(Path(__file__).parent))
    warnings.simplefilter("ignore")
    import numpy as np
    from fuzzing import put, targets
    from toys import ENCODER, SEGMENTER, ToyEncoder, ToySegmenter

    from napari_medfm import Session, encoders, load_head, load_project, segmenters
    from napari_medfm.cli import main as shell
    from napari_medfm.readers import specs

    for models, spec, toy in (
        (encoders, ENCODER, ToyEncoder),
        (segmenters, SEGMENTER, ToySegmenter),
    ):
        models.spec_of = lambda name, *_, spec=spec: spec
        models.load = lambda name, toy=toy, **_: toy()
        models.is_installed = lambda name, cache=None: True
    read = set()
    for name, target in targets().items():
        place = folder / "read" / name
        place.mkdir(parents=True)
        found = target.read(put(place, target.name, target.content))
        read.add(name)
        del found
    say(f"read {len(read)} kinds by {len(specs())} readers")

    cache = folder / "cache"
    session = Session(ToyEncoder(), ToySegmenter(), cache_dir=cache)
    scan = put(folder, "scan", targets()["dicom-series"].content)
    pixels = np.random.default_rng(0).random((3, 42, 56)).astype(np.float32)
    session.add_image(scan, name="scan")
    session.add_image(pixels[0], name="flat", spacing=(0.5, 0.5))
    session.add_class("a")
    session.annotate("flat", "a", points=[(5, 5), (6, 7)])
    session.annotate("flat", "background", points=[(30, 30)])
    session.fit("ridge")
    session.report()
    session.accept("flat", session.segment("flat", box=(4, 4, 20, 20)), "a")
    session.accept("scan", np.ones((3, 12, 14), bool), "a")
    session.similarity("flat", at=[(5, 5)])
    session.suggest("flat", n=2)
    for name in ("a.tif", "a.ome.tif", "a.png", "a.coco.json", "a.geojson", "a.nii.gz"):
        session.export_masks("flat", folder / name)
    for name in ("b.nii.gz", "b.seg.nrrd", "b.nrrd", "b.ome.zarr", "b.seg.dcm"):
        session.export_masks("scan", folder / name)
        session.import_labels("scan", folder / name)
    session.import_labels("flat", folder / "a.geojson")
    for name in ("a.csv", "a.parquet"):
        session.export_table(folder / name)
    session.export_dataset(folder / "Dataset001_A")
    session.export_head(folder / "a.onnx")
    head = session.export_head(folder / "a.head.safetensors")
    session.embed("flat")
    load_head(head).predict(pixels[0])
    say("wrote every format")

    session.keep_draft()
    (draft,) = folder.joinpath("drafts").iterdir()
    say(f"kept {draft.name}")

    case = folder / "case.medfm"
    session.save(case)
    session.add_class("b")
    session.close()
    again = load_project(
        case, encoder=ToyEncoder(), segmenter=ToySegmenter(), cache_dir=cache
    )
    again.undo()
    again.redo()
    again.ledger()
    again.script()
    again.save(folder / "other.medfm")
    again.close()
    say("opened and saved projects")

    out = folder / "out"
    for words in (
        ["drafts"],
        ["export", case, "--table", folder / "again.csv"],
        ["replay", case],
        ["ledger", case, "--csv", folder / "ledger.csv"],
        ["inspect", folder / "b.nii.gz"],
        ["inspect", head],
        ["apply", head, folder / "a.tif", "--out", out, "--format", "nii.gz"],
        ["embed", folder / "a.tif"],
        ["models", "list"],
    ):
        code = shell([str(word) for word in words])
        assert code == 0, words
    say("ran the shell")


def say(text):
    print(f"done: {text}", flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.addaudithook(watch)
    main(Path(sys.argv[1]))
