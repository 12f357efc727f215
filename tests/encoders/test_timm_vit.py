from dataclasses import replace

import numpy as np
import pytest

from napari_medfm import encoders
from napari_medfm.core.errors import BadFile, BadInput
from napari_medfm.encoders._network import Weights
from napari_medfm.encoders._timm import Timm

SMALL = {"depth": 3, "embed_dim": 48, "num_heads": 3}
PICTURES = np.random.default_rng(0).random((2, 42, 70, 3), dtype=np.float32)


@pytest.fixture
def tiny():
    """A DINOv2 of three thin blocks: its SPEC, its family, its network."""
    import timm
    import torch

    options = {"img_size": 70, **SMALL}
    family = Timm("vit_small_patch14_dinov2", options)
    spec = replace(
        encoders.spec_of("dinov2-small"), dim=48, blocks=(0, 2), input_size=70
    )
    torch.manual_seed(0)
    network = timm.create_model(
        family.architecture, num_classes=0, dynamic_img_size=True, **options
    )
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return spec, family, network.eval()


def saved(network, path):
    from safetensors.torch import save_file

    save_file({k: v.contiguous() for k, v in network.state_dict().items()}, path)
    return path


def loaded(tiny, path):
    spec, family, _ = tiny
    return family.load(spec, Weights(family.tensors(path), "hash", path.parent), "cpu")


def reference(spec, network, pictures):
    """The tokens through timm's own call, one layer after another."""
    import torch

    mean, std = (
        torch.tensor(values)[:, None, None] for values in (spec.mean, spec.std)
    )
    inputs = (torch.from_numpy(pictures).permute(0, 3, 1, 2) - mean) / std
    with torch.no_grad():
        layers = network.get_intermediate_layers(
            inputs, n=list(spec.blocks), reshape=True, norm=True
        )
    return np.stack([layer.permute(0, 2, 3, 1).numpy() for layer in layers], axis=-2)


def test_tokens_equal_timms_own(tiny, tmp_path):
    spec, _, network = tiny
    encoder = loaded(tiny, saved(network, tmp_path / "w.safetensors"))
    tokens = encoder.encode(PICTURES)
    assert tokens.shape == (2, 3, 5, 2, 48)
    assert tokens.dtype == np.float32
    np.testing.assert_allclose(tokens, reference(spec, network, PICTURES), atol=1e-5)


def test_the_last_layer_is_the_encoders_output(tiny, tmp_path):
    import torch

    spec, _, network = tiny
    encoder = loaded(tiny, saved(network, tmp_path / "w.safetensors"))
    mean, std = (np.array(values, np.float32) for values in (spec.mean, spec.std))
    inputs = torch.from_numpy((PICTURES - mean) / std).permute(0, 3, 1, 2)
    with torch.no_grad():
        output = network.forward_features(inputs)[:, 1:].reshape(2, 3, 5, 48)
    tokens = encoder.encode(PICTURES)[..., -1, :]
    np.testing.assert_allclose(tokens, output.numpy(), atol=1e-5)


def transformers_names(network):
    """The same weights under the names of ``transformers``' DINOv2."""
    import torch

    pairs = {
        "cls_token": "embeddings.cls_token",
        "pos_embed": "embeddings.position_embeddings",
        "patch_embed.proj.weight": "embeddings.patch_embeddings.projection.weight",
        "patch_embed.proj.bias": "embeddings.patch_embeddings.projection.bias",
        "norm.weight": "layernorm.weight",
        "norm.bias": "layernorm.bias",
    }
    found = {"embeddings.mask_token": torch.zeros(1, 48)}
    for name, tensor in network.state_dict().items():
        if name in pairs:
            found[pairs[name]] = tensor
            continue
        _, number, part = name.split(".", 2)
        base = f"encoder.layer.{number}."
        if part.startswith("attn.qkv"):
            kind = part.rsplit(".", 1)[1]
            thirds = tensor.chunk(3)
            for third, which in zip(thirds, ("query", "key", "value"), strict=True):
                found[f"{base}attention.attention.{which}.{kind}"] = third.clone()
            continue
        part = part.replace("attn.proj", "attention.output.dense")
        part = part.replace("ls1.gamma", "layer_scale1.lambda1")
        found[base + part.replace("ls2.gamma", "layer_scale2.lambda1")] = tensor
    return found


