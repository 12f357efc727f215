"""Images in, masks out, from the shell."""

import io
import json
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest
import tifffile
from PIL import Image
from slices import named_scan
from toys import ToyTracker

from napari_medfm import load_head, segmenters
from napari_medfm.core.errors import WriteFailed

pytestmark = pytest.mark.usefixtures("toy_models")


def dice(a, b):
    return 2 * (a & b).sum() / (a.sum() + b.sum())


def test_embed_keeps_what_it_computed(shell, disc_file, ball_file):
    code, output, _ = shell("embed", disc_file[0], ball_file[0])
    assert code == 0
    assert "1 plane" in output
    assert "12 planes" in output
    assert "2 of 2" in output
    code, output, _ = shell("embed", ball_file[0], "--planes", "2:4")
    assert code == 0
    assert "2 planes" in output


def test_embed_goes_on_after_a_bad_file(shell, disc_file, tmp_path):
    bad = tmp_path / "bad.tif"
    bad.write_bytes(b"II*\0garbage")
    code, output, errors = shell("embed", bad, disc_file[0])
    assert code == 1
    assert "1 of 2" in output
    assert errors.startswith(f"napari-medfm: {bad}: ")


def test_box_to_mask_file(shell, disc_file, tmp_path):
    image, truth = disc_file
    out, script = tmp_path / "out" / "mask.tif", tmp_path / "again.py"
    words = ["segment", image, "--box", "30,70,110,150", "--out", out]
    code, _, errors = shell(*words, "--script", script)
    assert (code, errors) == (0, "")
    assert dice(tifffile.imread(out) == 1, truth) > 0.9
    record = json.loads((tmp_path / "out" / "mask.tif.provenance.json").read_text())
    assert record["prompts"][0]["box"] == [30, 70, 110, 150]
    assert "s.segment('disc', box=(30.0, 70.0, 110.0, 150.0)" in script.read_text()
    compile(script.read_text(), "again.py", "exec")


def test_clicks_to_mask_file(shell, disc_file, tmp_path):
    image, truth = disc_file
    out = tmp_path / "mask.png"
    words = ["segment", image, "--point", "70,110", "--not-point", "10,10"]
    assert shell(*words, "--out", out)[0] == 0
    assert dice(np.asarray(Image.open(out)) == 1, truth) > 0.8


def test_a_lasso_a_stroke_and_a_mask(shell, disc_file, tmp_path):
    image, truth = disc_file
    lasso = ["segment", image, "--polygon", "30,70 30,150 110,150 110,70"]
    assert shell(*lasso, "--out", tmp_path / "lasso.tif")[0] == 0
    assert dice(tifffile.imread(tmp_path / "lasso.tif") == 1, truth) > 0.9
    stroke = ["segment", image, "--scribble", "70,95 70,110 70,125"]
    assert shell(*stroke, "--out", tmp_path / "stroke.tif")[0] == 0
    assert dice(tifffile.imread(tmp_path / "stroke.tif") == 1, truth) > 0.8
    half = np.where(np.arange(truth.shape[1]) < 110, truth, 0).astype(np.uint8)
    tifffile.imwrite(tmp_path / "half.tif", half)
    words = ["segment", image, "--mask", tmp_path / "half.tif", "--point", "70,120"]
    assert shell(*words, "--out", tmp_path / "whole.tif")[0] == 0
    whole = tifffile.imread(tmp_path / "whole.tif") == 1
    assert dice(whole, truth) > dice(half > 0, truth) + 0.1


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["--polygon", "1,1 2"], 2, "row,col"),
        (["--polygon", "1,1 5,5"], 1, "three or more corners"),
        (["--mask", "nothing.tif"], 1, "nothing.tif"),
        (["--all", "--scribble", "5,5 9,9"], 2, "--all takes --point"),
        (["--all", "--not-point", "5,5"], 2, "needs a --point"),
        (["--text", "cell"], 2, "--text goes with --all"),
        (["--all", "--text", "cell", "--point", "5,5"], 2, "as an example"),
        (["--head", "a.head.safetensors", "--box", "5,5,9,9"], 2, "goes with --all"),
        (["--all", "--head", "a.head.safetensors", "--point", "5,5"], 2, "no prompts"),
        (["--all", "--head", "none.head.safetensors"], 1, "none.head.safetensors"),
        (["--all", "--text", "cell"], 1, "neither words nor examples: use SAM 3"),
        ([], 2, "or --all"),
    ],
)
def test_prompts_that_say_nothing(shell, disc_file, tmp_path, words, code, says):
    given = ["segment", disc_file[0], *words, "--out", tmp_path / "mask.tif"]
    found, _, errors = shell(*given)
    assert found == code
    assert says in " ".join(errors.split())
    assert not (tmp_path / "mask.tif").exists()


