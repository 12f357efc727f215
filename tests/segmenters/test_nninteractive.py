"""nnInteractive through its own client, against a stand-in for its server."""

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from scipy import ndimage

from napari_medfm import Session, list_models, segmenters
from napari_medfm.core.errors import MissingPackage, MissingWeights
from napari_medfm.core.specs import VolumeSegmenter
from napari_medfm.segmenters import nninteractive

ADDRESS = nninteractive.ADDRESS
CAPABILITIES = {
    "supported_interactions": {"points": True, "bbox2d": True, "lasso": True},
    "channel_mapping": {"points": [3, 4]},
    "num_interaction_channels": 7,
    "supports_initial_label": True,
    "supports_zero_shot_label_refinement": False,
    "preferred_scribble_thickness": [1, 1, 1],
    "interaction_decay": 0.9,
    "inference_session_version": 2,
    "license": "CC-BY-NC-SA-4.0",
    "supports_undo": True,
}


class Server:
    """Speaks the client's protocol; the object is what is bright where it is told."""

    def __init__(self):
        self.told, self.volumes, self.spacings = [], 0, []
        self.lease, self.expired = "first", False
        self.full = False
        self.image = None

    def answer(self, path, meta, body):
        if path == "/claim":
            self.lease = f"lease {len(self.told)}"
            return {"lease_token": self.lease, "liveness_timeout_seconds": 0}
        if path == "/set_image":
            self.image = unpack(body)[0]
            self.volumes += 1
            self.spacings.append(meta["image_properties"].get("spacing"))
            return {"original_image_shape": [1, *self.image.shape]}
        if path == "/reset_interactions":
            self.seeds = np.zeros(self.image.shape, bool)
            self.barred = np.zeros(self.image.shape, bool)
        if not path.startswith("/add_"):
            return {}
        self.told.append((path, meta))
        where = self.seeds if meta.get("include_interaction", True) else self.barred
        if path == "/add_point_interaction":
            where[tuple(meta["coordinates"])] = True
        elif path == "/add_bbox_interaction":
            where[tuple(slice(*edges) for edges in meta["bbox_coords"])] = True
        else:
            where |= unpack(body) > 0
        return self._predicted() if meta["run_prediction"] else {}

    def _predicted(self):
        middle = (self.image.min() + self.image.max()) / 2
        pieces, _ = ndimage.label(self.image > middle)
        wanted = set(pieces[self.seeds & (pieces > 0)]) - set(pieces[self.barred])
        return np.isin(pieces, list(wanted)).astype(np.uint8)


def unpack(body):
    from nnInteractive.inference.remote.serialization import unpack_array

    return unpack_array(body)


def handler(server):
    from nnInteractive.inference.remote.serialization import pack_array

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self._send(json.dumps(CAPABILITIES).encode())

        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if server.full:
                return self._send(b'{"detail": "no place is free"}', 503)
            if server.expired and self.path not in ("/claim", "/release"):
                server.expired = False
                return self._send(b'{"detail": "lease expired"}', 410)
            is_json = "json" in self.headers.get("Content-Type", "")
            told = body if is_json else self.headers.get("X-Meta")
            made = server.answer(self.path, json.loads(told) if told else {}, body)
            if not isinstance(made, np.ndarray):
                return self._send(json.dumps(made).encode())
            box = [[0, n] for n in made.shape]
            return self._send(
                pack_array(made), meta={"ran_prediction": True, "bbox": box}
            )

        def _send(self, body, status=200, meta=None):
            self.send_response(status)
            if meta is not None:
                self.send_header("X-Meta", json.dumps(meta))
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    return Handler


@pytest.fixture
def server(monkeypatch):
    pytest.importorskip("nnInteractive.inference.remote")
    standing = Server()
    http = ThreadingHTTPServer(("127.0.0.1", 0), handler(standing))
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv(ADDRESS, f"http://127.0.0.1:{http.server_port}")
    yield standing
    http.shutdown()
    http.server_close()
    thread.join()


@pytest.fixture
def session(server, encoder, ball, tmp_path):
    model = segmenters.load("nninteractive", offline=False)
    session = Session(encoder=encoder, segmenter=model, cache_dir=tmp_path)
    session.add_image(ball[0], name="ct", spacing=(5, 1, 1))
    return session


