"""Every link of the documentation leads somewhere; every command shown is one."""

import re
import shlex

import pytest
from pages import NOT_RUN, ROOT, blocks, is_run, lines

from napari_medfm.cli import parser

PAGES = [
    *(
        ROOT / n
        for n in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")
    ),
    *sorted((ROOT / "docs").rglob("*.md")),
    ROOT / "benchmarks" / "README.md",
]
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
RUN_BY = {
    "README.md": "packaging/test_readme_runs.py",
    "docs/install.md": "cli/test_small_pages.py",
    "docs/scale.md": "cli/test_small_pages.py",
    "docs/tutorial.md": "gui/test_tutorials.py",
    "docs/tutorials/method-developer.md": "gui/test_tutorials.py",
    "docs/tutorials/ophthalmologist.md": "gui/test_tutorials.py",
    "docs/tutorials/pathologist.md": "gui/test_tutorials.py",
    "docs/tutorials/radiologist.md": "gui/test_tutorials.py",
    "docs/how-to/files.md": "cli/test_file_pages.py",
    "docs/how-to/images.md": "cli/test_how_to.py",
    "docs/how-to/napari.md": "cli/test_small_pages.py",
    "docs/how-to/notebook.md": "cli/test_small_pages.py",
    "docs/how-to/objects.md": "cli/test_how_to.py",
    "docs/how-to/projects.md": "project/test_docs.py",
    "docs/how-to/python.md": "cli/test_how_to.py",
    "docs/how-to/settings.md": "cli/test_settings.py",
    "docs/how-to/shell.md": "cli/test_how_to.py",
}


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


@pytest.mark.parametrize("name", NAMES)
def test_a_test_runs_every_block(name):
    page = ROOT / name
    if blocks(page, "python") or any(map(is_run, lines(page))):
        test = ROOT / "tests" / RUN_BY[name]
        assert page.name in test.read_text("utf-8")


def test_lines_that_no_test_runs_are_shown_and_tested_otherwise():
    shown = [line for page in PAGES for line in lines(page)]
    for beginning, reason in NOT_RUN.items():
        assert any(line.startswith(beginning) for line in shown), beginning
        for test in re.findall(r"tests/\S+\.py", reason):
            assert (ROOT / test).is_file(), test


@pytest.mark.parametrize("name", [name for name in NAMES if name != "CHANGELOG.md"])
def test_commands_in_sentences_are_understood(name):
    text = re.sub(r"```.*?```", "", (ROOT / name).read_text("utf-8"), flags=re.S)
    for line in re.findall(r"`napari-medfm ([a-z][^`]*)`", text):
        words = shlex.split(line)
        if len(words) > 1 and "--help" not in words:
            assert parser().parse_args(words).run, line
