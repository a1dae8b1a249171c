"""The routes of the notebooks: pages of cells, every act on them, and who may do what."""

import pytest
from test_routes import submit

WM = "/gradio_api/wm"
STRANGER = {"X-Wanderbook-Visitor": "d" * 32}


@pytest.fixture
def runs(studio, client):
    """The ids of three runs, whose cells are in the inbox."""
    return [submit(studio, client, prompt=f"run {index}").id for index in range(3)]


@pytest.fixture
def book(client):
    """The id of a new notebook."""
    return act(client, "books", title="Slow turns")["notebook"]["id"]


@pytest.fixture
def for_guests(monkeypatch):
    """The same notebooks where the page is not on the owner's own computer."""
    monkeypatch.setattr("studio.identity.Ownership.is_owner", lambda self, key: False)


def act(client, path, **body):
    answer = client.post(f"{WM}/{path}", json=body)
    assert answer.is_success, answer.text
    return answer.json()


def refused(client, path, body, **options):
    answer = client.post(f"{WM}/{path}", json=body, **options)
    assert answer.status_code == 422
    assert answer.json()["error"].endswith(".")
    return answer.json()["error"]


def read(client, path, **query):
    return client.get(f"{WM}/{path}", params=query).json()


def cells(client, book, **query):
    return read(client, f"books/{book}/cells", **query)["cells"]


def shown(client, book):
    """The cells of a notebook as displayed: their runs, or what their text says."""
    return [cell["run"] or cell["text"] or cell["runs"] for cell in cells(client, book)]


def add(client, book, text, above=""):
    return act(client, f"books/{book}/cells", kind="text", text=text, above=above)["cell"]


def test_pages_of_cells_are_the_whole_notebook_in_order(client, book, runs):
    for at in range(7):
        add(client, book, f"text {at}", above=None if at % 2 else "")
    whole = cells(client, book, limit=60)

    pages, after = [], {}
    while found := cells(client, book, limit=2, **after):
        pages += found
        after = {"after": found[-1]["id"]}

    assert pages == whole
    assert [cell["text"][-1] for cell in whole] == ["6", "4", "2", "0", "1", "3", "5"]


def test_a_page_has_each_run_that_its_cells_show_once(client, book, runs):
    for kind in ("run", "compare"):
        act(client, f"books/{book}/cells", kind=kind, run=runs[0], runs=runs, above="")

    page = read(client, f"books/{book}/cells")

    assert [cell["kind"] for cell in page["cells"]] == ["compare", "run"]
    assert sorted(run["id"] for run in page["runs"]) == sorted(runs)


def test_a_notebook_is_named_described_turned_round_put_away_and_brought_back(client, book):
    changes = {"title": " Slow   turns ", "description": "How far?", "newest_first": False}
    changed = act(client, f"books/{book}", **changes)["notebook"]

    assert (changed["title"], changed["description"]) == ("Slow turns", "How far?")
    assert changed["newest_first"] is False
    assert read(client, f"books/{book}")["notebook"] == changed
    act(client, f"books/{book}/trash")
    assert [one["id"] for one in read(client, "books")["notebooks"]] == ["inbox"]
    assert client.get(f"{WM}/books/{book}/cells").status_code == 422
    assert act(client, f"books/{book}/restore")["notebook"] == changed


def test_a_cell_is_put_above_another_one_and_back(client, book):
    first, second, third = (add(client, book, words)["id"] for words in ("a", "b", "c"))
    assert shown(client, book) == ["c", "b", "a"]

    moved = act(client, f"cells/{first}/move", above=third)

    assert shown(client, book) == ["a", "c", "b"]
    assert moved["cell"] == cells(client, book)[0]
    act(client, f"cells/{first}/move", above=moved["place"]["above"])
    assert shown(client, book) == ["c", "b", "a"]
    act(client, f"cells/{third}/move", above=None)
    assert shown(client, book) == ["b", "a", "c"]
    act(client, f"cells/{second}/move", above="", notebook="inbox")
    assert shown(client, book) == ["a", "c"]
    assert shown(client, "inbox") == ["b"]


