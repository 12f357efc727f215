"""Whole images and objects: labels, heads, predictions, honest numbers, files."""

import json

import numpy as np
import pytest
from toys import ToyEncoder, ToySegmenter

from napari_medfm import Session, load_head
from napari_medfm.core.errors import BadInput


def blobs(seed, kinds, size=(112, 140)):
    """A picture with discs, bright (1) or dim (0), and their numbers."""
    rng = np.random.default_rng(seed)
    image, objects = rng.normal(0.5, 0.02, size), np.zeros(size, np.int32)
    rows, cols = np.mgrid[: size[0], : size[1]]
    for number, kind in enumerate(kinds, 1):
        r, c = divmod(number - 1, 4)
        inside = (rows - 18 - 34 * r) ** 2 + (cols - 18 - 34 * c) ** 2 < 10**2
        image[inside] += 0.4 if kind else -0.4
        objects[inside] = number
    return image.astype(np.float32), objects


@pytest.fixture
def session(tmp_path):
    return Session(ToyEncoder(), ToySegmenter(), cache_dir=tmp_path / "cache")


def picture(seed, spread):
    """A smooth or speckled picture; uint8, so that its contrast is not stretched."""
    noise = np.random.default_rng(seed).normal(0.5, spread, (56, 70))
    return (255 * noise.clip(0, 1)).astype(np.uint8)


def with_images(session, count=6):
    """Smooth (benign) and speckled (malignant) pictures, two a patient."""
    session.add_class("benign")
    session.add_class("malignant")
    for n in range(count):
        pixels = picture(n, 0.3 if n % 2 else 0.02)
        session.add_image(pixels, name=f"i{n}", group=n // 2)


def labelled_images(session, count=6):
    with_images(session, count)
    for n in range(count):
        session.annotate_image(f"i{n}", "malignant" if n % 2 else "benign")


class TestImages:
    @pytest.mark.parametrize("head", ["auto", "logistic", "knn", "abmil"])
    def test_a_few_labels_give_a_class_to_another_image(self, session, head, tmp_path):
        labelled_images(session)
        model = session.fit(head, level="image")
        assert session.labelling.heads["image"] is model
        assert session.head is None
        for name, seed, spread in (("b", 50, 0.02), ("m", 51, 0.3)):
            session.add_image(picture(seed, spread), name=name)
        for name, value in (("b", 1), ("m", 2)):
            found = session.predict(name, level="image")
            assert int(found.labels) == value
            assert found.probabilities.shape == (2,)
            np.testing.assert_allclose(found.probabilities.sum(), 1, atol=1e-5)
        path = tmp_path / "a.head.safetensors"
        session.use_head(model)
        from napari_medfm.verbs.headfile import save_head

        save_head(path, model)
        again = session.predict("m", head=load_head(path))
        np.testing.assert_array_equal(again.probabilities, found.probabilities)

    def test_the_card_and_the_report_are_grouped(self, session):
        labelled_images(session)
        model = session.fit(level="image")
        assert model.level == "image"
        assert model.card["validation"]["how"] == "leave one group out"
        assert model.card["validation"]["folds"] == 3
        assert model.card["label_counts"] == {"benign": 3, "malignant": 3}
        report = session.report(level="image")
        assert report.folds == 3
        assert report.balanced_accuracy == 1
        assert report.dice == {"benign": 1.0, "malignant": 1.0}

    def test_a_plane_has_a_class_of_its_own(self, session, ball):
        session.add_image(ball[0], name="ct")
        session.add_class("empty")
        session.add_class("full")
        for plane in (0, 1, 10, 11):
            session.annotate_image("ct", "empty", plane=plane)
        for plane in (5, 6, 7):
            session.annotate_image("ct", "full", plane=plane)
        session.fit("logistic", level="image")
        found = session.predict("ct", level="image", planes=[0, 5, 6, 11])
        assert found.labels.tolist() == [1, 2, 2, 1]
        assert found.probabilities.shape == (2, 4)
        assert session.predict("ct", level="image").labels.shape == ()

    def test_a_later_label_takes_the_place_of_an_earlier(self, session):
        with_images(session)
        session.annotate_image("i0", "benign")
        session.annotate_image("i0", "malignant")
        assert [a.value for a in session.annotations] == [2]
        session.undo()
        assert [a.value for a in session.annotations] == [1]

    def test_labels_of_images_do_not_train_pixels(self, session):
        labelled_images(session)
        with pytest.raises(BadInput, match="two classes"):
            session.fit("ridge")
        with pytest.raises(BadInput, match="objects of two classes"):
            session.fit(level="object")

    def test_it_agrees_with_scikit_learn(self, session):
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        from napari_medfm.engine.pooling import window_rows

        labelled_images(session)
        session.fit("logistic", level="image")
        rows = []
        for image in session.images.values():
            steps = session.workspace.planes.embedding(image, 0)
            while True:
                try:
                    next(steps)
                except StopIteration as stop:
                    rows.append(window_rows(stop.value.tokens).mean(0))
                    break
        known = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, tol=1e-8))
        known.fit(np.array(rows, float), [1, 2] * 3)
        expected = known.predict_proba(np.array(rows, float))
        found = [
            session.predict(n, level="image").probabilities for n in session.images
        ]
        np.testing.assert_allclose(found, expected, atol=1e-3)

    def test_export_of_a_prediction_of_another_level_is_refused(
        self, session, tmp_path
    ):
        labelled_images(session)
        session.fit(level="image")
        found = session.predict("i0", level="image")
        with pytest.raises(BadInput, match="shape"):
            session.accept("i0", found)
        with pytest.raises(BadInput, match="shape"):
            session.export_masks("i0", tmp_path / "a.tif", found)


