"""What every head promises, and what each owes to the library it stands on."""

import numpy as np
import pytest

from napari_medfm import heads
from napari_medfm.core.errors import BadFile, BadInput
from napari_medfm.engine.probability import softmax

ALL = ("abmil", "forest", "knn", "logistic", "mlp", "prototype", "ridge")


def blobs(classes=(0, 2, 5), n=30, dim=12, seed=0):
    rng = np.random.default_rng(seed)
    centres = rng.normal(0, 2, (len(classes), dim))
    X = np.concatenate(
        [rng.normal(c, 1, (n * (i + 1), dim)) for i, c in enumerate(centres)]
    )
    y = np.concatenate([np.full(n * (i + 1), v) for i, v in enumerate(classes)])
    return X.astype(np.float32), y.astype(np.int64)


def test_the_folder_holds_these_heads():
    assert heads.names() == ALL


def test_an_unknown_head_names_the_known_ones():
    with pytest.raises(BadInput, match="ridge"):
        heads.make("rigde")
    with pytest.raises(BadFile, match="unknown kind"):
        heads.from_tensors("rigde", {})


@pytest.mark.parametrize("name", ALL)
class TestEveryHead:
    def test_learns_blobs(self, name):
        X, y = blobs()
        head = heads.make(name).fit(X, y)
        test, truth = blobs(seed=0)
        assert (
            head.classes_[head.predict_proba(test).argmax(1)] == truth
        ).mean() > 0.95

    def test_probabilities_are_a_distribution_over_classes(self, name):
        X, y = blobs()
        head = heads.make(name).fit(X, y)
        found = head.predict_proba(X)
        assert head.classes_.tolist() == [0, 2, 5]
        assert found.shape == (len(X), 3)
        assert found.min() >= 0
        np.testing.assert_allclose(found.sum(1), 1, atol=1e-6)

    def test_logits_rank_as_probabilities_do(self, name):
        X, y = blobs()
        head = heads.make(name).fit(X, y)
        logits = head.decision_function(X)
        assert logits.dtype == np.float32
        np.testing.assert_allclose(softmax(logits), head.predict_proba(X), atol=0.1)
        if name not in ("forest", "knn"):
            np.testing.assert_allclose(
                softmax(logits), head.predict_proba(X), atol=1e-6
            )

    def test_the_same_rows_give_the_same_bytes(self, name):
        X, y = blobs()
        first, second = (heads.make(name).fit(X, y).tensors() for _ in range(2))
        assert first.keys() == second.keys()
        for key, array in first.items():
            assert array.tobytes() == second[key].tobytes()

    def test_arrays_alone_make_the_same_head(self, name):
        X, y = blobs()
        head = heads.make(name).fit(X, y)
        again = heads.from_tensors(name, head.tensors())
        assert again.width == head.width == X.shape[1]
        assert np.array_equal(again.decision_function(X), head.decision_function(X))

    def test_classes_are_balanced(self, name):
        """Ten times more rows of one class do not move the border much."""
        rng = np.random.default_rng(1)
        X = np.concatenate([rng.normal(-1, 1, (400, 4)), rng.normal(1, 1, (40, 4))])
        y = np.repeat([0, 1], [400, 40])
        head = heads.make(name).fit(X.astype(np.float32), y)
        test = np.concatenate([rng.normal(-1, 1, (500, 4)), rng.normal(1, 1, (500, 4))])
        share = head.predict_proba(test.astype(np.float32)).argmax(1).mean()
        assert 0.4 < share < 0.6

    def test_missing_misshapen_or_infinite_arrays_are_refused(self, name):
        tensors = heads.make(name).fit(*blobs()).tensors()
        for key, array in tensors.items():
            without = {k: v for k, v in tensors.items() if k != key}
            with pytest.raises(BadFile):
                heads.from_tensors(name, without)
            with pytest.raises(BadFile):
                heads.from_tensors(name, {**tensors, key: array[None]})
            if array.dtype.kind == "f":
                broken = array.copy()
                broken.flat[0] = np.nan
                with pytest.raises(BadFile, match="NaN"):
                    heads.from_tensors(name, {**tensors, key: broken})
        with pytest.raises(BadFile, match="does not belong"):
            heads.from_tensors(name, {**tensors, "code": np.zeros(1)})


@pytest.mark.parametrize("name", ["logistic", "prototype", "ridge"])
def test_rows_of_no_weight_say_nothing(name):
    X, y = blobs()
    both = np.concatenate([X, X]), np.concatenate([y, np.roll(y, 60)])
    head = heads.make(name).fit(*both, np.repeat([1.0, 0.0], len(y)))
    plain = heads.make(name).fit(X, y)
    np.testing.assert_allclose(head.predict_proba(X), plain.predict_proba(X), atol=1e-3)


def test_ridge_is_scikit_learns():
    from sklearn.linear_model import Ridge
    from sklearn.utils.class_weight import compute_sample_weight

    X, y = blobs()
    head = heads.make("ridge").fit(X, y)
    targets = np.where(y[:, None] == head.classes_, 1.0, -1.0)
    reference = Ridge(alpha=0.3 * X.shape[1]).fit(
        X.astype(float), targets, sample_weight=compute_sample_weight("balanced", y)
    )
    np.testing.assert_allclose(head.coef_, reference.coef_.T, atol=1e-6)
    np.testing.assert_allclose(head.intercept_, reference.intercept_, atol=1e-6)


def test_logistic_of_two_classes_is_scikit_learns():
    from sklearn.linear_model import LogisticRegression

    X, y = blobs((0, 3))
    reference = LogisticRegression(
        C=0.01, class_weight="balanced", max_iter=2000, tol=1e-8
    )
    reference.fit(X.astype(float), y)
    found = heads.make("logistic").fit(X, y).predict_proba(X)
    np.testing.assert_allclose(
        found, reference.predict_proba(X.astype(float)), atol=1e-3
    )


@pytest.mark.parametrize("kind", ["RandomForestClassifier", "ExtraTreesClassifier"])
def test_forest_arrays_predict_as_scikit_learn_does(kind):
    import sklearn.ensemble

    from napari_medfm.heads.forest import Forest

    X, y = blobs(n=200)
    model = getattr(sklearn.ensemble, kind)(30, random_state=3).fit(X, y)
    test = np.random.default_rng(9).normal(0, 3, (5000, X.shape[1])).astype(np.float32)
    found = Forest().take_trees(model).predict_proba(test)
    np.testing.assert_allclose(found, model.predict_proba(test), atol=1e-12)


def test_a_forest_that_runs_in_circles_is_refused():
    tensors = heads.make("forest").fit(*blobs()).tensors()
    inner = int(np.flatnonzero(tensors["left"] != np.arange(len(tensors["left"])))[0])
    for key, target in (("left", inner - 1), ("right", 2**30), ("feature", -1)):
        broken = tensors[key].copy()
        broken[inner] = target
        with pytest.raises(BadFile, match="damaged"):
            heads.from_tensors("forest", {**tensors, key: broken})
