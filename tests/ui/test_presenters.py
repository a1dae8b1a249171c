import pytest
from sample_runs import PROMPT, run_view

from sanawm.camera.presets import PRESETS
from studio.views import Change, LineView, StatusView
from ui.presenters import cell, shapes, state_of
from ui.stages import stages
from ui.words import duration, length


def shown(run):
    return cell(run, model_title="Painted rooms", unit="m", fov_degrees=60)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0.1 s"),
        (0.32, "0.3 s"),
        (0.96, "1 s"),
        (18.4, "18 s"),
        (60, "1 min"),
        (119.6, "2 min"),
        (160, "2 min 40 s"),
        (3900, "1 h 5 min"),
        (7200, "2 h"),
    ],
)
def test_durations_read_as_a_person_says_them(seconds, words):
    assert duration(seconds) == words


def test_a_clip_lasts_from_its_first_frame_to_its_last():
    assert length(33, 8) == "4 s"
    assert length(13, 8) == "1.5 s"


def test_a_done_cell_says_what_was_asked_and_how_long_it_took():
    done = shown(run_view())

    assert done["prompt"] == PROMPT
    assert ["Length", "4 s, 33 frames"] in done["facts"]
    assert ["Seed", "7"] in done["facts"]
    assert ["Steps", "20, guidance 3"] in done["facts"]
    assert ["Model", "Painted rooms"] in done["facts"]
    assert done["took"] == "Took 17 s"
    assert done["map"]["path"]
    assert done["stages"] == []


def test_what_a_person_typed_is_passed_on_as_it_is():
    hostile = '<img src=x onerror="alert(1)">'

    told = shown(run_view(prompt=hostile, negative_prompt=hostile))

    assert told["prompt"] == hostile
    assert ["Without", hostile] in told["facts"]


def test_a_remix_says_of_what_and_shows_three_changes_at_most():
    changes = [
        Change(field="prompt", before="A long story", after="Another long story"),
        Change(field="path", before="Pull out", after="Orbit left"),
        Change(field="seed", before="42", after="7"),
        Change(field="steps", before="20", after="10"),
        Change(field="guidance", before="3", after="2"),
    ]

    remix = shown(run_view(parent_id="01PARENT", parent_number=11, changes=changes))

    assert remix["relation"] == {"text": "remix of", "id": "01PARENT", "number": 11, "frame": None}
    assert remix["changes"] == [
        {"field": "prompt", "before": "", "after": "changed"},
        {"field": "path", "before": "pull out", "after": "orbit left"},
        {"field": "seed", "before": "42", "after": "7"},
    ]
    assert remix["more_changes"] == 2


@pytest.mark.parametrize(
    ("position", "title"),
    [(0, "Queued, next in line"), (1, "Queued, 1 run ahead"), (4, "Queued, 4 runs ahead")],
)
def test_a_queued_cell_says_its_place_and_hands_over_when_it_starts(position, title):
    queued = shown(run_view(state="queued", queue_position=position, eta_s=12.04, seconds=None))

    assert queued["status"]["title"] == title
    assert queued["status"]["detail"] == "Orbit left, 4 s, seed 7."
    assert queued["eta_s"] == 12.0


def test_no_time_is_made_up_where_none_was_measured():
    assert shown(run_view(state="queued", queue_position=0, eta_s=None))["eta_s"] is None


def test_the_first_sentence_of_an_error_is_its_heading():
    error = "Not enough memory. The prompt, the picture and the path are kept."

    failed = shown(run_view(state="failed", stage="decoding", error=error, seconds=31))["status"]

    assert failed["title"] == "Not enough memory"
    assert failed["text"] == "The prompt, the picture and the path are kept."
    assert failed["detail"].endswith("Stopped while decoding, after 31 s.")


def test_an_error_too_long_for_a_heading_gets_one():
    error = "This is a very long sentence about a thing that went wrong, with every detail of it."

    failed = shown(run_view(state="failed", error=error))["status"]

    assert (failed["title"], failed["text"]) == ("This run failed", error)


def test_a_cancelled_cell_says_where_and_that_nothing_was_kept():
    error = "Cancelled at step 11. Nothing was kept."

    cancelled = shown(run_view(state="cancelled", step=11, error=error))["status"]

    assert cancelled["title"] == "Cancelled at step 11"
    assert cancelled["text"] == "Nothing was kept."


