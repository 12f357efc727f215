"""Planes too large to be held: the same numbers as whole, part by part."""

import hashlib
import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import binary_dilation
from toys import ENCODER, ToyEncoder

from napari_medfm import Session
from napari_medfm.core.errors import BadInput, Cancelled
from napari_medfm.core.geometry import Box
from napari_medfm.engine.intake import image_of
from napari_medfm.engine.resize import resized_part, resized_plane
from napari_medfm.engine.tiles import micrometres, plan_tiles
from napari_medfm.verbs import planes, tiled

SIZES = st.tuples(st.integers(1, 3000), st.integers(1, 3000))


@pytest.fixture
def small_is_large(monkeypatch):
    monkeypatch.setattr(planes, "LARGE", 20_000)
    monkeypatch.setattr(tiled, "_BATCH_TOKENS", 200)


@pytest.fixture
def field():
    """Bright discs on a dark ground, uint8 (280, 420), and where they are."""
    rng = np.random.default_rng(3)
    rows, cols = np.mgrid[:280, :420]
    truth = np.zeros(rows.shape, bool)
    for row, col in [(70, 80), (80, 330), (200, 180), (210, 350)]:
        truth |= (rows - row) ** 2 + (cols - col) ** 2 < 38**2
    image = 60 + 120 * truth + rng.normal(0, 8, truth.shape)
    return image.clip(0, 255).astype(np.uint8), truth


def session_on(folder, image, **facts):
    encoder = ToyEncoder()
    session = Session(encoder=encoder, cache_dir=folder)
    session.add_image(image, name="x", **facts)
    return session, encoder


def taught(session):
    session.add_class("disc")
    session.annotate("x", "disc", points=[(70, 80), (80, 330), (200, 190)])
    session.annotate("x", "background", points=[(20, 210), (160, 60), (260, 30)])


@settings(deadline=None)
@given(SIZES, st.sampled_from([None, 0.25, 0.7, 3.0]))
def test_each_token_is_in_one_cell_that_windows_cover(size, mpp):
    plan = plan_tiles([size], ENCODER, mpp)
    count = np.zeros(plan.tokens, int)
    for i in range(plan.cells[0]):
        for j in range(plan.cells[1]):
            kept, seen = plan.kept((i, j)), np.zeros(plan.tokens, bool)
            count[kept] += 1
            assert 1 <= len(plan.corners((i, j))) <= 4
            for corner in plan.corners((i, j)):
                window = plan.seen(corner)
                seen[window] = True
                for part, w, n in zip(window, plan.window, plan.tokens):
                    assert 0 <= part.start < part.stop == part.start + w <= n
            assert seen[kept].all()
    assert (count == 1).all()
    assert max(plan.window) * plan.patch <= ENCODER.input_size


@settings(deadline=None)
@given(SIZES)
def test_inner_tokens_have_context_on_all_sides(size):
    plan = plan_tiles([size], ENCODER)
    n = plan.tokens[0]
    for i in range(plan.cells[0]):
        windows = [plan.seen(corner)[0] for corner in plan.corners((i, 0))]
        kept = plan.kept((i, 0))[0]
        for token in range(kept.start, kept.stop):
            assert any(
                (w.start < token or w.start == 0)
                and (token < w.stop - 1 or w.stop == n)
                for w in windows
            )


@settings(deadline=None)
@given(SIZES, st.data())
def test_cells_of_a_region_hold_all_its_tokens(size, data):
    plan = plan_tiles([size], ENCODER)
    row = data.draw(st.integers(0, size[0] - 1))
    col = data.draw(st.integers(0, size[1] - 1))
    box = Box(row, col, min(row + 200, size[0]), min(col + 90, size[1]))
    (rows, cols), part = plan.grid.part(box)
    inside = np.array([[0, 0], [part.rows - 1, part.cols - 1]])
    whole = inside + np.array([rows.start, cols.start])
    np.testing.assert_allclose(
        part.to_pixels(inside) + np.array([box.row0, box.col0]),
        plan.grid.to_pixels(whole),
    )
    held = np.zeros(plan.tokens, bool)
    for cell in plan.cells_of(rows, cols):
        held[plan.kept(cell)] = True
    assert held[rows, cols].all()