def test_a_text_is_written_folded_taken_out_and_brought_back(client, book):
    cell = add(client, book, "one")
    add(client, book, "two")

    written = act(client, f"cells/{cell['id']}", text="# A heading\n\n<b>and</b> words")["cell"]
    folded = act(client, f"cells/{cell['id']}", collapsed=True)["cell"]
    act(client, f"cells/{cell['id']}/remove")

    assert written["nodes"] == [["h2", {}, "A heading"], ["p", {}, "<b>and</b> words"]]
    assert folded == written | {"collapsed": True}
    assert shown(client, book) == ["two"]
    assert act(client, f"cells/{cell['id']}/restore")["cell"] == folded
    assert cells(client, book)[1] == folded


def test_the_outline_has_headings_and_numbered_runs_as_displayed(client, book, runs):
    act(client, f"books/{book}/cells", kind="run", run=runs[1], above="")
    add(client, book, "# Inside\n\nwords\n\n## Deeper")

    lines = read(client, f"books/{book}/outline")["outline"]

    assert [(line["number"], line["words"]) for line in lines] == [
        (None, "Inside"),
        (None, "Deeper"),
        (2, "run 1"),
    ]
    assert {line["cell"] for line in lines} == {cell["id"] for cell in cells(client, book)}


def test_a_run_is_in_several_notebooks_and_once_in_each(client, studio, book, runs):
    body = {"kind": "run", "run": runs[0], "above": ""}
    act(client, f"books/{book}/cells", **body)

    assert runs[0] in shown(client, book)
    assert runs[0] in shown(client, "inbox")
    assert "already" in refused(client, f"books/{book}/cells", body)
    [elsewhere] = [cell["id"] for cell in cells(client, "inbox") if cell["run"] == runs[0]]
    assert "already" in refused(client, f"cells/{elsewhere}/move", {"notebook": book, "above": ""})


def test_pages_hear_of_cells_and_notebooks_that_changed(client, book):
    rev = read(client, "session")["rev"]
    cell = add(client, book, "words")

    told = read(client, "changes", after=rev)

    assert told["cells"] == [cell]
    assert book in [one["id"] for one in told["notebooks"]]
    assert "notebooks" not in read(client, "changes", after=told["rev"])


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("books", {"title": "  "}),
        ("books", {"title": 7}),
        ("books", {"title": "x" * 500}),
        ("books/inbox", {"newest_first": "yes"}),
        ("books/inbox/trash", {}),
        ("books/nowhere/cells", {"kind": "text", "text": "x"}),
        ("books/inbox/cells", {"kind": "video"}),
        ("books/inbox/cells", {"kind": "text", "text": "x", "above": 7}),
        ("books/inbox/cells", {"kind": "text", "text": "x" * 50_000}),
        ("books/inbox/cells", {"kind": "compare", "runs": ["only one"]}),
        ("books/inbox/cells", {"kind": "compare", "runs": "abc"}),
        ("books/inbox/cells", {"kind": "run", "run": "nowhere"}),
        ("cells/nowhere", {"text": "x"}),
        ("cells/nowhere/move", {"above": None}),
    ],
)
def test_what_cannot_be_done_is_a_sentence(client, path, body):
    refused(client, path, body)


def test_only_whoever_made_a_notebook_sees_and_changes_it(client, book, for_guests):
    cell = add(client, book, "words")["id"]

    mine = {one["id"]: one["may_change"] for one in read(client, "books")["notebooks"]}
    others = client.get(f"{WM}/books", headers=STRANGER).json()["notebooks"]

    assert mine == {"inbox": False, book: True}
    assert {one["id"]: one["may_change"] for one in others} == {"inbox": False}
    for path in (f"books/{book}", f"books/{book}/cells", f"books/{book}/outline"):
        assert client.get(f"{WM}/{path}", headers=STRANGER).status_code == 422
    for path, body in [
        (f"books/{book}", {"title": "Mine"}),
        (f"books/{book}/trash", {}),
        (f"books/{book}/cells", {"kind": "text", "text": "x"}),
        (f"cells/{cell}", {"text": "x"}),
        (f"cells/{cell}", {"collapsed": True}),
        (f"cells/{cell}/move", {"above": None}),
        (f"cells/{cell}/remove", {}),
    ]:
        assert "is not there any more" in refused(client, path, body, headers=STRANGER)
    assert shown(client, book) == ["words"]
