"""The run page, its family, a repetition, without a browser; runs are painted, not generated."""

import shlex

import pytest
from PIL import Image
from sample_runs import CARD, run_view

from sanawm.cli.main import _parser_for
from studio.views import Change, Draft
from ui.command_line import command_of, needs_poses
from ui.run_page import changed_words, checks, holds, how_it_went, recipe

BASE = "/gradio_api/wm"
HOSTILE = 'it\'s a $(lamp) "here"; rm -rf `x`\nand <b>more</b>'
KEYS = {"kind": "actions", "actions": "w-16,dw-8"}
START = {"run": "01RUN", "frame": 20, "velocity": [0.1, 0, 0, 0], "pitch": 0.0, "held": "w"}


def options_of(run, **changes):
    """The command, as the program's own parser reads it."""
    command = command_of(run, CARD, image="first-frame.png", is_default=True)
    program, _, _, *words = shlex.split(command.replace("\\\n", " "))
    assert program == "python"
    parser, _ = _parser_for(words)
    return parser.parse_args(words)


@pytest.mark.parametrize("prompt", ["a lamp", HOSTILE, "-x", "--out=/etc/passwd", "", "日本"])
def test_the_command_says_to_the_program_what_the_run_says(prompt):
    options = options_of(run_view(prompt=prompt, negative_prompt=prompt, path_source=KEYS))

    assert (options.prompt, options.negative_prompt) == (prompt, prompt)
    assert (options.action, options.preset, options.poses) == ("w-16,dw-8", None, None)
    assert (options.num_frames, options.seed, options.steps) == (33, 7, 20)
    assert options.guidance_scale == 3.0
    assert str(options.image) == "first-frame.png"
    assert str(options.out) == "run-14.mp4"


@pytest.mark.parametrize(
    "source", [KEYS | {"start": START}, KEYS | {"dialect": "other"}, {"kind": "poses"}]
)
def test_a_path_that_keys_cannot_say_is_given_by_its_poses(source):
    run = run_view(path_source=source)

    assert needs_poses(run, CARD)
    assert str(options_of(run).poses) == "c2w.npz"


def test_a_preset_is_given_by_its_name():
    assert options_of(run_view()).preset == "orbit-left"


def test_the_recipe_leaves_out_what_is_not_there():
    rows = dict(recipe(run_view(width=0, height=0), "Painted rooms", 60.0))

    assert rows["Length"] == "33 frames, 4 s at 8 fps"
    assert rows["Steps"] == "20, guidance 3"
    assert "Without" not in rows
    assert "Size" not in rows
    assert (
        dict(recipe(run_view(path_source=KEYS, path_label="w-16"), "", 60.0))["Actions"] == "w-16"
    )


def test_how_it_went_says_what_was_kept_and_how_fast_it_drew():
    run = run_view(savings={"text": 0.8}, timings={"prompt": 0.02, "drawing": 13.1})

    rows = dict(how_it_went(run))

    assert rows["Prompt"] == "0.1 s, kept from an earlier run"
    assert rows["Drawing"] == "13 s, 1.5 steps a second"
    assert rows["Computer"] == "processor, 2 threads"


def test_each_box_says_what_it_stands_for(studio, stored):
    said = holds(run_view(prompt="a red room"), studio.image(stored))

    assert said["prompt"] == "3 words"
    assert said["camera"] == "orbit left"
    assert said["settings"] == "4 s, 20 steps, guidance 3"


def test_what_changed_is_listed():
    changes = [Change(field=name, before="a", after="b") for name in ("path", "seed", "steps")]

    assert changed_words(run_view(changes=changes)) == "path, seed and steps changed"
    assert changed_words(run_view()) == "nothing changed"


def test_what_repetitions_found_is_told_newest_first():
    same = {"of": 14, "frames": 17, "identical": True, "psnr": None, "worst": 0, "differs": []}
    other = same | {
        "identical": False,
        "psnr": 41.23,
        "worst": 12,
        "differs": ["2 threads, was 4."],
    }
    family = [
        run_view(id="a", relation="check", parent_id="01RUN", check=same, created_at=1.0),
        run_view(id="b", relation="check", parent_id="01RUN", check=other, created_at=2.0),
        run_view(id="c", relation="check", parent_id="01RUN", state="running", created_at=3.0),
        run_view(id="d", relation="check", parent_id="another", check=same),
    ]

    told = [check["sentence"] for check in checks(run_view(), family)]

    assert told == [
        "Being made again.",
        "Not identical to run 14: 41.2 dB, at worst 12 of 255. 2 threads, was 4.",
        "Identical to run 14, all 17 frames.",
    ]


@pytest.fixture
def stored(studio, tmp_path):
    file = tmp_path / "lamp.png"
    Image.new("RGB", (160, 96), "teal").save(file)
    return studio.store_image(file).sha256


@pytest.fixture
def queued(studio, stored):
    draft = Draft(
        image_sha256=stored,
        prompt=HOSTILE,
        path_source=KEYS,
        num_frames=33,
        num_inference_steps=6,
        guidance_scale=2.0,
        seed=7,
    )
    return studio.submit(draft, "b" * 32, "a" * 32)


def test_a_run_that_waits_has_a_page_without_files(client, queued):
    page = client.get(f"{BASE}/runs/{queued.id}/page").json()

    assert page["run"]["id"] == queued.id
    assert page["files"] == []
    assert page["needed"] == ["first-frame.png"]
    assert page["path"].startswith("w-16,dw-8, ")
    assert page["kin"] == 1
    assert page["chain"] == ""


def test_a_family_has_a_line_to_each_child(client, studio, queued):
    child = studio.reseed(queued.id, "c" * 32, "a" * 32)

    tree = client.get(f"{BASE}/runs/{child.id}/family").json()

    assert [node["id"] for node in tree["nodes"]] == [queued.id, child.id]
    assert tree["edges"][0]["words"].startswith("seed 7→")


def test_a_run_that_is_not_done_is_neither_reproduced_nor_compared(client, queued):
    refused = client.post(f"{BASE}/runs/{queued.id}/reproduce", json={"client_key": "d" * 32})
    compared = client.get(f"{BASE}/compare", params={"runs": f"{queued.id},{queued.id}"})

    assert "is not done" in refused.json()["error"]
    assert compared.json()["error"] == "Two, three or four runs can be compared."


@pytest.mark.parametrize("what", ["page", "family", "chain"])
def test_a_run_that_is_not_there_is_a_sentence(client, what):
    answer = client.get(f"{BASE}/runs/01NOTHING/{what}")

    assert answer.status_code == 422
    assert answer.json()["error"].endswith(".")


def test_data_is_downloaded_and_never_shown(client, studio, queued):
    folder = studio.settings.data_folder / "runs" / queued.id / "a0"
    folder.mkdir(parents=True)
    for name in ("c2w.npz", "run.json"):
        (folder / name).write_text("{}")
        answer = client.get(studio.run_file_url(queued, name))
        assert answer.status_code == 200
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-disposition"] == f'attachment; filename="{name}"'
    (folder / "page.html").write_text("<b>")
    assert client.get(studio.run_file_url(queued, "page.html")).status_code == 404