@given(
    st.tuples(st.integers(2, 90), st.integers(2, 90)),
    st.tuples(st.integers(1, 90), st.integers(1, 90)),
    st.data(),
)
@settings(max_examples=60, deadline=None)
def test_a_part_is_resized_as_within_the_whole(size, into, data):
    plane = np.random.default_rng(0).random((*size, 2), np.float32)
    parts = []
    for n in into:
        start = data.draw(st.integers(0, n - 1))
        parts.append(slice(start, data.draw(st.integers(start + 1, n))))
    found = resized_part(lambda r, c: plane[r, c], size, into, tuple(parts))
    whole = resized_plane(plane, into)[parts[0], parts[1]]
    np.testing.assert_allclose(found, whole, atol=2e-6)


def test_the_level_is_chosen_by_micrometres():
    levels = [(40_000, 30_000), (10_000, 7_500), (2_500, 1_875)]
    plan = plan_tiles(levels, ENCODER, 0.25)
    assert (plan.level, plan.content) == (1, (10_000, 7_500))
    assert plan.grid.stride == (56.0, 56.0)
    assert plan_tiles(levels, ENCODER, None).level == 0
    assert plan_tiles(levels, ENCODER, 0.6).level == 0
    assert micrometres((5e-4, 5e-4), "mm") == pytest.approx(0.5)
    assert micrometres((0.5, 0.5), "pixel") is None


def test_windows_of_a_local_encoder_are_the_whole(tmp_path, small_is_large, field, run):
    image, _ = field
    session, encoder = session_on(tmp_path, image)
    session.embed("x")
    plane = session.workspace.planes.tiled(session.images["x"], 0)
    found, _ = run(plane.read(Box(0, 0, *image.shape)))
    grey = np.repeat(image[..., None] / np.float32(255), 3, -1)
    whole = encoder.encode(grey[None])[0]
    np.testing.assert_allclose(found, whole, atol=2e-3)


def test_done_windows_are_never_redone(tmp_path, small_is_large, field):
    image, _ = field
    session, encoder = session_on(tmp_path, image)
    job = session.embed.start("x", region=(0, 0, 100, 100))
    job.result()
    first = encoder.calls
    session.embed("x")
    assert first < encoder.calls
    again, fresh = session_on(tmp_path, image)
    again.embed("x")
    again.similarity("x", at=[(70, 80)])
    assert fresh.calls == 0


def test_a_cancelled_run_keeps_its_cells(tmp_path, small_is_large, field):
    image, _ = field
    session, encoder = session_on(tmp_path, image)
    steps = session.embed.work("x").steps()
    plane = session.workspace.planes.tiled(session.images["x"], 0)
    while len(plane.ready()) < 12:
        next(steps)
    steps.close()
    kept = plane.ready()
    before = encoder.calls
    again, fresh = session_on(tmp_path, image)
    again.embed("x")
    whole, total = session_on(tmp_path / "other", image)
    whole.embed("x")
    rows, cols = plane.plan.cells
    assert 12 <= len(kept) < rows * cols
    assert 0 < fresh.calls < total.calls
    # Windows around what was done are seen once more.
    assert before + fresh.calls <= 1.5 * total.calls


def test_damaged_windows_are_made_again(tmp_path, small_is_large, field, run):
    image, _ = field
    session, _ = session_on(tmp_path, image)
    session.embed("x")
    plane = session.workspace.planes.tiled(session.images["x"], 0)
    good = run(plane.fetched((0, 0)))[0]
    (folder,) = (tmp_path / "embeddings").iterdir()
    chunk = folder / "layers.zarr" / "c" / "0" / "0" / "0" / "0"
    chunk.write_bytes(chunk.read_bytes()[:-3])
    leaf = folder / "cells" / "0.1.json"
    leaf.write_text(json.dumps({"tokens": "0" * 64, "pixels": "0"}))
    again, fresh = session_on(tmp_path, image)
    plane = again.workspace.planes.tiled(again.images["x"], 0)
    np.testing.assert_array_equal(run(plane.fetched((0, 0)))[0], good)
    # Three windows a call; two of the four of the next cell were seen already.
    run(plane.fetched((0, 1)))
    assert fresh.calls == 3


