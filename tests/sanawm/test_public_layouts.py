"""One random model in every public layout: each must load to the very same network."""

import json
import os
import pickle
import re
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file, save_file
from test_weights import CARD, CONFIG, assert_same_weights

from sanawm.checkpoints import CONFIG_FILE, SHARDS_FILE, WEIGHTS_FILE
from sanawm.config import TransformerConfig
from sanawm.errors import ModelFilesMissingError
from sanawm.training_checkpoint import convert_checkpoint
from sanawm.transformer import SanaWMTransformer
from sanawm.weights import load_transformer


@pytest.fixture
def transformer():
    transformer = SanaWMTransformer(CONFIG)
    transformer.init_weights(torch.Generator().manual_seed(0))
    return transformer


def original(transformer):
    """Its weights as NVIDIA's own code names them, with the two tensors that nothing uses."""
    weights = {
        re.sub(
            r"^t_embedder\.linear_([12])\.", lambda m: f"t_embedder.mlp.{2 * int(m[1]) - 2}.", name
        ): x
        for name, x in transformer.state_dict().items()
    }
    return weights | {
        "pos_embed": torch.zeros(1, 9, 16),
        "y_embedder.y_embedding": torch.ones(3, 6),
    }


def part_of(folder, name):
    part = folder / name
    part.mkdir()
    (part / CONFIG_FILE).write_text(json.dumps(CONFIG.to_diffusers()))
    return part


def write_diffusers(folder, transformer):
    save_file(transformer.state_dict(), part_of(folder, "transformer") / WEIGHTS_FILE)


def write_shards(folder, transformer):
    part, weights, weight_map = part_of(folder, "transformer"), transformer.state_dict(), {}
    for number in (1, 2):
        file = f"diffusion_pytorch_model-0000{number}-of-00002.safetensors"
        names = sorted(weights)[number - 1 :: 2]
        save_file({name: weights[name] for name in names}, part / file)
        weight_map |= dict.fromkeys(names, file)
    index = {"metadata": {"total_size": 1}, "weight_map": weight_map}
    (part / SHARDS_FILE).write_text(json.dumps(index))


def write_original(folder, transformer):
    save_file(original(transformer), part_of(folder, "dit") / "SANA_WM_2600M.safetensors")


def write_streaming(folder, transformer, **beside):
    generator = {f"model.{name}": x for name, x in original(transformer).items()}
    file = part_of(folder, "sana_dit") / "model.pt"
    torch.save({"generator": generator, **beside}, file)
    return file


LAYOUTS = [write_diffusers, write_shards, write_original, write_streaming]


@pytest.mark.parametrize("write", LAYOUTS, ids=lambda write: write.__name__[6:])
def test_every_layout_is_the_same_network(tmp_path, transformer, write):
    write(tmp_path, transformer)
    loaded = load_transformer(tmp_path, CARD)
    assert loaded.config == CONFIG
    assert_same_weights(loaded, transformer)


def test_a_training_checkpoint_is_converted_once_and_its_rest_left_out(tmp_path, transformer):
    critic = {"critic": {"w": torch.ones(50)}, "optimizer": {"step": 3, "lr": [0.1]}}
    file = write_streaming(tmp_path, transformer, **critic)
    converted = convert_checkpoint(file)
    assert set(load_file(converted)) == set(original(transformer))
    file.unlink()  # from now on the converted file is what is read
    assert_same_weights(load_transformer(tmp_path, CARD), transformer)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
def test_conversion_keeps_every_bit(tmp_path, transformer, dtype):
    file = write_streaming(tmp_path, transformer.to(dtype))
    for name, tensor in load_file(convert_checkpoint(file)).items():
        if name in transformer.state_dict():
            assert torch.equal(tensor, transformer.state_dict()[name])


def test_conversion_keeps_single_numbers_and_strided_tensors(tmp_path):
    file, strided = tmp_path / "model.pt", torch.arange(12.0).view(3, 4).T
    torch.save({"generator": {"one": torch.tensor(3.5), "strided": strided}}, file)
    found = load_file(convert_checkpoint(file))
    assert (found["one"].item(), found["one"].shape) == (3.5, ())
    assert torch.equal(found["strided"], strided)


def test_a_half_written_conversion_is_never_seen(tmp_path, transformer, monkeypatch):
    file = write_streaming(tmp_path, transformer)

    def cut(*_):
        raise OSError("the disk is gone")

    monkeypatch.setattr("sanawm.training_checkpoint._write_safetensors", cut)
    with pytest.raises(OSError, match="gone"):
        convert_checkpoint(file)
    assert sorted(path.name for path in file.parent.iterdir()) == ["config.json", "model.pt"]


