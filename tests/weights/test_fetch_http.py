import errno
import hashlib
import json
import shutil
import socket
from collections import namedtuple
from pathlib import Path

import pytest

from napari_medfm.core.errors import BadFile, MissingWeights, WriteFailed
from napari_medfm.core.specs import Source
from napari_medfm.engine import fetching
from napari_medfm.engine.weights import fetch, locate, read_tensors, sha256_of

FILE = "/files/toy.safetensors"
HUB = "/owner/toy/resolve/main/model.safetensors"
HUB_SOURCE = Source("hub", "owner/toy", "model.safetensors")


def sha(content):
    return hashlib.sha256(content).hexdigest()


@pytest.fixture(autouse=True)
def quick_hub(server, monkeypatch):
    monkeypatch.setattr(fetching, "TIMEOUT", 0.4)
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)


def test_a_pinned_address_is_fetched_checked_and_kept(
    server, model, run, weights_bytes, tmp_path
):
    url = server.serve(FILE, weights_bytes)
    spec = model(Source("url", url, sha256=sha(weights_bytes), size=len(weights_bytes)))
    path, seen = run(fetch(spec, cache_dir=tmp_path))
    assert path == tmp_path / "weights/toy-model/model.safetensors"
    assert locate(spec, cache_dir=tmp_path) == path
    assert read_tensors(path)["w"].shape == (300, 1000)
    card = json.loads((path.parent / "card.json").read_text())
    assert card["source_sha256"] == sha(weights_bytes)
    assert card["sha256"] == sha256_of(path)
    assert url in card["source"]
    done = [step.done for step in seen if step.total == len(weights_bytes)]
    assert done == sorted(done)
    assert done[-1] == len(weights_bytes)
    left = list((path.parent / "incoming").iterdir())
    assert left == []


def test_what_is_in_the_cache_is_not_asked_for_again(
    server, model, run, weights_bytes, tmp_path
):
    spec = model(Source("url", server.serve(FILE, weights_bytes)))
    first, _ = run(fetch(spec, cache_dir=tmp_path))
    asked = len(server.asked)
    assert run(fetch(spec, cache_dir=tmp_path, offline=True))[0] == first
    assert len(server.asked) == asked


def test_a_cached_file_that_changed_is_fetched_anew(
    server, model, run, weights_bytes, tmp_path
):
    spec = model(Source("url", server.serve(FILE, weights_bytes)))
    path, _ = run(fetch(spec, cache_dir=tmp_path))
    good = path.read_bytes()
    for damage in (good[:1000], good[:-1] + b"x"):
        path.write_bytes(damage)
        assert run(fetch(spec, cache_dir=tmp_path))[0].read_bytes() == good
    (path.parent / "card.json").write_text("[]")
    assert run(fetch(spec, cache_dir=tmp_path))[0].read_bytes() == good


def test_the_hub_is_asked_at_its_endpoint_without_a_login_nobody_gave(
    server, model, run, weights_bytes, tmp_path
):
    server.serve(HUB, weights_bytes)
    path, _ = run(fetch(model(HUB_SOURCE), cache_dir=tmp_path))
    assert path.is_file()
    assert "Authorization" not in server.asked[0][1]


def test_the_users_login_stays_at_the_hub(
    server, model, run, weights_bytes, tmp_path, monkeypatch
):
    monkeypatch.setattr("huggingface_hub.get_token", lambda: "secret")
    elsewhere = server.url.replace("127.0.0.1", "localhost")
    server.serve(HUB, status=302, headers={"Location": f"{elsewhere}/cdn"})
    server.serve("/cdn", weights_bytes)
    run(fetch(model(HUB_SOURCE), cache_dir=tmp_path))
    (_, at_hub), (_, at_cdn) = server.asked
    assert at_hub["Authorization"] == "Bearer secret"
    assert "Authorization" not in at_cdn


def test_the_login_is_never_sent_to_a_plain_address(
    server, model, run, weights_bytes, tmp_path, monkeypatch
):
    monkeypatch.setattr("huggingface_hub.get_token", lambda: "secret")
    run(
        fetch(
            model(Source("url", server.serve(FILE, weights_bytes))), cache_dir=tmp_path
        )
    )
    assert "Authorization" not in server.asked[0][1]


def test_the_hash_the_hub_announces_is_checked(
    server, model, run, weights_bytes, tmp_path
):
    headers = {"Location": "/cdn", "X-Linked-Etag": f'"{"0" * 64}"'}
    server.serve(HUB, status=302, headers=headers)
    server.serve("/cdn", weights_bytes)
    with pytest.raises(BadFile, match="SHA-256"):
        run(fetch(model(HUB_SOURCE), cache_dir=tmp_path))


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (401, r"401.*https://example.org/toy.*hf auth login"),
        (403, r"403.*https://example.org/toy"),
        (404, r"404"),
        (500, r"error 500"),
    ],
)
def test_a_refusal_says_why_and_the_way_out(server, model, run, tmp_path, status, said):
    server.serve(HUB, status=status)
    with pytest.raises(MissingWeights, match=said) as caught:
        run(fetch(model(HUB_SOURCE, gated=True), cache_dir=tmp_path))
    assert "models import toy-model FILE" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_next_source_is_tried_and_the_error_names_all(
    server, model, run, weights_bytes, tmp_path
):
    server.serve(HUB, status=403)
    gone = Source("url", f"{server.url}/gone")
    good = Source("url", server.serve(FILE, weights_bytes))
    assert run(fetch(model(HUB_SOURCE, gone, good), cache_dir=tmp_path))[0].is_file()
    with pytest.raises(MissingWeights, match=r"403.*404"):
        run(fetch(model(HUB_SOURCE, gone), cache_dir=tmp_path / "other"))


