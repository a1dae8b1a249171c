"""Every view of a filled notebook: no fault that axe-core finds, no width that scrolls sideways, no
request to another host, and markup in anybody's words shows as the text it is.
"""

import pytest
import screenshots
import seed_notebook
from axe_playwright_python.sync_playwright import Axe
from browsing import PAINTED_APP, RunningApp
from sqlalchemy import select

from storage.database import Database
from storage.notebooks import add_cell
from storage.tables import INBOX, Notebook, Run

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(600)]

RUNS = 40  # as many as it takes to have a notebook of every kind of cell
MARKUP = '<img src=x onerror="window.harmed=1"> <b>bold</b>'
ALL_RULES = {"resultTypes": ["violations"]}
CONTRAST = ALL_RULES | {"runOnly": ["color-contrast"]}
SAID_IN = ("notebook", "gallery", "queue", "run", "second-notebook", "trash", "compare")


@pytest.fixture(scope="module")
def app(tmp_path_factory, model):
    """A notebook of many runs; the newest says something evil wherever a person can write."""
    folder = tmp_path_factory.mktemp("app")
    database = Database.open(folder / "data")
    seed_notebook.seed(database, RUNS)
    with database.write() as session:
        newest = session.scalars(
            select(Run).where(Run.state == "done", Run.deleted_at.is_(None)).order_by(Run.id.desc())
        ).first()
        thrown_away = session.scalars(select(Run).where(Run.deleted_at.is_not(None))).first()
        for run in (newest, thrown_away):
            run.prompt, run.note, run.tags = f"{MARKUP} a prompt", f"{MARKUP} a note", [MARKUP]
        for notebook in session.scalars(select(Notebook)).all():
            notebook.description = f"{MARKUP} a description"
            if notebook.id != INBOX:
                notebook.title = f"{MARKUP} a title"
            text = {"text": f"# {MARKUP}\n\n{MARKUP}\n\n- {MARKUP}"}
            add_cell(session, notebook, "text", above="", content=text)
    database.close()
    app = RunningApp(PAINTED_APP, folder, model).start()
    yield app
    assert app.stop() == 0


@pytest.fixture(scope="module")
def views(app):
    return screenshots.views_of(app.folder / "data")


def looked_at(tab, views):
    """Each view in turn, once it is drawn."""
    screenshots.wait_for_silence(tab.page)
    for name, address in views.items():
        tab.page.set_viewport_size({"width": 1280, "height": 900})
        tab.page.evaluate("address => location.hash = address", address)
        tab.page.locator("h1").locator("visible=true").first.wait_for()
        screenshots.wait_for_silence(tab.page, 0.5)
        yield name


def faults(page, options=ALL_RULES):
    found = Axe().run(page, options=options).response["violations"]
    return [
        f"{fault['id']} ({fault['impact']}): {node['target']} {node['html'][:200]}"
        for fault in found
        for node in fault["nodes"]
    ]


def test_no_view_has_a_fault_or_scrolls_sideways_or_takes_words_for_markup(visit, views):
    tab = visit()
    page, found, said = tab.page, {}, []
    for name in looked_at(tab, views):
        if MARKUP in page.locator("body").inner_text():
            said.append(name)
        assert page.locator("img[src=x]").count() == 0, name
        assert page.evaluate("window.harmed") is None, name
        found[name] = faults(page)
        for width in (360, 390):
            page.set_viewport_size({"width": width, "height": 900})
            assert not tab.scrolls_sideways(), (name, width)
        found[f"{name} on a phone"] = faults(page)
    assert {name: faults for name, faults in found.items() if faults} == {}
    assert set(SAID_IN) <= set(said)


def test_no_view_is_hard_to_read_in_the_dark(visit, views):
    tab = visit(color_scheme="dark")
    found = {name: faults(tab.page, CONTRAST) for name in looked_at(tab, views)}
    assert {name: faults for name, faults in found.items() if faults} == {}


def test_axe_would_find_a_fault(visit):
    tab = visit()
    tab.page.evaluate("document.body.append(document.createElement('input'))")
    assert any("label" in fault for fault in faults(tab.page))
