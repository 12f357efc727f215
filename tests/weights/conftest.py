"""A server on this machine that stands in for the hub and for any address."""

from __future__ import annotations

import hashlib
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from safetensors.numpy import save

from napari_medfm.core.specs import ModelSpec, Source


@dataclass
class Answer:
    """How the server answers one path."""

    status: int = 200
    body: bytes = b""
    headers: dict = field(default_factory=dict)
    cut: int | None = None
    pause: float = 0.0


class Server:
    """Answers by path, notes every request, resumes by Range."""

    def __init__(self):
        self.answers: dict[str, Answer] = {}
        self.asked: list[tuple[str, dict]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                outer.asked.append((self.path, dict(self.headers)))
                outer.reply(self)

            def log_message(self, *_):
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        self._thread = threading.Thread(target=self._http.serve_forever, daemon=True)
        self._thread.start()

    def serve(self, path, body=b"", **how):
        """Answer a path from now on; returns its address."""
        self.answers[path] = Answer(body=body, **how)
        return self.url + path

    def reply(self, handler):
        answer = self.answers.get(handler.path, Answer(404))
        body, status, headers = answer.body, answer.status, dict(answer.headers)
        tag = f'"{hashlib.sha256(body).hexdigest()[:8]}"'
        span = handler.headers.get("Range")
        same = handler.headers.get("If-Range", tag) == tag
        if status == 200 and span and same:
            start = int(span.removeprefix("bytes=").rstrip("-"))
            if start >= len(body):
                status, body = 416, b""
            else:
                headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
                status, body = 206, body[start:]
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body)))
        handler.send_header("ETag", tag)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        sent = body[: answer.cut]
        for first in range(0, len(sent), 65536):
            time.sleep(answer.pause)
            try:
                handler.wfile.write(sent[first : first + 65536])
            except (BrokenPipeError, ConnectionResetError):
                return

    def close(self):
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


@pytest.fixture
def server():
    server = Server()
    yield server
    server.close()


@pytest.fixture(scope="session")
def weights_bytes():
    """A safetensors file of about 1.2 MB."""
    rng = np.random.default_rng(0)
    return save({"w": rng.random((300, 1000), dtype=np.float32)})


@pytest.fixture
def model():
    """Make a SPEC with these sources."""

    def make(*sources: Source, **facts) -> ModelSpec:
        return ModelSpec(
            **{
                "name": "toy-model",
                "title": "Toy",
                "domain": "general",
                "architecture": "none",
                "input_size": 1,
                "licence": "MIT",
                "commercial": True,
                "intended_use": "tests",
                "page": "https://example.org/toy",
                "sources": sources,
                **facts,
            }
        )

    return make


@pytest.fixture
def run():
    """Drain a generator; return its answer and what it yielded."""

    def drain(steps):
        seen = []
        try:
            while True:
                seen.append(next(steps))
        except StopIteration as stop:
            return stop.value, seen

    return drain