def test_every_object_with_a_number(shell, tmp_path):
    grey = np.full((140, 140), 20, np.uint8)
    grey[20:50, 20:50] = grey[80:115, 70:110] = 220
    tifffile.imwrite(tmp_path / "two.tif", grey)
    words = ["segment", tmp_path / "two.tif", "--all", "--class-name", "cell"]
    code, output, errors = shell(*words, "--out", tmp_path / "cells.tif")
    assert (code, errors) == (0, "")
    assert "2 objects" in output
    numbers = tifffile.imread(tmp_path / "cells.tif")
    seen = {numbers[35, 35], numbers[95, 90]}
    assert seen == {1, 2}
    square = np.zeros(grey.shape, bool)
    square[20:50, 20:50] = True
    assert dice(numbers == numbers[35, 35], square) > 0.9
    record = json.loads((tmp_path / "cells.tif.provenance.json").read_text())
    assert record["models"][0]["name"] == "toy-segmenter"


def discs(path):
    """Write a picture of four bright discs and a grey one; return the places."""
    rows, cols = np.mgrid[:140, :200]
    grey = np.full((140, 200), 20, np.uint8)
    grey[(rows - 100) ** 2 + (cols - 150) ** 2 < 900] = 90
    places = [(30, 30), (30, 100), (30, 170), (100, 60)]
    for row, col in places:
        grey[(rows - row) ** 2 + (cols - col) ** 2 < 100] = 220
    tifffile.imwrite(path, grey)
    return places


@pytest.mark.parametrize(
    "shown", [["--point", "30,30"], ["--box", "20,20,41,41"]], ids=["point", "box"]
)
def test_all_like_one(shell, tmp_path, shown):
    places = discs(tmp_path / "discs.tif")
    words = ["segment", tmp_path / "discs.tif", "--all", *shown]
    code, output, errors = shell(*words, "--out", tmp_path / "found.tif")
    assert (code, errors) == (0, "")
    assert "objects" in output
    numbers = tifffile.imread(tmp_path / "found.tif")
    assert len({int(numbers[place]) for place in places} - {0}) == 4


def test_all_that_words_name(shell, toy_models, tmp_path, monkeypatch):
    from toys import ToyNamer

    namer = ToyNamer()
    namer.spec = replace(namer.spec, name="toy-segmenter")
    monkeypatch.setattr("napari_medfm.segmenters.load", lambda name, **_: namer)
    places = discs(tmp_path / "discs.tif")
    words = ["segment", tmp_path / "discs.tif", "--all", "--text"]
    code, output, errors = shell(*words, "bright", "--out", tmp_path / "found.tif")
    assert (code, errors) == (0, "")
    assert "4 objects" in output
    numbers = tifffile.imread(tmp_path / "found.tif")
    assert {int(numbers[place]) for place in places} == {1, 2, 3, 4}
    record = json.loads((tmp_path / "found.tif.provenance.json").read_text())
    assert "'bright' names" in json.dumps(record)
    grey = ["grey", "--box", "20,20,41,41", "--least", "0.7"]
    code, output, _ = shell(*words, *grey, "--out", tmp_path / "both.tif")
    assert code == 0
    assert "5 objects" in output
    assert ("grey", [True]) in namer.told