def test_a_running_cell_has_every_stage_once_and_one_is_now():
    running = run_view(state="running", stage="drawing", step=11, total=20, eta_s=9, preview="/w")

    rows = stages(running)

    assert [(row["text"], row["state"]) for row in rows] == [
        ("Prompt read", "done"),
        ("First frame prepared", "done"),
        ("Drawing, 11 of 20", "now"),
        ("Decoding 33 frames", "next"),
        ("Saving", "next"),
    ]
    assert rows[0]["note"] == "0.4 s"
    assert rows[2]["percent"] == 55
    assert shown(running)["rough"] == "Rough preview, step 11"
    assert shown(running)["eta_s"] == 9
    assert shown(running)["can_keep"]


def test_before_the_first_stage_the_model_is_being_opened():
    rows = stages(run_view(state="running", stage="opening"))

    assert rows[0]["text"] == "Opening the model"
    assert [row["state"] for row in rows] == ["now", *["next"] * 5]


def test_a_clip_drawn_in_parts_says_which_one_is_drawn():
    texts = []
    for step in (0, 3, 4, 11, 12):
        run = run_view(state="running", stage="drawing", step=step, total=12, steps=4)
        texts.append(next(row["text"] for row in stages(run) if row["state"] == "now"))
    assert texts == [f"Drawing, part {n} of 3" for n in (1, 1, 2, 3, 3)]


def test_the_bar_names_the_model_and_what_it_does_besides_waiting():
    status = StatusView(model="opening", sentence="", queued=2, running=0, paused=False)

    assert state_of(status, "Painted rooms")["model"] == "Painted rooms, opening"
    ready = StatusView(model="ready", sentence="", queued=0, running=0, paused=True)
    assert state_of(ready, "Painted rooms")["model"] == "Painted rooms"
    assert state_of(ready, "Painted rooms")["paused"]


def test_the_line_names_each_waiting_run_once_with_its_place_and_start():
    line = [LineView(id="01A", position=0, eta_s=4.26), LineView(id="01B", position=1, eta_s=None)]
    status = StatusView(model="ready", sentence="", queued=2, running=1, paused=False, line=line)

    assert state_of(status, "Painted rooms")["line"] == [
        {"id": "01A", "place": "Queued, next in line", "eta_s": 4.3},
        {"id": "01B", "place": "Queued, 1 run ahead", "eta_s": None},
    ]


@pytest.mark.parametrize(
    ("paused", "reason", "said"),
    [
        (False, "", ""),
        (True, "by hand", "The queue is paused."),
        (True, "unclean stop", "Wanderbook was not shut down properly"),
    ],
)
def test_a_paused_queue_says_why(paused, reason, said):
    status = StatusView(
        model="ready", sentence="", queued=1, running=0, paused=paused, pause_reason=reason
    )

    told = state_of(status, "Painted rooms")["pause"]

    assert told.startswith(said)
    assert bool(told) == paused


@pytest.mark.parametrize(
    ("wish", "title"),
    [
        ("", "Running"),
        ("cancel", "Cancelling after this step"),
        ("keep", "Keeping what there is"),
    ],
)
def test_a_running_cell_says_what_was_asked_of_it(wish, title):
    assert shown(run_view(state="running", stage="drawing", wish=wish))["status"]["title"] == title


@pytest.mark.parametrize("stage", ["decoding", "saving"])
def test_after_the_drawing_there_is_nothing_left_to_stop(stage):
    assert not shown(run_view(state="running", stage=stage))["can_keep"]


def test_a_run_stopped_early_says_at_which_step():
    facts = dict(shown(run_view(stopped_at=11))["facts"])

    assert facts["Steps"] == "stopped early at step 11 of 20, guidance 3"


def test_a_failed_run_offers_the_next_shorter_clip_in_seconds():
    assert shown(run_view(state="failed", error="No.", smaller=17))["smaller"] == "2 s"
    assert shown(run_view(state="failed", error="No.", smaller=None))["smaller"] == ""


def test_what_an_earlier_run_had_worked_out_is_said_with_the_time_it_saved():
    savings = {"text": 1.9, "latents": 0.3, "features": 0.05}
    done = dict(shown(run_view(savings=savings))["facts"])
    rows = stages(run_view(state="running", stage="drawing", step=1, total=20, savings=savings))

    assert done["Kept"] == "prompt, first frame and camera from an earlier run, saved 2 s"
    assert [row["note"] for row in rows[:2]] == ["kept, saved 2 s", "kept, saved 0.3 s"]
    assert "Kept" not in dict(shown(run_view())["facts"])


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.id)
def test_every_preset_has_a_glyph_of_known_shapes(preset):
    drawn = shapes(preset.glyph)

    assert drawn
    assert {tag for tag, _ in drawn} <= {"path", "circle"}
