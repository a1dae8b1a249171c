"""Bert has learned every id of Anna's, and puts them wherever an id goes.

Each route stands in a table here with a request that does something when Anna sends it: a route
that is new fails until it is attacked, too.
"""

import json

import pytest
from attack_ways import ANNA, BERT, FORM, SECRET, WM, ended, make_run

from ui.routes import READS, WRITES

NEW = "d" * 32  # a client key nobody used
UNKNOWN = "A" * 22  # a token of no link: whoever has one of Anna's may see what she shows by it
BERTS = FORM | {"prompt": "Bert's lamp"}
QUERIES = {
    "changes": {"after": "0"},
    "compare": {"runs": "{run},{second}"},
    "shares": {"run": "{run}"},
    "gallery": {"q": SECRET},
    "gallery/facets": {"q": SECRET},
    "path": {"source": json.dumps({"kind": "run", "run": "{run}"}), "frames": "9"},
    "runs/{run}/chain": {"build": "1"},
}
BODIES = {
    "runs/{run}/cancel": {},
    "runs/{run}/retry": {},
    "runs/{run}/keep": {},
    "runs/{run}/reseed": {"client_key": NEW},
    "runs/{run}/duplicate": {"client_key": NEW},
    "runs/{run}/smaller": {"client_key": NEW},
    "runs/{run}/next": {},
    "runs/{run}/move": {"before": "{run}"},
    "runs/{run}/reproduce": {"client_key": NEW},
    "runs/{run}/rate": {"stars": 1},
    "runs/{run}/note": {"text": "Bert was here"},
    "compare/verdict": {"runs": ["{run}", "{second}"], "winner": "{run}"},
    "compare/undo": {"before": [{"id": "{run}", "stars": 1, "note": "Bert was here"}]},
    "queue/pause": {},
    "queue/resume": {},
    "tags": {"runs": ["{run}"], "add": ["bert"], "drop": [SECRET]},
    "tags/set": {"tags": {"{run}": ["bert"]}},
    "trash": {"runs": ["{run}"]},
    "restore": {"runs": ["{run}"]},
    "draft": {"form": {}, "parent_id": "{run}"},
    "sweeps": {
        "form": BERTS | {"image": "{image}"},
        "parent_id": "{run}",
        "client_key": "{key}",
        "notebook_id": "{book}",
        "above": "{text}",
        "seeds": [1, 2],
    },
    "gallery/place": {"runs": ["{run}"], "notebook": "{book}", "also": False},
    "gallery/unplace": {"added": ["{text}"], "removed": []},
    "purge": {"runs": ["{run}"]},
    "books": {"title": "Bert's"},
    "books/{book}": {"title": "Bert was here"},
    "books/{book}/trash": {},
    "books/{book}/restore": {},
    "books/{book}/cells": {"kind": "text", "text": "Bert was here", "above": "{text}"},
    "cells/{cell}": {"text": "Bert was here"},
    "cells/{cell}/move": {"notebook": "{book}"},
    "cells/{cell}/remove": {},
    "cells/{cell}/restore": {},
    "shares": {"run": "{run}", "days": 1},
    "shares/{token}/withdraw": {},
    "bundles": {"runs": ["{run}"]},
    "import": {},
    "import/{ticket}": {},
    "import/{ticket}/cancel": {},
    "settings": {"keep_stage1": True},
    "settings/clean": {"kind": "chains"},
    "images": {},
    "recipes": {"schema": "wanderbook.run/1", "id": "{run}", "prompt": "x"},
    "examples/{example}": {},
}
OWN = {
    "books",
    "draft",
    "recipes",
    "sweeps",
    "images",
    "examples/{example}",
}  # make something of Bert's own, or nothing


def filled(value, hers):
    """A request of the table with Anna's ids in it."""
    if isinstance(value, dict):
        return {filled(key, hers): filled(one, hers) for key, one in value.items()}
    if isinstance(value, list):
        return [filled(one, hers) for one in value]
    if value == "{image}":
        return hers.image
    if not isinstance(value, str):
        return value
    ids = {name: getattr(hers, name) for name in ("run", "second", "book", "text", "shown", "key")}
    ids |= {
        "ticket": "3" * 22,
        "token": hers.link["token"],
        "cell": hers.text,
        "example": "red-room.png",
    }
    for name, known in ids.items():
        value = value.replace(f"{{{name}}}", known)
    return value