def test_disagreements_are_kept_and_not_trusted_blindly(
    tmp_path, small_is_large, field, run
):
    image, _ = field
    session, _ = session_on(tmp_path, image)
    session.embed("x")
    good = run(session.workspace.planes.tiled(session.images["x"], 0).apart())[0]
    (folder,) = (tmp_path / "embeddings").iterdir()
    again, fresh = session_on(tmp_path, image)
    plane = again.workspace.planes.tiled(again.images["x"], 0)
    np.testing.assert_array_equal(run(plane.apart())[0], good)
    assert fresh.calls == 0
    first, *_ = (folder / "cells").glob("*.apart")
    first.write_bytes(first.read_bytes()[:-7])
    again, fresh = session_on(tmp_path, image)
    plane = again.workspace.planes.tiled(again.images["x"], 0)
    np.testing.assert_array_equal(run(plane.apart())[0], good)
    assert 0 < fresh.calls <= 2


def test_an_embedding_of_the_former_form_is_not_taken(tmp_path, small_is_large, field):
    image, _ = field
    session, _ = session_on(tmp_path, image)
    session.embed("x")
    (folder,) = (tmp_path / "embeddings").iterdir()
    header = json.loads((folder / "header.json").read_text())
    (folder / "header.json").write_text(json.dumps({**header, "format": 2}))
    again, fresh = session_on(tmp_path, image)
    again.embed("x")
    assert fresh.calls > 0


def test_another_codec_in_the_cache_is_thrown_away(tmp_path, small_is_large, field):
    image, _ = field
    session, _ = session_on(tmp_path, image)
    session.embed("x")
    (folder,) = (tmp_path / "embeddings").iterdir()
    meta = folder / "layers.zarr" / "zarr.json"
    told = json.loads(meta.read_text())
    told["codecs"] = [{"name": "numcodecs.pickle", "configuration": {}}]
    meta.write_text(json.dumps(told))
    again, fresh = session_on(tmp_path, image)
    again.embed("x")
    assert fresh.calls > 0


def test_changed_pixels_are_embedded_again(tmp_path, small_is_large, field, run):
    image, _ = field
    session, _ = session_on(tmp_path, image)
    session.embed("x")
    other = image.copy()
    other[3, 3] ^= 1
    again, fresh = session_on(tmp_path, other)
    plane = again.workspace.planes.tiled(again.images["x"], 0)
    run(plane.fetched((0, 0)))
    assert fresh.calls >= 1


def test_the_map_is_lazy_and_right(tmp_path, small_is_large, field):
    image, truth = field
    session, _ = session_on(tmp_path, image)
    found = session.similarity("x", at=[(70, 80)], against=[(20, 210)])["x"]
    assert found.shape == image.shape
    part = found[40:140, 250:400]
    np.testing.assert_allclose(part, np.asarray(found)[40:140, 250:400], atol=1e-5)
    whole = np.asarray(found)
    assert whole[truth].mean() > whole[~truth].mean() + 0.5


def test_a_region_is_enough_for_a_first_look(tmp_path, small_is_large, field):
    image, _ = field
    session, encoder = session_on(tmp_path, image)
    region = (0, 0, 150, 200)
    found = session.similarity("x", at=[(70, 80)], region=region)["x"]
    some = encoder.calls
    assert np.isfinite(found[:150, :200]).all()
    session.embed("x")
    assert some < encoder.calls


def test_prediction_by_squares_is_that_of_the_region(tmp_path, small_is_large, field):
    image, truth = field
    session, _ = session_on(tmp_path, image)
    taught(session)
    session.fit(head="ridge")
    whole = session.predict("x")
    labels = np.asarray(whole.labels)
    assert (labels == truth).mean() > 0.9
    part = session.predict("x", region=(30, 40, 230, 400))
    assert part.labels.shape == (200, 360)
    np.testing.assert_array_equal(part.labels, labels[30:230, 40:400])
    np.testing.assert_allclose(
        part.probabilities, whole.probabilities[:, 30:230, 40:400], atol=1e-5
    )
    assert whole.probabilities.shape == (2, *image.shape)
    assert whole.uncertainty[5, 7:9].shape == (2,)


