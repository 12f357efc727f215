"""The canvas without a browser: messages in, pictures and state out."""

import asyncio
import io
import threading

import numpy as np
import pytest
from PIL import Image as Picture
from toys import ToyEncoder, ToySegmenter

from napari_medfm import drafts
from napari_medfm.core.errors import BadInput
from napari_medfm.notebook import Annotator
from napari_medfm.project.draft import drafts_folder
from napari_medfm.session import Session


class Browser:
    """Stands in for the other side: keeps what it was sent."""

    def __init__(self, canvas):
        self.canvas, self.pictures = canvas, {}
        canvas.send = self.receive

    def receive(self, content, buffers):
        picture = Picture.open(io.BytesIO(buffers[0]))
        self.pictures[content["picture"]] = (content["region"], np.asarray(picture))

    async def do(self, **message):
        # JupyterLab brings messages in a thread of their own.
        await asyncio.to_thread(self.canvas._heard, self.canvas, message, [])
        await self.settled()

    async def settled(self):
        """Wait until nothing runs and all was shown."""
        runner = self.canvas.runner
        for _ in range(2000):
            await asyncio.sleep(0.002)
            resting = set(runner._rests) <= {"auto"} and not runner._soon
            if runner.current is None and resting:
                return
        raise AssertionError("the canvas never came to rest")

    async def look(self, region, size):
        await self.do(do="look", region=region, size=size)

    @property
    def overlay(self):
        return self.pictures["overlay"][1]

    @property
    def state(self):
        return self.canvas.state


def in_a_notebook(pixels, act, **facts):
    """Run ``act`` on a canvas in a running event loop, as cells are."""

    async def cell():
        session = Session(encoder=ToyEncoder(), segmenter=ToySegmenter())
        session.add_image(pixels, name="ct", **facts)
        canvas = Annotator(session)
        try:
            await act(Browser(canvas))
        finally:
            canvas.close()

    asyncio.run(cell())


def test_it_needs_a_notebook():
    with pytest.raises(BadInput, match="notebook"):
        Annotator(Session(encoder=ToyEncoder(), segmenter=ToySegmenter()))


def test_a_canvas_may_be_closed_twice_and_half_made(encoder, segmenter):
    Annotator.__new__(Annotator).close()

    async def cell():
        return Annotator(Session(encoder=encoder, segmenter=segmenter))

    canvas = asyncio.run(cell())
    canvas.close()
    canvas.close()


def test_a_box_becomes_a_mask_on_the_canvas_and_in_the_session(disc):
    pixels, truth = disc

    async def act(browser):
        await browser.look([0, 0, 160, 192], [160, 192])
        region, picture = browser.pictures["image"]
        assert region == [0, 0, 160, 192]
        assert picture.shape == (160, 192)
        assert picture[truth].mean() > picture[~truth].mean() + 50
        assert not browser.overlay[..., 3].any()
        await browser.do(do="tool", tool="box")
        await browser.do(do="box", start=[33, 73], end=[107, 147])
        mask = browser.canvas.session.mask("ct").data
        assert np.array_equal(browser.overlay[..., 3] > 0, mask)
        assert browser.state["box"] == [33, 73, 107, 147] or browser.state["box"]
        assert browser.state["can"]["accept mask"]
        await browser.do(do="accept")
        assert (browser.canvas.session.labels("ct") > 0).sum() == mask.sum()
        await browser.do(do="undo")
        assert not browser.canvas.session.labels("ct").any()

    in_a_notebook(pixels, act)


def test_gestures_are_kept_as_a_draft_and_cells_alone_are_not(disc):
    async def act(browser):
        session = browser.canvas.session
        session.add_class("by a cell")
        await browser.look([0, 0, 160, 192], [160, 192])
        assert not drafts_folder().exists()
        await browser.do(do="add class", name="lesion")
        await browser.do(do="tool", tool="examples")
        await browser.do(do="click", at=[70, 110])
        browser.canvas.close()
        session.add_class("later")
        session.close()

    in_a_notebook(disc[0], act)
    (left,) = drafts()
    assert left.changes == 4
    assert left.images == ("ct",)


def test_examples_become_a_live_prediction(disc):
    pixels, truth = disc

    async def act(browser):
        await browser.look([0, 0, 160, 192], [160, 192])
        await browser.do(do="add class", name="lesion")
        await browser.do(do="tool", tool="examples")
        for place in ([70, 110], [60, 100], [80, 120]):
            await browser.do(do="click", at=place)
        await browser.do(do="choose class", value=0)
        for place in ([10, 10], [150, 20], [140, 180]):
            await browser.do(do="click", at=place)
        assert browser.state["can"]["accept prediction"]
        assert len(browser.state["marks"]) == 6
        seen = browser.overlay[..., 3] > 0
        assert 2 * (seen & truth).sum() / (seen.sum() + truth.sum()) > 0.8
        await browser.do(do="choose class", value=1)
        await browser.do(do="threshold", value=0.9)
        assert (browser.overlay[..., 3] > 0).sum() < seen.sum()
        assert browser.state["threshold"] == pytest.approx(0.9)

    in_a_notebook(pixels, act)