def tells(text, hers):
    """What of Anna's is in an answer."""
    secrets = {SECRET, hers.link["token"], hers.book, hers.text, hers.shown, f"runs/{hers.run}/a1"}
    return {secret for secret in secrets if secret in text}


def world(anna, hers):
    """Everything Anna would miss."""
    seen = [
        anna.get(f"runs/{hers.run}"),
        anna.get("books"),
        anna.get(f"books/{hers.book}/cells"),
        anna.get("books/inbox/cells"),
        anna.get("draft"),
        anna.get("tags"),
        anna.get("queue"),
        anna.get("shares"),
    ]
    assert {answer.status_code for answer in seen} == {200}
    return [answer.json() for answer in seen]


def drop(visitor, runs):
    """End runs and delete them."""
    for run in runs:
        visitor.post(f"runs/{run}/cancel")
        ended(visitor, run)
    visitor.post("trash", {"runs": runs})
    visitor.post("purge", {"runs": runs})


def test_every_route_stands_in_the_table():
    assert set(WRITES) <= set(BODIES)
    assert set(QUERIES) <= set(READS)
    assert not {name for path in READS for name in path.split("/") if name[0] == "{"} - {
        "{run}",
        "{book}",
        "{token}",
    }


@pytest.mark.parametrize("key", [BERT, "e" * 32, "nobody"])
def test_nothing_of_anothers_is_read(key, hers, caller, anna):
    reader = caller(key)
    for path in READS:
        query = filled(QUERIES.get(path, {}), hers)
        given = {**query, "q": ""} if path.startswith("gallery") else query

        theirs = reader.get(filled(path.replace("{token}", UNKNOWN), hers), **given)

        assert not tells(theirs.text, hers), path
        if "{" in path or path == "compare":
            assert theirs.status_code in (404, 422), path


def test_anna_reads_what_bert_cannot(hers, anna):
    told = {
        path
        for path in READS
        if tells(anna.get(filled(path, hers), **filled(QUERIES.get(path, {}), hers)).text, hers)
    }

    assert told >= {"runs", "runs/{run}", "runs/{run}/page", "queue", "tags", "draft", "books"}
    assert told >= {"books/{book}", "books/{book}/cells", "books/{book}/outline", "gallery"}
    assert told >= {"runs/{run}/family", "compare", "gallery/facets"}


def test_nothing_of_anothers_is_changed(hers, anna, bert):
    before = world(anna, hers)
    had = [run["id"] for run in bert.get("runs").json()["runs"]]

    for path in WRITES:
        answer = bert.post(filled(path, hers), filled(BODIES[path], hers))

        assert answer.status_code == 422 or path in OWN, (path, answer.text)
        assert not tells(answer.text, hers), path
    assert world(anna, hers) == before
    assert bert.post("bundles", {"notebook": hers.book}).status_code == 422
    assert bert.get("draft").json()["draft"]["parent_id"] is None
    swept = [run for run in bert.get("runs").json()["runs"] if run["id"] not in had]
    assert [run["relation"] for run in swept] == [None, None]
    drop(bert, [run["id"] for run in swept])


def test_the_requests_of_the_table_do_something_when_anna_sends_them(hers, anna, owner):
    own = make_run(anna, hers.image["sha256"], "a third lamp")["id"]
    ended(anna, own)
    book = anna.post("books", {"title": "A second book"}).json()["notebook"]["id"]
    cell = anna.post(f"books/{book}/cells", {"kind": "text", "text": "words"}).json()["cell"]["id"]
    ids = vars(hers) | {"run": own, "book": book, "text": cell, "key": "f" * 32}
    ids["shown"] = next(
        one["id"] for one in anna.get("books/inbox/cells").json()["cells"] if one["run"] == own
    )
    link = anna.post("shares", {"run": own}).json()["link"]
    ids |= {"second": hers.run, "link": link}
    hers_too = type(hers)(**ids)
    not_now = {"runs/{run}/cancel", "runs/{run}/retry", "runs/{run}/keep", "runs/{run}/smaller"}
    not_now |= {path for path in WRITES if path.startswith(("import", "images", "recipes"))}
    owners = {path for path in WRITES if path.startswith(("queue/", "settings"))}
    owners |= {"runs/{run}/next", "runs/{run}/move"}
    last = ["gallery/unplace", "cells/{cell}/remove", "cells/{cell}/restore"]
    last += [
        "shares/{token}/withdraw",
        "books/{book}/trash",
        "books/{book}/restore",
        "trash",
        "purge",
    ]

    for path in sorted(set(WRITES) - not_now - owners - set(last)) + last:
        answer = anna.post(filled(path, hers_too), filled(BODIES[path], hers_too))
        assert answer.status_code == 200, (path, answer.text)
        for run in anna.get("queue").json()["runs"]:
            anna.post(f"runs/{run['id']}/cancel")
    for path in sorted(owners - {"runs/{run}/next", "runs/{run}/move"}):
        assert owner.post(path, BODIES[path]).status_code == 200, path


