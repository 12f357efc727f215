"""Open files that others made, and say what became of each.

``python benchmarks/open_files.py [FOLDER ...]``: pydicom's and nibabel's own test
files, and every file in the folders given.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from napari_medfm.core.errors import BadFile, BadInput
from napari_medfm.readers import read_image, suffixes

_SKIPPED = (".md", ".json", ".txt", ".csv", ".py", ".pyc", ".tab", ".yaml", ".gii")


def bundled() -> Iterator[tuple[str, Path]]:
    """Yield the test files that pydicom and nibabel install."""
    import nibabel as nib
    import pydicom

    for path in sorted((Path(pydicom.__file__).parent / "data/test_files").rglob("*")):
        if path.is_file() and path.suffix in ("", ".dcm"):
            yield "pydicom", path
    folder = Path(nib.__file__).parent
    for place in (folder / "tests" / "data", folder / "nicom" / "tests" / "data"):
        for path in sorted(place.rglob("*")):
            if path.is_file() and path.name.lower().endswith(suffixes()):
                yield "nibabel", path


def given(folders: list[str]) -> Iterator[tuple[str, Path]]:
    """Yield every file of the folders; a folder of .dcm files as one."""
    for folder in map(Path, folders):
        for path in sorted(folder.rglob("*")):
            series = path.is_dir() and len(list(path.glob("*.dcm"))) > 1
            alone = path.is_file() and len(list(path.parent.glob("*.dcm"))) < 2
            if series or (alone and not path.name.endswith(_SKIPPED)):
                yield folder.name, path


def opened(path: Path) -> tuple[str, str]:
    """Return "opened", "refused" or "FAILED", and how it looks or why."""
    try:
        loaded = read_image(path)
        np.asarray(loaded.data[0])
        spacing = loaded.spacing and tuple(round(v, 4) for v in loaded.spacing)
        levels = f", {len(loaded.levels) + 1} levels" if loaded.levels else ""
        shape = "x".join(map(str, loaded.data.shape))
        return "opened", f"{shape} {loaded.data.dtype}, {spacing}{levels}"
    except (BadFile, BadInput) as error:
        return "refused", str(error).replace(str(path.parent), "").replace("|", "/")
    except Exception as error:  # noqa: BLE001  what must not happen
        return "FAILED", f"{type(error).__name__}: {error}"


def main() -> None:
    warnings.simplefilter("ignore")
    counts: dict[tuple[str, str], int] = {}
    rows = []
    for source, path in (*bundled(), *given(sys.argv[1:])):
        result, what = opened(path)
        counts[source, result] = counts.get((source, result), 0) + 1
        rows.append(
            f"| {source} | {path.parent.name}/{path.name} | {result} | {what} |"
        )
    print("# Files of others\n\nWritten by `open_files.py`.\n")
    print("| source | result | files |\n|---|---|---|")
    for (source, result), count in sorted(counts.items()):
        print(f"| {source} | {result} | {count} |")
    print("\n| source | file | result | shape, type, spacing; or why not |")
    print("|---|---|---|---|")
    print("\n".join(rows))


if __name__ == "__main__":
    main()