def test_all_that_a_head_finds(shell, tmp_path, disc, disc_file, head_file):
    words = ["segment", disc_file[0], "--all", "--head", head_file]
    words += ["--out", tmp_path / "found.tif", "--class-name"]
    code, output, errors = shell(*words, "lesion")
    assert (code, errors) == (0, "")
    assert "1 object," in output
    assert dice(tifffile.imread(tmp_path / "found.tif") == 1, disc[1]) > 0.9
    record = json.loads((tmp_path / "found.tif.provenance.json").read_text())
    assert {model["name"] for model in record["models"]} == {
        "toy-encoder",
        "toy-segmenter",
    }
    assert len(record["head"]["annotations"]) == 2
    code, _, errors = shell(*words, "tumour", "--overwrite")
    assert code == 2
    assert "finds lesion" in " ".join(errors.split())


def test_no_object_at_all(shell, tmp_path):
    tifffile.imwrite(tmp_path / "flat.tif", np.full((90, 90), 7, np.uint8))
    words = ["segment", tmp_path / "flat.tif", "--all", "--out", tmp_path / "o.tif"]
    code, _, errors = shell(*words)
    assert code == 1
    assert "nothing was found" in " ".join(errors.split())


def test_a_mask_that_no_outline_supports_is_said_to_be_one(
    shell, toy_models, tmp_path, monkeypatch
):
    import tifffile
    from toys import StubbornSegmenter

    from napari_medfm import segmenters

    monkeypatch.setattr(segmenters, "load", lambda name, **_: StubbornSegmenter())
    grey = np.zeros((120, 120), np.uint8)
    grey[50:71, 50:71] = 255
    grey[30:44, 30:44] = 128
    tifffile.imwrite(tmp_path / "two.tif", grey)
    code, output, errors = shell(
        *("segment", tmp_path / "two.tif", "--box", "28,28,92,92"),
        *("--point", "37,37", "--out", tmp_path / "mask.tif"),
    )
    assert code == 0
    assert "score 0.00" in output
    assert "No outline of the model holds every click" in errors
    mask = tifffile.imread(tmp_path / "mask.tif")
    assert mask[37, 37]
    assert not mask[60, 60]


def test_nothing_is_overwritten_unasked(shell, disc_file, tmp_path):
    out = tmp_path / "mask.tif"
    out.write_text("precious")
    words = ["segment", disc_file[0], "--point", "70,110", "--out", out]
    code, _, errors = shell(*words)
    assert code == 2
    assert "--overwrite" in errors
    assert out.read_text() == "precious"
    assert shell(*words, "--overwrite")[0] == 0
    assert tifffile.imread(out).any()


def test_through_a_volume(shell, ball_file, tmp_path):
    image, truth = ball_file
    out = tmp_path / "ball-mask.nii.gz"
    words = ["segment", image, "--plane", "6", "--box", "24,34,77,87", "--propagate"]
    code, _, errors = shell(*words, "--to", "3,9", "--out", out)
    assert (code, errors) == (0, "")
    written = nib.load(out)
    np.testing.assert_allclose(written.affine, nib.load(image).affine, atol=1e-6)
    mask = np.asarray(written.dataobj).T == 1
    assert dice(mask[6], truth[6]) > 0.9
    assert mask[5].any()
    assert not mask[:3].any()
    assert not mask[10:].any()


def test_across_another_axis(shell, ball_file, tmp_path):
    image, truth = ball_file
    at = int(truth.sum((0, 2)).argmax())
    rows, cols = np.nonzero(truth[:, at])
    box = f"{rows.min()},{cols.min()},{rows.max() + 1},{cols.max() + 1}"
    out = tmp_path / "plane.nii.gz"
    words = ["segment", image, "--axis", "1", "--plane", str(at), "--box", box]
    code, _, errors = shell(*words, "--out", out)
    assert (code, errors) == (0, "")
    mask = np.asarray(nib.load(out).dataobj).T == 1
    assert dice(mask[:, at], truth[:, at]) > 0.7
    assert mask.sum() == mask[:, at].sum()
    assert shell(*words, "--propagate", "--overwrite", "--out", out)[0] == 0
    assert dice(np.asarray(nib.load(out).dataobj).T == 1, truth) > 0.7


