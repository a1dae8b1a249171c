"""`python -m sanawm models`: the list, the terms, the question, and what it says at the end."""

import io
import json
import os

import pytest
from fake_hub import publish
from huggingface_hub import constants

from sanawm import hub_download
from sanawm.catalogue import BIDIRECTIONAL, CATALOGUE, DIFFUSERS_REPO
from sanawm.cli.main import main
from sanawm.model_list import list_models

pytestmark = pytest.mark.usefixtures("hub")


def run(capsys, *arguments):
    code = main(["models", *arguments])
    out, err = capsys.readouterr()
    return code, out, err


def test_the_list_shows_what_is_here_and_what_can_be_fetched(hub, capsys):
    commit = publish(hub)
    code, out, _ = run(capsys)
    assert code == 0
    assert "tiny: " in out
    assert "sana-wm: not fetched, about 12 GB\n" in out
    assert "To fetch it: python -m sanawm models fetch sana-wm-streaming" in out

    code, out, _ = run(capsys, "fetch", "sana-wm", "--accept-license", "--json")
    assert code == 0
    for sentence in BIDIRECTIONAL.terms:
        assert sentence in out
    fetched = json.loads(out.splitlines()[-1])
    assert (fetched["state"], fetched["source"][0]["revision"]) == ("here", commit)
    _, out, _ = run(capsys, "--json")
    listed = {model["name"]: model for model in json.loads(out.splitlines()[-1])["models"]}
    states = {name: model["state"] for name, model in listed.items()}
    here = dict.fromkeys(["tiny", "tiny-streaming", "sana-wm"], "here")
    assert states == here | {"sana-wm-streaming": "missing"}
    assert listed["sana-wm"] == fetched
    assert f"{DIFFUSERS_REPO} at {commit[:12]}" in out


def test_nothing_is_fetched_before_the_terms_are_agreed_to(hub, capsys, monkeypatch):
    publish(hub)
    code, out, err = run(capsys, "fetch", "sana-wm")
    assert (code, "Gemma Terms of Use" in out, "--accept-license agrees" in err) == (2, True, True)
    for answer, code in (("\n", 2), ("n\n", 2), ("", 2), ("y\n", 0)):
        assert hub.asked == []
        terminal = io.StringIO(answer)
        terminal.isatty = lambda: True
        monkeypatch.setattr("sys.stdin", terminal)
        assert run(capsys, "fetch", "sana-wm")[0] == code, answer
    assert hub.bodies()


def test_an_unknown_name_is_answered_with_the_known_ones(capsys):
    code, _, err = run(capsys, "fetch", "sana")
    assert (code, err.strip()) == (
        2,
        "No model is named sana. These can be fetched: sana-wm, sana-wm-streaming.",
    )


def test_an_interrupted_fetch_says_that_it_goes_on(hub, capsys, monkeypatch):
    publish(hub)

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(hub_download, "http_get", interrupt)
    code, _, err = run(capsys, "fetch", "sana-wm", "--accept-license")
    assert code == 130
    assert "What is here stays; the same command goes on from there." in err


def test_every_known_model_has_terms_a_command_and_a_card_of_its_name():
    for name, known in CATALOGUE.items():
        assert known.card.name == name
        assert known.command.endswith(f"fetch {name}")
        assert len(known.terms) == 3
        assert all(sentence.endswith(".") for sentence in known.terms)
    listed = list_models([])
    assert [(model.name, model.state) for model in listed] == [
        (name, "missing") for name in CATALOGUE
    ]
    assert os.fspath(listed[0].folder).startswith(constants.HF_HOME)