class Harmful:
    def __reduce__(self):
        return os.system, ("touch harmed",)


def test_a_checkpoint_with_code_in_it_is_refused_and_not_run(tmp_path, transformer, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_streaming(tmp_path, transformer, extra=Harmful())
    with pytest.raises(ModelFilesMissingError, match="holds more than numbers"):
        load_transformer(tmp_path, CARD)
    (tmp_path / "sana_dit" / "model.pt").write_bytes(pickle.dumps(Harmful()))
    with pytest.raises(ModelFilesMissingError):
        load_transformer(tmp_path, CARD)
    assert not (tmp_path / "harmed").exists()


@pytest.mark.parametrize("keep", [0, 10, 0.5, 0.98])
def test_a_checkpoint_that_was_not_copied_whole_is_refused(tmp_path, transformer, keep):
    file = write_streaming(tmp_path, transformer)
    content = file.read_bytes()
    file.write_bytes(content[: int(keep * len(content)) if keep < 1 else keep])
    with pytest.raises(ModelFilesMissingError, match=r"model\.pt"):
        load_transformer(tmp_path, CARD)


def test_a_checkpoint_of_something_else_is_refused(tmp_path, transformer):
    file = write_streaming(tmp_path, transformer)
    number = torch.ones(1)
    for other in (
        {"step": 7},
        [1, 2],
        {"generator": {"w": "text"}},
        {"generator": {3: number}},
        {"generator": {"w": number.long()}},
    ):
        torch.save(other, file)
        with pytest.raises(ModelFilesMissingError, match="no transformer's weights"):
            load_transformer(tmp_path, CARD)


def test_one_error_names_the_first_five_of_each_kind(tmp_path, transformer):
    weights = original(transformer)
    for name in [name for name in weights if name.startswith("blocks.0.attn.")]:
        del weights[name]
    weights |= {f"novel.{number}": torch.ones(1) for number in range(3)}
    weights["final_layer.linear.bias"] = torch.ones(5)
    save_file(weights, part_of(tmp_path, "dit") / "model.safetensors")
    with pytest.raises(ModelFilesMissingError) as refused:
        load_transformer(tmp_path, CARD)
    sentence = str(refused.value)
    assert "Missing: blocks.0.attn.A_log, blocks.0.attn.dt_bias" in sentence
    assert sentence.count("blocks.0.attn.") == 5
    assert re.search(r"and \d+ more\. Unknown: novel\.0, novel\.1, novel\.2\.", sentence)
    assert "Of another shape: final_layer.linear.bias is (5,) and (4,) is needed." in sentence


def test_a_folder_without_a_transformer_says_what_was_looked_for(tmp_path):
    with pytest.raises(ModelFilesMissingError, match="holds no transformer: none of transformer/"):
        load_transformer(tmp_path, CARD)


def test_the_layouts_without_a_config_are_of_the_published_sizes(tmp_path):
    (tmp_path / "dit").mkdir()
    save_file({"pos_embed": torch.zeros(1)}, tmp_path / "dit" / "model.safetensors")
    with pytest.raises(ModelFilesMissingError, match=r"and 86\d more"):
        load_transformer(tmp_path, CARD)


MEASURED = """
import sys, torch
from pathlib import Path
from sanawm.card import ModelCard
from sanawm.weights import load_transformer

def private():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon"))

load_transformer(Path(sys.argv[2]), ModelCard())  # what importing and a first load cost stays out
before = private()
network = load_transformer(Path(sys.argv[1]), ModelCard())
model = sum(x.nbytes for x in network.state_dict().values())
print(private() - before, model)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is counted on Linux")
@pytest.mark.parametrize("write", LAYOUTS, ids=lambda write: write.__name__[6:])
def test_loading_takes_the_memory_of_the_model_once(tmp_path, transformer, write):
    """Half-precision files are widened tensor by tensor, and nothing else is held."""
    large = TransformerConfig(
        in_channels=4,
        num_layers=4,
        hidden_size=512,
        num_attention_heads=4,
        linear_head_dim=128,
        caption_channels=6,
        chunk_plucker_channels=12,
    )
    network = SanaWMTransformer(large).bfloat16()
    small, folder = tmp_path / "small", tmp_path / "large"
    small.mkdir()
    folder.mkdir()
    write_diffusers(small, transformer)
    write(folder, network)
    for part in folder.iterdir():
        (part / CONFIG_FILE).write_text(json.dumps(large.to_diffusers()))
    command = [sys.executable, "-c", MEASURED, str(folder), str(small)]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    used, model = map(int, told)
    largest = max(x.numel() * 4 for x in network.state_dict().values())
    assert model > 80e6
    assert used <= model + 2 * largest + 16e6
