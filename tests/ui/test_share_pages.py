"""What a link shows, to whom, how its files are served, and that nothing else comes with it."""

import io
import random
import re
import time
import zipfile
from html import unescape

import pytest
from test_routes import finished, submit

from sanawm.errors import InvalidRequestError
from storage.tables import INBOX, Run
from studio.identity import Ownership
from ui import share_parts
from ui.filling import NOT_SHARED, fill_shared
from ui.share_answers import ONLY_HERE
from ui.static_files import FOLDER

WM = "/gradio_api/wm"
OWNER = "a" * 32
HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)> & a lamp'


@pytest.fixture
def finish(studio, client, database):
    def finish(prompt):
        """A run that is done, as the worker leaves it; its video is no film, but bytes of one."""
        made = submit(studio, client, prompt=prompt)
        folder = database.folder.attempt(made.id, 1)
        folder.mkdir(parents=True)
        for name in ("video.mp4", "poster.jpg", "thumb.webp", "run.json", "c2w.npz", "log.txt"):
            (folder / name).write_bytes(random.Random(name).randbytes(5000))
        with database.write() as session:
            row = session.get(Run, made.id)
            row.state, row.attempt, row.width, row.height = "done", 1, 160, 96
        return studio.run(made.id)

    return finish


@pytest.fixture
def run(finish):
    return finish(HOSTILE)


@pytest.fixture
def link(client, run):
    def link(**options):
        answer = client.post(f"{WM}/shares", json={"run": run.id, "days": None} | options)
        assert answer.status_code == 200, answer.text
        return answer.json()["link"]

    return link


@pytest.fixture
def stranger(anonymous):
    """Whoever was sent a link: no key, no session."""
    anonymous.headers.pop("X-Wanderbook-Visitor", None)
    return anonymous


def videos(page):
    return re.findall(r'<video[^>]* src="([^"]+)"', page)


def test_a_link_shows_its_run_and_ends_when_it_is_withdrawn(client, studio, run, link):
    made = link()
    path = made["url"].removeprefix("http://127.0.0.1:7860")
    files = [f"{path}/{run.id}/{name}" for name in ("video.mp4", "poster.jpg", "first.webp")]
    page = client.get(path)
    assert page.status_code == 200
    assert [client.get(file).status_code for file in files] == [200] * 3
    tag = client.get(files[0]).headers["etag"]
    assert client.get(files[0], headers={"If-None-Match": tag}).status_code == 304

    assert client.post(f"{WM}/shares/{made['token']}/withdraw").status_code == 200

    gone = client.get(path)
    assert gone.status_code == 404
    for address in (f"{WM}/r/{'x' * 22}", f"{WM}/embed/{made['token']}", *files):
        answer = client.get(address, headers={"If-None-Match": tag})
        assert (answer.status_code, answer.text) == (404, gone.text), address
    assert client.get(f"{WM}/shares").json()["links"] == []


def test_no_link_opens_what_expired_or_lies_in_the_trash(client, studio, run, link, monkeypatch):
    short, lasting = link(days=1), link()
    assert studio.shares.open(short["token"])
    now = time.time()
    monkeypatch.setattr(studio.shares, "_clock", lambda: now + 25 * 3600)
    assert studio.shares.open(short["token"]) is None
    assert studio.shares.file(short["token"], run.id, "video.mp4") is None
    assert studio.shares.run(short["token"]) is None

    studio.marks.trash([run.id], OWNER)
    assert studio.shares.open(lasting["token"]) is None
    assert studio.shares.file(lasting["token"], run.id, "video.mp4") is None
    assert client.get(f"{WM}/shares").json()["links"][0]["words"].endswith("shows nothing")
    studio.marks.restore([run.id], OWNER)
    assert studio.shares.open(lasting["token"])


