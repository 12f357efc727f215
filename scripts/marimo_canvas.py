"""The canvas in a marimo app, for `drive_notebook.mjs`.

marimo run scripts/marimo_canvas.py --headless --no-token --port 2718
node scripts/drive_notebook.mjs http://127.0.0.1:2718 OUT_FOLDER marimo
"""

import marimo

app = marimo.App(width="full")


@app.cell
def open_sample() -> tuple[object]:
    from napari_medfm import Session
    from napari_medfm.notebook import Annotator
    from napari_medfm.sample_data import load

    session = Session()
    session.add_image(load("pathology").data, name="tissue")
    canvas = Annotator(session)
    return (canvas,)


@app.cell
def show(canvas: object) -> None:
    canvas  # noqa: B018  what a cell shows is its last line


if __name__ == "__main__":
    app.run()