def test_squares_meet_without_a_seam(tmp_path, small_is_large, field, monkeypatch):
    image, _ = field
    session, _ = session_on(tmp_path, image)
    taught(session)
    session.fit(head="forest")
    one = session.predict("x", region=(0, 0, *image.shape)).probabilities
    reader = session.workspace.planes
    whole = reader.boxes
    monkeypatch.setattr(
        type(reader),
        "boxes",
        lambda self, image, box=None, side=128: whole(image, box, 128),
    )
    many = session.predict("x", region=(0, 0, *image.shape)).probabilities
    assert len(reader.boxes(session.images["x"])) == 12
    np.testing.assert_allclose(one, many, atol=2e-3)


def test_finished_squares_are_never_redone(tmp_path, small_is_large, field):
    image, _ = field
    session, _ = session_on(tmp_path, image)
    taught(session)
    head = session.fit(head="ridge")
    session.predict("x")
    again, fresh = session_on(tmp_path, image)
    again.use_head(head)
    assert np.asarray(again.predict("x").labels).any()
    assert fresh.calls == 0


def test_suggestions_lie_on_the_plane(tmp_path, small_is_large, field):
    image, _ = field
    session, _ = session_on(tmp_path, image)
    taught(session)
    session.fit(head="ridge")
    found = session.suggest("x", n=4)
    places = np.array([place.position for place in found])
    assert len(found) == 4
    assert (places >= 0).all()
    assert (places < image.shape).all()
    assert np.ptp(places[:, 1]) > 100


def test_a_region_of_a_small_image(tmp_path, field):
    image, _ = field
    session, _ = session_on(tmp_path, image)
    taught(session)
    session.fit(head="ridge")
    whole = session.predict("x").labels
    part = session.predict("x", region=(10, 20, 100, 300)).labels
    np.testing.assert_array_equal(part, whole[10:100, 20:300])
    with pytest.raises(BadInput):
        session.predict("x", region=(900, 900, 950, 950))


def test_planes_of_a_stack(tmp_path, small_is_large, field):
    image, _ = field
    stack = np.stack([image, 255 - image, image])
    session, _ = session_on(tmp_path, stack)
    session.add_class("disc")
    session.annotate("x", "disc", points=[(0, 70, 80), (0, 200, 180)])
    session.annotate("x", "background", points=[(0, 20, 210), (0, 260, 30)])
    session.fit(head="ridge")
    found = session.predict("x", planes=[0, 2])
    assert found.labels.shape == stack.shape
    assert np.asarray(found.labels[0]).any()
    assert not np.asarray(found.labels[1]).any()
    maps = session.similarity("x", at=[(0, 70, 80)], planes=[0, 2])["x"]
    assert np.isfinite(maps[2]).all()
    assert np.isnan(maps[1]).all()


def test_a_slide_leaves_glass_out(tmp_path, small_is_large):
    rng = np.random.default_rng(0)
    slide = np.full((700, 900, 3), 240, np.uint8)
    slide[200:420, 300:560] = (150, 60, 140)
    slide = (slide + rng.integers(0, 6, slide.shape)).astype(np.uint8)
    session, _ = session_on(tmp_path, slide)
    session.embed("x")
    plane = session.workspace.planes.tiled(session.images["x"], 0)
    rows, cols = plane.plan.cells
    assert len(plane.ready()) < rows * cols / 2
    covered = np.zeros(slide.shape[:2], bool)
    for cell in plane.ready():
        covered[plane.plan.pixels(cell).slices] = True
    assert covered[200:420, 300:560].all()
    found = session.similarity("x", at=[(300, 400)])["x"]
    assert np.isnan(found[20, 20])


@pytest.mark.parametrize("head", ["logistic", "abmil"])
def test_a_head_of_whole_slides(tmp_path, small_is_large, field, head):
    image, _ = field
    session = Session(encoder=ToyEncoder(), cache_dir=tmp_path)
    session.add_class("dark")
    for number in range(6):
        slide = image // 3 if number % 2 else image
        session.add_image(slide, name=f"{number}", group=f"patient {number}")
        if number < 4:
            name = "dark" if number % 2 else "background"
            session.annotate_image(f"{number}", name)
    session.fit(head, level="image")
    found = [int(session.predict(f"{n}", level="image").labels) for n in (4, 5)]
    assert found == [0, 1]


