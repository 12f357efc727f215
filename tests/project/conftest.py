"""Sessions that are saved, and how they are compared."""

import numpy as np
import pytest
import tifffile
from toys import ToyEncoder, ToySegmenter

from napari_medfm import Session, load_project


@pytest.fixture
def opened(tmp_path):
    """Open a project with the toy models; it is closed again at the end."""
    sessions = []

    def open_(path, **options):
        session = load_project(
            path,
            encoder=ToyEncoder(),
            segmenter=ToySegmenter(),
            cache_dir=tmp_path / "cache",
            **options,
        )
        sessions.append(session)
        return session

    yield open_
    for session in sessions:
        session.close()


@pytest.fixture
def session(tmp_path):
    made = Session(ToyEncoder(), ToySegmenter(), cache_dir=tmp_path / "cache")
    yield made
    made.close()


@pytest.fixture
def disc_file(disc, tmp_path):
    path = tmp_path / "data" / "disc.tif"
    path.parent.mkdir()
    tifffile.imwrite(path, disc[0])
    return path


@pytest.fixture
def worked(session, disc, disc_file, ball):
    """A session in which something of every kind was done."""
    image, truth = disc
    session.add_image(disc_file, name="file", group="patient 1")
    session.add_image(image, name="array", spacing=(0.5, 0.25))
    session.add_image(ball[0], name="volume")
    session.add_class("lesion", "#123456")
    session.add_class("vessel")
    session.annotate("file", "lesion", points=[(70, 110), (60, 100)])
    ground = ~truth & (np.indices(truth.shape)[0] < 9)
    session.annotate("file", "background", mask=ground)
    session.annotate("volume", "vessel", points=[(50, 60)], plane=6)
    session.fit("ridge")
    mask = session.segment("file", box=(30, 70, 110, 150))
    session.segment("volume", (24, 34, 76, 86), [(50, 60)], [1], plane=6)
    session.accept("file", mask, "lesion")
    session.accept("array", session.predict("array", planes=None))
    session.set_threshold("array", "lesion", 0.3)
    session.undo()
    session.redo()
    session.remove(2)
    session.undo()
    return session
