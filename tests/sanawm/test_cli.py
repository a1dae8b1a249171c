import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sanawm.camera.actions import count_actions
from sanawm.camera.path import CameraPath
from sanawm.card import ModelCard
from sanawm.cli import main as cli_main
from sanawm.cli.bar import ProgressBar
from sanawm.cli.main import main
from sanawm.cli.paths import shortened
from sanawm.errors import NotEnoughMemoryError, SanaWMError
from sanawm.progress import Progress
from sanawm.video import read_tags

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def chosen_model(monkeypatch, tiny_model_folder):
    """Commands that name no model get the random one."""
    monkeypatch.setenv("WANDERBOOK_MODEL", str(tiny_model_folder))


@pytest.fixture
def generate(photo, tmp_path):
    """`generate` with everything it needs; more can be said."""

    def run(*more, image=photo, out=tmp_path / "clip.mp4"):
        return main(["generate", "--image", str(image), "--out", str(out), *more])

    return run


def last_json(capsys):
    return json.loads(capsys.readouterr().out.splitlines()[-1])


def test_a_photo_a_prompt_and_keys_become_a_video(generate, tmp_path, capsys):
    code = generate("--prompt", "a room", "--action", "w-4,dw-3", "--seed", "7", "--json")
    assert code == 0
    result = last_json(capsys)
    assert result["video"] == str(tmp_path / "clip.mp4")
    assert set(result["timings"]) == {"prompt", "first_frame", "drawing", "decoding", "saving"}
    tags = read_tags(tmp_path / "clip.mp4")
    assert tags == result["record"]
    request = tags["request"]
    assert (request["prompt"], request["seed"], request["num_frames"]) == ("a room", 7, 9)
    assert (request["num_inference_steps"], request["guidance_scale"]) == (3, 1.0)
    assert request["camera_path"]["source"]["actions"] == "w-4,dw-3"


def test_without_a_seed_one_is_drawn_and_told(generate, capsys):
    seeds = set()
    for _ in range(2):
        assert generate("--preset", "push-in", "--steps", "1", "--json") == 0
        seeds.add(last_json(capsys)["record"]["request"]["seed"])
    assert len(seeds) == 2


def test_a_folder_for_the_cache_serves_the_next_run(generate, tmp_path, capsys):
    cache, told = str(tmp_path / "cache"), []
    for actions in ("w-4", "w-4", "a-4"):
        assert generate("--action", actions, "--steps", "1", "--cache", cache, "--json") == 0
        caches = last_json(capsys)["record"]["caches"]
        told.append([caches[kind]["hit"] for kind in ("text", "latents", "features")])
    assert told == [[False] * 3, [True] * 3, [True, True, False]]


def test_poses_from_a_file_are_followed(generate, tmp_path, capsys):
    poses = np.tile(np.eye(4), (9, 1, 1))
    poses[:, 2, 3] = np.linspace(0, 1, 9)
    np.save(tmp_path / "walk.npy", poses)
    assert generate("--poses", str(tmp_path / "walk.npy"), "--steps", "1", "--json") == 0
    path = last_json(capsys)["record"]["request"]["camera_path"]
    np.testing.assert_allclose(path["c2w"], poses, atol=1e-6)


@pytest.mark.parametrize(
    ("actions", "frames"), [("w-3", 9), ("w-8", 9), ("w-9", 17), ("w-10,a-6", 17)]
)
def test_the_length_follows_the_keys_where_they_need_more_than_usual(capsys, actions, frames):
    assert main(["path", "--action", actions, "--json"]) == 0
    assert last_json(capsys)["frames"] == frames


@pytest.mark.parametrize(
    ("arguments", "says", "field"),
    [
        (["--action", "w-40,dw-24"], "room for 16: shorten it, for example to", "camera"),
        (["--action", "w-10", "--num-frames", "9"], "or choose --num-frames 17", "camera"),
        (["--action", "w-4,x-3"], "x-3", "camera"),
        (["--action", ""], "", "camera"),
        (["--preset", "hold", "--num-frames", "10000"], "5, 9 or 17 frames", "length"),
        (["--preset", "hold", "--seed", "-1"], "seed", "seed"),
        (["--preset", "hold", "--steps", "0"], "steps", "steps"),
        (["--preset", "hold", "--guidance-scale", "99"], "Guidance", "guidance"),
        (["--poses", "nowhere.npy"], "nowhere.npy", "camera"),
    ],
)
def test_bad_input_is_a_sentence_and_exit_code_2(
    generate, tmp_path, capsys, arguments, says, field
):
    assert generate(*arguments, "--json") == 2
    written = capsys.readouterr()
    result = json.loads(written.out.splitlines()[-1])
    assert says in result["error"]
    assert result["field"] == field
    assert result["error"] in written.err
    assert not (tmp_path / "clip.mp4").exists()


def test_the_shortened_path_that_is_offered_fits(generate, capsys):
    generate("--action", "w-40,dw-24", "--json")
    offer = last_json(capsys)["error"].split('"')[1]
    assert offer == "w-10,dw-6"
    assert main(["path", "--action", offer]) == 0