def test_parts_of_an_image_hash_as_the_whole(field):
    image, _ = field
    whole = image_of(image, "x").plane_sha256()
    digest = hashlib.sha256(f"{image.dtype.str}{image.shape}".encode())
    digest.update(image.data)
    assert whole == digest.hexdigest()


def test_cancel_between_windows(tmp_path, small_is_large, field):
    image, _ = field
    session, encoder = session_on(tmp_path, image)
    job = session.embed.start("x")
    job.cancel()
    with pytest.raises(Cancelled):
        job.result()
    assert encoder.calls < 20


def test_the_rest_of_a_map_appears_while_it_grows(small_is_large, field, tmp_path):
    session, encoder = session_on(tmp_path, field[0])
    found = session.similarity("x", at=[(70, 80)], region=(60, 70, 80, 90))["x"]
    before = found.complete
    assert before < 1
    first = found.values.copy()
    for progress in found.grow((270, 410)):
        assert progress.done < progress.total
    assert found.complete == 1
    known = np.isfinite(first)
    assert np.array_equal(found.values[known], first[known])
    whole = session.similarity("x", at=[(70, 80)])["x"]
    assert np.allclose(found[...], whole[...])
    calls = encoder.calls
    for _ in found.grow((0, 0)):
        raise AssertionError("nothing is left to do")
    assert encoder.calls == calls


def test_what_lies_near_comes_first(small_is_large, field, tmp_path):
    session, _ = session_on(tmp_path, field[0])
    found = session.similarity("x", at=[(70, 80)], region=(60, 70, 80, 90))["x"]
    steps = found.grow((270, 410))
    next(steps)
    missing = np.argwhere(np.isnan(found.values))
    next(steps, None)
    new = missing[np.isfinite(found.values[tuple(missing.T)])]
    away = np.hypot(*((missing * 14 - (270, 410)).T))
    assert np.hypot(*((new * 14 - (270, 410)).T)).min() == away.min()


def test_levels_of_a_map_show_the_same(small_is_large, field, tmp_path):
    session, _ = session_on(tmp_path, field[0])
    found = session.similarity("x", at=[(70, 80)])["x"]
    (level,) = found.levels
    assert level.shape[0] < found.shape[0]
    rows, cols = (
        ((np.arange(n) + 0.5) * m / n).astype(int)
        for n, m in zip(level.shape, found.shape)
    )
    assert np.abs(level[...] - found[...][np.ix_(rows, cols)]).max() < 0.15
    over = found.above(0.3)
    assert np.array_equal(over[...], found[...] >= 0.3)
    box = found.box_above(0.3)
    outside = np.ones(found.shape, bool)
    outside[box.slices] = False
    assert not (found[...][outside] >= 0.3).any()
    assert found.box_above(2.0) is None


def test_predictions_have_levels_that_are_every_nth_pixel(
    small_is_large, field, tmp_path, monkeypatch
):
    from napari_medfm.engine import labelstore
    from napari_medfm.verbs import planes, squares

    monkeypatch.setattr(labelstore, "_SMALL", 60)
    monkeypatch.setattr(squares, "SIDE", 128)
    monkeypatch.setattr(planes, "SIDE", 128)
    session, _ = session_on(tmp_path, field[0])
    taught(session)
    session.fit("ridge")
    labels = session.predict("x").labels
    whole = labels[...]
    assert [level.shape for level in labels.levels] == [(140, 210), (70, 105), (35, 53)]
    for level, step in zip(labels.levels, (2, 4, 8)):
        assert np.array_equal(level[...], whole[::step, ::step])


