"""LoRA files in use: apart as merged, in videos, records, caches, on a card, when typed."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from test_transformer import WEIGHTS, build, inputs, relative_error
from torch.func import functional_call

from sanawm.cache_keys import drawing_parts
from sanawm.camera.sources import actions_path
from sanawm.card import CardLora, ModelCard
from sanawm.cli.main import main
from sanawm.errors import InvalidRequestError, ModelFilesMissingError
from sanawm.lora import Change, Lora, merged
from sanawm.lora_apart import LorasApart
from sanawm.model_folder import DEFAULT_MODEL
from sanawm.picture import read_picture
from sanawm.pipeline import SanaWMPipeline
from sanawm.request import GenerationRequest
from studio.models import Model

RANK = 2
MODULES = {"blocks.1.attn.qkv": (384, 128), "blocks.2.mlp.inverted_conv.conv": (640, 128)}
UNUSED = (  # in every checkpoint, but no part of the computation
    "raymap_embedder.proj.weight",
    "blocks.3.attn.beta_proj.weight",
    "blocks.3.attn.gate_proj.weight",
)


def change_of(shape, generator):
    columns = torch.Size(shape[1:]).numel()
    return Change(
        down=torch.randn(RANK, columns, generator=generator) / columns**0.5,
        up=torch.randn(shape[0], RANK, generator=generator),
        scale=0.5,
    )


def lora_of(*names, seed=0):
    generator = torch.Generator().manual_seed(seed)
    changes = {name: change_of(WEIGHTS[name].shape, generator) for name in names}
    return Lora(name=f"style {seed}", changes=changes)


def velocity_merged(transformer, *pairs):
    changed = {name for lora, _ in pairs for name in lora.changes}
    weights = {name: merged(name, WEIGHTS[name], pairs, dtype=torch.float32) for name in changed}
    return functional_call(transformer, weights, inputs())


def every_matrix():
    return [name for name in WEIGHTS if name.endswith(".weight") and WEIGHTS[name].dim() > 1]


def test_apart_is_merged_for_every_matrix_of_the_network_by_itself():
    transformer = build()
    plain, wrong = transformer(*inputs()), {}
    for name in every_matrix():
        if name.startswith(("blocks.1.", "blocks.2.")):  # of the kind of block 0
            continue
        lora = lora_of(name)
        apart = LorasApart(transformer, [lora], [0.8])
        velocity = transformer(*inputs())
        apart.remove()
        expected = velocity_merged(transformer, (lora, 0.8))
        error, change = (relative_error(each, expected) for each in (velocity, plain))
        if error > 1e-5 or (error >= 0.05 * change and name not in UNUSED):
            wrong[name] = (error, change)
    assert wrong == {}


def test_several_apart_are_changed_and_removed_without_a_trace():
    transformer = build()
    plain = transformer(*inputs())
    one, other = lora_of(*every_matrix(), seed=1), lora_of(*every_matrix()[::2], seed=2)
    apart = LorasApart(transformer, [one, other], [0.3, -0.2])
    for weights in ((0.3, -0.2), (0, 0.4), (0.1, 0)):
        apart.set(weights)
        expected = velocity_merged(build(), (one, weights[0]), (other, weights[1]))
        assert relative_error(transformer(*inputs()), expected) <= 1e-4, weights
    apart.set((0, 0))
    assert torch.equal(transformer(*inputs()), plain)
    apart.set((1, 1))
    apart.remove()
    left = transformer.state_dict()
    assert set(left) == set(WEIGHTS)
    assert all(torch.equal(left[name], WEIGHTS[name]) for name in left)
    assert torch.equal(transformer(*inputs()), plain)


def test_a_network_in_bfloat16_stays_in_it():
    transformer = build().to(torch.bfloat16)
    LorasApart(transformer, [lora_of(*every_matrix())], [0.1])
    assert transformer(*inputs()).dtype == torch.bfloat16


def test_one_for_another_network_is_refused_and_leaves_it_as_it_was():
    transformer = build()
    plain = transformer(*inputs())
    stray = Lora(name="stray", changes={"blocks.99.weight": lora_of(UNUSED[0]).changes[UNUSED[0]]})
    with pytest.raises(InvalidRequestError, match=r"stray is for another model.*blocks\.99"):
        LorasApart(transformer, [lora_of(*every_matrix()), stray], [1, 1])
    assert torch.equal(transformer(*inputs()), plain)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("loras")


@pytest.fixture(scope="module")
def style(folder):
    return write_lora(folder / "style.safetensors")


def write_lora(file, *, seed=0):
    generator = torch.Generator().manual_seed(seed)
    tensors = {}
    for module, shape in MODULES.items():
        change = change_of(shape, generator)
        tensors[f"transformer.{module}.lora_A.weight"] = change.down
        tensors[f"transformer.{module}.lora_B.weight"] = change.up
    save_file(tensors, file)
    return file


class Drawn:
    """Latents, record and cache key of one clip."""

    def __init__(self, pipeline, folder):
        card = pipeline.card
        request = GenerationRequest(
            image=DEFAULT_MODEL / "examples" / "marble-passage.jpg",
            prompt="a passage",
            camera_path=actions_path("w-4", 9, card),
            num_frames=9,
            seed=1,
            num_inference_steps=2,
            guidance_scale=1.0,
        )
        *_, made = pipeline.generate(request, folder / "clip.mp4")
        self.latents, self.model = made.latents, made.record["model"]
        picture = read_picture(request.image, card)
        self.key = json.dumps(drawing_parts(pipeline.parts, request, picture))


@pytest.fixture(scope="module")
def draw(folder):
    def drawn(model=DEFAULT_MODEL, **how):
        return Drawn(SanaWMPipeline.from_pretrained(model, **how), folder)

    return drawn


@pytest.fixture(scope="module")
def plain(draw):
    return draw()


@pytest.fixture(scope="module")
def styled(draw, style):
    return draw(loras=[(style, 0.8)])


def test_a_lora_changes_the_video_its_record_and_its_place_in_the_cache(plain, styled, style):
    assert relative_error(styled.latents, plain.latents) > 0.01
    assert plain.model["loras"] == []
    (told,) = styled.model["loras"]
    assert (told["name"], told["weight"], told["mode"]) == ("style", 0.8, "merged")
    assert len(told["sha256"]) == 64
    assert styled.model["revision"] != plain.model["revision"]
    assert styled.key != plain.key


def test_a_weight_of_zero_draws_what_is_drawn_without(draw, plain, style):
    for mode in ("merged", "apart"):
        drawn = draw(loras=[(style, 0)], lora_mode=mode)
        assert torch.equal(drawn.latents, plain.latents), mode


def test_apart_draws_the_same_video_and_is_changed_between_two(folder, plain, styled, style):
    pipeline = SanaWMPipeline.from_pretrained(
        DEFAULT_MODEL, loras=[(style, 0.8)], lora_mode="apart"
    )
    first = Drawn(pipeline, folder)
    assert relative_error(first.latents, styled.latents) < 1e-4
    assert first.key != styled.key
    pipeline.set_lora_weights([0])
    without = Drawn(pipeline, folder)
    assert torch.equal(without.latents, plain.latents)
    assert without.model["loras"][0]["weight"] == 0
    assert without.key != first.key
    assert without.model["revision"] != first.model["revision"]
    pipeline.set_lora_weights([0.8])
    again = Drawn(pipeline, folder)
    assert torch.equal(again.latents, first.latents)
    assert (again.key, again.model) == (first.key, first.model)


@pytest.fixture
def watercolour(tmp_path):
    """A model folder with the tiny model's parts and a LoRA on its card."""
    model = tmp_path / "models" / "watercolour"
    shutil.copytree(
        DEFAULT_MODEL, model, ignore=shutil.ignore_patterns("examples", "training", "*.png")
    )
    (model / "loras").mkdir()
    write_lora(model / "loras" / "style.safetensors")
    write_card(model, CardLora(file="loras/style.safetensors", weight=0.8))
    return model


