"""Small files, classes and functions; no allowlist."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2] / "napari_medfm"
LIMITS = {ast.ClassDef: 400, ast.FunctionDef: 60, ast.AsyncFunctionDef: 60}


def lines_of(node):
    """Lines of a class or function; of a function without its docstring."""
    lines = node.end_lineno - node.lineno + 1
    first = node.body[0]
    if not isinstance(node, ast.ClassDef) and ast.get_docstring(node):
        lines -= first.end_lineno - first.lineno + 1
    return lines


def test_nothing_is_too_long():
    long = []
    for path in sorted(ROOT.rglob("*.py")):
        text = path.read_text("utf-8")
        if text.count("\n") > 600:
            long.append(f"{path.name}: {text.count(chr(10))} lines")
        nodes = [n for n in ast.walk(ast.parse(text)) if type(n) in LIMITS]
        long += [
            f"{path.name}:{node.lineno} {node.name}: {lines_of(node)} lines"
            for node in nodes
            if lines_of(node) > LIMITS[type(node)]
        ]
    assert not long
