import asyncio
import io
import json
import time
import zlib
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import pytest
from PIL import Image
from starlette.datastructures import Headers, QueryParams

from sanawm.video import read_tags
from sanawm.video_reading import compare_videos
from studio.views import Draft
from ui import static_files
from ui.stream import Stream

WM = "/gradio_api/wm"
KEY = "b" * 32


def upload(client, content, name="a.png", **headers):
    return client.post(f"{WM}/images", content=content, headers={"X-File-Name": name, **headers})


def png(width=64, height=48):
    stream = io.BytesIO()
    Image.new("RGB", (width, height), "teal").save(stream, "PNG")
    return stream.getvalue()


def png_that_claims(width, height):
    """A PNG whose header promises more pixels than its few bytes hold."""
    honest = bytearray(png())
    honest[16:24] = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    honest[29:33] = zlib.crc32(honest[12:29]).to_bytes(4, "big")
    return bytes(honest)


def submit(studio, client, **changes):
    image = upload(client, png()).json()
    fields = {
        "image_sha256": image["sha256"],
        "prompt": "a lamp",
        "path_source": {"kind": "preset", "preset": "push-in"},
        "num_frames": 9,
        "num_inference_steps": 4,
        "guidance_scale": 2.0,
    }
    draft = Draft(**(fields | changes))
    return studio.submit(draft, changes.get("prompt", "lamp") + "-" * 16, "a" * 32)


def finished(studio, client, **changes):
    run = submit(studio, client, **changes)
    studio.start()
    deadline = time.monotonic() + 120
    while (run := studio.run(run.id)).state in ("queued", "running"):
        assert time.monotonic() < deadline, "the run never ended"
        time.sleep(0.1)
    return run


# ---- who may ask


def test_a_request_without_a_visitors_key_is_turned_away(anonymous):
    for path in ("session", "runs", "changes", "path", "estimate"):
        assert anonymous.get(f"{WM}/{path}").status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:7861"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://127.0.0.1:7860"},
    ],
)
def test_a_post_from_another_page_changes_nothing(client, studio, headers):
    assert upload(client, png(), **headers).status_code == 403

    run = submit(studio, client)
    answer = client.post(f"{WM}/runs/{run.id}/cancel", json={}, headers=headers)

    assert answer.status_code == 403
    assert studio.run(run.id).state == "queued"


def test_a_post_from_the_page_itself_is_answered(client):
    assert upload(client, png(), Origin="http://127.0.0.1:7860").status_code == 200
    assert upload(client, png(), **{"Sec-Fetch-Site": "same-origin"}).status_code == 200


# ---- first frames


def test_a_photo_is_kept_upright_and_without_its_name(client, photo):
    answer = upload(client, photo.read_bytes(), photo.name).json()

    assert (answer["width"], answer["height"]) == (300, 400)
    kept = client.get(answer["url"])
    assert kept.headers["content-type"] == "image/png"
    assert not Image.open(io.BytesIO(kept.content)).getexif()


@pytest.mark.parametrize(
    ("content", "name", "said"),
    [
        (b"Dear diary, this is text.", "notes.png", "notes.png"),
        (b"", "empty.png", "empty.png is empty"),
        (b"\x89PNG\r\n\x1a\n broken", "broken.png", "broken.png"),
        (png_that_claims(12000, 12000), "bomb.png", "12,000 × 12,000"),
        (png_that_claims(60000, 60000), "bomb.png", "more than 64 megapixels"),
    ],
)
def test_what_is_no_picture_is_refused_with_a_sentence_at_the_field(client, content, name, said):
    answer = upload(client, content, name)

    assert answer.status_code == 422
    assert answer.json()["field"] == "image"
    assert said in answer.json()["error"]
    assert upload(client, png()).status_code == 200


def test_a_file_larger_than_fits_is_refused_before_it_is_whole(client, monkeypatch):
    monkeypatch.setattr("ui.uploads.LARGEST_BYTES", 2**20)

    answer = upload(client, bytes(2**20 + 1), "huge.jpg")

    assert answer.status_code == 422
    assert "huge.jpg has more than 1 MB. Up to 1 MB work." in answer.json()["error"]


@pytest.mark.parametrize(
    "name",
    ["..%2F..%2Fevil.png", "C:%5Ctemp%5Cevil.png", "%2Fetc%2Fevil.png", ".%2Fevil.png"],
)
def test_a_name_with_folders_in_it_is_only_a_name(client, name):
    answer = upload(client, b"text", name).json()

    assert "evil.png" in answer["error"]
    assert "/" not in answer["error"]
    assert "\\" not in answer["error"]


def test_an_example_is_stored_like_a_picture_of_ones_own(client):
    session = client.get(f"{WM}/session").json()
    example = session["examples"][0]

    image = client.post(f"{WM}/examples/{example['id']}").json()

    assert example["title"] == "Red room"
    assert (image["width"], image["height"]) == (160, 96)
    assert client.get(example["url"]).status_code == 200
    assert client.post(f"{WM}/examples/..%2Fwanderbook.json").status_code in (404, 422)