def write_card(model, *loras):
    card = replace(ModelCard.load(DEFAULT_MODEL), name="watercolour", loras=loras)
    (model / "wanderbook.json").write_text(json.dumps(card.to_dict()), encoding="utf-8")


def test_a_card_s_loras_are_in_every_video_of_the_model(draw, styled, watercolour):
    drawn = draw(watercolour)
    assert torch.equal(drawn.latents, styled.latents)
    assert drawn.model["loras"] == styled.model["loras"]
    assert drawn.key == styled.key


def test_the_model_s_revision_is_another_with_another_file_or_weight(watercolour, plain):
    def revision():
        return Model(folder=watercolour, card=ModelCard.load(watercolour)).revision

    file, seen = watercolour / "loras" / "style.safetensors", {revision()}
    write_lora(file, seed=5)
    seen.add(revision())
    write_card(watercolour, CardLora(file="loras/style.safetensors", weight=0.7))
    seen.add(revision())
    file.unlink()
    seen.add(revision())
    assert len(seen) == 4
    with pytest.raises(ModelFilesMissingError, match=r"style\.safetensors, which its card names"):
        SanaWMPipeline.from_pretrained(watercolour)


@pytest.mark.parametrize("file", ["/etc/x", "../x.safetensors", "a/../../x", "C:\\x", "..\\x", ""])
def test_a_card_names_no_file_outside_its_folder(file):
    with pytest.raises(ValueError, match="lies in the model's folder"):
        ModelCard.from_dict({"loras": [{"file": file}]})


