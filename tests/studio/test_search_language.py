"""What is typed into the search box finds what it says, as a plain reading of the rows would."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sanawm.errors import InvalidRequestError
from storage.tables import Run
from studio.search import parse

DAY = 86_400
NOON = 1_700_049_600.0  # 2023-11-15 12:00 UTC
ROWS = {
    "cave": {
        "prompt": "A dark cave, with water",
        "seed": 42,
        "rating": 5,
        "tags": ["wet", "Stone"],
    },
    "hall": {"prompt": "A long hall: marble", "seed": 7, "rating": 3, "note": "The *pillar* holds"},
    "plain": {"prompt": "Über die Ebene", "seed": 42, "state": "failed", "created_at": NOON + DAY},
    "own": {
        "prompt": "",
        "seed": 1,
        "path_source": {"kind": "actions", "actions": "dw-8,w-4"},
        "model": "sana-wm",
        "num_frames": 33,
    },
    "gone": {"prompt": "A dark cave again", "seed": 42, "deleted_at": 1.0},
}


@pytest.fixture
def found(studio, submit):
    ids = {}
    for name in ROWS:
        ids[submit(name).id] = name
    with studio._database.write() as session:
        for run_id, name in ids.items():
            run = session.get_one(Run, run_id)
            run.created_at, run.state = NOON, "done"
            run.path_source = {"kind": "preset", "preset": "orbit-left"}
            for field, value in ROWS[name].items():
                setattr(run, field, value)
            if name == "hall":
                run.parent_id = next(iter(ids))

    def found(query, **options):
        page = studio.gallery.search(query, **options)
        assert page.total == len(page.runs)
        return {ids[run.id] for run in page.runs}

    return found


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("", {"cave", "hall", "plain", "own"}),
        ("cave", {"cave"}),
        ("CAV", {"cave"}),
        ("water dark", {"cave"}),
        ('"dark cave"', {"cave"}),
        ('"cave dark"', set()),
        ("uber", {"plain"}),
        ("pillar", {"hall"}),
        ("stone", {"cave"}),
        ("*", {"cave", "hall", "plain", "own"}),
        ('a" OR "b', set()),
        ("seed:42", {"cave", "plain"}),
        ("seed:42 cave", {"cave"}),
        ("rating:>=4", {"cave"}),
        ("rating:none", {"plain", "own"}),
        ("rating:3", {"hall"}),
        ("path:orbit", {"cave", "hall", "plain"}),
        ("path:own", {"own"}),
        ("path:dw", {"own"}),
        ("model:sana", {"own"}),
        ("len:>2", {"own"}),
        ("state:failed", {"plain"}),
        ("status:failed", {"plain"}),
        ("tag:STONE", {"cave"}),
        ("has:note", {"hall"}),
        ("has:tags", {"cave"}),
        ("has:children", {"cave"}),
        ("parent:none", {"cave", "plain", "own"}),
        ("parent:1", {"hall"}),
        ("before:2023-11-16", {"cave", "hall", "own"}),
        ("after:2023-11-16", {"plain"}),
        ("is:trash", {"gone"}),
        ("is:trash hall", set()),
        ('notebook:"Inbox"', {"cave", "hall", "plain", "own"}),
        ("notebook:elsewhere", set()),
        ("SEED:7", {"hall"}),
        ("hall: marble", {"hall"}),
        ('tag:"Stone" dark', {"cave"}),
    ],
)
def test_a_search_finds_what_it_says(found, query, wanted):
    assert found(query) == wanted


def test_days_are_those_of_the_reader(studio, found):
    assert found("after:2023-11-16", utc_offset_min=12 * 60) == {"plain", "cave", "hall", "own"}
    days = studio.gallery.search("", utc_offset_min=0).days
    assert days == {"2023-11-15": 3, "2023-11-16": 1}
    assert studio.gallery.search("", utc_offset_min=13 * 60).days == {
        "2023-11-16": 3,
        "2023-11-17": 1,
    }


def test_facets_count_what_the_search_would_find(studio, found):
    for query in ("", "seed:42", "cave"):
        for facets in studio.gallery.facets(query).values():
            for facet in facets:
                assert len(found(f"{query} {facet.field}")) == facet.count, facet


def test_pages_meet_and_stacks_show_one_of_each_family(studio, submit):
    first = submit("root")
    family = [submit(f"child {n}", parent_id=first.id) for n in range(3)]
    other = submit("alone")
    page = studio.gallery.search("", limit=2)
    rest = studio.gallery.search("", limit=9, before=page.runs[-1].id)
    ids = [run.id for run in (*page.runs, *rest.runs)]
    assert ids == [run.id for run in (other, *family[::-1], first)]
    stacked = studio.gallery.search("", stacked=True)
    assert [run.id for run in stacked.runs] == [other.id, family[-1].id]
    assert (stacked.total, stacked.families[first.id]) == (2, 4)
    assert [run.id for run in studio.gallery.family(family[1].id)] == [
        first.id,
        *(run.id for run in family),
    ]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("colour:red", '"colour:" is not a field'),
        ("seed:many", "whole number"),
        ("seed:", "Write after seed:"),
        ("rating:good", "takes a number"),
        ("state:sleeping", "is one of queued"),
        ("has:feet", "is one of note"),
        ("before:yesterday", "takes a day"),
        ("is:nice", "is:trash"),
        ("x" * 501, "at most 500"),
    ],
)
def test_what_means_nothing_gets_a_sentence(query, words):
    with pytest.raises(InvalidRequestError, match=words):
        parse(query)


@given(st.text(max_size=60))
def test_whatever_is_typed_is_understood_or_refused_with_a_sentence(text):
    with suppress(InvalidRequestError):
        parse(text).where()


def test_a_family_keeps_those_in_the_trash_that_others_came_from(studio, submit):
    runs = [submit("root")]
    for number in range(3):
        runs.append(submit(f"child {number}", parent_id=runs[-1].id))
    for run in runs:
        studio.cancel(run.id, "me")
    studio.marks.trash([runs[1].id, runs[3].id], "me")
    family = studio.gallery.family(runs[0].id)
    assert [run.id for run in family] == [run.id for run in runs[:3]]
    assert [run.deleted for run in family] == [False, True, False]
