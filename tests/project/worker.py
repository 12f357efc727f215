"""Labels, saves and exports for ever; killed from outside. Says each stroke it made."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
from toys import ToyEncoder, ToySegmenter

from napari_medfm import Session


def main(folder):
    rng = np.random.default_rng()
    session = Session(ToyEncoder(), ToySegmenter(), cache_dir=folder / "cache")
    image = rng.random((56, 70)).astype(np.float32)
    session.add_image(image, name="x")
    session.add_class("a")
    session.save(folder / "case.medfm")
    mark = np.zeros(image.shape, bool)
    for number in range(10_000):
        place = tuple(int(n) for n in rng.integers(0, (56, 70)))
        session.annotate("x", "a" if number % 2 else "background", points=[place])
        print(number + 1, flush=True)  # noqa: T201
        if number % 5 == 1:
            session.fit("ridge")
        mark[place] = True
        session.accept("x", mark, "a")
        if number % 4 == 3:
            session.save()
        if number % 3 == 2:
            session.export_masks("x", folder / "mask.tif")
            session.export_table(folder / "table.csv")
            if session.head is not None:
                session.export_head(folder / "a.head.safetensors")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