def test_a_prediction_of_a_region_is_accepted_there_alone(
    small_is_large, field, tmp_path
):
    session, _ = session_on(tmp_path, field[0])
    taught(session)
    session.fit("ridge")
    session.accept("x", np.ones((280, 420), np.uint8))
    part = session.predict("x", region=(40, 50, 110, 130))
    session.accept("x", part)
    labels = session.labels("x")
    assert np.array_equal(labels[40:110, 50:130], part.labels)
    labels[40:110, 50:130] = 1
    assert (labels == 1).all()
    regions = session.labelling.accepted
    assert regions[-1].region == Box(40, 50, 110, 130)
    session.export_masks("x", tmp_path / "x.tif")
    import tifffile

    assert np.array_equal(tifffile.imread(tmp_path / "x.tif"), session.labels("x"))
    session.undo()
    assert (session.labels("x") == 1).all()


def test_embedding_begins_near_a_position(small_is_large, field, tmp_path):
    session, _ = session_on(tmp_path, field[0])
    job = session.embed.work("x", near=(270, 410)).steps()
    tiled_plane = None
    for _ in job:
        tiled_plane = session.workspace.planes.tiled(session.images["x"], 0)
        rest = tiled_plane.ready() - set(tiled_plane.sample)
        if rest:
            break
    others = set(tiled_plane.wanted) - set(tiled_plane.sample)
    away = {c: tiled_plane.plan.distance((270, 410), c) for c in others}
    assert min(away, key=away.get) in rest


MOODY = replace(ENCODER, name="moody", dim=12)


class Moody(ToyEncoder):
    """What it says of a place hangs on the window around it, and on where it is there.

    As DINOv2's tokens do: most of what two windows say differently of a place is the
    same for all places that both see.
    """

    def __init__(self):
        super().__init__()
        self.spec = MOODY
        self.ways = np.random.default_rng(7).normal(size=(3, 12)).astype(np.float32)

    def encode(self, batch):
        content = super().encode(batch)
        found = np.concatenate([content, content[..., ::-1] ** 2], -1)
        for window, pixels in zip(found, batch):
            seed = int(pixels.astype(np.float64).sum() * 1e3) % 2**32
            mood = np.random.default_rng(seed).normal(size=2)
            window += (mood @ self.ways[:2]).astype(np.float32) / 8
            edge = np.abs(np.linspace(-1, 1, len(window)))[:, None, None, None]
            window += edge**4 * self.ways[2] / 20
        return found


def steps_on_the_ground(values, truth):
    """How much a map steps from token to token where there is no disc."""
    ground = ~binary_dilation(truth, iterations=14)[7::14, 7::14]
    steps = np.abs(np.diff(values, axis=1))
    return steps[ground[:, 1:] & ground[:, :-1]]


@pytest.mark.parametrize("mended", [True, False])
def test_similarity_reaches_across_windows(
    mended, tmp_path, small_is_large, field, monkeypatch
):
    image, truth = field
    if not mended:
        monkeypatch.setattr(
            tiled, "blended", lambda plan, cell, looks: one_window(plan, cell, looks)
        )
        monkeypatch.setattr(
            tiled, "disagreement", lambda *_: np.zeros((0, MOODY.dim), np.float16)
        )
    session = Session(encoder=Moody(), cache_dir=tmp_path)
    session.add_image(image, name="x")
    found = session.similarity("x", at=[(70, 80)], against=[(20, 210)])["x"]
    near, far = (np.zeros(truth.shape, bool) for _ in range(2))
    near[:, :130], far[:, 130:] = True, True
    likes = [
        np.nanmean(found[...][truth & part]) - np.nanmean(found[...][~truth & part])
        for part in (near, far)
    ]
    assert (likes[1] > 0.9 * likes[0] > 0) == mended
    assert (steps_on_the_ground(found.values, truth).max() < 0.2) == mended


def one_window(plan, cell, looks):
    """The cell's tokens, each from the window that has it nearest to its middle."""
    rows, cols = plan.kept(cell)
    found = None
    for i in range(rows.start, rows.stop):
        for j in range(cols.start, cols.stop):
            corner = min(
                plan.corners(cell),
                key=lambda c: max(
                    abs(p - s - (w - 1) / 2) for p, s, w in zip((i, j), c, plan.window)
                ),
            )
            token = looks[corner][i - corner[0], j - corner[1]]
            if found is None:
                size = (rows.stop - rows.start, cols.stop - cols.start)
                found = np.zeros((*size, *token.shape), np.float16)
            found[i - rows.start, j - cols.start] = token
    return found
