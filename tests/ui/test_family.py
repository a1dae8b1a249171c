import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample_runs import run_view

from studio.views import Change
from ui.family import COLUMN, NUMBER, PICTURE, ROW, edge_words, family_tree, layout


@st.composite
def families(draw):
    """Runs in the order they were made, each after its parent; some parents are gone."""
    count = draw(st.integers(1, 40))
    parents = {}
    for index in range(count):
        known = [f"run {earlier}" for earlier in range(index)]
        parents[f"run {index}"] = draw(st.sampled_from([None, "gone", *known]))
    return parents


@given(families())
def test_no_two_runs_overlap(parents):
    places = layout(parents)

    assert set(places) == set(parents)
    for one, other in itertools.combinations(places.values(), 2):
        assert one.x != other.x or abs(one.y - other.y) >= ROW >= PICTURE[1] + NUMBER


@given(families())
def test_each_generation_is_a_column_and_parents_stand_in_the_middle_of_their_children(parents):
    places = layout(parents)

    for run, parent in parents.items():
        if parent not in places:
            assert places[run].x == 0
            continue
        assert places[run].x == places[parent].x + COLUMN
        siblings = [places[one].y for one, of in parents.items() if of == parent]
        assert siblings == sorted(siblings)
        assert places[parent].y == pytest.approx((siblings[0] + siblings[-1]) / 2)


@given(families())
def test_nothing_is_drawn_above_the_top_or_further_apart_than_it_must_be(parents):
    rows = [place.y for place in layout(parents).values()]
    leaves = set(parents) - set(parents.values())

    assert min(rows) >= 0
    assert max(rows) <= (len(leaves) - 1) * ROW


def test_a_thousand_generations_are_drawn():
    parents = {f"{index}": f"{index - 1}" if index else None for index in range(1000)}

    places = layout(parents)

    assert places["999"].x == 999 * COLUMN
    assert {place.y for place in places.values()} == {0}


def test_a_family_of_two_hundred_fits_its_own_drawing():
    runs = [run_view(id="root", number=1)]
    runs += [
        run_view(id=f"{number}", number=number, parent_id="root", parent_number=1)
        for number in range(2, 201)
    ]

    tree = family_tree(runs)

    assert len(tree["edges"]) == 199
    for node in tree["nodes"]:
        assert 0 <= node["x"] <= tree["width"] - PICTURE[0]
        assert 0 <= node["y"] <= tree["height"] - PICTURE[1] - NUMBER


def test_a_line_says_what_was_changed_and_the_whole_of_it_where_it_is_long():
    changes = [
        Change(field="path", before="Push in", after="Pan right"),
        Change(field="seed", before="42", after="43"),
        Change(field="prompt", before="a", after="b"),
    ]
    parent, child = run_view(id="root"), run_view(id="leaf", parent_id="root", changes=changes)

    [edge] = family_tree([parent, child])["edges"]

    assert edge["words"] == "pan right, seed 42→43, prompt"
    assert edge["short"] == "pan right, seed…"
    assert edge["d"].startswith("M110 31H")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"changes": [Change(field="seed", before="42", after="43")]}, "seed 42→43"),
        ({"relation": "extend", "start_frame": 20}, "from frame 21"),
        ({"relation": "check"}, "reproduced"),
        ({"changes": [Change(field="seed", before="577883", after="782453")]}, "seed 782453"),
        (
            {"changes": [Change(field="first frame", before="a" * 64, after="b" * 64)]},
            "first frame",
        ),
        ({"changes": []}, "the same again"),
    ],
)
def test_the_words_of_a_line(fields, words):
    assert edge_words(run_view(parent_id="root", **fields)) == words
