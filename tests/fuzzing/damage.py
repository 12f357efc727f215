"""Damage that reaches behind the first check: digests, lengths and packing are mended.

Bytes are changed in a third of all inputs; in the others the parts of the format are:
values of JSON, entries of a TIFF directory, elements of DICOM, fields of a NRRD header,
chunks of a PNG, members of an archive, lines of a journal, what gzip has packed.
"""

import copy
import gzip
import io
import json
import random
import struct
import tarfile
import warnings
import zipfile
import zlib

from napari_medfm.core.forms import dumps
from napari_medfm.project.journal import first_chain, line_of

DEEP = "[" * 20_000
TEXTS = (
    *(
        "",
        "a" * 5000,
        "\0",
        "../../x",
        "/etc/passwd",
        "C:\\x",
        "//far/share",
        "http://x",
    ),
    *(
        "99999x99999x9:",
        "42x56:0+9999999",
        "42x56:1*2352",
        "0x0:",
        "none",
        "nan",
        "\ud800",
    ),
)
NUMBERS = (
    *(-1, 0, 1, 2, 3, 7, 255, 65536, 10**6, 2**31 - 1, 2**31, 2**32, 2**40, 2**53),
    *(
        2**63 - 1,
        2**64,
        10**40,
        -(2**31),
        0.5,
        1e-300,
        1e308,
        float("nan"),
        float("inf"),
    ),
)
WORDS = (b"9999999999", b"-1", b"../", b"[", b"null", b"1e308", b"nan", b"0", b'"')


def inputs(target, seed, count):
    """Yield the seed itself, then damaged copies; the same ones for the same seed."""
    rng = random.Random(seed)  # noqa: S311  not for secrets
    yield target.content
    for _ in range(count - 1):
        yield damaged(target, rng)


def damaged(target, rng):
    """Return a damaged copy of a target's content."""
    content = target.content
    if isinstance(content, bytes):
        return _file(content, rng)
    names = sorted(content)
    often = [name for name in names if name in target.often]
    name = rng.choice(often if often and rng.random() < 0.5 else names)
    kind = rng.random()
    if kind < 0.03:
        return {n: part for n, part in content.items() if n != name}
    if kind < 0.06:
        return {**content, name: content[rng.choice(names)]}
    return {**content, name: _file(content[name], rng)}


def _file(content, rng):
    if rng.random() < 1 / 3:
        return _bytes(content, rng)
    for recognised, change in _FORMATS:
        if recognised(content):
            return change(content, rng)
    return _bytes(content, rng)


def _bytes(content, rng):
    """Change, cut or double bytes; enlarge numbers of texts."""
    data = bytearray(content)
    for _ in range(rng.randint(1, 6)):
        if not data:
            break
        at = rng.randrange(min(len(data), rng.choice((64, 600, 10**9))))
        kind = rng.random()
        if kind < 0.5:
            data[at] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
        elif kind < 0.7:
            new = rng.randbytes(rng.randint(1, 8))
            data[at : at + len(new)] = new
        elif kind < 0.8:
            data[at : at + rng.randint(1, 16)] = b""
        elif kind < 0.9:
            data[at:at] = data[at : at + rng.randint(1, 64)]
        else:
            data[at : at + 1] = rng.choice(WORDS)
    if rng.random() < 0.1:
        del data[rng.randrange(len(data) + 1) :]
    return bytes(data)


def _hostile(value, rng):
    """Return something else in place of a JSON value."""
    kind = rng.random()
    if kind < 0.4 and isinstance(value, (int, float)) and not isinstance(value, bool):
        return rng.choice((value + 1, value - 1, -value, value * 1000, value * 2**20))
    if kind < 0.4 and isinstance(value, str) and value:
        at = rng.randrange(len(value))
        new = rng.choice(("9", "0", "-", " ", "x", ":", "/", "..", "999999999"))
        return value[:at] + new + value[at + rng.randint(0, 1) :]
    if kind < 0.5:
        return rng.choice((None, True, False, [], {}, [[]], [None], {"a": 1}))
    return rng.choice(TEXTS if kind < 0.7 else NUMBERS)


