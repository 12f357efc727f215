"""Every argument of every verb refuses what does not fit, in one clear line."""

import inspect

import numpy as np
import pytest
from toys import OtherToy, ToyEncoder, ToySegmenter

from napari_medfm import Session
from napari_medfm.core.errors import BadInput, MedfmError
from napari_medfm.core.results import Mask
from napari_medfm.verbs.gesture import Gesture
from napari_medfm.verbs.verb import Verb

NAN, INF = float("nan"), float("inf")
RAGGED = [[1, 2], [3]]
HUGE = 10**30
FLAT = np.zeros((40, 48), bool)
FLAT[5:9, 5:9] = True

NO_NAME = ["", "nothing here", 3, None, NAN, ["x"], {}, b"x"]
NO_TEXT = ["", "  ", 3, NAN, ["x"], {}, b"x"]
NO_PLANE = ["0", 1.5, NAN, INF, [0], -1, 99, HUGE, True, object()]
NO_PLANES = [3, "0", [], [1.5], [[0], [1, 2]], [-1], [HUGE], [NAN], {"a": 1}]
NO_POINTS = [
    *("here", 5, [5], [], RAGGED, [["a", "b"]], [(NAN, 1)], [(INF, 1)], [(-9, 1)]),
    *([(HUGE, 1)], [(1, 2, 3, 4)], [[(1, 2)]], [object()], {"a": 1}, [(1j, 2)]),
]
NO_BOX = [
    *("box", 5, [], [1, 2, 3], RAGGED, [NAN, 0, 5, 5], [0, 0, INF, 5], [0, 0, 0, 9]),
    *(
        [-9, -9, -5, -5],
        [HUGE, HUGE, HUGE * 2, HUGE * 2],
        ["a", "b", "c", "d"],
        object(),
    ),
]
NO_MASK = [
    *("mask", 5, [], RAGGED, np.ones((3, 3), bool), np.ones((40, 48)), {"a": 1}),
    *([["a"]], np.full((40, 48), NAN), object(), np.ones((2, 40, 48, 1), bool)),
]
NO_PATH = ["", 3, NAN, [], {}, b"", "a\0b", "/"]
NO_WEIGHT = ["1", 0, -1, 1.1, NAN, INF, None, [1], 1j, object()]
NO_RECIPE = ["magic", "", 3, NAN, ["ridge"], {}]
NO_LEVEL = ["magic", "", 3, NAN, ["pixel"], "object", "image"]
NO_SPACING = [
    "mm",
    0,
    -1,
    NAN,
    INF,
    [],
    [1, 2, 3, 4, 5],
    RAGGED,
    1e300,
    object(),
    [1j, 1],
]
NO_AFFINE = [
    *("eye", 1, [], RAGGED, np.eye(2), np.zeros((3, 3)), np.full((3, 3), NAN)),
    *(np.eye(3) * 1e300, np.diag([INF, 1, 1]), [["a"] * 3] * 3),
]
NO_IMAGE = [
    *(None, 5, [], RAGGED, {}, object(), np.array(5.0), np.ones(7), np.ones((0, 9))),
    *(np.ones((2, 2, 3, 40, 48)), np.full((9, 9), NAN), np.ones((9, 9), complex)),
    *(np.array([["a", "b"]]), "no-such-file.tif", b"file", np.ones((9, 9), object)),
]
MASK = {"image": "ct", "mask": FLAT, "plane": 1}
TABLE = {
    "add_image": (
        {"image": np.arange(2000.0).reshape(40, 50)},
        {
            "image": NO_IMAGE,
            "name": NO_TEXT,
            "axes": ["", "xy", "yyx", "zyxc", 3, NAN, ["y", "x"], "qx", "x" * 99],
            "spacing": NO_SPACING,
            "affine": NO_AFFINE,
            "channel_axis": ["c", 1.5, NAN, 7, -9, HUGE, True, [0]],
            "group": ["", NAN, [1], {}, True, 1.5],
            "levels": [5, "levels", [5], [np.ones(3)], [np.ones((0, 3))]],
            "source": NO_PATH,
            "metadata": [5, "m", [1]],
            "window": ["w", 5, [], [[1]], [(1, NAN)], RAGGED, [(0, 1)] * 9, {}],
            "series": ["1.2.3", "", 3, NAN, ["x"]],
        },
    ),
    "remove_image": ({"name": "x"}, {"name": NO_NAME}),
    "place_image": (
        {"name": "x", "spacing": 2},
        {"name": NO_NAME, "spacing": NO_SPACING, "affine": NO_AFFINE},
    ),
    "add_class": (
        {"name": "new"},
        {
            "name": [*NO_TEXT, None, "lesion", "a\nb", "n" * 10_000],
            "colour": ["red", "", 3, NAN, "#12345", "#gggggg", ["#123456"]],
        },
    ),
    "annotate": (
        {"image": "x", "class_name": "lesion", "points": [(1, 1)]},
        {
            "image": NO_NAME,
            "class_name": NO_NAME,
            "points": NO_POINTS,
            "provenance": ["text", 5, [1]],
            "weight": NO_WEIGHT,
        },
    ),
    "annotate_rest": (
        {"image": "x"},
        {
            "image": [*NO_NAME, "ct"],
            "class_name": NO_NAME,
            "plane": NO_PLANE,
            "weight": NO_WEIGHT,
            "gap": ["8", -1, NAN, INF, [8], 1e9, object()],
        },
    ),
    "annotate box": (
        {"image": "x", "class_name": "lesion", "box": (1, 1, 5, 5)},
        {"box": NO_BOX},
    ),
    "annotate polygon": (
        {"image": "x", "class_name": "lesion", "polygon": [(1, 1), (9, 1), (5, 9)]},
        {"polygon": [*NO_POINTS, [(1, 1), (2, 2)], [(3, 3)] * 3]},
    ),
    "annotate_labels": (
        {"image": "ct", "labels": FLAT.astype(int), "plane": 1},
        {
            "image": NO_NAME,
            "labels": [*NO_MASK, FLAT, np.full((40, 48), 9), np.zeros((40, 48), int)],
            "classes": [5, "x", [], {}, {1: "nothing"}, {"a": "lesion"}, {1: None}],
            "plane": [*NO_PLANE, None],
        },
    ),
    "annotate_accepted": (
        {"images": ["ct"]},
        {
            "images": [5, "x", ["y"], [3], ["x"], []],
            "background": ["yes", 1, None, NAN, []],
        },
    ),
    "annotate_image": (
        {"image": "ct", "class_name": "lesion"},
        {
            "image": NO_NAME,
            "class_name": [*NO_NAME, "ignore"],
            "plane": NO_PLANE,
        },
    ),
    "use_objects": (
        {"image": "ct", "labels": FLAT, "plane": 1},
        {
            "image": [*NO_NAME, "x"],
            "labels": [*NO_MASK, -np.ones((40, 48), int), np.zeros((40, 48), int)],
            "plane": [*NO_PLANE, None],
        },
    ),
    "annotate_object": (
        {"image": "ct", "class_name": "lesion", "region": 1},
        {
            "image": [*NO_NAME, "x"],
            "class_name": [*NO_NAME, "ignore"],
            "region": [0, -1, 99, HUGE, "1", NAN, None, [1], 1.5, True],
        },
    ),
    "annotate_object at": (
        {"image": "ct", "class_name": "lesion", "at": (1, 6, 6)},
        {"at": [*NO_POINTS, (0, 0, 0), (1, 6), [(1, 6, 6), (1, 6, 7)]]},
    ),
    "rename_class": (
        {"name": "lesion", "new_name": "tumour"},
        {
            "name": [*NO_NAME, "background", "ignore"],
            "new_name": [*NO_TEXT, None, "lesion", "background", "ignore", "a\nb"],
        },
    ),
    "recolour_class": (
        {"name": "lesion", "colour": "#123456"},
        {
            "name": [*NO_NAME, "background", "ignore"],
            "colour": ["red", "", 3, NAN, None, "#12345", ["#123456"]],
        },
    ),
    "merge_classes": (
        {"name": "lesion", "into": "background"},
        {
            "name": [*NO_NAME, "background", "ignore"],
            "into": [*NO_NAME, "lesion", "ignore"],
        },
    ),
    "delete_class": (
        {"name": "lesion"},
        {"name": [*NO_NAME, "background", "ignore"]},
    ),
    "annotate mask": (
        {"image": "ct", "class_name": "lesion", "mask": FLAT, "plane": 1},
        {"mask": NO_MASK, "plane": NO_PLANE},
    ),
    "remove": (
        {"annotation_id": 1},
        {"annotation_id": [0, -1, 99, HUGE, "1", NAN, None, [1], 1.5, True]},
    ),
    "accept": (
        {"image": "ct", "what": FLAT, "class_name": "lesion", "plane": 1},
        {
            "image": NO_NAME,
            "what": [x for x in NO_MASK if x is not object],
            "class_name": ["", "nothing here", 3, NAN, ["x"]],
            "plane": NO_PLANE,
            "origin": ["magic", "", 3, NAN, ["mask"]],
            "provenance": ["text", 5, [1]],
            "keep_by_hand": ["yes", 1, NAN, None, [True]],
            "region": NO_BOX,
        },
    ),
    "set_threshold": (
        {"image": "x", "class_name": "lesion", "threshold": 0.4},
        {
            "image": NO_NAME,
            "class_name": NO_NAME,
            "threshold": ["half", NAN, INF, -1, 0, 1, HUGE, None, [0.5], True, 1j],
        },
    ),
    "use_head": ({"head": None}, {"head": [*NO_PATH, None, "no-such.head", {}]}),
    "embed": (
        {"image": "ct"},
        {
            "image": NO_NAME,
            "planes": NO_PLANES,
            "region": NO_BOX,
            "near": NO_POINTS,
        },
    ),
    "similarity": (
        {"image": "x", "at": [(5, 5)]},
        {
            "image": NO_NAME,
            "at": NO_POINTS,
            "against": [x for x in NO_POINTS if x != []],
            "images": [5, "x", ["y"], [3], [["x"]]],
            "region": NO_BOX,
            "planes": NO_PLANES,
        },
    ),
    "segment": (
        {"image": "ct", "box": (5, 5, 20, 20), "plane": 1},
        {
            "image": NO_NAME,
            "box": NO_BOX,
            "points": [x for x in NO_POINTS if x != []],
            "mask": NO_MASK,
            "plane": [*NO_PLANE, None],
            "region": NO_BOX,
            "axis": [*NO_PLANE, None],
        },
    ),
    "segment outline": (
        {"image": "x"},
        {
            "polygon": [x for x in NO_POINTS if x != []],
            "scribble": [x for x in NO_POINTS if x != []],
        },
    ),
    "similarity text": (
        {"image": "x", "text": "nucleus"},
        {
            "text": [3, NAN, {}, [3]],
            "against_text": [3, NAN, {"a": 1}, [3]],
            "templates": [3, NAN, [3], "plain"],
        },
    ),
    "zero_shot": (
        {"image": "x", "texts": ["a", "b"]},
        {
            "image": NO_NAME,
            "texts": [3, NAN, [], [3], None],
            "plane": NO_PLANE,
            "templates": [3, NAN, [3], "plain"],
        },
    ),
    "segment_like": (
        {"image": "x", "at": [(5, 5)]},
        {
            "image": NO_NAME,
            "at": NO_POINTS,
            "against": [x for x in NO_POINTS if x != []],
            "plane": NO_PLANE,
            "mask": NO_MASK,
        },
    ),
    "segment_class": (
        {"image": "x", "class_name": "lesion"},
        {"image": NO_NAME, "class_name": NO_NAME, "plane": NO_PLANE},
    ),
    "segment_named": (
        {"image": "x", "text": "bright"},
        {
            "image": NO_NAME,
            "text": [3, NAN, {}, [3], "", " "],
            "like": [3, "x", [3], [(1, 2)], [NAN] * 4, [(90, 90, 99, 99)]],
            "unlike": [3, "x", [3], [(1, 2)], [(5, 5, 5, 5)]],
            "plane": NO_PLANE,
            "least": [-0.1, 1.1, NAN, "x", None, [0.5]],
        },
    ),
    "propagate more": (
        MASK,
        {
            "also": [5, "x", {"a": FLAT}, {99: FLAT}, {2: "mask"}],
            "previous": ["mask", 5, FLAT],
            "axis": NO_PLANE,
            "way": ["", "Memory", "memory", 5, None, [], b"auto", object()],
        },
    ),
    "segment points": (
        {"image": "x", "points": [(5, 5)], "point_labels": [1]},
        {"point_labels": ["a", [], [1, 1], RAGGED, [NAN], [2], [-1], [0], object()]},
    ),
    "propagate": (
        MASK,
        {
            "image": [*NO_NAME, "x"],
            "mask": [*NO_MASK, np.zeros((40, 48), bool)],
            "plane": [*NO_PLANE, None],
            "to": [5, "ab", [], (1,), (1, 2, 3), (-1, 2), (0, 99), (NAN, 2), (3, 4)],
        },
    ),
    "look": ({"image": "x"}, {"image": NO_NAME, "plane": NO_PLANE}),
    "glance": (
        {"image": "x", "box": (5, 5, 20, 20)},
        {"image": NO_NAME, "box": NO_BOX, "plane": NO_PLANE},
    ),
    "segment_all": ({"image": "x"}, {"image": NO_NAME, "plane": NO_PLANE}),
    "refine": (
        {"image": "x", "what": Mask(FLAT, 1.0, "x", None, {})},
        {
            "image": [*NO_NAME, "ct"],
            "what": [*NO_MASK, None, Mask(FLAT, 1.0, "ct", 1, {})],
            "how": NO_RECIPE,
            "smallest": [0, -1, 1.5, "5", NAN, HUGE, [4], True],
        },
    ),
    "fit": (
        {},
        {
            "head": NO_RECIPE,
            "level": NO_LEVEL,
            "class_weights": [
                *(5, "x", [1], {"nothing": 2}, {"lesion": 0}, {"lesion": NAN}),
                *({"lesion": 1e9}, {"lesion": "2"}, {3: 1}, {"lesion": [1, 2]}),
            ],
        },
    ),
    "predict": (
        {"image": "ct"},
        {
            "image": NO_NAME,
            "head": [*NO_PATH, "no-such.head", {}, Session],
            "region": NO_BOX,
            "planes": NO_PLANES,
            "level": NO_LEVEL,
        },
    ),
    "suggest": (
        {"image": "ct"},
        {
            "image": NO_NAME,
            "n": [0, -1, 1.5, NAN, "5", None, HUGE, [5], True],
            "planes": NO_PLANES,
        },
    ),
    "report": ({}, {"head": NO_RECIPE, "level": NO_LEVEL}),
    "compare": (
        {"encoders": [ToyEncoder(), OtherToy()]},
        {
            "encoders": [
                *("dinov2-small", [], ["no such model", "x"], 5, None, [5, 6]),
                *([ToyEncoder()], [ToyEncoder(), ToyEncoder()]),
            ],
            "head": [*NO_RECIPE, "auto"],
            "level": NO_LEVEL,
        },
    ),
    "export_masks": (
        {"image": "x", "path": "a.tif", "what": FLAT, "class_name": "lesion"},
        {
            "image": NO_NAME,
            "path": [*NO_PATH, "a.exe", "a"],
            "what": NO_MASK,
            "class_name": ["", "nothing here", 3, NAN, ["x"]],
        },
    ),
    "save": ({"path": "a.medfm"}, {"path": [*NO_PATH, "a.zip"]}),
    "export_head": (
        {"path": "a.safetensors"},
        {"path": [*NO_PATH, "a.bin"], "level": NO_LEVEL},
    ),
    "doubtful": ({}, {"n": [0, -1, 1.5, NAN, "5", None, HUGE, [5], True]}),
    "rank_images": (
        {"by": "similarity", "like": "x"},
        {
            "by": ["magic", "", 3, NAN, None, "uncertainty"],
            "like": [x for x in NO_NAME if x is not None],
            "images": [5, "x", ["y"], [], [3]],
            "volume": [x for x in NO_NAME if x is not None],
        },
    ),
    "export_predictions": (
        {"path": "a.csv", "level": "image"},
        {
            "path": [*NO_PATH, "a.xls"],
            "level": ["magic", "", 3, NAN, "pixel"],
            "images": [5, "x", ["y"], [], [3]],
            "volume": [x for x in NO_NAME if x is not None],
        },
    ),
    "export_table": (
        {"path": "a.csv"},
        {
            "path": [*NO_PATH, "a.xls"],
            "images": [5, "x", ["y"], [], [3]],
            "ask_head": [1, "yes", None],
        },
    ),
    "export_ledger": ({"path": "a.csv"}, {"path": [*NO_PATH, "a.xls"]}),
    "export_dataset": (
        {"path": "Dataset001_A"},
        {"path": [*NO_PATH, "a", "Dataset1_A"], "images": [5, "x", ["y"], [], [3]]},
    ),
    "use_encoder": ({}, {"encoder": ["dino", "", 3, None, NAN, [], object()]}),
    "use_segmenter": ({}, {"segmenter": ["sam!", "", 3, None, NAN, [], object()]}),
    "mask": ({"image": "ct", "plane": 1}, {"image": NO_NAME, "plane": NO_PLANE}),
    "labels": ({"image": "ct"}, {"image": NO_NAME}),
}
CASES = [
    pytest.param(
        name.split()[0], {**valid, argument: value}, id=f"{name}-{argument}-{n}"
    )
    for name, (valid, arguments) in TABLE.items()
    for argument, values in arguments.items()
    for n, value in enumerate(values)
]


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bad")
    s = Session(ToyEncoder(), ToySegmenter(), cache_dir=folder)
    pixels = np.random.default_rng(0).normal(size=(5, 40, 48)).astype(np.float32)
    s.add_image(pixels[0], name="x")
    s.add_image(pixels, name="ct")
    s.add_class("lesion")
    s.annotate("x", "lesion", points=[(5, 5), (6, 9)])
    s.annotate("x", "background", points=[(30, 30), (35, 9)])
    s.fit("ridge")
    s.accept("ct", FLAT, "lesion", plane=1)
    s.use_objects("ct")
    return s


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(("verb", "arguments"), CASES)
def test_refused_in_one_line(session, verb, arguments, tmp_path):
    before, history = session.labelling, session.history
    with pytest.raises(MedfmError) as caught:
        getattr(session, verb)(**arguments)
    assert isinstance(caught.value, ValueError)
    assert 8 < len(str(caught.value)) < 400
    assert "\n" not in str(caught.value)
    assert session.labelling is before
    assert session.history == history
    assert [path.name for path in tmp_path.iterdir() if path.name != "cache"] == []


def test_the_table_knows_every_argument_of_every_verb():
    verbs = {
        name: inspect.signature(member.plan)
        for name, member in vars(Session).items()
        if isinstance(member, (Gesture, Verb))
    }
    for name, signature in verbs.items():
        tested = {
            argument
            for case, (_, arguments) in TABLE.items()
            if case.split()[0] == name
            for argument in arguments
        }
        assert tested == set(signature.parameters) - {"ws"}, name


@pytest.mark.parametrize(
    "arguments",
    [
        {"encoder": 5},
        {"encoder": None},
        {"encoder": "no such model"},
        {"segmenter": object()},
        {"cache_dir": 5},
    ],
)
def test_a_session_that_cannot_be(arguments):
    with pytest.raises(BadInput):
        Session(**arguments)
