"""Wrong usage is exit code 2 and says what is right."""

import pytest

from napari_medfm.cli import parser

COMMANDS = ["demo", "models", "embed", "segment", "apply", "inspect", "doctor"]
WRONG = [
    ([], "usage"),
    (["fly"], "invalid choice"),
    (["models"], "usage"),
    (["segment", "x.tif", "--out", "y.tif"], "--box R0,C0,R1,C1, --point R,C"),
    (["segment", "x.tif", "--out", "y.tif", "--box", "1,2,3"], "row0,col0,row1,col1"),
    (["segment", "x.tif", "--out", "y.tif", "--point", "1,2,3"], "row,col"),
    (["segment", "x.tif", "--out", "y.tif", "--point", "a,b"], "not numbers"),
    (["segment", "x.tif", "--point", "1,2"], "--out"),
    (["segment", "x", "--out", "y", "--point", "1,2", "--to", "1,2"], "--propagate"),
    (["segment", "x", "--out", "y", "--point", "1,2", "--way", "memory"], "--prop"),
    (["segment", "x", "--out", "y", "--propagate", "--way", "x"], "invalid choice"),
    (["embed", "x.tif", "--planes", "one"], "ranges"),
    (["embed"], "IMAGE"),
    (["apply", "head", "x.tif"], "--out"),
    (["apply", "head", "x.tif", "--out", "d", "--format", "exe"], "invalid choice"),
    (["apply", "head", "a/x.tif", "b/x.tif", "--out", "d"], "both be written"),
    (["demo", "--headless"], "--out DIR"),
    (["models", "fetch", "sam-vit-b"], "--yes"),
]


@pytest.mark.parametrize(("words", "reason"), WRONG, ids=lambda v: " ".join(v)[:40])
def test_wrong_usage(shell, words, reason):
    code, output, errors = shell(*words)
    assert code == 2
    assert reason in output + errors
    assert "Traceback" not in errors
    assert errors.count("\n") == (0 if reason == "usage" else 1)


@pytest.mark.parametrize("command", COMMANDS)
def test_help(shell, command):
    code, output, _ = shell(command, "--help")
    assert code == 0
    assert command in output


def test_version(shell):
    code, output, _ = shell("--version")
    assert code == 0
    assert output.startswith("napari-medfm ")


@pytest.mark.parametrize("where", ["before", "after"])
def test_debug_may_stand_anywhere(where):
    words = ["--debug", "doctor"] if where == "before" else ["doctor", "--debug"]
    assert parser().parse_args(words).debug
    assert not parser().parse_args(["doctor"]).debug


def test_planes_and_boxes_as_people_write_them():
    args = parser().parse_args(["embed", "x", "--planes", "3,10:13,0"])
    assert args.planes == [3, 10, 11, 12, 0]
    args = parser().parse_args(
        ["segment", "x", "--out", "y", "--box", "1,2,3.5,4", "--point", "5,6"]
    )
    assert args.box == (1, 2, 3.5, 4)
    assert args.point == [(5, 6)]