def test_what_people_wrote_is_text_on_every_page(client, studio, run, link):
    studio.marks.write_note(run.id, f"**bold** [x](javascript:alert(1)) {HOSTILE}", OWNER)
    studio.book.change(INBOX, OWNER, title=HOSTILE, description=HOSTILE)
    studio.book.add_text(INBOX, f"# {HOSTILE}\n\n<b>not bold</b>", OWNER)
    book = client.post(f"{WM}/shares", json={"notebook": INBOX}).json()["link"]
    single = link()
    pages = [client.get(f"{WM}/{way}/{single['token']}").text for way in ("r", "embed")]
    pages.append(client.get(f"{WM}/r/{book['token']}").text)

    for page in pages:
        scripts = re.findall(r"<script[^>]*>", page)
        assert len(scripts) == 1, "only our own"
        assert "sharepage.js" in scripts[0]
        assert "<img src=x" not in page
        assert "javascript:" not in re.sub(r">[^<]*<", "><", page)
        assert not re.search(r"<[^>]*\son\w+=", re.sub(r'"[^"]*"', '""', page))
    assert "<strong>bold</strong>" in pages[0]
    assert HOSTILE in unescape(pages[0])
    assert "&lt;b&gt;not bold&lt;/b&gt;" in pages[2]


def test_a_link_without_the_recipe_shows_nothing_of_it(client, studio, run, link):
    bare, whole = link(with_recipe=False), link()
    pages = [client.get(f"{WM}/r/{one['token']}").text for one in (bare, whole)]
    seed = f"<dd>{run.seed}</dd>"

    for words in (seed, "Push in", "remix=", "/bundle", "first.webp", "<svg", "First frame"):
        assert words not in pages[0], words
        if words != "/bundle":
            assert words in pages[1], words
    for page in (pages[0], client.get(f"{WM}/embed/{bare['token']}").text):
        assert "alert(1)" not in unescape(page), "the prompt is the recipe, too"
        assert "A shared run" in page
    first = client.get(f"{WM}/r/{bare['token']}/{run.id}/first.webp")
    assert first.status_code == 404
    assert studio.shares.run(bare["token"]) is None
    assert client.get(f"{WM}/r/{bare['token']}/bundle").status_code == 404


@pytest.mark.slow
def test_a_video_comes_without_its_recipe_where_the_link_leaves_it_out(client, studio, link):
    run = finished(studio, client, prompt="a lamp")
    bare, whole = (
        client.get(f"{WM}/r/{link(run=run.id, with_recipe=kept)['token']}/{run.id}/video.mp4")
        for kept in (False, True)
    )

    assert b'"seed"' in whole.content
    assert b'"seed"' not in bare.content
    assert b"seed" not in bare.content
    bundle = client.get(f"{WM}/r/{link(run=run.id)['token']}/bundle")
    names = zipfile.ZipFile(io.BytesIO(bundle.content)).namelist()
    assert f"runs/{run.id}/video.mp4" in names
    assert (
        f'filename="wanderbook-run-{run.number}.wanderbook.zip"'
        in (bundle.headers["content-disposition"])
    )


def test_a_shared_run_fills_the_form_of_somebody_who_does_not_see_it(
    client, studio, run, link, monkeypatch
):
    made, bare = link(), link(with_recipe=False)
    monkeypatch.setattr(Ownership, "is_owner", lambda self, key: False)
    guest = studio.seen_by("b" * 32)
    head, *fields = fill_shared(guest, made["token"], "")

    assert head["parent"]["id"] == run.id
    assert head["parent"]["number"] is None, "it is not theirs to know"
    assert HOSTILE in fields
    asked = client.get(
        f"{WM}/shares/{made['token']}/run", headers={"X-Wanderbook-Visitor": "b" * 32}
    )
    assert asked.json() == {"run": run.id}
    for token, run_id in ((bare["token"], ""), ("x", ""), (made["token"], "01OTHER"), (7, [])):
        with pytest.raises(InvalidRequestError, match="shows no run to remix"):
            fill_shared(guest, token, run_id)
    refused = client.get(f"{WM}/shares/{bare['token']}/run")
    assert (refused.status_code, refused.json()["error"]) == (422, NOT_SHARED)


