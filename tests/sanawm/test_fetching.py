import json
import shutil
import threading
from pathlib import Path

import pytest
from fake_hub import PUBLISHED, WEIGHTS, connect, publish
from huggingface_hub import constants
from safetensors.torch import save
from test_public_layouts import write_streaming
from test_weights import CONFIG, assert_same_weights

from sanawm import fetching, hub_download
from sanawm.card import ModelCard
from sanawm.catalogue import BIDIRECTIONAL, CATALOGUE, DIFFUSERS_REPO, STREAMING, STREAMING_REPO
from sanawm.errors import DiskFullError, InvalidRequestError, ModelFilesMissingError
from sanawm.fetching import fetch_model
from sanawm.model_folder import check_model_folder, fetched_models, model_folder_of, sources_of
from sanawm.transformer import SanaWMTransformer
from sanawm.weights import load_transformer


def fetch(known=BIDIRECTIONAL, **options):
    said = []
    return fetch_model(known, say=said.append, **options), said


def files_of(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def leftovers():
    return [path.name for path in fetched_models().iterdir() if path.name not in CATALOGUE]


def test_a_fetched_model_is_a_whole_folder_of_links_at_one_commit(hub, tmp_path):
    commit = publish(hub)
    folder, said = fetch()

    assert folder == tmp_path / "hf" / "wanderbook" / "sana-wm"
    unwanted = {"README.md", "refiner/model.safetensors", "text_encoder/pytorch_model.bin"}
    assert files_of(folder) == PUBLISHED.keys() - unwanted | {"wanderbook.json", "fetched.json"}
    weights = folder / "transformer" / "diffusion_pytorch_model.safetensors"
    assert weights.is_symlink()
    assert weights.read_bytes() == WEIGHTS
    check_model_folder(folder)
    assert ModelCard.load(folder) == BIDIRECTIONAL.card
    assert sources_of(folder) == [{"repo": DIFFUSERS_REPO, "revision": commit}]
    assert "fetched_at" in json.loads((folder / "fetched.json").read_text())
    assert said == [
        f"{DIFFUSERS_REPO} at {commit[:12]}: 9 files, 51 KB, nothing of it here already."
    ]
    assert leftovers() == [".fetch.lock"]


def test_links_hold_when_the_cache_is_moved(hub, tmp_path):
    publish(hub)
    fetch()
    (tmp_path / "hf").rename(tmp_path / "moved")

    check_model_folder(tmp_path / "moved" / "wanderbook" / "sana-wm")


def test_a_second_fetch_changes_nothing_and_a_newer_state_replaces_the_older(hub):
    publish(hub)
    folder, _ = fetch()
    before, sent = folder.stat().st_ino, hub.bodies()
    _, said = fetch()
    assert said[-1] == "SANA-WM is here already."
    assert (folder.stat().st_ino, hub.bodies()) == (before, sent)

    newer = publish(hub, **{"vae/config.json": b'{"new": 1}'})
    fetch()
    assert (folder / "vae" / "config.json").read_bytes() == b'{"new": 1}'
    assert sources_of(folder)[0]["revision"] == newer
    assert [name for name, _ in hub.bodies()[len(sent) :]] == ["config.json"]
    assert leftovers() == [".fetch.lock"]


def test_a_revision_can_be_chosen(hub):
    older = publish(hub)
    publish(hub, **{"vae/config.json": b'{"new": 1}'})
    folder, _ = fetch(revision=older)

    assert sources_of(folder)[0]["revision"] == older
    assert (folder / "vae" / "config.json").read_bytes() == b"{}"


def test_a_large_file_goes_on_where_the_line_went_dead(hub):
    publish(hub)
    hub.cut_after = 20_000
    with pytest.raises(ModelFilesMissingError, match=r"cannot be reached. What is here stays."):
        fetch()
    assert not (fetched_models() / "sana-wm").exists()
    sent = len(hub.bodies())
    hub.cut_after = None
    folder, said = fetch()

    name = "diffusion_pytorch_model.safetensors"
    assert hub.bodies()[sent] == (name, 20_000)
    assert "20 KB of it here already" in said[0]
    assert (folder / "transformer" / name).read_bytes() == WEIGHTS


def test_what_arrived_damaged_is_not_kept(hub, monkeypatch):
    publish(hub)
    monkeypatch.setattr(hub_download, "_sha256", lambda path: "0" * 64)
    with pytest.raises(ModelFilesMissingError, match=r"arrived damaged and was removed"):
        fetch()
    assert list(Path(constants.HF_HUB_CACHE).rglob("blobs"))
    assert not list(Path(constants.HF_HUB_CACHE).rglob("*.incomplete"))


def test_what_a_killed_fetch_left_is_removed_and_a_folder_it_moved_away_comes_back(
    hub, monkeypatch
):
    publish(hub)
    folder, _ = fetch()
    before = folder.stat().st_ino
    folder.rename(folder.with_name(".sana-wm.1234.old"))
    (folder.parent / ".sana-wm.5678").mkdir()
    sent = hub.bodies()
    fetch()

    assert leftovers() == [".fetch.lock"]
    assert hub.bodies() == sent
    assert folder.stat().st_ino == before
    check_model_folder(folder)


def test_nothing_half_made_is_seen_when_putting_together_fails(hub, monkeypatch):
    publish(hub)

    def fail(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(fetching, "_describe", fail)
    with pytest.raises(KeyboardInterrupt):
        fetch()
    assert leftovers() == [".fetch.lock"]
    assert not (fetched_models() / "sana-wm").exists()


def test_two_fetches_at_once_download_once(hub):
    publish(hub)
    ends = []
    threads = [threading.Thread(target=lambda: ends.append(fetch())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(ends) == 2
    sent = [path for method, path, _ in hub.asked if method == "GET" and "/resolve/" in path]
    assert sorted(sent) == sorted(set(sent))
    check_model_folder(ends[0][0])


def test_a_disk_without_symbolic_links_gets_hard_ones_and_one_without_any_a_sentence(
    hub, monkeypatch
):
    publish(hub)

    def refuse(*_):
        raise OSError("no links here")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    folder, _ = fetch()
    weights = folder / "transformer" / "diffusion_pytorch_model.safetensors"
    assert not weights.is_symlink()
    assert weights.stat().st_nlink == 2
    shutil.rmtree(folder)
    monkeypatch.setattr(Path, "hardlink_to", refuse)
    with pytest.raises(ModelFilesMissingError, match=r"takes no links"):
        fetch()


@pytest.fixture
def streaming(hub, tmp_path):
    """The streaming model, with real weights of a small network; that network."""
    torch = pytest.importorskip("torch")
    transformer = SanaWMTransformer(CONFIG)
    transformer.init_weights(torch.Generator().manual_seed(0))
    (tmp_path / "published").mkdir()
    file = write_streaming(tmp_path / "published", transformer)
    publish(hub)
    hub.publish(
        STREAMING_REPO,
        {
            "sana_dit/model.pt": file.read_bytes(),
            "sana_dit/config.json": json.dumps(CONFIG.to_diffusers()).encode(),
            "ltx2_causal_vae/config.json": b'{"causal": true}',
            "ltx2_causal_vae/diffusion_pytorch_model.safetensors": save({"a": torch.ones(2)}),
            "gemma3_12b/model.safetensors": b"of the refiner",
        },
    )
    return transformer


def test_the_streaming_model_is_put_together_of_two_repositories_and_converted_once(
    hub, streaming, monkeypatch
):
    folder, said = fetch(STREAMING)

    check_model_folder(folder)
    assert (folder / "vae" / "config.json").read_bytes() == b'{"causal": true}'
    assert sorted(path.name for path in (folder / "sana_dit").iterdir()) == [
        "config.json",
        "model.safetensors",
    ]
    card = ModelCard.load(folder)
    assert (card.streaming, card.sigmas) == (True, (1.0, 0.96, 0.889, 0.727))
    assert_same_weights(load_transformer(folder, card), streaming)
    assert [source["repo"] for source in sources_of(folder)] == [STREAMING_REPO, DIFFUSERS_REPO]
    cached = list(Path(constants.HF_HUB_CACHE).rglob("*/sana_dit/*"))
    assert sorted(path.name for path in cached) == ["config.json", "model.pt"]

    conversions = [line for line in said if line.startswith("Converting")]
    assert len(conversions) == 1
    assert fetch(STREAMING)[1][-1] == "SANA-WM streaming is here already."
    publish(hub, **{"text_encoder/config.json": b'{"new": 1}'})
    said = fetch(STREAMING)[1]
    assert not [line for line in said if line.startswith("Converting")]
    assert_same_weights(load_transformer(folder, card), streaming)


def test_offline_nothing_is_fetched_and_what_is_there_is_enough(hub, monkeypatch):
    publish(hub)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ModelFilesMissingError, match=r"HF_HUB_OFFLINE is set\b.*Unset it"):
        fetch()
    assert hub.asked == []
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    folder, _ = fetch()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert fetch() == (folder, ["HF_HUB_OFFLINE is set, so nothing newer was looked for."])


@pytest.mark.parametrize(
    ("status", "code", "sentence"),
    [
        (403, "GatedRepo", "accepted its terms on .*hf auth login.*models fetch sana-wm"),
        (404, "RepoNotFound", "is not there, or not for everybody.*hf auth login"),
        (403, "", r"did not let this computer in \(answer 403\)"),
        (418, "", r"is out of order \(answer 418\). What is here stays"),
    ],
)
def test_a_hub_that_refuses_is_told_as_a_sentence_with_what_to_do(hub, status, code, sentence):
    publish(hub)
    hub.refusals[DIFFUSERS_REPO] = (status, code)
    with pytest.raises(ModelFilesMissingError, match=sentence):
        fetch()


def test_an_unknown_revision_is_named(hub):
    publish(hub)
    with pytest.raises(InvalidRequestError, match=r"has no revision spring"):
        fetch(revision="spring")


def test_without_a_network_the_same_command_is_offered_for_later(hub, monkeypatch):
    connect(monkeypatch, "http://127.0.0.1:9")
    with pytest.raises(
        ModelFilesMissingError, match=r"127\.0\.0\.1:9 cannot be reached.*models fetch"
    ):
        fetch()


def test_a_disk_that_is_too_small_is_told_before_anything_is_fetched(hub, monkeypatch):
    publish(hub)
    usage = shutil.disk_usage("/")._replace(free=10_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(DiskFullError, match=r"needs 51 KB more and 9\.8 KB is free.*HF_HOME"):
        fetch()
    assert hub.bodies() == []


def test_a_disk_that_fills_up_and_a_folder_of_somebody_else_are_told(hub, monkeypatch):
    publish(hub)

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(hub_download, "http_get", full)
    with pytest.raises(DiskFullError, match=r"The disk is full. What is here stays."):
        fetch()
    Path(constants.HF_HOME, "file").write_text("")
    monkeypatch.setattr(constants, "HF_HOME", str(Path(constants.HF_HOME, "file")))
    with pytest.raises(ModelFilesMissingError, match=r"cannot be written. Set HF_HOME"):
        fetch()


def test_a_repository_of_another_layout_is_refused_before_anything_is_fetched(hub):
    hub.publish(DIFFUSERS_REPO, {"model_index.json": b"{}", "weights.safetensors": b"?"})
    with pytest.raises(
        ModelFilesMissingError, match=r"transformer/config.json is missing.*--revision"
    ):
        fetch()
    assert hub.bodies() == []


def test_a_model_is_found_by_name_once_it_is_fetched(hub, monkeypatch, tmp_path):
    publish(hub)
    with pytest.raises(
        ModelFilesMissingError, match=r"not on this computer.*models fetch sana-wm$"
    ):
        model_folder_of("sana-wm")
    folder, _ = fetch()
    assert model_folder_of("sana-wm") == folder
    shutil.rmtree(constants.HF_HUB_CACHE)
    with pytest.raises(
        ModelFilesMissingError, match=r"is missing. To fetch what is missing: python"
    ):
        model_folder_of("sana-wm")
    with pytest.raises(ModelFilesMissingError, match=r"There is no model folder sana"):
        model_folder_of("sana")