KINDS = [1, 0, 1, 1, 0, 0, 1, 0, 1, 0]


def with_objects(session, seeds=(0, 1)):
    session.add_class("bright")
    session.add_class("dim")
    for seed in seeds:
        image, objects = blobs(seed, np.roll(KINDS, seed))
        session.add_image(image, name=f"o{seed}")
        assert session.use_objects(f"o{seed}", objects) == len(KINDS)


class TestObjects:
    @pytest.mark.parametrize("head", ["auto", "logistic", "knn", "forest"])
    def test_a_few_labels_give_classes_to_all(self, session, head, tmp_path):
        with_objects(session)
        for number in (1, 3, 4):
            session.annotate_object("o0", "bright", region=number)
        session.annotate_object("o0", "dim", at=(18, 18 + 34))
        for number in (5, 6):
            session.annotate_object("o0", "dim", region=number)
        model = session.fit(head, level="object")
        found = session.predict("o1", level="object")
        kinds = np.roll(KINDS, 1)
        assert [o.value for o in found.objects] == np.where(kinds, 1, 2).tolist()
        assert [o.number for o in found.objects] == list(range(1, 11))
        assert found.objects[0].centre == pytest.approx((18, 18))
        objects = session.labelling.objects["o1"]
        assert found.labels.shape == objects.shape
        assert ((found.labels > 0) == (objects > 0)).all()
        session.accept("o1", found)
        np.testing.assert_array_equal(session.labels("o1"), found.labels)
        session.export_masks("o1", tmp_path / "a.tif")
        record = json.loads((tmp_path / "a.tif.provenance.json").read_text())
        assert record["head"]["level"] == "object"
        from napari_medfm.verbs.headfile import save_head

        save_head(tmp_path / "o.head.safetensors", model)
        again = session.predict("o1", head=tmp_path / "o.head.safetensors")
        np.testing.assert_array_equal(again.labels, found.labels)

    def test_objects_come_from_what_was_accepted_or_found(self, session):
        image, objects = blobs(0, KINDS)
        session.add_image(image, name="x")
        session.add_class("cell")
        session.accept("x", objects > 0, "cell")
        assert session.use_objects("x") == len(KINDS)
        assert session.use_objects("x", objects > 0) == len(KINDS)
        assert session.use_objects("x", session.segment_all("x")) > 0
        session.undo()
        assert session.labelling.objects["x"].max() == len(KINDS)

    def test_planes_of_a_volume_keep_their_numbers_apart(self, session):
        _, objects = blobs(0, KINDS)
        session.add_image(np.zeros((3, 112, 140), np.float32), name="ct")
        session.use_objects("ct", objects, plane=0)
        session.use_objects("ct", objects, plane=2)
        kept = session.labelling.objects["ct"]
        assert not kept[1].any()
        assert not set(np.unique(kept[0])) & set(np.unique(kept[2])) - {0}

    def test_features_are_what_other_libraries_measure(self, session):
        from skimage.measure import regionprops_table

        from napari_medfm.engine.objects import object_rows
        from napari_medfm.engine.rgb import normalised

        with_objects(session, seeds=(0,))
        image, objects = session.images["o0"], session.labelling.objects["o0"]
        steps = session.workspace.planes.features(image, 0)
        while True:
            try:
                next(steps)
            except StopIteration as stop:
                features = stop.value
                break
        rows = object_rows(objects, [(0, features)], (0.5, 0.5)).rows
        seen = normalised(image, 0)[..., 0]
        names = ("area", "eccentricity", "solidity", "extent", "intensity_mean")
        table = regionprops_table(objects, seen, properties=names)
        tokens = features.tokens.shape[1]
        np.testing.assert_allclose(rows[:, tokens], table["intensity_mean"], rtol=1e-4)
        np.testing.assert_allclose(rows[:, -4], np.log(table["area"] / 4), rtol=1e-5)
        for column, name in zip((-3, -2, -1), names[1:4]):
            np.testing.assert_allclose(rows[:, column], table[name], rtol=1e-4)
        near = features.grid.nearest(np.argwhere(objects == 3))
        mean = features.tokens[near @ (features.grid.cols, 1)].mean(0)
        np.testing.assert_allclose(rows[2, :tokens], mean, rtol=1e-4, atol=1e-5)

    def test_it_agrees_with_scikit_learn(self, session):
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        from napari_medfm.verbs.samples import fit_head

        rng = np.random.default_rng(0)
        rows = rng.normal(size=(40, 9)).astype(np.float32) * [1, 10, *[0.1] * 7]
        y = (rows[:, 0] + rows[:, 1] / 10 > 0).astype(np.int64)
        y[:20], rows = np.where(np.arange(20) % 2, 1, 0), rows.astype(np.float32)
        head = fit_head("logistic", [row[None] for row in rows], y)
        weights = len(y) / (2 * np.bincount(y)[y])
        known = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, tol=1e-8))
        known.fit(rows.astype(float), y, logisticregression__sample_weight=weights)
        np.testing.assert_allclose(
            head.predict_proba(rows), known.predict_proba(rows.astype(float)), atol=1e-3
        )

    def test_validation_leaves_whole_images_out(self, session):
        with_objects(session)
        for seed in (0, 1):
            for number in range(1, 7):
                kind = np.roll(KINDS, seed)[number - 1]
                name = "bright" if kind else "dim"
                session.annotate_object(f"o{seed}", name, region=number)
        report = session.report(level="object")
        assert report.how == "leave one group out"
        assert report.folds == 2
        assert report.balanced_accuracy == 1

    def test_a_head_for_pictures_does_not_judge_volumes(self, session):
        with_objects(session)
        session.annotate_object("o0", "bright", region=1)
        session.annotate_object("o0", "dim", region=2)
        session.fit("logistic", level="object")
        session.add_image(np.random.default_rng(0).random((3, 112, 140)), name="ct")
        session.use_objects("ct", blobs(0, KINDS)[1], plane=1)
        with pytest.raises(BadInput, match="number of axes"):
            session.predict("ct", level="object")

    def test_a_label_moves_with_its_place_not_its_number(self, session):
        with_objects(session, seeds=(0,))
        session.annotate_object("o0", "bright", region=1)
        session.annotate_object("o0", "dim", region=2)
        first = session.fit("logistic", level="object").tensors()
        session.use_objects("o0", session.labelling.objects["o0"] * 7)
        again = session.fit("logistic", level="object").tensors()
        for name, tensor in first.items():
            np.testing.assert_array_equal(tensor, again[name])
        session.annotate_object("o0", "dim", region=7)
        assert [a.value for a in session.annotations] == [2, 2]


