"""Addresses that carry a right: forged, moved to another file, expired, replayed, withdrawn."""

import time
from urllib.parse import parse_qs, urlsplit

import pytest
from attack_ways import SECRET, WM

from studio.media import MediaKeys

DAY_S = 24 * 3600


@pytest.fixture
def nobody(caller):
    """Asks with nothing but the address."""
    return caller("").http


@pytest.fixture
def keys(besieged):
    """What only the program has: it mints addresses of another time."""
    secret = (besieged.folder / "data" / "media.key").read_bytes()
    return lambda ago: MediaKeys(secret, lambda: time.time() - ago)


def changed(text):
    return text[:-1] + ("0" if text[-1] != "0" else "1")


def test_an_address_of_a_file_is_good_for_that_file_alone(hers, nobody):
    address = urlsplit(hers.media["video"])
    query = {name: value for name, [value] in parse_qs(address.query).items()}
    assert nobody.get(hers.media["video"]).status_code == 200

    for path, forged in (
        (address.path, {}),
        (address.path, {"e": query["e"]}),
        (address.path, query | {"s": changed(query["s"])}),
        (address.path, query | {"s": ""}),
        (address.path, query | {"s": "0" * 32}),
        (address.path, query | {"s": query["s"].upper()}),
        (address.path, query | {"e": str(int(query["e"]) + DAY_S)}),
        (address.path, query | {"e": f"{query['e']} "}),
        (address.path, query | {"e": "9" * 12}),
        (address.path, query | {"e": "NaN"}),
        (address.path.replace("video.mp4", "run.json"), query),
        (address.path.replace("video.mp4", "poster.jpg"), query),
        (address.path.replace("/a1/", "/a2/"), query),
        (address.path.replace("runs/", "runs//"), query),
        (address.path.replace(hers.run, hers.second), query),
        (f"{address.path}/", query),
        (f"{WM}media/media.key", query),
        (f"{WM}events", query | {"v": ""}),
    ):
        answer = nobody.get(path, params=forged)
        assert answer.status_code in (403, 404), (path, forged)


def test_an_address_ends(hers, keys, nobody):
    name = hers.media["video"].partition("media/")[2].partition("?")[0]

    assert nobody.get(keys(0).media_url(name)).status_code == 200
    assert nobody.get(keys(3 * DAY_S).media_url(name)).status_code == 404
    assert nobody.get(keys(3 * DAY_S).events_url("")).status_code == 403


def test_a_file_is_shown_as_what_it_is_and_its_name_says_nothing_else(hers, nobody):
    for evil in ('x"; filename=evil.html', "../../evil.html", "a\r\nSet-Cookie: a=b", "<script>"):
        answer = nobody.get(
            hers.media["video"], params=_query(hers.media["video"]) | {"name": evil}
        )
        assert answer.headers["content-type"] == "video/mp4"
        assert "set-cookie" not in answer.headers
        said = answer.headers.get("content-disposition", "")
        assert said.startswith("attachment")
        assert not set(said) & set('<>\r\n"') or said.count('"') == 2


def _query(url):
    return {name: value for name, [value] in parse_qs(urlsplit(url).query).items()}


def test_the_address_of_a_bundle_is_for_what_was_asked_and_for_a_while(hers, anna, bert, nobody):
    address = anna.post("bundles", {"runs": [hers.run]}).json()["url"]
    ticket = address.rpartition("/")[2]
    assert len(ticket) >= 22
    assert nobody.head(address).status_code in (200, 405)

    for forged in (changed(ticket), ticket[:-1], "..", "%00", "x" * 500, ticket.swapcase()):
        assert nobody.get(f"{WM}bundles/{forged}").status_code == 404, forged
    own = bert.post("bundles", {"runs": [hers.run, hers.second]})
    assert own.status_code == 422
    assert SECRET not in own.text


# ---- links


def test_a_link_shows_one_run_and_no_other_file(hers, nobody, anna):
    link = anna.post("shares", {"run": hers.second, "days": 1}).json()["link"]
    token = link["token"]
    page = nobody.get(f"{WM}r/{token}")
    assert page.status_code == 200
    assert nobody.get(f"{WM}r/{token}/{hers.second}/video.mp4").status_code == 200

    for path in (
        f"r/{changed(token)}",
        f"r/{token[:-1]}",
        f"r/{token}x",
        f"r/{token.swapcase()}",
        f"r/{hers.second}",
        "r/",
        "r/%00",
        f"r/{'x' * 2000}",
        f"r/{token}/{hers.run}/video.mp4",
        f"r/{token}/{hers.second}/run.json",
        f"r/{token}/{hers.second}/log.txt",
        f"r/{token}/{hers.second}/c2w.npz",
        f"r/{token}/{hers.second}/..%2fvideo.mp4",
        f"r/{token}/{hers.second}/../../media.key",
        f"r/{token}/../../app.db",
        f"embed/{changed(token)}",
    ):
        answer = nobody.get(WM + path)
        assert answer.status_code in (404, 405), path
        assert SECRET not in answer.text
    assert SECRET not in nobody.get(f"{WM}r/nothing").text
    assert nobody.get(f"{WM}r/{changed(token)}").text == nobody.get(f"{WM}r/nothing").text


def test_a_link_that_is_withdrawn_or_over_shows_what_an_unknown_one_shows(
    hers, nobody, anna, besieged
):
    unknown = nobody.get(f"{WM}r/{'A' * 22}")
    link = anna.post("shares", {"run": hers.second}).json()["link"]["token"]
    places = (f"r/{link}", f"r/{link}/{hers.second}/video.mp4", f"embed/{link}")
    kept = {place: nobody.get(WM + place).headers.get("etag", "") for place in places}
    assert nobody.get(f"{WM}r/{link}").status_code == 200

    anna.post(f"shares/{link}/withdraw")

    for place in places:
        answer = nobody.get(WM + place, headers={"If-None-Match": kept[place]})
        assert answer.status_code == 404, place
    assert nobody.get(f"{WM}r/{link}").text == unknown.text
    with_trash = anna.post("shares", {"run": hers.second}).json()["link"]["token"]
    anna.post("trash", {"runs": [hers.second]})
    assert nobody.get(f"{WM}r/{with_trash}").text == unknown.text
    anna.post("restore", {"runs": [hers.second]})
    assert nobody.get(f"{WM}r/{with_trash}").status_code == 200
    for days in (0, -1, 1e9, "1", True, None):
        made = anna.post("shares", {"run": hers.second, "days": days})
        assert made.status_code == (200 if days is None else 422)


def test_a_link_without_a_recipe_tells_none(hers, nobody, anna):
    link = anna.post("shares", {"run": hers.run, "with_recipe": False}).json()["link"]["token"]

    page = nobody.get(f"{WM}r/{link}")
    assert page.status_code == 200
    video = nobody.get(f"{WM}r/{link}/{hers.run}/video.mp4")
    assert video.status_code == 200
    assert b"wanderbook.run" not in video.content
    anna.post(f"shares/{link}/withdraw")
