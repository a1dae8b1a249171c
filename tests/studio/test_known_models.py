"""Models that are known by name, on the shelf of the studio: to be fetched, fetched, and broken."""

import json

import pytest

from sanawm.catalogue import BIDIRECTIONAL
from sanawm.errors import InvalidRequestError, ModelFilesMissingError
from studio.models import ModelShelf
from studio.settings import Settings

COMMAND = "python -m sanawm models fetch sana-wm"
FILES = (
    "model_index.json",
    "transformer/config.json",
    "transformer/diffusion_pytorch_model.safetensors",
    "vae/config.json",
    "vae/diffusion_pytorch_model.safetensors",
    "text_encoder/config.json",
    "text_encoder/model.safetensors",
    "tokenizer/tokenizer.json",
)


@pytest.fixture
def fetched(tmp_path, monkeypatch):
    """Where `sana-wm` is once it is fetched; nothing is there."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HOME", str(tmp_path / "hf"))
    return tmp_path / "hf" / "wanderbook" / "sana-wm"


def put_there(folder):
    for name in FILES:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("{}")
    (folder / "wanderbook.json").write_text(json.dumps(BIDIRECTIONAL.card.to_dict()))


def test_a_model_that_is_not_fetched_is_answered_with_the_command(settings, fetched):
    with pytest.raises(InvalidRequestError, match=COMMAND) as raised:
        ModelShelf(settings).find("sana-wm")
    assert raised.value.field == "model"
    with pytest.raises(InvalidRequestError, match="The model huge is not on this computer"):
        ModelShelf(settings).find("huge")

    started = Settings.from_environment(
        {"WANDERBOOK_DATA": str(settings.data_folder), "WANDERBOOK_MODEL": "sana-wm"}
    )
    assert started.model_folder == fetched
    with pytest.raises(ModelFilesMissingError, match=COMMAND):
        ModelShelf(started).default()


def test_a_fetched_model_is_on_the_shelf_while_it_is_whole(settings, fetched):
    put_there(fetched)
    shelf = ModelShelf(settings)

    found = shelf.find("sana-wm")
    assert (found.folder, found.card) == (fetched, BIDIRECTIONAL.card)
    before = found.revision
    (fetched / "vae" / "config.json").write_text("[1]")
    assert shelf.find("sana-wm").revision != before

    weights = fetched / "transformer" / "diffusion_pytorch_model.safetensors"
    weights.unlink()
    weights.symlink_to(fetched / "nowhere")
    assert "sana-wm" not in [model.card.name for model in shelf.all()]
    states = {model.name: model.state for model in shelf.listed()}
    assert states["sana-wm"] == "broken"
    assert states["sana-wm-streaming"] == "missing"
    with pytest.raises(InvalidRequestError, match=f"To fetch what is missing: {COMMAND}"):
        shelf.find("sana-wm")
    with pytest.raises(ModelFilesMissingError, match=f"To fetch what is missing: {COMMAND}"):
        _ = found.revision