# ---- Gradio's handlers, listed or not


EVENT = {
    "visitor": BERT,
    "id": "{run}",
    "fields": ["words", "camera", "seed"],
    "form": BERTS | {"image": None},
    "parent_id": "{run}",
    "editing": True,
    "frame": 3,
}


def test_no_handler_of_gradio_tells_of_anothers_run(hers, anna, bert):
    before = world(anna, hers)
    handlers = bert.http.get("/config").json()["dependencies"]
    names = {one["api_name"] for one in handlers if one["backend_fn"]}
    assert {"remix", "edit", "use", "extend", "submit", "status", "cancel", "get_run"} <= names

    for number, handler in enumerate(handlers):
        for sent in (EVENT, EVENT | {"visitor": ""}, EVENT | {"visitor": None}):
            values = [hers.run] * len(handler["inputs"])
            event = filled(sent, hers)
            for name in (number, handler["api_name"]):
                answer = bert.run(name, *values, event_data=event)
                assert SECRET not in answer.text, handler["api_name"]
                assert f"runs/{hers.run}" not in answer.text, handler["api_name"]
    assert world(anna, hers) == before


def test_the_same_handlers_serve_anna(hers, anna):
    for name in ("remix", "use", "extend"):
        answer = anna.run(name, event_data=filled(EVENT | {"visitor": ANNA, "frame": 0}, hers))
        assert SECRET in answer.text, name


def test_a_run_can_be_neither_edited_nor_placed_nor_taken_over(hers, anna, bert):
    press_of_hers = "1" * 32
    copy = anna.post(f"runs/{hers.run}/duplicate", {"client_key": press_of_hers}).json()["run"][
        "id"
    ]
    ended(anna, copy)
    before = world(anna, hers)
    form = BERTS | {"image": hers.image}
    fields = [
        "image",
        "prompt",
        "camera",
        "length",
        "seed",
        "negative",
        "steps",
        "guidance",
        "model",
    ]
    values = [form[name] for name in fields]
    ticket = {"visitor": BERT, "client_key": NEW, "parent_id": hers.run, "keep_seed": True}

    def press(**more):
        [answer, _] = bert.run("partial", *values, ticket | more).json()["data"]
        return answer

    assert "not in the notebook" in press(edits=hers.run)["error"]
    assert "not in the notebook" in press(client_key=press_of_hers)["error"]
    answer = press(client_key="2" * 32, notebook_id=hers.book)
    made = answer["run"]["id"]
    assert made not in (hers.run, hers.second)
    assert not tells(json.dumps(answer), hers)
    assert not tells(bert.get(f"runs/{made}/page").text, hers)
    assert made in bert.get("books/inbox/cells").text
    drop(bert, [made])
    assert world(anna, hers) == before
    drop(anna, [copy])


def test_the_events_of_a_visitor_are_for_that_visitor(hers, anna, bert, caller):
    address = anna.get("session").json()["events"]
    mine = bert.get("session").json()["events"]
    stranger = caller("").http
    theirs = address.partition("v=")[2].partition("&")[0]
    own = mine.partition("v=")[2].partition("&")[0]
    assert theirs != own

    for forged in (
        mine.replace(own, theirs),
        mine.replace(f"v={own}", "v="),
        address.partition("?")[0],
        address[:-1] + ("0" if address[-1] != "0" else "1"),
    ):
        assert stranger.get(forged).status_code == 403, forged
    with stranger.stream("GET", f"{mine}&after=0") as stream:
        assert stream.status_code == 200
        for line in stream.iter_lines():
            assert SECRET not in line
            if line.startswith("data:"):
                break


def test_without_a_key_nothing_of_the_page_answers(hers, caller):
    nobody = caller("")

    for path in READS:
        assert nobody.get(filled(path, hers)).status_code == 403, path
    for path in WRITES:
        assert nobody.post(filled(path, hers), filled(BODIES[path], hers)).status_code == 403, path
    assert nobody.http.get(WM).status_code == 404