def test_a_video_is_served_whole_in_ranges_or_not_again(client, run, link):
    path = f"{WM}/r/{link()['token']}/{run.id}/video.mp4"
    whole = client.get(path)
    size, body = len(whole.content), whole.content
    assert whole.headers["content-type"] == "video/mp4"
    assert whole.headers["cache-control"] == "private, no-cache"
    assert whole.headers["accept-ranges"] == "bytes"

    def ranged(value, **headers):
        return client.get(path, headers={"Range": value} | headers)

    for asked, wanted in (
        ("bytes=0-99", body[:100]),
        ("bytes=100-", body[100:]),
        ("bytes=-100", body[-100:]),
        (f"bytes=10-{size * 2}", body[10:]),
    ):
        answer = ranged(asked)
        assert (answer.status_code, answer.content) == (206, wanted), asked
        assert answer.headers["content-range"].endswith(f"/{size}")
    several = ranged("bytes=0-9,100-109")
    assert several.status_code == 206
    assert several.headers["content-type"].startswith("multipart/byteranges")
    assert body[:10] in several.content
    assert body[100:110] in several.content
    past = ranged(f"bytes={size}-")
    assert (past.status_code, past.headers["content-range"]) == (416, f"bytes */{size}")
    tag = whole.headers["etag"]
    assert ranged("bytes=0-9", **{"If-Range": tag}).status_code == 206
    assert ranged("bytes=0-9", **{"If-Range": '"another"'}).status_code == 200
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = client.get(path, headers={"If-None-Match": known})
        assert (again.status_code, again.content) == (304, b""), known
        assert again.headers["etag"] == tag
    assert client.get(path, headers={"If-None-Match": '"other"'}).status_code == 200
    head = client.head(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(size)
    saved = client.get(f"{path}?download").headers["content-disposition"]
    assert saved.startswith("attachment")


def test_no_other_file_and_no_other_run_come_with_a_link(client, finish, run, link):
    token = link()["token"]
    other = finish("another")
    names = ("run.json", "c2w.npz", "log.txt", "hover.mp4", "a1", "video.mp4%00", "app.db")

    for path in (
        *(f"{run.id}/{name}" for name in names),
        f"{other.id}/video.mp4",
        f"{other.id}/first.webp",
        f"..%2f{other.id}/video.mp4",
        f"{run.id}/..%2f..%2f..%2fapp.db",
        f"{run.id}%2f../video.mp4",
    ):
        answer = client.get(f"{WM}/r/{token}/{path}")
        assert answer.status_code == 404, path
    assert other.id not in client.get(f"{WM}/r/{token}").text


def test_crawlers_find_absolute_addresses_and_search_engines_stay_away(client, run, link):
    made = link()
    page = client.get(f"{WM}/r/{made['token']}")
    head = dict(re.findall(r'<meta (?:name|property)="([^"]+)" content="([^"]*)"', page.text))

    assert head["og:url"] == made["url"]
    assert head["og:image"] == f"{made['url']}/{run.id}/poster.jpg"
    assert head["og:video"] == f"{made['url']}/{run.id}/video.mp4"
    assert head["twitter:player"] == made["embed"]
    assert (head["og:video:width"], head["og:video:height"]) == (str(run.width), str(run.height))
    assert "Generated by Painted rooms on" in head["og:description"]
    assert "not filmed" in head["og:description"]
    assert (head["robots"], head["referrer"]) == ("noindex, nofollow", "no-referrer")
    for address in (head["og:image"], head["og:video"]):
        assert client.get(address).status_code == 200
    for name, value in (("X-Robots-Tag", "noindex"), ("Referrer-Policy", "no-referrer")):
        assert value in page.headers[name]
    assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
    embed = client.get(f"{WM}/embed/{made['token']}")
    assert "frame-ancestors *" in embed.headers["Content-Security-Policy"]
    assert "not filmed" in embed.text
    assert "unsafe" not in page.headers["Content-Security-Policy"]


def test_a_notebooks_link_shows_its_cells_in_order_and_the_runs_in_them(
    client, studio, run, finish
):
    book = studio.book.create("Rooms", OWNER)
    other, waiting = finish("the other"), submit(studio, client)
    third = finish("elsewhere")
    for one in (run, other, waiting):
        studio.book.add_run(book.id, one.id, OWNER)
    studio.book.add_text(book.id, "First a word", OWNER)
    studio.book.add_compare(book.id, [run.id, other.id], OWNER, above=None)
    made = client.post(f"{WM}/shares", json={"notebook": book.id}).json()["link"]
    path = f"{WM}/r/{made['token']}"
    page = client.get(path).text

    assert page.index("First a word") < page.index(f'id="{other.id}"') < page.index(run.id)
    assert len(videos(page)) == 4, "two cells, and the two compared"
    assert "2 runs. Every video here was generated" in page, "what waits is not counted"
    assert waiting.id not in page
    assert third.id not in page
    assert client.get(f"{path}/{other.id}/video.mp4").status_code == 200
    for hidden in (third, waiting):
        assert client.get(f"{path}/{hidden.id}/video.mp4").status_code == 404
        assert studio.shares.run(made["token"], hidden.id) is None
    assert studio.shares.run(made["token"], other.id).id == other.id
    cell = next(cell for cell in studio.book.cells(book.id) if cell.run_id == other.id)
    studio.book.remove(cell.id, OWNER)
    assert client.get(f"{path}/{other.id}/video.mp4").status_code == 200, "it is compared still"
    compared = next(cell for cell in studio.book.cells(book.id) if cell.kind == "compare")
    studio.book.remove(compared.id, OWNER)
    assert client.get(f"{path}/{other.id}/video.mp4").status_code == 404
    studio.book.trash(book.id, OWNER)
    assert client.get(path).status_code == 404


def test_a_long_notebook_comes_page_by_page_and_each_cell_once(client, studio, run, monkeypatch):
    monkeypatch.setattr("studio.open_links.CELLS", 2)
    book = studio.book.create("Long", OWNER)
    texts = [f"Paragraph number {index}" for index in range(5)]
    for text in texts:
        studio.book.add_text(book.id, text, OWNER, above=None)
    made = client.post(f"{WM}/shares", json={"notebook": book.id}).json()["link"]
    address, seen = f"{WM}/r/{made['token']}", []
    for _ in range(3):
        page = client.get(address).text
        seen += re.findall(r"Paragraph number \d", page)
        further = re.search(r'href="([^"]+\?after=[^"]+)"', page)
        address = f"{WM}/r/{further[1]}" if further else None

    assert seen == texts
    assert address is None
    elsewhere = studio.book.add_text(INBOX, "Of another notebook", OWNER)
    strange = client.get(f"{WM}/r/{made['token']}", params={"after": elsewhere.id})
    assert strange.status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {"run": "01NOTHERE"},
        {"notebook": "01NOTHERE"},
        {},
        {"run": 7},
        {"days": 0},
        {"days": 400},
        {"days": "7"},
        {"days": True},
        {"days": 1.5},
    ],
)
def test_what_cannot_be_shared_is_refused_with_a_sentence(client, studio, body):
    body = body if "days" not in body else body | {"run": submit(studio, client).id}
    answer = client.post(f"{WM}/shares", json=body)

    assert answer.status_code == 422
    assert answer.json()["error"].endswith(".")


