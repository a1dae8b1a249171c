"""Recipes that other programs leave in their files, in the forms they publish."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio import peer_recipes
from studio.peer_recipes import NAMES, PeerRecipe, peer_recipe

WANGP = {
    "prompt": "A boat on a lake",
    "negative_prompt": "blur",
    "seed": 1234567890123,
    "num_inference_steps": 30,
    "guidance_scale": 5,
    "video_length": 81,
    "resolution": "832x480",
    "model_type": "i2v",
    "type": "WanGP v12.61 by DeepBeepMeep - Wan2.1",
}
FRAMEPACK = {"prompt": "she waves", "negative_prompt": "", "seed": 31337, "steps": 25, "cfg": 1}
INVOKEAI = {
    "positive_prompt": "a red barn",
    "negative_prompt": "people",
    "seed": 99,
    "steps": 30,
    "cfg_scale": 7.5,
}
SWARM = {
    "sui_image_params": {
        "prompt": "a fox",
        "negativeprompt": "",
        "seed": 5,
        "steps": 20,
        "cfgscale": 6.5,
    }
}
A1111 = """a castle, (snow:1.2), evening
light
Negative prompt: lowres, text: none
Steps: 28, Sampler: DPM++ 2M Karras, CFG scale: 7, Seed: 4294967296, Size: 512x768, Model: x"""
COMFY = {
    "3": {
        "class_type": "KSampler",
        "inputs": {
            "seed": ["9", 0],
            "steps": 22,
            "cfg": 3.5,
            "positive": ["50", 0],
            "negative": ["50", 1],
            "model": ["1", 0],
        },
    },
    "9": {"class_type": "PrimitiveInt", "inputs": {"value": 77}},
    "50": {
        "class_type": "WanImageToVideo",
        "inputs": {"positive": ["6", 0], "negative": ["7", 0], "length": 49, "vae": ["1", 2]},
    },
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": ["8", 0], "clip": ["1", 1]}},
    "8": {"class_type": "PrimitiveString", "inputs": {"value": "a quiet street"}},
    "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "watermark", "clip": ["1", 1]}},
}


@pytest.mark.parametrize(
    ("texts", "recipe"),
    [
        (
            {"comment": json.dumps(WANGP)},
            ("WanGP", "A boat on a lake", "blur", 1234567890123, 30, 5.0, 81),
        ),
        (
            {"parameters": json.dumps(FRAMEPACK)},
            ("another program", "she waves", "", 31337, 25, 1.0, None),
        ),
        (
            {"invokeai_metadata": json.dumps(INVOKEAI)},
            ("InvokeAI", "a red barn", "people", 99, 30, 7.5, None),
        ),
        ({"parameters": json.dumps(SWARM)}, ("SwarmUI", "a fox", "", 5, 20, 6.5, None)),
        (
            {"parameters": A1111},
            (
                "AUTOMATIC1111",
                "a castle, (snow:1.2), evening\nlight",
                "lowres, text: none",
                4294967296,
                28,
                7.0,
                None,
            ),
        ),
    ],
)
def test_what_peers_write_is_read(texts, recipe):
    names = ("program", *NAMES)
    assert peer_recipe({"encoder": "Lavf62.3.100", **texts}) == PeerRecipe(
        **dict(zip(names, recipe, strict=True))
    )


@pytest.mark.parametrize(
    "texts",
    [
        {"prompt": json.dumps(COMFY), "workflow": json.dumps({"nodes": []})},
        {"comment": json.dumps({"prompt": json.dumps(COMFY), "workflow": {}})},
        {"comment": json.dumps({"prompt": COMFY})},
    ],
)
def test_a_graph_is_followed_from_the_node_that_draws_to_its_words(texts):
    assert peer_recipe(texts) == PeerRecipe(
        program="ComfyUI",
        prompt="a quiet street",
        negative_prompt="watermark",
        seed=77,
        steps=22,
        guidance=3.5,
        frames=49,
    )


def test_a_graph_in_a_circle_ends():
    circle = {
        "1": {"class_type": "KSampler", "inputs": {"positive": ["2", 0], "seed": 3}},
        "2": {"class_type": "ConditioningCombine", "inputs": {"a": ["3", 0], "b": ["3", 0]}},
        "3": {"class_type": "ConditioningCombine", "inputs": {"a": ["2", 0], "b": ["2", 0]}},
    }
    found = peer_recipe({"prompt": json.dumps(circle)})
    assert (found.seed, found.prompt) == (3, None)


class CountedNodes(dict):
    looked_up = 0

    def get(self, *key):
        CountedNodes.looked_up += 1
        return super().get(*key)


def test_a_graph_that_leads_everywhere_is_walked_once(monkeypatch):
    links = {f"input {n}": ["2", 0] for n in range(30)}
    graph = {
        "1": {"class_type": "KSampler", "inputs": {"positive": ["2", 0], "seed": 3}},
        "2": {"class_type": "ConditioningCombine", "inputs": links},
    }
    nodes_of = peer_recipes._nodes
    monkeypatch.setattr(peer_recipes, "_nodes", lambda value: CountedNodes(nodes_of(value)))
    assert peer_recipe({"prompt": json.dumps(graph)}).seed == 3
    assert CountedNodes.looked_up < 100


def test_a_long_line_of_settings_is_read_once_over():
    long = "a lamp\nSteps: 1, Seed: 7," + " a" * 400_000  # squared, this would take hours
    assert peer_recipe({"parameters": long}).seed == 7


@pytest.mark.parametrize("depth", [50, 900])
def test_a_recipe_wrapped_too_deeply_is_none(depth):
    wrapped = '{"a":' * depth + '{"prompt": "a lamp"}' + "}" * depth
    assert peer_recipe({"": wrapped}) is None


@pytest.mark.parametrize(
    "text",
    ["", "Lavf62", "[1, 2]", "{}", '{"prompt": 3}', "Steps: many", "{" * 5000, '{"seed": -1}'],
)
def test_what_is_no_recipe_is_none(text):
    assert peer_recipe({"comment": text}) is None


def test_values_that_are_not_what_they_should_be_are_left_out():
    odd = {"prompt": "a lamp", "seed": True, "steps": "many", "cfg": "nan?", "num_frames": 1.5}
    assert peer_recipe({"": json.dumps(odd)}) == PeerRecipe(
        program="another program", prompt="a lamp"
    )
    assert peer_recipe({"": json.dumps({"prompt": "x" * 20_001, "seed": 4})}).prompt is None
    assert peer_recipe({"": json.dumps({"prompt": "x", "num_frames": 10**400})}).frames is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["prompt", "inputs", "class_type", "seed", "positive", "1", "KSampler"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=25,
)


@given(json_values | st.text())
def test_nothing_a_file_may_say_is_an_error(value):
    text = value if isinstance(value, str) else json.dumps(value)
    found = peer_recipe({"prompt": text})
    assert found is None or isinstance(found, PeerRecipe)