def test_through_a_volume_by_memory(shell, ball_file, tmp_path, monkeypatch):
    image, truth = ball_file
    words = ["segment", image, "--plane", "6", "--box", "24,34,77,87", "--propagate"]
    out, script = tmp_path / "ball.tif", tmp_path / "again.py"
    refused, _, errors = shell(*words, "--way", "memory", "--out", out)
    assert refused == 1
    assert "no memory" in errors
    assert "hand-over" in errors
    monkeypatch.setattr(segmenters, "load", lambda *_, **__: ToyTracker())
    words += ["--out", out, "--script", script]
    assert shell(*words, "--way", "memory")[0] == 0
    mask = tifffile.imread(out) == 1
    assert dice(mask, truth) > 0.95
    assert mask.any((1, 2)).tolist() == truth.any((1, 2)).tolist()
    assert "way='memory'" in script.read_text()
    beside = json.loads(next(tmp_path.glob("ball*.json")).read_text())
    assert '"way": "memory"' in json.dumps(beside)


def test_a_volume_needs_a_plane(shell, ball_file, tmp_path):
    words = ["segment", ball_file[0], "--point", "50,60", "--out", tmp_path / "m.tif"]
    code, _, errors = shell(*words)
    assert code == 1
    assert "plane" in errors


@pytest.mark.parametrize("suffix", ["nii.gz", "tif", "png"])
def test_apply(shell, head_file, disc_file, tmp_path, suffix):
    image, truth = disc_file
    out = tmp_path / "masks"
    words = ["apply", head_file, image, "--out", out, "--format", suffix]
    code, output, errors = shell(*words)
    assert (code, errors) == (0, "")
    assert "lesion" in output
    mask = out / f"disc.{suffix}"
    if suffix == "nii.gz":
        pixels = np.asarray(nib.load(mask).dataobj).squeeze().T
    else:
        pixels = np.asarray(Image.open(mask))
    assert dice(pixels == 1, truth) > 0.8
    record = json.loads((out / f"{mask.name}.provenance.json").read_text())
    assert record["head"]["encoder"]["name"] == "toy-encoder"


@pytest.fixture
def named(tmp_path):
    """A scan whose folder is named after its patient."""
    return named_scan(tmp_path / "in" / "Doe")


def test_apply_says_what_to_mind_before_and_needs_a_yes(
    shell, head_file, named, tmp_path
):
    out = tmp_path / "masks"
    code, output, errors = shell("apply", head_file, named, "--out", out)
    assert code == 2
    assert "the file name 'Doe.nii.gz' comes from the patient's name" in errors
    assert "add --yes to write all the same" in errors
    assert not output
    assert not out.exists()
    code, output, errors = shell("apply", head_file, named, "--out", out, "--yes")
    assert code == 0
    assert "patient's name" in errors
    assert (out / "Doe.nii.gz").exists()


@pytest.mark.parametrize(("answer", "code"), [("n", 1), ("", 1), ("y", 0)])
def test_apply_asks_where_somebody_is_there(
    shell, head_file, named, tmp_path, monkeypatch, answer, code
):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr("sys.stdin", Terminal(answer + "\n"))
    out = tmp_path / "masks"
    found, output, errors = shell("apply", head_file, named, "--out", out)
    assert found == code
    assert "Go on? [y/N]" in output
    assert out.exists() == (code == 0)
    assert ("Nothing was written" in errors) == (code == 1)


def test_apply_with_nothing_to_mind_asks_nothing(
    shell, head_file, disc_file, tmp_path, monkeypatch
):
    monkeypatch.setattr("napari_medfm.commands.say.agreed", None)
    out = tmp_path / "masks"
    code, _, errors = shell("apply", head_file, disc_file[0], "--out", out)
    assert (code, errors) == (0, "")