@pytest.mark.parametrize("layout", ["safetensors", "torch", "meta", "transformers"])
def test_the_same_tokens_from_every_layout(tiny, tmp_path, layout):
    import torch
    from safetensors.torch import save_file

    spec, _, network = tiny
    path = tmp_path / "w.pth"
    own = network.state_dict()
    if layout == "safetensors":
        path = saved(network, tmp_path / "w.safetensors")
    elif layout == "torch":
        torch.save(own, path)
    elif layout == "meta":
        wrapped = {f"backbone.{name}": tensor for name, tensor in own.items()}
        wrapped |= {"backbone.mask_token": torch.zeros(1, 48)}
        torch.save({"teacher": wrapped, "iteration": 5}, path)
    else:
        path = tmp_path / "w.safetensors"
        save_file(transformers_names(network), path)
    tokens = loaded(tiny, path).encode(PICTURES)
    np.testing.assert_allclose(tokens, reference(spec, network, PICTURES), atol=1e-5)


def test_half_precision_weights_are_widened(tiny, tmp_path):
    _, family, network = tiny
    path = saved(network.half(), tmp_path / "w.safetensors")
    assert {str(t.dtype) for t in family.tensors(path).values()} == {"torch.float32"}


@pytest.mark.parametrize("fault", ["missing", "unknown", "reshaped"])
def test_weights_of_another_network_are_refused(tiny, tmp_path, fault):
    from safetensors.torch import save_file

    _, family, network = tiny
    tensors = {k: v.contiguous() for k, v in network.state_dict().items()}
    if fault == "missing":
        del tensors["blocks.1.mlp.fc1.weight"]
        said = r"1 tensors are missing \(blocks\.1\.mlp\.fc1\.weight"
    elif fault == "unknown":
        tensors["blocks.9.extra"] = tensors["norm.weight"].clone()
        said = r"1 are not known \(blocks\.9\.extra"
    else:
        tensors["norm.weight"] = tensors["norm.weight"][:7].clone()
        said = r"norm\.weight is \(7,\), not \(48,\)"
    path = tmp_path / "w.safetensors"
    save_file(tensors, path)
    with pytest.raises(BadFile, match=said):
        family.tensors(path)


def test_damaged_onnx_is_refused(tiny, tmp_path):
    path = tmp_path / "w.onnx"
    for content in (b"", b"\x00\xff" * 50, b"hello"):
        path.write_bytes(content)
        with pytest.raises(BadFile):
            tiny[1].tensors(path)


def test_onnx_that_points_to_other_files_is_refused(tiny, tmp_path):
    import onnx

    weight = onnx.TensorProto(name="backbone.w", data_type=1, dims=[1])
    weight.data_location = onnx.TensorProto.EXTERNAL
    weight.external_data.add(key="location", value="/etc/passwd")
    value = onnx.helper.make_tensor_value_info("x", 1, [1])
    node = onnx.helper.make_node("Add", ["x", "backbone.w"], ["y"])
    graph = onnx.helper.make_graph([node], "g", [value], [value], [weight])
    path = tmp_path / "w.onnx"
    path.write_bytes(onnx.helper.make_model(graph).SerializeToString())
    with pytest.raises(BadFile, match="other files"):
        tiny[1].tensors(path)


@pytest.mark.parametrize("device", ["gpu9", "cuda:99x", "tpu"])
def test_a_device_that_is_not_there_is_named(tiny, tmp_path, device):
    spec, family, network = tiny
    tensors = family.tensors(saved(network, tmp_path / "w.safetensors"))
    with pytest.raises(BadInput, match=f"no device '{device}'.*use .*cpu"):
        family.load(spec, Weights(tensors, "hash", tmp_path), device)


@pytest.mark.parametrize("name", ["dinov2-base", "uni"])
def test_an_encoder_loads_from_a_file_of_ones_own(name, tmp_path, monkeypatch):
    import torch

    entry = encoders._catalogue()[name]
    spec, family = entry.network.reduced(entry.spec)
    monkeypatch.setattr(encoders, "_entry", lambda *_: entry._replace(**small))
    small = {"spec": spec, "network": family}
    network = family.build()
    file = tmp_path / "pytorch_model.bin"
    torch.save(network.state_dict(), file)
    named = encoders.load(spec.name, weights=file, device="cpu")
    imported = encoders.import_file(spec.name, file, cache_dir=tmp_path / "cache")
    cached = encoders.load(spec.name, cache_dir=tmp_path / "cache", device="cpu")
    assert imported.name == "model.safetensors"
    assert named.weights_hash == cached.weights_hash
    size = 3 * spec.patch
    picture = PICTURES[:1, :, :42]
    picture = np.resize(picture, (1, size, size, 3)).astype(np.float32)
    tokens = named.encode(picture)
    assert tokens.shape == (1, 3, 3, 2, 96)
    assert (tokens == cached.encode(picture)).all()
