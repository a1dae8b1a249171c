import pytest
from sample_runs import run_view

from sanawm.errors import InvalidRequestError
from ui.compare_answers import _found, same_words, table, verdict_words
from ui.words import count_word, listed


def two(**changes):
    return [run_view(), run_view(id="02RUN", number=15, **changes)]


def rows_of(runs):
    return {row["name"]: row for row in table(runs, ["Painted rooms"] * len(runs))}


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({}, set()),
        ({"seed": 8}, {"Seed"}),
        ({"prompt": "another"}, {"Prompt"}),
        ({"image_sha256": "ab" * 31 + "cd"}, {"First frame"}),
        ({"num_frames": 17, "steps": 3}, {"Length", "Steps"}),
        ({"path_label": "Pan left"}, {"Camera path"}),
        (
            {"path_source": {"kind": "actions", "actions": "w-8"}, "path_label": "w-8"},
            {"Camera path", "Actions"},
        ),
    ],
)
def test_a_field_differs_exactly_where_the_runs_do(changes, names):
    rows = rows_of(two(**changes))

    assert {name for name, row in rows.items() if row["differs"]} == names


def test_fields_that_no_run_has_are_left_out():
    assert "Without" not in rows_of(two())
    assert rows_of(two(negative_prompt="fog"))["Without"]["values"] == ["", "fog"]


def test_what_is_the_same_is_counted_and_the_telling_fields_are_named():
    rows = list(rows_of(two(seed=8)).values())

    same = len(rows) - 1
    assert same_words(rows) == (
        f"{count_word(same).capitalize()} fields are the same, "
        "among them the first frame, the prompt and the model."
    )
    assert same_words([{"name": "Seed", "differs": True}]) == "No field is the same."
    assert same_words([{"name": "Seed", "differs": False}]) == "One field is the same: the seed."


def test_the_words_of_a_verdict():
    one, other = two()
    third = run_view(id="03RUN", number=16)

    assert verdict_words(one, one, [one, other]) == "Holds up better than run 15."
    assert verdict_words(other, one, [one, other]) == "Run 14 holds up better."
    assert (
        verdict_words(one, None, [one, other, third]) == "Too close to say beside runs 15 and 16."
    )


@pytest.mark.parametrize("count", [0, 1, 5])
def test_two_to_four_runs_are_compared(studio, count):
    with pytest.raises(InvalidRequestError, match="Two, three or four"):
        _found(studio, [f"{index}" for index in range(count)])


def test_a_verdict_of_nonsense_is_refused(client):
    wrong = ({}, {"runs": "x"}, {"runs": [1, 2]}, {"runs": ["a"]})
    for sent in wrong:
        assert client.post("/gradio_api/wm/compare/verdict", json=sent).status_code == 422
    for before in (None, [{}], [{"id": "a", "stars": "5", "note": ""}]):
        answer = client.post("/gradio_api/wm/compare/undo", json={"before": before})
        assert answer.status_code == 422


def test_a_verdict_over_somebody_elses_run_changes_neither(studio, client, monkeypatch):
    notes = {"mine": "before", "theirs": "before"}
    runs = [run_view(id=name, number=index, note="before") for index, name in enumerate(notes)]
    monkeypatch.setattr(studio, "run", lambda name: next(run for run in runs if run.id == name))

    def write_note(run_id, text, visitor):
        if run_id == "theirs":
            raise InvalidRequestError("Only whoever started this run can change it.")
        notes[run_id] = text

    monkeypatch.setattr(studio.marks, "write_note", write_note)
    sent = {"runs": ["mine", "theirs"], "winner": "mine"}
    answer = client.post("/gradio_api/wm/compare/verdict", json=sent)

    assert answer.json()["error"].startswith("Only whoever")
    assert notes == {"mine": "before", "theirs": "before"}


def test_lists_read_as_a_person_says_them():
    assert [listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c"])] == [
        "a",
        "a and b",
        "a, b and c",
    ]
    assert [count_word(10), count_word(11)] == ["ten", "11"]