def test_apply_collects_errors_and_goes_on(shell, head_file, disc_file, tmp_path):
    bad, lost = tmp_path / "bad.nii.gz", tmp_path / "lost.tif"
    bad.write_bytes(b"not an image")
    out = tmp_path / "masks"
    code, output, errors = shell(
        "apply", head_file, bad, lost, disc_file[0], "--out", out
    )
    assert code == 1
    assert errors.count("\n") == 2
    assert output.count("failed") == 4
    assert "1 of 3" in output
    assert (out / "disc.nii.gz").is_file()


def test_apply_again_leaves_what_is_done(shell, head_file, disc_file, tmp_path):
    out = tmp_path / "masks"
    words = ["apply", head_file, disc_file[0], "--out", out, "--format", "tif"]
    shell(*words)
    mask = out / "disc.tif"
    before = mask.stat().st_mtime_ns
    code, output, _ = shell(*words)
    assert code == 0
    assert "there already" in output
    assert mask.stat().st_mtime_ns == before
    shell(*words, "--overwrite")
    assert mask.stat().st_mtime_ns > before


def test_apply_never_takes_a_mask_of_others_for_its_own(
    shell, head_file, disc_file, tmp_path
):
    out = tmp_path / "masks"
    out.mkdir()
    (out / "disc.tif").write_text("by hand")
    words = ["apply", head_file, disc_file[0], "--out", out, "--format", "tif"]
    code, _, errors = shell(*words)
    assert code == 1
    assert "not by this head" in errors
    assert (out / "disc.tif").read_text() == "by hand"


def test_apply_never_writes_over_the_image(shell, head_file, disc_file):
    image, _ = disc_file
    before = image.read_bytes()
    words = ["apply", head_file, image, "--out", image.parent, "--format", "tif"]
    code, _, errors = shell(*words, "--overwrite")
    assert code == 2
    assert "the image itself" in errors
    assert image.read_bytes() == before


