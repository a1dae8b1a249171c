"""The routes of the gallery: pages of cards, days, facets, and acts on several runs at once."""

import pytest
from many_runs import fill

WM = "/gradio_api/wm"


@pytest.fixture
def ids(settings):
    """Seventy finished runs; the tests' studio finds them, as it is opened afterwards."""
    return fill(settings.data_folder, 70)


@pytest.fixture
def ask(ids, client):
    """What the gallery answers to a search."""

    def ask(q="", **parameters):
        answer = client.get(f"{WM}/gallery", params={"q": q, **parameters})
        assert answer.is_success, answer.text
        return answer.json()

    return ask


def numbers(page):
    return [card["number"] for card in page["runs"]]


def act(client, path, **body):
    return client.post(f"{WM}/{path}", json=body)


def test_pages_follow_one_another_until_every_run_was_shown_once(ask):
    first = ask()
    second = ask(before=first["runs"][-1]["id"])

    assert numbers(first) + numbers(second) == list(range(70, 0, -1))
    assert (len(first["runs"]), first["total"], second["total"]) == (60, 70, 70)
    assert sum(first["days"].values()) == 70
    assert numbers(ask(limit=5, before=first["runs"][4]["id"])) == [65, 64, 63, 62, 61]


def test_no_page_is_longer_than_sixty_cards_or_empty(ask):
    for limit in (0, -5, 1000, "x", "9" * 30):
        assert 1 <= len(ask(limit=limit)["runs"]) <= 60, limit


def test_days_are_those_of_the_clock_that_asks(ask):
    for offset in (-100_000, -720, 0, 840, 100_000):
        days = ask(offset=offset)["days"]
        assert sum(days.values()) == 70, offset
        assert all(len(day) == 10 for day in days)


def test_a_card_has_what_it_shows_and_plays_and_nothing_long(ask, client):
    [card] = ask("run:30")["runs"]

    assert (card["number"], card["path"], card["length"]) == (30, "Push in", "2 s")
    assert (card["rating"], card["tags"], card["state"]) == (0, ["cave"], "done")
    assert len(str(card)) < 1200
    for kind in ("thumb", "hover", "download"):
        assert client.get(card["media"][kind]).status_code == 200


def test_stacked_each_family_is_one_card_with_its_size(ask):
    cards = {card["number"]: card["family"] for card in ask(stacked=1)["runs"]}

    assert (cards[60], cards[70]) == (2, 1)
    assert 59 not in cards
    assert ask(stacked=1)["total"] == 65


def test_facets_count_what_the_search_finds_and_lead_there(ask, client):
    found = client.get(f"{WM}/gallery/facets", params={"q": "lamp"}).json()["facets"]

    for values in found.values():
        for value in values:
            assert ask(f"lamp {value['field']}")["total"] == value["count"], value


@pytest.mark.parametrize("path", ["gallery", "gallery/facets"])
def test_what_cannot_be_searched_is_said_at_the_search(client, path):
    for q in ("colour:red", "rating:x", "x" * 501):
        answer = client.get(f"{WM}/{path}", params={"q": q})
        assert answer.status_code == 422
        assert answer.json()["field"] == "search"


def test_runs_are_moved_to_a_notebook_and_back(ask, client, ids):
    [goal] = [
        book["id"]
        for book in client.get(f"{WM}/books").json()["notebooks"]
        if book["title"] == "Slow turns"
    ]
    runs = [ids[1], ids[2]]

    moved = act(client, "gallery/place", runs=runs, notebook=goal).json()
    assert (ask('notebook:"slow turns"')["total"], ask("notebook:inbox")["total"]) == (2, 68)
    assert act(client, "gallery/unplace", **moved).is_success
    assert (ask('notebook:"slow turns"')["total"], ask("notebook:inbox")["total"]) == (0, 70)

    added = act(client, "gallery/place", runs=runs, notebook=goal, also=True).json()
    assert (ask('notebook:"slow turns"')["total"], ask("notebook:inbox")["total"]) == (2, 70)
    assert act(client, "gallery/unplace", **added).is_success
    assert ask('notebook:"slow turns"')["total"] == 0


def test_the_trash_keeps_runs_until_they_are_deleted_for_good(ask, client, ids):
    runs = [ids[1], ids[2]]

    assert act(client, "trash", runs=runs).is_success
    assert (ask()["total"], numbers(ask("is:trash"))) == (68, [2, 1])
    assert act(client, "restore", runs=[ids[1]]).is_success
    assert act(client, "purge", runs=runs).json()["runs"] == [ids[2]]
    assert (ask()["total"], ask("is:trash")["total"]) == (69, 0)


@pytest.mark.parametrize("path", ["gallery/place", "gallery/unplace", "purge"])
def test_what_are_no_runs_is_refused(client, path):
    for runs in (None, "x", [1], {"a": 1}, ["x"] * 501):
        answer = act(client, path, runs=runs, notebook="inbox", added=runs, removed=runs)
        assert answer.status_code == 422, runs
        assert answer.json()["error"].endswith(".")
