"""The command itself: it trains, is killed, goes on, publishes, and what it made can be used."""

import csv
import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from sanawm.camera.sources import actions_path
from sanawm.cli.main import main
from sanawm.errors import InvalidRequestError, SanaWMError
from sanawm.model_parts import open_model
from sanawm.pipeline import SanaWMPipeline
from sanawm.progress import Finished
from sanawm.request import GenerationRequest
from sanawm.training import run as run_module
from sanawm.training.presets import PRESETS
from sanawm.training.run import TrainingRun, claim_folder, obtain_autoencoder

ROOT = Path(__file__).parents[2]
KILLED_AFTER_S = 400  # at the latest


def train_command(folder, budget):
    command = [sys.executable, "-m", "sanawm", "train", "--preset", "smoke"]
    return [*command, "--budget", budget, "--out", str(folder)]


def state_of(folder, stage):
    return torch.load(folder / f"{stage}.pt", weights_only=True)


def size_of(file):
    with Image.open(file) as picture:
        return picture.size


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder that was trained for 20 seconds."""
    folder = tmp_path_factory.mktemp("run")
    done = subprocess.run(
        train_command(folder, "20s"), cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(folder / "model")
    return folder


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_short_training_makes_a_model_that_the_product_opens_and_draws_with(trained, tmp_path):
    for name in ("autoencoder", "world_model"):
        with (trained / f"{name}.csv").open() as handle:
            assert len(list(csv.DictReader(handle))) >= 1
        assert size_of(trained / f"{name}.png") > (300, 200)
        assert size_of(trained / f"{name}-sheet.png") > (300, 200)
    parts = open_model(trained / "model")
    average = state_of(trained, "world_model")["average"]
    published = parts.transformer.state_dict()
    for name, tensor in published.items():
        wanted = average[f"transformer.{name}"]
        torch.testing.assert_close(tensor, wanted, rtol=2**-8, atol=1e-30)
    photo = tmp_path / "photo.jpg"
    Image.new("RGB", (320, 240), "teal").save(photo)
    request = GenerationRequest(
        image=photo,
        prompt="a room with red walls",
        camera_path=actions_path("w-4,d-4", 9, parts.card),
        num_frames=9,
        seed=1,
        num_inference_steps=2,
        guidance_scale=1.0,
    )
    video = tmp_path / "clip.mp4"
    pipeline = SanaWMPipeline.from_pretrained(trained / "model")
    *_, finished = pipeline.generate(request, video)
    assert isinstance(finished, Finished)
    assert video.stat().st_size > 1000


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_killed_training_goes_on_where_it_was(trained, tmp_path):
    steps = state_of(trained, "world_model")["step"]
    assert steps >= 1
    program = (
        "import sys; from sanawm.training import stage; stage.SAVE_EVERY_S = 0.0;"
        "from sanawm.cli.main import main; main(sys.argv[1:])"
    )
    arguments = train_command(trained, "1h")[3:]
    process = subprocess.Popen(
        [sys.executable, "-c", program, *arguments], cwd=ROOT, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + KILLED_AFTER_S
    while time.monotonic() < deadline and process.poll() is None:
        if state_of(trained, "world_model")["step"] >= steps + 3:
            break
        time.sleep(0.2)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    killed = state_of(trained, "world_model")
    assert killed["step"] >= steps + 3
    rendered = sorted((trained / "clips").rglob("*.safetensors"))
    before = [file.stat().st_mtime_ns for file in rendered]
    # The time is used up: the same command only publishes what there is.
    done = subprocess.run(
        train_command(trained, "1s"), cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert state_of(trained, "world_model")["step"] == killed["step"]
    assert [file.stat().st_mtime_ns for file in rendered] == before
    opened = open_model(trained / "model").transformer.state_dict()
    wanted = killed["average"]["transformer.x_embedder.proj.weight"]
    torch.testing.assert_close(opened["x_embedder.proj.weight"], wanted, rtol=2**-8, atol=1e-30)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_report_has_every_row_and_is_stored(trained, tmp_path, capsys):
    arguments = ["--model", str(trained / "model"), "--worlds", "3", "--steps", "2"]
    assert main(["evaluate", *arguments, "--out", str(tmp_path), "--json"]) == 0
    printed = capsys.readouterr().out
    report = json.loads(printed.splitlines()[-1])
    assert json.loads((tmp_path / "evaluation.json").read_text()) == report
    assert (report["worlds"], report["steps"], report["frames"]) == (3, 2, 9)
    for row in (
        "model",
        "copied first frame",
        "homography",
        "frozen camera",
        "mirrored camera",
        "shuffled camera",
        "autoencoder",
    ):
        assert printed.count(f"| {row} |") == 4  # at 1 s and at the end, of all and informative
    for figure in (
        "control-ID, true against mirrored",
        "control-ID, true against frozen",
        "turning left moves the picture right",
        "pure turn at 1 s, visible PSNR (homography)",
        "frozen camera, to first frame",
        "loop, return to first frame",
        "rotation error",
        "translation error",
        "motion scale",
    ):
        assert figure in printed
    assert size_of(tmp_path / "sheet.png") > (300, 200)


def test_a_folder_of_another_preset_is_refused(tmp_path):
    claim_folder(TrainingRun(preset=PRESETS["cpu"], folder=tmp_path, budget_s=1))
    claim_folder(TrainingRun(preset=PRESETS["cpu"], folder=tmp_path, budget_s=2))
    with pytest.raises(InvalidRequestError, match="holds a run of the preset cpu"):
        claim_folder(TrainingRun(preset=PRESETS["smoke"], folder=tmp_path, budget_s=1))


def test_an_autoencoder_that_is_not_good_enough_is_not_frozen(tmp_path, monkeypatch):
    asked = []

    class Trained:
        def to(self, device):
            return self

    def train(pool, held_out, preset, settings):
        asked.append(settings.total_s)
        return Trained()

    monkeypatch.setattr(run_module, "train_autoencoder", train)
    monkeypatch.setattr(run_module, "save_reconstruction_sheet", lambda *_: None)
    monkeypatch.setattr(run_module, "reconstruction_psnr", lambda *_: {"psnr": 25.94})
    preset = replace(PRESETS["cpu"], autoencoder_share=0.5)
    run = TrainingRun(preset=preset, folder=tmp_path, budget_s=100)
    for _ in range(2):  # also the second time
        with pytest.raises(SanaWMError, match=r"reached 25\.9 dB .* needs 26"):
            obtain_autoencoder(run, None, None)
    assert asked == [50, 50]
    assert not (tmp_path / "vae").exists()


def test_a_bad_budget_is_a_sentence_and_exit_code_2(tmp_path, capsys):
    assert main(["train", "--budget", "soon", "--out", str(tmp_path / "run")]) == 2
    assert "Write 90s, 25m or 1h30m" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
