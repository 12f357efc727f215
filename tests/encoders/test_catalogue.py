import subprocess
import sys

import pytest

from napari_medfm import encoders
from napari_medfm.core.errors import BadInput, MissingWeights
from napari_medfm.core.specs import EncoderSpec

SPECS = {spec.name: spec for spec in encoders.specs()}
NAMES = list(SPECS)
LOADABLE = [name for name, spec in SPECS.items() if not spec.absent]
FAMILIES = {
    "pathology": (
        "ctranspath remedis hipt-256 lunit-dino-s8 phikon phikon-v2 virchow virchow2 "
        "uni uni2-h rudolfv rudolfv-2 pluto hibou-b hibou-l h-optimus-0 h-optimus-1 "
        "h0-mini kaiko-l14 midnight-12k openmidnight gpfm beph gigapath atlas "
        "pathoduet-he sp22m sp85m mstar pathorchestra path-foundation genbio-pathfm "
        "gigapath-slide chief prism titan madeleine tangle giga-ssl feather threads "
        "plip quiltnet-b32 quiltnet-b16-pmb conch conch-v1.5 musk keep pathclip "
        "cpath-clip pathchat omiclip"
    ),
    "radiology": (
        "rad-dino rad-dino-maira-2 chexzero gloria convirt biovil biovil-t medclip "
        "biomedclip pubmedclip medsiglip cxr-foundation eva-x-tiny eva-x-base ark "
        "raydino medimageinsight radfm m3d-clip ct-clip merlin ct-fm fmcib brainiac "
        "models-genesis swinunetr-ssl voco-b voco-h suprem-swinunetr stu-net medvae "
        "tap-ct nnfoundation-cnn neurovfm vista3d medsam-encoder"
    ),
    "ophthalmology": (
        "retfound-cfp retfound-oct retfound-dinov2-meh retfound-green flair "
        "visionfm-fundus visionfm-oct eyefound eyeclip mirage-base octcube keepfit "
        "urfound deretfound"
    ),
    "general": (
        "dinov2-small dinov2-giant dinov2-large-reg dinov3-small dinov3-huge-plus "
        "clip-base-32 siglip2-base sam-encoder"
    ),
}


def test_no_family_of_the_field_is_missing():
    for domain, names in FAMILIES.items():
        found = {name for name, spec in SPECS.items() if spec.domain == domain}
        assert set(names.split()) <= found
    assert len(LOADABLE) >= 50
    assert sorted(NAMES) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_spec_says_what_a_user_must_know(name):
    spec = SPECS[name]
    assert isinstance(spec, EncoderSpec)
    assert spec.licence
    assert spec.architecture
    assert "not a medical device" in spec.intended_use
    assert list(spec.blocks) == sorted(spec.blocks)
    assert all(source.sha256 for source in spec.sources if source.kind == "wheel")
    assert all(source.size > 1e6 for source in spec.sources)
    assert not spec.page or spec.page.startswith("https://")
    if spec.gated or spec.sources or not spec.absent:
        assert spec.page


@pytest.mark.parametrize("name", LOADABLE)
def test_what_can_be_loaded_is_described_in_full(name):
    spec = SPECS[name]
    assert spec.patch
    assert spec.dim
    assert spec.blocks
    assert spec.parameters
    assert spec.input_size % spec.patch == 0
    assert spec.notes or spec.verified
    assert bool(spec.joint) == (spec.task == "text")
    assert all("{}" in template for template in spec.templates)
    assert bool(spec.templates) == bool(spec.joint)
    assert bool(spec.intensity) == (spec.dimension == 3)


@pytest.mark.parametrize("name", sorted(set(NAMES) - set(LOADABLE)))
def test_what_cannot_be_loaded_says_why(name, tmp_path):
    why = r"cannot be loaded here: .{15}"
    with pytest.raises(MissingWeights, match=why):
        encoders.load(name)
    with pytest.raises(MissingWeights, match=why):
        next(encoders.fetch(name))
    with pytest.raises(MissingWeights, match=why):
        encoders.import_file(name, tmp_path)


@pytest.mark.parametrize(
    ("wrong", "near"), [("dinov2", "dinov2-"), ("UNI2", "uni2"), ("zzz", "dinov2")]
)
def test_an_unknown_name_lists_near_ones(wrong, near):
    for ask in (encoders.spec_of, encoders.load, encoders.is_installed):
        with pytest.raises(BadInput, match=near):
            ask(wrong)


def test_a_volume_encoder_is_no_plane_encoder():
    with pytest.raises(BadInput, match="load_volume"):
        encoders.load("ct-fm")
    with pytest.raises(BadInput, match="reads planes"):
        encoders.load_volume("uni")


@pytest.mark.parametrize("name", ["dinov2-small", "uni", "biomedclip", "flair"])
def test_without_weights_nothing_is_downloaded(name, tmp_path, monkeypatch):
    def forbidden(*_, **__):
        raise AssertionError("load started a download")

    monkeypatch.setattr("urllib.request.OpenerDirector.open", forbidden)
    monkeypatch.setattr("subprocess.Popen.__init__", forbidden)
    assert not encoders.is_installed(name, tmp_path)
    with pytest.raises(MissingWeights, match=f"models fetch {name}"):
        encoders.load(name, cache_dir=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_reading_the_catalogue_imports_nothing_heavy():
    code = (
        "import sys; from napari_medfm import encoders; encoders.specs();"
        "heavy = {'torch', 'timm', 'onnx', 'zarr', 'scipy', 'huggingface_hub',"
        "'transformers', 'open_clip', 'monai', 'onnxruntime'};"
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603
    assert done.returncode == 0, done.stderr


class FakePoint:
    value = "elsewhere"

    def __init__(self, page):
        self.page = page

    def load(self):
        if self.page is None:
            raise ImportError("broken")
        return self.page


def test_an_installed_package_adds_encoders(monkeypatch):
    from dataclasses import replace
    from types import SimpleNamespace

    entry = encoders._catalogue()["uni"]
    added = entry._replace(spec=replace(entry.spec, name="elsewhere-1"))
    taken = entry._replace(spec=replace(entry.spec, title="not UNI"))
    points = [FakePoint(SimpleNamespace(ENTRIES=(added, taken))), FakePoint(None)]
    monkeypatch.setattr(encoders, "entry_points", lambda group: points)
    encoders._catalogue.cache_clear()
    try:
        with pytest.warns(UserWarning, match="left out: broken"):
            names = [spec.name for spec in encoders.specs()]
        assert "elsewhere-1" in names
        assert encoders.spec_of("uni").title == "UNI"
    finally:
        encoders._catalogue.cache_clear()
