"""Every link of the documentation leads somewhere; every command shown is one."""

import re
import shlex
from pathlib import Path

import pytest

from napari_medfm.cli import parser

ROOT = Path(__file__).parents[2]
PAGES = [
    *(
        ROOT / n
        for n in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")
    ),
    *sorted((ROOT / "docs").rglob("*.md")),
    ROOT / "benchmarks" / "README.md",
]
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]


def anchors(page):
    """Anchors of a page's headings, as GitHub makes them."""
    heads = re.findall(r"^#+ +(.+)$", page.read_text("utf-8"), re.M)
    kept = (re.sub(r"[^\w\- ]", "", head.lower()) for head in heads)
    return {head.strip().replace(" ", "-") for head in kept}


@pytest.mark.parametrize("name", NAMES)
def test_links(name):
    page = ROOT / name
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.S)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if link.startswith(("http://", "https://")):
            continue
        target, _, anchor = link.partition("#")
        there = (page.parent / target).resolve() if target else page
        assert there.exists(), link
        assert there.is_relative_to(ROOT), link
        if anchor:
            assert anchor in anchors(there), link


@pytest.mark.parametrize("name", NAMES)
def test_shell_commands_are_understood(name):
    text = (ROOT / name).read_text("utf-8")
    blocks = re.findall(r"```(?:sh|console|bash)\n(.*?)```", text, re.S)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    for line in lines:
        if re.match(r"(\.venv/bin/)?napari-medfm ", line):
            words = shlex.split(line.partition(" # ")[0])[1:]
            assert parser().parse_args(words).run, line


@pytest.mark.parametrize("name", NAMES)
def test_no_python_block_is_broken(name):
    text = (ROOT / name).read_text("utf-8")
    for block in re.findall(r"```python\n(.*?)```", text, re.S):
        compile(block, name, "exec")
