"""Bundles: there and back, and nothing that does not belong in one gets out."""

import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_medfm.core.errors import BadFile, BadInput, MissingWeights
from napari_medfm.engine.bundles import INDEX, read_bundle, write_bundle


def drain(steps):
    try:
        while True:
            next(steps)
    except StopIteration as stop:
        return stop.value


@pytest.fixture
def cache(tmp_path):
    for model in ("one", "two-b.5"):
        folder = tmp_path / "cache/weights" / model
        folder.mkdir(parents=True)
        (folder / "model.safetensors").write_bytes(model.encode() * 1000)
        (folder / "card.json").write_text("{}")
    return tmp_path / "cache"


def test_there_and_back(cache, tmp_path):
    path = drain(write_bundle(cache, ["one", "two-b.5"], tmp_path / "set.tar"))
    other = tmp_path / "other"
    assert drain(read_bundle(path, other)) == ["one", "two-b.5"]
    for file in cache.rglob("*.*"):
        if file.is_file():
            copy = other / file.relative_to(cache)
            assert copy.read_bytes() == file.read_bytes()


def test_what_is_not_there_cannot_be_packed(cache, tmp_path):
    with pytest.raises(MissingWeights, match="models fetch three"):
        drain(write_bundle(cache, ["three"], tmp_path / "set.tar"))
    with pytest.raises(BadInput, match="does not exist"):
        drain(read_bundle(tmp_path / "none.tar", cache))


def forged(path, items, index=None):
    """A tar of (name, bytes or TarInfo), with a list that fits unless given."""
    listed = [
        {"name": n, "size": len(b), "sha256": hashlib.sha256(b).hexdigest()}
        for n, b in items
        if isinstance(b, bytes)
    ]
    told = {"format": "napari-medfm bundle 1", "files": listed}
    body = json.dumps(told).encode() if index is None else index
    with tarfile.open(path, "w") as bundle:
        for name, content in [*items, (INDEX, body)]:
            if isinstance(content, tarfile.TarInfo):
                bundle.addfile(content)
                continue
            item = tarfile.TarInfo(name)
            item.size = len(content)
            bundle.addfile(item, io.BytesIO(content))
    return path


def everything_under(folder):
    return sorted(p.relative_to(folder) for p in Path(folder).rglob("*"))


@settings(max_examples=60, deadline=None)
@given(
    name=st.one_of(
        st.sampled_from(
            [
                "../x",
                "/etc/passwd",
                "weights/../../x",
                "weights/a/../../../x",
                "weights/a/b/c",
                "weights//x",
                "weights/a/.hidden",
                "weights/..",
                "C:\\x",
                "weights\\a\\b",
                "weights/a/x\n",
            ]
        ),
        st.text(min_size=1, max_size=40).filter(lambda s: "\0" not in s),
    )
)
def test_no_name_leads_out_of_the_weights(tmp_path_factory, name):
    import re

    tmp = tmp_path_factory.mktemp("t")
    try:
        path = forged(tmp / "set.tar", [(name, b"x")])
    except (UnicodeEncodeError, ValueError):
        return
    inside = tmp / "deep/er/cache"
    if re.fullmatch(r"weights/[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", name, re.ASCII):
        return
    with pytest.raises(BadFile):
        drain(read_bundle(path, inside))
    assert everything_under(tmp) == [Path("set.tar")]


def link(kind):
    item = tarfile.TarInfo("weights/a/model.safetensors")
    item.type, item.linkname = kind, "/etc/passwd"
    return item


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE]
)
def test_links_and_devices_are_refused(tmp_path, kind):
    index = {
        "format": "napari-medfm bundle 1",
        "files": [{"name": link(kind).name, "size": 0, "sha256": "0" * 64}],
    }
    item = link(kind)
    path = forged(tmp_path / "s.tar", [(item.name, item)], json.dumps(index).encode())
    with pytest.raises(BadFile, match="does not belong"):
        drain(read_bundle(path, tmp_path / "cache"))


@pytest.mark.parametrize(
    "index",
    [b"[]", b"{", b"{}", b'{"format": "napari-medfm bundle 9", "files": []}'],
)
def test_a_damaged_list_is_refused(tmp_path, index):
    path = forged(tmp_path / "s.tar", [("weights/a/model.safetensors", b"x")], index)
    with pytest.raises(BadFile):
        drain(read_bundle(path, tmp_path / "cache"))


def test_damaged_bytes_never_appear(cache, tmp_path):
    path = drain(write_bundle(cache, ["one"], tmp_path / "set.tar"))
    content = bytearray(path.read_bytes())
    spot = content.index(b"oneone")
    content[spot] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(BadFile, match="damaged"):
        drain(read_bundle(path, tmp_path / "other"))
    assert not list((tmp_path / "other").rglob("model.safetensors"))


@pytest.mark.parametrize("content", [b"", b"not a tar" * 100, b"PK\x03\x04" * 200])
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / "x.tar").write_bytes(content)
    with pytest.raises(BadFile):
        drain(read_bundle(tmp_path / "x.tar", tmp_path / "cache"))
