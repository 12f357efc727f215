"""One file over HTTP: resumed, checked, cancellable, and never by surprise.

The hub is asked over plain HTTP too, with the user's own login: its client library has
neither a cancel nor a progress that a generator could yield.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from napari_medfm.core.errors import BadFile, MissingWeights, WriteFailed
from napari_medfm.core.jobs import Progress, Steps
from napari_medfm.core.specs import ModelSpec, Source
from napari_medfm.engine.preferences import hub_address, hub_host
from napari_medfm.engine.weightfiles import sha256_of

TIMEOUT = 10.0
_CHUNK = 1 << 18
_SPARE = 64 << 20
_LOST = (URLError, TimeoutError, HTTPException, ConnectionError, OSError)


def download(spec: ModelSpec, source: Source, folder: Path) -> Steps[Path]:
    """Bring the file of a "hub" or "url" source into a folder.

    Progress counts bytes. Closing the generator stops it; the next call resumes.

    Raises
    ------
    MissingWeights
        If the host cannot be reached, refuses, stalls or breaks off.
    BadFile
        If what came is not the file that was promised.
    WriteFailed
        If the folder is full or read-only.
    """
    url = _hub_url(source) if source.kind == "hub" else source.ref
    if urlsplit(url).scheme not in ("http", "https"):
        raise BadFile(f"{url} is not an http address")
    host = urlsplit(url).netloc
    yield Progress(0, source.size, f"{spec.name}: asking {host}")
    part = _Part.of(url, folder)
    with _answer(spec, source, url, part) as (reply, redirects):
        total = yield from _save(reply, part, f"{spec.name} from {host}")
    _check(host, part, total, source.sha256 or redirects.sha256)
    done = folder / (Path(source.member or urlsplit(url).path).name or "weights")
    part.file.replace(done)
    part.clear()
    return done


def host_of(source: Source) -> str:
    """Return the host that a fetch would contact, for people."""
    return hub_host() if source.kind == "hub" else source.host


def hosts_of(spec: ModelSpec) -> str:
    """Name the hosts that a fetch of a model would try, in their order."""
    return " or ".join(dict.fromkeys(host_of(source) for source in spec.sources))


def need_room(folder: Path, size: int) -> None:
    """Raise `WriteFailed` unless the disk of a folder has room for ``size`` bytes."""
    existing = next(p for p in (folder, *folder.absolute().parents) if p.exists())
    free = shutil.disk_usage(existing).free
    if free < size + _SPARE:
        raise WriteFailed(
            f"{folder} has {free / 1e6:.0f} MB free, {size / 1e6:.0f} MB are needed: "
            "free some space, or choose another cache folder (napari-medfm settings "
            "set cache DIR)"
        )


@dataclass(frozen=True)
class _Part:
    """A download under way: its bytes so far, and which version they are of."""

    file: Path
    tag: Path

    @classmethod
    def of(cls, url: str, folder: Path) -> _Part:
        stem = hashlib.sha256(url.encode()).hexdigest()[:16]
        return cls(folder / f"{stem}.part", folder / f"{stem}.etag")

    @property
    def size(self) -> int:
        return self.file.stat().st_size if self.file.is_file() else 0

    def headers(self, pinned: bool) -> dict[str, str]:
        """Ask for the rest, where a change of the file would be noticed."""
        version = self.tag.read_text() if self.tag.is_file() else ""
        if not self.size or not (version or pinned):
            return {}
        headers = {"Range": f"bytes={self.size}-"}
        return headers | ({"If-Range": version} if version else {})

    def begin(self, reply: HTTPResponse) -> bool:
        """Note the version; return whether the reply continues what is here."""
        span = reply.headers.get("Content-Range", "")
        if reply.status == 206 and span.startswith(f"bytes {self.size}-"):
            return True
        self.clear()
        self.file.parent.mkdir(parents=True, exist_ok=True)
        tag = reply.headers.get("ETag", "")
        if tag and not tag.startswith("W/"):
            self.tag.write_text(tag)
        return False

    def clear(self) -> None:
        self.file.unlink(missing_ok=True)
        self.tag.unlink(missing_ok=True)


class _Redirects(HTTPRedirectHandler):
    """Follows to http(s) only, never down to http, and keeps the login at home."""

    sha256 = ""

    def redirect_request(
        self, req: Request, fp: IO[bytes], *answer: Any
    ) -> Request | None:
        """Build the next request; ``answer`` is code, message, headers, address."""
        before, after = urlsplit(req.full_url), urlsplit(answer[-1])
        if after.scheme not in ("https", before.scheme):
            fp.close()
            raise URLError(f"it redirects from {before.scheme} to {after.scheme}")
        self.sha256 = self.sha256 or _promised(answer[-2])
        request = super().redirect_request(req, fp, *answer)
        if request is not None and before.netloc != after.netloc:
            request.remove_header("Authorization")
        return request


def _promised(headers: Any) -> str:
    """SHA-256 the hub announces for a large file, or nothing."""
    tag = str(headers.get("X-Linked-Etag") or "").strip('"')
    return tag if len(tag) == 64 and set(tag) <= set("0123456789abcdef") else ""


@contextmanager
def _answer(
    spec: ModelSpec, source: Source, url: str, part: _Part
) -> Iterator[tuple[HTTPResponse, _Redirects]]:
    redirects = _Redirects()
    headers = {"User-Agent": "napari-medfm", "Accept-Encoding": "identity"}
    headers |= _login(source) | part.headers(pinned=bool(source.sha256))
    request = Request(url, headers=headers)  # noqa: S310  http(s) only, checked above
    host = urlsplit(url).netloc
    try:
        reply = build_opener(redirects).open(request, timeout=TIMEOUT)
    except HTTPError as error:
        if error.code == 416:
            part.clear()
        with error:
            raise MissingWeights(f"{host} {_refusal(spec, error.code)}") from error
    except _LOST as error:
        reason = getattr(error, "reason", None) or error
        raise MissingWeights(f"{host} cannot be reached ({reason})") from error
    with reply:
        redirects.sha256 = redirects.sha256 or _promised(reply.headers)
        yield reply, redirects


def _save(reply: HTTPResponse, part: _Part, title: str) -> Steps[int]:
    """Append the reply to the part; return how large the whole should be, or 0."""
    continues = part.begin(reply)
    done = part.size
    length = int(reply.headers.get("Content-Length") or 0)
    total = done + length if length else 0
    need_room(part.file.parent, length)
    with part.file.open("ab" if continues else "wb") as file:
        while chunk := _read(reply, title, done, total):
            file.write(chunk)
            done += len(chunk)
            yield Progress(done, total, title)
    if total and done < total:
        raise _broken(title, done, total, "the connection ended early")
    return total


def _read(reply: HTTPResponse, title: str, done: int, total: int) -> bytes:
    try:
        return reply.read1(_CHUNK)
    except _LOST as error:
        raise _broken(title, done, total, str(error) or type(error).__name__) from error


def _broken(title: str, done: int, total: int, reason: str) -> MissingWeights:
    return MissingWeights(
        f"{title} broke off after {done / 1e6:.1f} of {total / 1e6:.1f} MB ({reason}): "
        "run it again, it resumes"
    )


def _check(host: str, part: _Part, total: int, sha256: str) -> None:
    size = part.size
    if total and size != total:
        part.clear()
        raise BadFile(f"{host} sent {size} bytes and had promised {total}")
    if sha256 and (found := sha256_of(part.file)) != sha256:
        part.clear()
        raise BadFile(
            f"{host} sent a file with SHA-256 {found[:12]}... instead of "
            f"{sha256[:12]}...: it is damaged or not the one expected, and was deleted"
        )


def _refusal(spec: ModelSpec, code: int) -> str:
    if code == 401:
        return (
            f"asks for a login (401): request access at {spec.page}, then run "
            "`hf auth login`"
        )
    if code == 403:
        return (
            f"refuses access (403): accept the terms at {spec.page} with the account "
            "that `hf auth whoami` names"
        )
    if code == 404:
        return f"does not have the file (404): see {spec.page}"
    if code == 416:
        return "has another file than the part kept here (416): run it again"
    return f"answered with error {code}: try later"


def _hub_url(source: Source) -> str:
    return f"{hub_address()}/{source.ref}/resolve/main/{quote(source.member)}"


def _login(source: Source) -> dict[str, str]:
    """Return the user's own login at the hub, if there is one; none is asked for."""
    if source.kind != "hub":
        return {}
    from huggingface_hub import get_token

    token = get_token()
    return {"Authorization": f"Bearer {token}"} if token else {}
