"""The batch in a real window, with real threads."""

from dataclasses import replace

import tifffile
from qtpy.QtWidgets import QComboBox, QFileDialog, QLabel, QTableWidget
from toys import ToyEncoder

from napari_medfm.bridge import batch
from napari_medfm.commands.inputs import inputs_of


def taught(window, disc, encoder=None):
    one = window(disc[0], encoder=encoder)
    session = one.desk.session
    one.desk.live.automatic = False
    one.desk.add_class("lesion")
    session.annotate("ct", "lesion", points=[(70, 110), (60, 100)])
    session.annotate("ct", "background", points=[(10, 10), (150, 20)])
    session.fit("ridge")
    one.rest()
    return one


def test_start_stop_and_go_on(window, disc, tmp_path, monkeypatch, heartbeat):
    folder = tmp_path / "images"
    folder.mkdir()
    for number in range(6):
        tifffile.imwrite(folder / f"{number}.tif", disc[0] + number)
    (folder / "bad.tif").write_bytes(b"II*\0 no picture")
    encoder = ToyEncoder()
    one = taught(window, disc, encoder)
    encoder.delay = 0.4
    one.open("Batch")
    chosen = [str(folder), str(tmp_path / "masks")]
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: chosen.pop(0))
    one.press("Add folder")
    table = one.widget.panels["Batch"].findChild(QTableWidget)
    one.until(lambda: table.rowCount() == 7)
    one.press("Choose a folder")
    kind = one.widget.panels["Batch"].findChildren(QComboBox)[1]
    kind.setCurrentText("tif")
    kind.textActivated.emit("tif")
    one.qtbot.wait(50)
    heartbeat.start()
    one.press("Start")

    def state(row):
        return table.item(row, 1).text()

    one.until(lambda: state(0) == "written", timeout=30_000)
    one.press("Stop")
    longest = heartbeat.stop()
    assert longest < 0.4
    one.rest()
    one.qtbot.wait(1000)
    waiting = sum(state(row) == "waiting" for row in range(7))
    assert waiting >= 4
    encoder.delay = 0.0
    one.press("Start")
    one.until(lambda: not one.desk.batch.running, timeout=60_000)
    one.qtbot.wait(50)
    found = [state(row) for row in range(7)]
    assert found[0] == "there already"
    assert found.count("⚠ failed") == 1
    assert "waiting" not in found
    assert len(list((tmp_path / "masks").glob("*.tif"))) == 6
    bad = found.index("⚠ failed")
    assert "bad.tif" in table.item(bad, 1).toolTip()
    texts = [x.text() for x in one.widget.panels["Batch"].findChildren(QLabel)]
    assert any(text.startswith("bad.tif: ") for text in texts)


def test_what_to_mind_is_agreed_to_before_the_batch(
    window, disc, tmp_path, monkeypatch
):
    tifffile.imwrite(tmp_path / "a.tif", disc[0])
    encoder = ToyEncoder()
    encoder.spec = replace(encoder.spec, commercial=False)
    one = taught(window, disc, encoder)
    one.open("Batch")
    out = tmp_path / "masks"
    one.desk.batch.add([tmp_path / "a.tif"])
    one.desk.batch.change(out=out, suffix="tif")
    one.rest()
    one.press("Start")
    mind = one.widget.panels["Batch"]._mind
    one.until(mind.isVisible)
    assert "non-commercial" in mind._text.text()
    one.press("Cancel")
    one.until(lambda: not mind.isVisible())
    assert not out.exists()
    one.press("Start")
    one.until(mind.isVisible)
    one.qtbot.wait(200)
    one.press("Write anyway")
    one.until((out / "a.tif").exists, timeout=30_000)
    one.until(lambda: not one.desk.batch.running)


def test_images_that_come_while_it_looks_are_looked_at_too(
    window, disc, tmp_path, monkeypatch
):
    for name in "ab":
        tifffile.imwrite(tmp_path / f"{name}.tif", disc[0])
    one = taught(window, disc)
    run, looked, real = one.desk.batch, [], batch.to_mind
    first, second = inputs_of([tmp_path / "a.tif", tmp_path / "b.tif"])

    def to_mind(model, pairs, out):
        looked.append(len(pairs))
        return real(model, pairs, out)

    monkeypatch.setattr(batch, "to_mind", to_mind)
    run.inputs = (first,)
    run.change(out=tmp_path / "masks", suffix="tif")
    run.start()
    run.inputs = (first, second)
    one.until(lambda: not run.running and len(looked) > 1, timeout=30_000)
    assert looked == [1, 2]