def test_an_unreachable_host_is_given_up_quickly(model, run, tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    spec = model(Source("url", f"http://127.0.0.1:{port}/x.safetensors"))
    with pytest.raises(MissingWeights, match="cannot be reached"):
        run(fetch(spec, cache_dir=tmp_path))


def test_a_host_that_never_answers_is_given_up(model, run, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/x.safetensors"
        with pytest.raises(MissingWeights, match=r"cannot be reached.*timed out"):
            run(fetch(model(Source("url", url)), cache_dir=tmp_path))


def test_a_stalled_download_says_it_resumes(
    server, model, run, weights_bytes, tmp_path
):
    url = server.serve(FILE, weights_bytes, pause=1.0)
    with pytest.raises(MissingWeights, match=r"broke off after .* it resumes"):
        run(fetch(model(Source("url", url)), cache_dir=tmp_path))


@pytest.mark.parametrize("pinned", [True, False])
def test_a_broken_download_is_resumed(
    server, model, run, weights_bytes, tmp_path, pinned
):
    url = server.serve(FILE, weights_bytes, cut=500_000)
    spec = model(Source("url", url, sha256=sha(weights_bytes) if pinned else ""))
    with pytest.raises(MissingWeights, match=r"0\.5 of 1\.2 MB"):
        run(fetch(spec, cache_dir=tmp_path))
    server.serve(FILE, weights_bytes)
    path, _ = run(fetch(spec, cache_dir=tmp_path))
    assert server.asked[-1][1]["Range"] == "bytes=500000-"
    assert read_tensors(path)["w"].shape == (300, 1000)


def test_a_file_that_changed_meanwhile_is_fetched_from_its_start(
    server, model, run, weights_bytes, tmp_path
):
    url = server.serve(FILE, b"another" * 200_000, cut=500_000)
    spec = model(Source("url", url))
    with pytest.raises(MissingWeights):
        run(fetch(spec, cache_dir=tmp_path))
    server.serve(FILE, weights_bytes)
    path, _ = run(fetch(spec, cache_dir=tmp_path))
    assert read_tensors(path)["w"].shape == (300, 1000)


def test_closing_the_generator_stops_and_the_next_call_resumes(
    server, model, run, weights_bytes, tmp_path
):
    url = server.serve(FILE, weights_bytes, pause=0.02)
    spec = model(Source("url", url))
    steps = fetch(spec, cache_dir=tmp_path)
    while next(steps).done < 200_000:
        pass
    steps.close()
    assert not (tmp_path / "weights/toy-model/model.safetensors").exists()
    server.serve(FILE, weights_bytes)
    assert run(fetch(spec, cache_dir=tmp_path))[0].is_file()
    start = int(server.asked[-1][1]["Range"].removeprefix("bytes=").rstrip("-"))
    assert 200_000 <= start < len(weights_bytes)


def test_a_corrupt_file_is_deleted_and_refused(
    server, model, run, weights_bytes, tmp_path
):
    url = server.serve(FILE, weights_bytes[:-1] + b"x")
    spec = model(Source("url", url, sha256=sha(weights_bytes)))
    with pytest.raises(BadFile, match="SHA-256"):
        run(fetch(spec, cache_dir=tmp_path))
    assert not list(tmp_path.rglob("*.part"))
    assert not list(tmp_path.rglob("*.safetensors"))


def test_a_file_that_is_not_weights_is_refused(server, model, run, tmp_path):
    spec = model(Source("url", server.serve(FILE, b"<html>please log in</html>")))
    with pytest.raises(BadFile, match="cannot be read as weights"):
        run(fetch(spec, cache_dir=tmp_path))
    assert not list(tmp_path.rglob("*.safetensors"))


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/x"])
def test_only_http_is_followed(server, model, run, tmp_path, target):
    server.serve(FILE, status=302, headers={"Location": target})
    for url in (f"{server.url}{FILE}", target):
        with pytest.raises((MissingWeights, BadFile)):
            run(fetch(model(Source("url", url)), cache_dir=tmp_path))


def test_offline_asks_nobody(server, model, run, tmp_path, monkeypatch):
    spec = model(Source("url", f"{server.url}{FILE}", size=5_000_000))
    with pytest.raises(MissingWeights, match=r"offline.*models import"):
        run(fetch(spec, cache_dir=tmp_path, offline=True))
    monkeypatch.setenv("NAPARI_MEDFM_OFFLINE", "1")
    with pytest.raises(MissingWeights, match="offline"):
        run(fetch(spec, cache_dir=tmp_path))
    assert server.asked == []


def test_a_disk_without_room_is_noticed_before_the_download(
    server, model, run, tmp_path, monkeypatch
):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(1, 1, 1000))
    spec = model(Source("url", f"{server.url}{FILE}", size=90_000_000))
    with pytest.raises(WriteFailed, match="settings set cache"):
        run(fetch(spec, cache_dir=tmp_path))
    assert server.asked == []


def test_a_disk_that_fills_up_is_no_reason_to_try_elsewhere(
    server, model, run, weights_bytes, tmp_path, monkeypatch
):
    first = Source("url", server.serve(FILE, weights_bytes))
    second = Source("url", f"{server.url}/second")
    real = Path.open

    def full(self, mode="r", *args, **kwargs):
        if self.suffix == ".part" and mode in ("wb", "ab"):
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(self, mode, *args, **kwargs)

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(WriteFailed, match="No space left"):
        run(fetch(model(first, second), cache_dir=tmp_path))
    assert [path for path, _ in server.asked] == [FILE]