def test_similarity_shows_only_the_region_looked_at(disc):
    pixels, _ = disc

    async def act(browser):
        await browser.do(do="tool", tool="similar")
        await browser.do(do="click", at=[70, 110])
        await browser.look([40, 80, 100, 140], [30, 30])
        region, overlay = browser.pictures["overlay"]
        assert region == [40, 80, 100, 140]
        assert overlay.shape == (30, 30, 4)
        assert overlay[..., 3].mean() > 60
        assert browser.pictures["image"][1].shape == (30, 30)

    in_a_notebook(pixels, act)


def test_a_volume_shows_the_plane_asked_for(ball):
    pixels, truth = ball

    async def act(browser):
        await browser.look([0, 0, 96, 112], [96, 112])
        await browser.do(do="plane", plane=6)
        assert browser.state["plane"] == 6
        middle = browser.pictures["image"][1]
        await browser.do(do="plane", plane=0)
        edge = browser.pictures["image"][1]
        assert middle[truth[6]].mean() > edge[truth[6]].mean() + 50
        await browser.do(do="plane", plane=6)
        await browser.do(do="tool", tool="examples")
        await browser.do(do="add class", name="lesion")
        await browser.do(do="click", at=[50, 60])
        assert browser.canvas.session.annotations[0].pixels.tolist() == [[6, 50, 60]]
        await browser.do(do="plane", plane=2)
        assert browser.state["marks"] == []

    in_a_notebook(pixels, act, spacing=(5, 1, 1))


def test_what_a_cell_does_is_seen(disc):
    pixels, truth = disc

    async def act(browser):
        await browser.look([0, 0, 160, 192], [160, 192])
        session = browser.canvas.session
        session.add_class("lesion")
        session.accept("ct", truth, "lesion")
        await browser.settled()
        assert np.array_equal(browser.overlay[..., 3] > 0, truth)
        assert [c["name"] for c in browser.state["classes"]] == ["background", "lesion"]

    in_a_notebook(pixels, act)


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"do": "format the disk"},
        {"do": "click", "at": "nowhere"},
        {"do": "click", "at": [float("nan"), 1]},
        {"do": "box", "start": [1], "end": [2, 2]},
        {"do": "stroke", "path": []},
        {"do": "stroke", "path": [[0, 0]] * 20_001},
        {"do": "tool", "tool": "chainsaw"},
        {"do": "image", "name": "other"},
        {"do": "threshold", "value": "high"},
        {"do": "choose class", "value": None},
    ],
)
def test_a_message_that_does_not_fit_changes_nothing(disc, message):
    async def act(browser):
        await browser.do(do="tool", tool="examples")
        before = browser.canvas.session.labelling
        await browser.do(**message)
        assert browser.canvas.session.labelling is before
        assert browser.state["problem"]

    in_a_notebook(disc[0], act)


@pytest.mark.parametrize("region", [None, [1, 2], [5, 5, 5, 9], ["a"] * 4, [1e400] * 4])
def test_a_view_beside_the_image_shows_nothing(disc, region):
    async def act(browser):
        await browser.look(region, [10, 10])
        assert browser.pictures == {}

    in_a_notebook(disc[0], act)


def test_work_is_done_in_another_thread_and_can_be_cancelled(disc):
    async def act(browser):
        canvas = browser.canvas
        await browser.do(do="tool", tool="similar")
        await browser.do(do="click", at=[70, 110])
        threads = canvas.session.workspace.encoder.get().threads
        assert threading.main_thread().name not in threads
        await browser.do(do="cancel")
        assert "nothing was lost" in browser.state["message"]

    in_a_notebook(disc[0], act)


def test_colour_and_pyramids_are_read_by_region():
    rng = np.random.default_rng(0)
    fine = rng.integers(0, 255, (64, 96, 3), np.uint8)

    async def act(browser):
        await browser.look([8, 16, 40, 48], [32, 32])
        assert np.array_equal(browser.pictures["image"][1], fine[8:40, 16:48])
        await browser.look([0, 0, 64, 96], [16, 24])
        assert browser.pictures["image"][1].shape == (16, 24, 3)

    in_a_notebook(
        fine, act, axes="yxc", levels=[fine[::2, ::2].copy(), fine[::4, ::4].copy()]
    )