# ---- the camera path


def check(client, source, frames=17):
    query = {"source": json.dumps(source), "frames": frames}
    return client.get(f"{WM}/path", params=query).json()


def test_a_preset_comes_back_drawn_and_as_keys(client):
    path = check(client, {"kind": "preset", "preset": "push-in"})

    assert path["label"] == "Push in"
    assert (path["actions"], path["steps"]) == ("w-16", 16)
    assert path["summary"] == "0.8 m forward"
    assert path["map"]["path"].startswith("M")


def test_a_preset_no_keys_can_make_has_no_keys(client):
    path = check(client, {"kind": "preset", "preset": "crane-up"})

    assert (path["actions"], path["steps"]) == ("", None)
    assert path["summary"] == "0.4 m up"


def test_an_unknown_key_is_named_and_can_be_removed(client):
    answer = check(client, {"kind": "actions", "actions": "w-8,q-4"})

    assert '"q-4" is not an action' in answer["error"]
    assert answer["field"] == "camera"
    assert answer["fix"] == {"label": "Remove it", "actions": "w-8"}


def test_a_path_longer_than_the_clip_can_be_cut(client):
    answer = check(client, {"kind": "actions", "actions": "w-40"})

    assert "40 steps" in answer["error"]
    assert answer["fix"] == {"label": "Use the first 16", "actions": "w-16"}


@pytest.mark.parametrize("source", ["", "{", "[]", '"w-16"', "{}", '{"kind": "preset"}'])
def test_a_path_that_is_none_is_refused(client, source):
    answer = client.get(f"{WM}/path", params={"source": source, "frames": 17})

    assert answer.json()["field"] == "camera"


def test_ten_thousand_frames_are_refused(client):
    answer = check(client, {"kind": "preset", "preset": "walk"}, frames=10_000)

    assert "frames" in answer["error"]


# ---- runs


def test_runs_come_newest_first_a_page_at_a_time(client, studio):
    numbers = [submit(studio, client, prompt=f"run {index}").number for index in range(3)]

    newest = client.get(f"{WM}/runs", params={"limit": 2}).json()["runs"]
    rest = client.get(f"{WM}/runs", params={"limit": 2, "before": newest[-1]["id"]}).json()["runs"]

    assert [run["number"] for run in newest + rest] == numbers[::-1]


def test_a_hostile_prompt_goes_to_the_page_as_json_and_nothing_else(client, studio):
    hostile = "<img src=x onerror=alert(1)>"
    run = submit(studio, client, prompt=hostile)

    answer = client.get(f"{WM}/runs/{run.id}")

    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.json()["run"]["prompt"] == hostile


def test_a_queued_run_can_be_removed_and_queued_again(client, studio):
    run = submit(studio, client)

    removed = client.post(f"{WM}/runs/{run.id}/cancel", json={}).json()["run"]
    again = client.post(f"{WM}/runs/{run.id}/retry", json={}).json()["run"]

    assert (removed["state"], again["state"]) == ("cancelled", "queued")


def test_a_new_seed_is_one_remix_however_often_it_is_sent(client, studio):
    run = submit(studio, client, seed=7)

    answers = [
        client.post(f"{WM}/runs/{run.id}/reseed", json={"client_key": KEY}).json()["run"]
        for _ in range(2)
    ]

    assert answers[0]["id"] == answers[1]["id"] != run.id
    assert answers[0]["relation"]["id"] == run.id
    assert [change["field"] for change in answers[0]["changes"]] == ["seed"]


def test_a_run_that_is_not_there_is_a_sentence(client):
    answer = client.get(f"{WM}/runs/01NOTHERE")

    assert answer.status_code == 422
    assert answer.json()["error"] == "This run is not in the notebook."


def test_the_estimate_is_a_sentence(client):
    query = {"frames": 17, "steps": 6, "guidance": "2", "model": ""}

    assert client.get(f"{WM}/estimate", params=query).json()["sentence"]
    assert client.get(f"{WM}/estimate", params={"frames": "x", "guidance": "y"}).is_success


# ---- files