def test_a_run_that_is_not_done_cannot_be_shared(client, studio):
    answer = client.post(f"{WM}/shares", json={"run": submit(studio, client).id})

    assert "is not done yet" in answer.json()["error"]


def test_the_list_says_where_an_address_works_and_until_when(client, run, link):
    made = link(days=7)
    told = client.get(f"{WM}/shares", params={"run": run.id}).json()

    assert told["links"] == [made]
    assert told["only_here"] == ONLY_HERE
    until = share_parts.day(time.time() + 7 * 24 * 3600)
    assert made["words"] == f"with its recipe, until {until}"
    assert client.get(f"{WM}/shares", params={"run": "another"}).json()["links"] == []
    near = client.get(f"{WM}/shares", headers={"Host": "192.168.1.7:7860"}).json()
    assert near["only_here"] == ""
    assert near["links"][0]["url"].startswith("http://192.168.1.7:7860/gradio_api/wm/r/")


def test_the_dark_page_has_the_apps_own_dark_tokens(client, link):
    page = client.get(f"{WM}/r/{link()['token']}").text

    assert re.search(r'<html[^>]* class="dark"', page)
    assert re.search(r'/dark.css" media="\(prefers-color-scheme: dark\)"', page)
    for name in ("sharepage.css", "offline.css"):
        assert not re.search(r"--wb-[\w-]+:", (FOLDER / name).read_text("utf-8")), name


def test_a_notebook_offers_a_bundle_where_something_is_in_it(client, studio, finish):
    book = studio.book.create("Rooms", OWNER)
    studio.book.add_text(book.id, "First a word", OWNER)
    made = client.post(f"{WM}/shares", json={"notebook": book.id}).json()["link"]
    path = f"{WM}/r/{made['token']}"
    assert "/bundle" not in client.get(path).text
    assert client.get(f"{path}/bundle").status_code == 404

    runs = [finish("one").id, finish("two").id]
    studio.book.add_compare(book.id, runs, OWNER, above=None)

    assert "/bundle" in client.get(path).text