def test_the_whole_tour(shell, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, output, errors = shell("demo", "--headless", "--out", "tour")
    assert (code, errors) == (0, "")
    folder = tmp_path / "tour"
    for name in (
        *("image.png", "similarity.tif", "mask.png", "mask.png.provenance.json"),
        *("prediction.png", "prediction.png.provenance.json", "contact-sheet.png"),
        *("pathology.head.safetensors", "script.py", "summary.json"),
    ):
        assert (folder / name).stat().st_size > 0, name
    summary = json.loads((folder / "summary.json").read_text())
    assert sorted(p.name for p in folder.iterdir()) == summary["files"]
    for step in summary["seconds"]:
        assert f" s  {step}" in output
    with Image.open(folder / "contact-sheet.png") as page:
        assert page.width > 1000


def test_the_tours_script_does_it_again(shell, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shell("demo", "--headless", "--out", "tour")
    folder = tmp_path / "tour"
    made = ["mask.png", "prediction.png", "pathology.head.safetensors"]
    before = {name: (folder / name).read_bytes() for name in made}
    for name in made:
        (folder / name).unlink()
    exec(compile((folder / "script.py").read_text(), "script.py", "exec"), {})  # noqa: S102
    assert {name: (folder / name).read_bytes() for name in made} == before


def test_apply_knows_finished_masks_by_what_they_hold(
    shell, head_file, disc_file, tmp_path
):
    import tifffile

    out = tmp_path / "masks"
    image, _ = disc_file
    words = ["apply", head_file, image, "--out", out, "--format", "tif"]
    shell(*words)
    mask = (out / "disc.tif").read_bytes()
    pixels = tifffile.imread(image)
    tifffile.imwrite(image, pixels[::-1])
    code, _, errors = shell(*words)
    assert code == 1
    assert "other pixels" in errors
    tifffile.imwrite(image, pixels)
    assert shell(*words)[0] == 0
    (out / "disc.tif").write_bytes(mask + b"x")
    code, _, errors = shell(*words)
    assert code == 1
    assert "was changed since" in errors
    assert (out / "disc.tif").read_bytes() == mask + b"x"


def test_apply_looks_through_folders_and_sums_up(
    shell, head_file, disc_file, ball_file, tmp_path
):
    import csv
    import shutil

    folder = disc_file[0].parent
    (folder / "deep" / "er").mkdir(parents=True)
    shutil.copy(disc_file[0], folder / "deep" / "er" / "disc.tif")
    (folder / "notes.txt").write_text("no image")
    (folder / ".hidden.tif").write_text("no image")
    (folder / "link").symlink_to(folder)
    (folder / "bad.nii.gz").write_bytes(b"not an image")
    out = tmp_path / "masks"
    words = ["apply", head_file, folder, "--out", out, "--format", "nii.gz"]
    code, output, _ = shell(*words)
    assert code == 1
    assert "3 of 4" in output
    for name in ("disc", "ball", "deep/er/disc"):
        assert (out / f"{name}.nii.gz").is_file()
    with (out / "apply-summary.csv").open() as file:
        rows = {
            row["image"].removeprefix(f"{folder}/"): row for row in csv.DictReader(file)
        }
    assert {name: row["result"] for name, row in rows.items()} == {
        "bad.nii.gz": "failed",
        "ball.nii.gz": "written",
        "deep/er/disc.tif": "written",
        "disc.tif": "written",
    }
    assert "bad.nii.gz" in rows["bad.nii.gz"]["error"]
    assert rows["disc.tif"]["mask"] == str(out / "disc.nii.gz")
    code, output, _ = shell(*words)
    assert output.count("there already") == 6
    (out / "apply-summary.csv").write_text("mine")
    assert shell(*words)[0] == 2
    assert (out / "apply-summary.csv").read_text() == "mine"


def test_apply_to_a_folder_without_images(shell, head_file, tmp_path):
    (tmp_path / "empty").mkdir()
    code, _, errors = shell(
        "apply", head_file, tmp_path / "empty", "--out", tmp_path / "o"
    )
    assert code == 2
    assert "no image" in errors


def test_apply_refines_and_moves_thresholds(shell, head_file, disc_file, tmp_path):
    image, _ = disc_file
    name = next(c.name for c in load_head(head_file).classes if c.value)
    words = ["apply", head_file, image, "--format", "tif"]
    sizes = {}
    for case, more in {
        "plain": [],
        "clean": ["--refine", "clean"],
        "sure": ["--threshold", f"{name}=0.95"],
    }.items():
        out = tmp_path / case
        assert shell(*words, "--out", out, *more)[0] == 0
        assert shell(*words, "--out", out, *more)[1].count("there already") == 2
        mask = tifffile.imread(out / "disc.tif") > 0
        sizes[case] = mask.sum()
        told = json.loads((out / "disc.tif.provenance.json").read_text())
        (region,) = told["content"]["regions"]
        assert region.get("refined", "not") in {case, "not"}
    assert sizes["sure"] < sizes["plain"]
    code, _, errors = shell(*words, "--out", tmp_path / "plain", "--refine", "clean")
    assert code == 1
    assert "refined otherwise" in errors


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        (["--threshold", "nothing=0.5"], "knows no 'nothing'"),
        (["--threshold", "half"], "not CLASS=SHARE"),
        (["--threshold", "lesion=1.5"], "not CLASS=SHARE"),
        (["--refine", "magic"], "invalid choice"),
    ],
)
def test_apply_refuses_other_wishes(shell, head_file, disc_file, tmp_path, wish, words):
    code, _, errors = shell("apply", head_file, disc_file[0], "--out", tmp_path, *wish)
    assert code == 2
    assert words in errors


def test_what_to_mind_is_said_before_a_mask_is_written(
    shell, named, tmp_path, monkeypatch
):
    from napari_medfm.verbs import exporting

    def full(*_):
        raise WriteFailed("No space left")

    monkeypatch.setattr(exporting, "export_labels", full)
    out = tmp_path / "Doe.nii.gz"
    code, _, errors = shell("segment", named, "--box", "4,4,30,30", "--out", out)
    assert code == 1
    assert errors.index("patient's name") < errors.index("No space left")