def _places(value, path=()):
    yield path
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _places(inner, (*path, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _places(inner, (*path, number))


def changed(value, rng):
    """Change a few places of a JSON value, in place."""
    for _ in range(rng.randint(1, 3)):
        places = [place for place in _places(value) if place]
        if not places:
            return value
        *inner, last = rng.choice(places)
        holder = value
        for key in inner:
            holder = holder[key]
        kind = rng.random()
        if kind < 0.12:
            del holder[last]
        elif kind < 0.2 and isinstance(holder, list):
            holder.insert(last, holder[rng.randrange(len(holder))])
        elif kind < 0.26 and isinstance(holder, dict):
            holder[rng.choice(TEXTS)] = holder.pop(last)
        elif kind < 0.34:
            other = value
            for key in rng.choice(places):
                other = other[key]
            holder[last] = json.loads(json.dumps(other))
        else:
            holder[last] = _hostile(holder[last], rng)
    return value


def _json(content, rng):
    try:
        value = changed(json.loads(content), rng)
    except ValueError:
        return _bytes(content, rng)
    if rng.random() < 0.01:
        return DEEP.encode()
    return json.dumps(value).encode()


def _journal(content, rng):
    """Forge entries, with digests that are right."""
    entries = [json.loads(line)["entry"] for line in content.splitlines()]
    at = rng.randrange(len(entries))
    kind = rng.random()
    if kind < 0.05:
        del entries[at]
    elif kind < 0.1:
        entries.insert(at, entries[rng.randrange(len(entries))])
    else:
        entries[at] = changed(entries[at], rng)
    chain, lines = first_chain(), []
    for entry in entries:
        try:
            line, chain = line_of(entry, chain)
        except ValueError:  # not a number: dumps refuses it
            line, chain = line_of(json.loads(dumps(None)), chain)
        lines.append(line)
    return b"".join(lines)


def _gzip(content, rng):
    return gzip.compress(_file(gzip.decompress(content), rng), 1, mtime=0)


def _safetensors(content, rng):
    length = int.from_bytes(content[:8], "little")
    header, body = content[8 : 8 + length], content[8 + length :]
    if rng.random() < 0.2:
        return content[: 8 + length] + _bytes(body, rng)
    told = json.loads(header)
    text = told.get("__metadata__", {}).get("napari-medfm")
    if text and rng.random() < 0.5:
        told["__metadata__"]["napari-medfm"] = json.dumps(
            changed(json.loads(text), rng)
        )
    else:
        changed(told, rng)
    header = json.dumps(told).encode()
    return len(header).to_bytes(8, "little") + header + body


def _nrrd(content, rng):
    head, mark, data = content.partition(b"\n\n")
    lines = head.split(b"\n")
    at = rng.randrange(1, len(lines))
    key, colon, value = lines[at].partition(b":")
    kind = rng.random()
    if kind < 0.1:
        del lines[at]
    elif kind < 0.2:
        lines.insert(at, lines[rng.randrange(1, len(lines))])
    else:
        words = value.split(b" ")
        words[rng.randrange(len(words))] = rng.choice(
            (
                *WORDS,
                str(rng.choice(NUMBERS)).encode(),
                b"raw",
                b"gzip",
                b"text",
                b"(1,0,0)",
            )
        )
        lines[at] = key + colon + b" ".join(words)
    if data[:2] == b"\x1f\x8b" and rng.random() < 0.3:
        data = _gzip(data, rng)
    return b"\n".join(lines) + mark + data


def _png(content, rng):
    """Change a chunk and mend its checksum; pixels are packed again."""
    at, chunks = 8, []
    while at + 12 <= len(content):
        (length,) = struct.unpack_from(">I", content, at)
        chunks.append([content[at + 4 : at + 8], content[at + 8 : at + 8 + length]])
        at += 12 + length
    chosen = rng.choice(chunks[:-1])
    if chosen[0] == b"IDAT":
        chosen[1] = zlib.compress(_bytes(zlib.decompress(chosen[1]), rng), 1)
    elif chosen[0] == b"IHDR":
        head = bytearray(chosen[1])
        spot = rng.choice((3, 7, 8, 9, 10, 11, 12, rng.randrange(13)))
        head[spot] = rng.choice((0, 1, 2, 3, 4, 6, 8, 16, 255, rng.randrange(256)))
        chosen[1] = bytes(head)
    else:
        chosen[1] = _bytes(chosen[1], rng)
    if rng.random() < 0.1:
        chunks.insert(rng.randrange(len(chunks)), list(rng.choice(chunks)))
    packed = (
        struct.pack(">I", len(body))
        + kind
        + body
        + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )
    return content[:8] + b"".join(packed)


def _tiff(content, rng):
    """Change type, count or value of entries of a directory."""
    data = bytearray(content)
    order = ">" if data[:2] == b"MM" else "<"
    (at,) = struct.unpack_from(order + "I", data, 4)
    pages = []
    while 0 < at < len(data) - 2 and len(pages) < 100:
        (count,) = struct.unpack_from(order + "H", data, at)
        pages += [at + 2 + 12 * number for number in range(count)]
        (at,) = struct.unpack_from(order + "I", data, at + 2 + 12 * count)
    for _ in range(rng.randint(1, 3)):
        entry = rng.choice(pages)
        small = rng.choice((0, 1, 2, 3, 4, 5, 7, 8, 12, 13, 16, 17, 32, 64, 255, 65535))
        large = rng.choice(
            (small, len(data), 2**31 - 1, 2**32 - 1, rng.randrange(2**32))
        )
        kind = rng.random()
        if kind < 0.1:
            struct.pack_into(
                order + "H", data, entry, rng.choice((small, rng.randrange(250, 350)))
            )
        elif kind < 0.25:
            struct.pack_into(order + "H", data, entry + 2, small)
        elif kind < 0.45:
            struct.pack_into(order + "I", data, entry + 4, large)
        elif kind < 0.75:
            struct.pack_into(order + "I", data, entry + 8, large)
        else:
            struct.pack_into(order + "H", data, entry + 8, small)
    return bytes(data) if rng.random() < 0.7 else _digits(bytes(data), rng)


def _digits(content, rng):
    """Change numbers in texts, in place."""
    spots = [at for at, byte in enumerate(content[:20_000]) if 48 <= byte < 58]
    data = bytearray(content)
    for _ in range(rng.randint(1, 4)):
        if spots:
            data[rng.choice(spots)] = rng.choice(b"0199-.eE \\")
    return bytes(data)


def _dicom(content, rng):
    """Change, remove and double elements, in sequences too, and write them again."""
    import pydicom
    from pydicom.filewriter import dcmwrite

    if rng.random() < 0.75:
        return _digits(content, rng)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            dataset = pydicom.dcmread(io.BytesIO(content))
            for _ in range(rng.randint(1, 3)):
                _element(dataset, rng)
            stream = io.BytesIO()
            dcmwrite(stream, dataset)
        except Exception:  # noqa: BLE001  what pydicom does not write is not tried
            return _bytes(content, rng)
    return stream.getvalue()


def _element(dataset, rng):
    holders = [dataset]
    for holder in holders:
        for element in holder:
            if element.VR == "SQ" and len(holders) < 200:
                holders += list(element.value)[:20]
    holder = rng.choice((dataset, rng.choice(holders)))
    elements = [element for element in holder if element.tag.group != 2]
    if not elements:
        return
    element = rng.choice(elements)
    kind = rng.random()
    if kind < 0.15:
        del holder[element.tag]
    elif element.VR == "SQ":
        items = list(element.value)
        element.value = rng.choice((items[:-1], items + items[:1], items[::-1], []))
    elif element.VR in ("US", "SS", "UL", "SL"):
        element.value = rng.choice((0, 1, 2, 3, 7, 8, 9, 16, 32, 255, 1000, 32767))
    elif element.VR in ("DS", "IS", "FD", "FL"):
        number = rng.choice((0, -1, 1, 0.5, 1e-9, 1e9, 1e30, 2**31 - 1))
        number = int(min(number, 2**31 - 1)) if element.VR == "IS" else number
        count = len(element.value) if hasattr(element.value, "__len__") else 1
        element.value = rng.choice(
            ([number] * max(count, 1), [number], [number] * 7, None)
        )
    elif element.VR in ("OB", "OW", "UN") and isinstance(element.value, bytes):
        new = _bytes(element.value, rng)
        element.value = new + b"\0" * (len(new) % 2)
    else:
        element.value = rng.choice(
            ("", "x", "RGB", "PALETTE COLOR", "BINARY", "1.2.3", "POINT")
        )


def _tar(content, rng):
    """Change names, kinds and sizes of members, with checksums that are right."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(content)) as old:
        members = [(item, old.extractfile(item).read()) for item in old.getmembers()]
    chosen = rng.randrange(len(members))
    if rng.random() < 0.1:
        members.append(members[chosen])
    with tarfile.open(fileobj=stream, mode="w") as new:
        for number, (item, body) in enumerate(members):
            if number == chosen:
                item = copy.copy(item)
                body = _member(item, body, rng)
            new.addfile(item, io.BytesIO(body))
    return stream.getvalue()


def _member(item, body, rng):
    kind = rng.random()
    if kind < 0.25:
        item.name = rng.choice(
            (
                "/etc/x",
                "../x",
                "weights/a/../../x",
                "weights/a/.x",
                "weights/a",
                "bundle.json",
                "",
            )
        )
    elif kind < 0.4:
        item.type = rng.choice(
            (
                tarfile.SYMTYPE,
                tarfile.LNKTYPE,
                tarfile.DIRTYPE,
                tarfile.CHRTYPE,
                b"x",
                b"L",
                b"S",
            )
        )
        item.linkname = rng.choice(("/etc/passwd", "../../x", "weights/a"))
    else:
        body = _file(body, rng)
        item.size = len(body)
    return body


def _zip(content, rng):
    """Change members, names and packing, with checksums that are right."""
    with zipfile.ZipFile(io.BytesIO(content)) as old:
        members = [(item.filename, old.read(item)) for item in old.infolist()]
    at = rng.randrange(len(members))
    name, body = members[at]
    if rng.random() < 0.15:
        name = rng.choice(("../x", "/x", name + "x", members[0][0]))
    else:
        body = _file(body, rng)
    members[at] = name, body
    stream = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with zipfile.ZipFile(
            stream, "w", rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
        ) as new:
            for member in members:
                new.writestr(*member)
    return stream.getvalue()


def _is_safetensors(content):
    return content[8:9] == b"{" and int.from_bytes(content[:8], "little") < len(content)


_FORMATS = (
    (lambda c: c[128:132] == b"DICM", _dicom),
    (lambda c: c.startswith(b'{"chain"'), _journal),
    (lambda c: c.lstrip()[:1] in (b"{", b"["), _json),
    (lambda c: c.startswith(b"\x1f\x8b"), _gzip),
    (lambda c: c.startswith(b"\x89PNG"), _png),
    (lambda c: c.startswith(b"NRRD"), _nrrd),
    (lambda c: c[:4] in (b"II*\0", b"MM\0*"), _tiff),
    (lambda c: c[257:262] == b"ustar", _tar),
    (lambda c: c.startswith(b"PK"), _zip),
    (_is_safetensors, _safetensors),
)