def test_class_changes_reach_the_heads_of_all_levels(session):
    labelled_images(session)
    session.fit("logistic", level="image")
    session.rename_class("malignant", "cancer")
    assert session.labelling.heads["image"].classes[1].name == "cancer"
    session.delete_class("cancer")
    assert not session.labelling.heads
    session.undo()
    assert session.labelling.heads["image"].classes[1].name == "cancer"


def test_the_script_and_a_project_keep_all_levels(session, tmp_path):
    from napari_medfm import load_project

    labelled_images(session)
    image, objects = blobs(0, KINDS)
    session.add_image(image, name="o0")
    session.use_objects("o0", objects)
    session.annotate_object("o0", "benign", region=1)
    session.annotate_object("o0", "malignant", at=(18, 18 + 34))
    session.annotate("o0", "ignore", box=(0, 0, 5, 5))
    session.fit("logistic", level="image")
    session.fit("logistic", level="object")
    code = session.script().partition("s = Session(")[2].partition("\n")[2]
    again = Session(ToyEncoder(), ToySegmenter(), cache_dir=tmp_path / "again")
    images = {name: image.data for name, image in session.images.items()}
    exec(  # noqa: S102
        "from napari_medfm import runs, values\n" + code, {"s": again, "images": images}
    )
    session.save(tmp_path / "a.medfm")
    session.close()
    opened = load_project(
        tmp_path / "a.medfm", encoder=ToyEncoder(), segmenter=ToySegmenter()
    )
    for other in (again, opened):
        for one, two in zip(session.annotations, other.annotations, strict=True):
            assert (one.id, one.value, one.level) == (two.id, two.value, two.level)
            assert one.plane == two.plane
            np.testing.assert_array_equal(one.pixels, two.pixels)
        np.testing.assert_array_equal(other.labelling.objects["o0"], objects)
        for level, model in session.labelling.heads.items():
            kept = other.labelling.heads[level].tensors()
            for name, tensor in model.tensors().items():
                np.testing.assert_array_equal(tensor, kept[name])