@pytest.mark.parametrize("actions", ["w-40,dw-24", "w-1,a-1,d-98", "none-7,i-30", "ww-33"])
def test_a_shortened_path_never_has_more_steps_than_there_is_room(actions):
    for room in (2, 8, 16):
        assert 1 <= count_actions(shortened(actions, room)) <= room


def test_a_picture_that_is_none_is_told(generate, tmp_path, capsys):
    assert generate("--preset", "hold", image=tmp_path / "nowhere.png") == 2
    assert "nowhere.png" in capsys.readouterr().err
    text = tmp_path / "notes.png"
    text.write_text("no picture")
    assert generate("--preset", "hold", image=text) == 2
    assert "text file" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["clip.avi", "nowhere/clip.mp4"])
def test_an_output_that_cannot_be_written_is_told_before_drawing(generate, tmp_path, capsys, name):
    assert generate("--preset", "hold", out=tmp_path / name) == 2
    assert name.split("/")[-1] in capsys.readouterr().err


def test_a_missing_model_is_exit_code_4(generate, tmp_path, capsys):
    assert generate("--preset", "hold", "--model", str(tmp_path / "none"), "--json") == 4
    assert "no model folder" in last_json(capsys)["error"]


@pytest.mark.parametrize(
    ("error", "code"), [(NotEnoughMemoryError("too large"), 3), (SanaWMError("broke"), 1)]
)
def test_each_error_has_its_exit_code(monkeypatch, error, code, capsys):
    def failing(options):
        raise error

    monkeypatch.setattr("sanawm.cli.models.run_models", failing)
    assert main(["models"]) == code
    assert str(error) in capsys.readouterr().err


def test_an_interrupted_command_says_so(monkeypatch):
    def interrupted(options):
        raise KeyboardInterrupt

    monkeypatch.setattr("sanawm.cli.models.run_models", interrupted)
    assert main(["models"]) == 130


def test_models_are_listed_with_what_they_lack(tiny_model_folder, tmp_path, capsys, monkeypatch):
    assert main(["models", "--json"]) == 0
    first = last_json(capsys)["models"][0]
    assert first["folder"] == str(tiny_model_folder.resolve())
    assert ModelCard.from_dict(first["card"]).name == "random"
    monkeypatch.setenv("WANDERBOOK_MODEL", str(tmp_path))
    assert main(["models"]) == 0
    assert "model_index.json is missing" in capsys.readouterr().out


@pytest.mark.parametrize("suffix", [".npz", ".npy", ".json"])
def test_a_path_is_exported_with_the_poses_the_model_gets(tmp_path, capsys, suffix):
    out = tmp_path / f"walk{suffix}"
    assert main(["path", "--action", "w-4,a-4", "--out", str(out), "--json"]) == 0
    written = capsys.readouterr().out
    shown = CameraPath.from_dict(json.loads(written.splitlines()[-1]))
    if suffix == ".npz":
        assert CameraPath.load_npz(out) == shown
    elif suffix == ".npy":
        assert np.array_equal(np.load(out), shown.c2w)
    else:
        assert CameraPath.from_dict(json.loads(out.read_text())) == shown
    assert "9 frames" in written


def test_a_path_is_not_exported_to_a_file_nobody_reads(tmp_path, capsys):
    assert main(["path", "--preset", "hold", "--out", str(tmp_path / "walk.txt")]) == 2
    assert "walk.txt" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["fly"], ["generate"], ["path"]])
def test_a_wrong_command_line_is_exit_code_2(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage" in capsys.readouterr().err


def test_every_command_has_its_two_functions():
    for module_name, function, _ in cli_main.COMMANDS.values():
        module = __import__(module_name, fromlist=["_"])
        assert callable(getattr(module, f"add_{function}_arguments"))
        assert callable(getattr(module, f"run_{function}"))


class Terminal:
    """A stream that remembers, and may be a terminal."""

    def __init__(self, is_terminal):
        self.text, self.is_terminal = "", is_terminal

    def isatty(self):
        return self.is_terminal

    def write(self, text):
        self.text += text

    def flush(self):
        pass


def test_a_terminal_sees_a_bar_and_a_log_one_line_for_each_stage():
    terminal, log = Terminal(True), Terminal(False)
    for stream in (terminal, log):
        bar = ProgressBar(stream)
        for step in range(5):
            bar.show(Progress(stage="drawing", step=step, total=4))
        bar.show(Progress(stage="saving", step=1, total=1))
        bar.close()
    assert log.text == "Drawing 4/4\nSaving 1/1\n"
    assert terminal.text.count("\r") == 7
    assert "█" * 14 + "·" * 14 + " 2/4" in terminal.text
    assert "\n" not in terminal.text


@pytest.mark.parametrize("arguments", [["path", "--preset", "walk"], ["models"], ["--help"]])
def test_light_commands_load_no_torch(arguments):
    program = (
        "import sys\nfrom sanawm.cli.main import main\n"
        f"try:\n    main({arguments!r})\nexcept SystemExit:\n    pass\n"
        "assert not {'torch', 'transformers', 'diffusers'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_module_runs_as_a_program():
    done = subprocess.run(
        [sys.executable, "-m", "sanawm", "path", "--action", "w-8", "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["frames"] == 9