def test_a_video_can_be_fetched_in_pieces_kept_and_downloaded(client, studio, tmp_path):
    run = finished(studio, client)
    media = client.get(f"{WM}/runs/{run.id}").json()["run"]["media"]

    whole = client.get(media["video"])
    piece = client.get(media["video"], headers={"Range": "bytes=10-19"})
    known = client.get(media["video"], headers={"If-None-Match": whole.headers["etag"]})
    past = client.get(media["video"], headers={"Range": "bytes=99999999-"})
    saved = client.get(media["download"])

    assert whole.headers["content-type"] == "video/mp4"
    assert whole.headers["x-content-type-options"] == "nosniff"
    assert whole.content[4:8] == b"ftyp"
    assert (piece.status_code, piece.content) == (206, whole.content[10:20])
    assert (known.status_code, known.content) == (304, b"")
    assert past.status_code == 416
    assert saved.headers["content-disposition"] == 'attachment; filename="wanderbook-1.mp4"'
    assert client.get(media["poster"]).headers["content-type"] == "image/jpeg"

    plain = client.get(f"{media['download']}&recipe=none")
    (tmp_path / "plain.mp4").write_bytes(plain.content)
    (tmp_path / "whole.mp4").write_bytes(saved.content)
    assert read_tags(tmp_path / "whole.mp4")["seed"] == run.seed
    assert read_tags(tmp_path / "plain.mp4") == {}
    assert compare_videos(tmp_path / "plain.mp4", tmp_path / "whole.mp4").identical
    assert plain.headers["content-disposition"] == saved.headers["content-disposition"]
    for address in (media["download"].replace("s=", "s=0"), media["poster"]):
        assert client.get(f"{address}&recipe=none").status_code == 404


def test_a_forged_or_borrowed_address_opens_nothing(client):
    image = upload(client, png()).json()
    address = urlsplit(image["url"])
    query = parse_qs(address.query)

    assert client.get(address.path).status_code == 404
    for name in ("app.db", "media.key", "assets/..%2Fapp.db", "../../etc/passwd"):
        answer = client.get(f"{WM}/media/{name}", params={"e": query["e"][0], "s": query["s"][0]})
        assert answer.status_code == 404


def test_a_preview_that_was_replaced_is_no_error(client):
    assert client.get(f"{WM}/media/runs/01RUN/a1/preview-3.webp").status_code == 204


def test_a_growing_video_is_fetched_from_where_one_has_it(client, studio, database):
    folder = database.folder.attempt("01RUN", 1)
    folder.mkdir(parents=True)
    address = studio._keys.media_url("runs/01RUN/a1/live.mp4")
    assert client.get(f"{address}&from=0").status_code == 204  # not begun: no mistake

    (folder / "live.mp4").write_bytes(b"0123456789")
    answer = client.get(f"{address}&from=4")
    assert (answer.content, answer.headers["cache-control"]) == (b"456789", "no-store")
    assert answer.headers["content-type"] == "video/mp4"
    for begin in ("10", "11", "999999999999"):
        assert client.get(f"{address}&from={begin}").status_code == 204
    for nonsense in ("-1", "1e3", "²", "9" * 40, ""):
        assert client.get(address, params={"from": nonsense}).status_code in (200, 204, 404)
    forged = address.replace("s=", "s=0")
    assert client.get(f"{forged}&from=0").status_code == 204
    assert client.get(f"{forged}&from=0").content == b""


def test_scripts_and_styles_are_served_for_good_and_nothing_else_is(client):
    folder = f"{WM}/static/{static_files.version()}"
    script = client.get(f"{folder}/page.js")

    assert script.headers["content-type"].startswith("text/javascript")
    assert "immutable" in script.headers["cache-control"]
    for name in ("..%2Froutes.py", "nothing.js", "routes.py"):
        assert client.get(f"{folder}/{name}").status_code == 404


# ---- live


def first_events(studio, query, count):
    """The first lines of the event stream, as a browser would get them."""

    async def read():
        request = SimpleNamespace(query_params=QueryParams(query), headers=Headers())
        response = await Stream(studio).respond(request)
        if response.status_code != 200:
            return response.status_code
        lines = []
        async for line in response.body_iterator:
            lines.append(line.decode())
            if len(lines) == count:
                break
        await response.body_iterator.aclose()
        return lines

    return asyncio.run(read())


def test_the_stream_begins_with_who_waits(client, studio):
    run = submit(studio, client)
    query = urlsplit(client.get(f"{WM}/session").json()["events"]).query

    [line] = first_events(studio, query, 1)

    kind, number, data = line.strip().split("\n")
    event = json.loads(data.removeprefix("data: "))
    assert kind == "event: change"
    assert number == f"id: {event['rev']}"
    assert [place["id"] for place in event["state"]["line"]] == [run.id]
    assert event["state"]["model"].startswith("Painted rooms")


def test_a_page_that_was_away_hears_what_it_missed(client, studio):
    query = urlsplit(client.get(f"{WM}/session").json()["events"]).query
    rev = client.get(f"{WM}/changes").json()["rev"]
    run = submit(studio, client)
    client.post(f"{WM}/runs/{run.id}/cancel", json={})

    [line] = first_events(studio, f"{query}&after={rev}", 1)
    polled = client.get(f"{WM}/changes", params={"after": rev}).json()

    event = json.loads(line.split("data: ")[1])
    assert [(cell["id"], cell["state"]) for cell in event["runs"]] == [(run.id, "cancelled")]
    assert polled["runs"] == event["runs"]


def test_the_stream_is_closed_to_whoever_has_no_address(studio):
    assert first_events(studio, "", 1) == 403
    assert first_events(studio, "e=99999999999&s=00", 1) == 403