def test_a_card_with_loras_is_read_as_it_was_written():
    card = ModelCard(loras=(CardLora(file="a.safetensors"), CardLora(file="b/c.x", weight=-0.5)))
    assert ModelCard.from_dict(json.loads(json.dumps(card.to_dict()))) == card


def test_a_card_whose_loras_are_none_says_so(tmp_path):
    for loras in ([{"fle": "x"}], ["x"], [{"file": "x", "weight": "much"}]):
        (tmp_path / "wanderbook.json").write_text(json.dumps({"loras": loras}))
        with pytest.raises(ModelFilesMissingError, match="not a model card"):
            ModelCard.load(tmp_path)


@pytest.fixture
def generate(tmp_path):
    def run(*more):
        image = DEFAULT_MODEL / "examples" / "marble-passage.jpg"
        usual = ["--image", str(image), "--action", "w-4", "--num-frames", "9", "--steps", "1"]
        usual += ["--model", str(DEFAULT_MODEL), "--out", str(tmp_path / "clip.mp4")]
        return main(["generate", *usual, "--json", *more])

    return run


def test_the_command_line_draws_with_several(generate, style, tmp_path, capsys):
    odd = write_lora(tmp_path / "a:b.safetensors", seed=3)
    code = generate("--lora", f"{style}:0.8", "--lora", str(odd), "--lora-mode", "apart")
    assert code == 0
    loras = json.loads(capsys.readouterr().out.splitlines()[-1])["record"]["model"]["loras"]
    told = [(lora["name"], lora["weight"], lora["mode"]) for lora in loras]
    assert told == [("style", 0.8, "apart"), ("a:b", 1.0, "apart")]


@pytest.mark.parametrize(
    ("loras", "says"),
    [
        (["nowhere.safetensors"], "There is no LoRA file nowhere.safetensors."),
        (["nowhere.safetensors:2"], "There is no LoRA file nowhere.safetensors."),
        (["STYLE:much"], 'The weight of the LoRA style.safetensors is no number: "much".'),
        (["STYLE:"], 'The weight of the LoRA style.safetensors is no number: "".'),
        (["STYLE:nan"], 'The weight of the LoRA style.safetensors is no number: "nan".'),
        (["STYLE:1", "STYLE:0.5"], "The LoRA style is named twice."),
        (["OTHER"], "The LoRA other is for another model: this one has no blocks.99.attn.qkv."),
    ],
)
def test_a_lora_that_cannot_be_used_is_a_sentence(generate, style, tmp_path, capsys, loras, says):
    other = tmp_path / "other.safetensors"
    halves = {"lora_A": torch.ones(RANK, 128), "lora_B": torch.ones(384, RANK)}
    save_file({f"blocks.99.attn.qkv.{half}.weight": x for half, x in halves.items()}, other)
    for lora in loras:
        named = lora.replace("STYLE", str(style)).replace("OTHER", str(other))
        loras = [*loras[1:], named]
    assert generate(*(word for lora in loras for word in ("--lora", lora))) == 2
    assert says in capsys.readouterr().err
    assert not Path(tmp_path / "clip.mp4").exists()