def dice(made, truth):
    return 2 * (made & truth).sum() / (made.sum() + truth.sum())


def test_one_outline_becomes_the_object_in_the_volume(session, server, ball):
    truth = ball[1]
    made = session.propagate("ct", truth[6], plane=6)
    assert made.provenance["way"] == "volume"
    assert made.provenance["model"]["licence"] == "CC-BY-NC-SA-4.0"
    assert made.provenance["model"]["commercial"] is False
    assert dice(made.data, truth) > 0.9
    assert server.volumes == 1
    assert server.spacings == [[5.0, 1.0, 1.0]]
    assert [path for path, _ in server.told] == ["/add_lasso_interaction"]


def test_a_plane_is_prompted_by_clicks_and_boxes(session, server, ball):
    plane = ball[1][6]
    row, col = (int(v.mean()) for v in np.nonzero(plane))
    made = session.segment("ct", points=[(row, col)], plane=6)
    assert dice(made.data, plane) > 0.9
    path, told = server.told[-1]
    assert path == "/add_point_interaction"
    assert told["include_interaction"] is True
    rows, cols = np.nonzero(plane)
    box = (rows.min(), cols.min(), rows.max() + 1, cols.max() + 1)
    assert dice(session.segment("ct", box=box, plane=6).data, plane) > 0.9
    assert server.told[-1][0] == "/add_bbox_interaction"


def test_a_session_that_the_server_forgot_is_opened_again(session, server, ball):
    server.expired = True
    made = session.propagate("ct", ball[1][6], plane=6)
    assert dice(made.data, ball[1]) > 0.9


def test_a_full_server_is_said(session, server, ball):
    server.full = True
    with pytest.raises(MissingWeights, match="no place is free"):
        session.propagate("ct", ball[1][6], plane=6)


def test_what_is_missing_is_said(monkeypatch, tmp_path):
    monkeypatch.delenv(ADDRESS, raising=False)
    assert not segmenters.is_installed("nninteractive")
    with pytest.raises(MissingWeights, match=ADDRESS):
        segmenters.load("nninteractive", offline=False)
    with pytest.raises(MissingWeights, match="runs on a server"):
        segmenters.fetch("nninteractive")
    with pytest.raises(MissingWeights, match="runs on a server"):
        segmenters.import_file("nninteractive", tmp_path / "weights.pth")
    monkeypatch.setenv(ADDRESS, "http://127.0.0.1:9")
    with pytest.raises(MissingWeights, match="offline"):
        segmenters.load("nninteractive", offline=True)


def test_an_address_where_nobody_answers(monkeypatch):
    pytest.importorskip("nnInteractive.inference.remote")
    monkeypatch.setenv(ADDRESS, "http://127.0.0.1:9")
    assert segmenters.is_installed("nninteractive")
    with pytest.raises(MissingWeights, match=r"127\.0\.0\.1:9 does not answer"):
        segmenters.load("nninteractive", offline=False)


def test_without_the_client_the_extra_is_named(monkeypatch):
    monkeypatch.setenv(ADDRESS, "http://127.0.0.1:9")
    for name in ("nnInteractive", "nnInteractive.inference.remote"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingPackage, match=r"napari-medfm\[nninteractive\]"):
        segmenters.load("nninteractive", offline=False)


def test_its_licence_is_in_the_catalogue():
    (spec,) = [s for s in list_models(kind="segmenter") if s.name == "nninteractive"]
    assert not spec.absent
    assert not spec.commercial
    assert "CC-BY-NC-SA-4.0" in spec.licence


def test_the_window_offers_it_where_a_server_is_named(session, monkeypatch):
    from napari_medfm.bridge.catalogue import offers

    assert "nninteractive" in [offer.name for offer in offers("segmenter", session)]
    monkeypatch.delenv(ADDRESS)
    session.use_segmenter("lite-medsam")
    assert "nninteractive" not in [o.name for o in offers("segmenter", session)]


def test_it_sees_volumes_as_a_whole(server):
    model = segmenters.load("nninteractive", offline=False)
    assert isinstance(model, VolumeSegmenter)
