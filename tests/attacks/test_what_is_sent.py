"""Files and bodies that are not what they say they are, sent to the running page."""

import io
import itertools
import socket
import struct
import zipfile
import zlib
from pathlib import Path

import httpx
import pytest
from attack_ways import WM, make_run, png, send_image

from ui.bodies import JSON_BYTES, MB

HTML = b"<html><script>alert(1)</script></html>"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><script>alert(1)</script></svg>'
MOST_MEMORY = 400 * MB  # that a refusal may cost; a bomb that goes off takes over a gigabyte


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_bomb(side):
    """A PNG of black rows: some kilobytes that become side × side pixels."""
    packer = zlib.compressobj(9)
    row = b"\0" * (side + 1)
    rows = b"".join([*(packer.compress(row) for _ in range(min(side, 12_000))), packer.flush()])
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    parts = chunk(b"IHDR", header), chunk(b"IDAT", rows), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def webp_bomb(side):
    """A WebP whose canvas is side × side."""
    size = (side - 1).to_bytes(3, "little")
    canvas = b"VP8X" + struct.pack("<I", 10) + b"\x02\0\0\0" + size + size
    return b"RIFF" + struct.pack("<I", len(canvas) + 4) + b"WEBP" + canvas


def gif_bomb(side):
    """A GIF whose one frame is side × side."""
    size = struct.pack("<HH", side, side)
    return (
        b"GIF89a"
        + size
        + b"\x80\0\0"
        + b"\0" * 6
        + b","
        + b"\0" * 4
        + size
        + b"\0\x02\x02\x44\x01\0;"
    )


def most_memory(app):
    """The most bytes the program ever had, where the system tells."""
    status = Path(f"/proc/{app.process.pid}/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")), 0)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("large.png", png_bomb(12_000)),
        ("huge.png", png_bomb(60_000)),
        ("huge.webp", webp_bomb(16_384)),
        ("huge.gif", gif_bomb(60_000)),
        ("page.html", HTML),
        ("page.png", HTML),
        ("drawing.svg", SVG),
        ("drawing.jpg", SVG),
        ("film.mp4", b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom"),
        ("list.m3u8", b"#EXTM3U\nfile:///etc/passwd\n"),
        ("font.png", b"\x89PNG\r\n\x1a\n" + b"\0" * 100),
        ("../../evil.png", b"not a picture"),
        ("empty.png", b""),
    ],
)
def test_what_is_no_picture_to_be_used_is_refused_by_name_and_cheaply(
    besieged, bert, name, content
):
    assets = sorted((besieged.folder / "data" / "assets").iterdir())
    before = most_memory(besieged)

    answer = send_image(bert, content, name)

    assert answer.status_code == 422
    assert answer.json()["field"] == "image"
    assert name.rpartition("/")[2] in answer.text or "Up to 64 megapixels" in answer.text
    assert str(besieged.folder) not in answer.text
    assert most_memory(besieged) - before < MOST_MEMORY
    assert sorted((besieged.folder / "data" / "assets").iterdir()) == assets


def zip_bomb():
    """A bundle whose one part becomes 100 MB."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as bundle:
        bundle.writestr("manifest.json", b" " * 100 * MB)
    return file.getvalue()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("film.mp4", HTML),
        ("film.mp4", b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n"),
        ("film.mp4", b"ffconcat version 1.0\nfile /etc/passwd\n"),
        ("film.mp4", b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + b"\xff" * 4000),
        ("huge.png", png_bomb(60_000)),
        ("run.json", b"[" * 100_000),
        ("book.wanderbook.zip", zip_bomb()),
        ("path.npz", b"\x80\x04cos\nsystem\n(S'touch /tmp/pwned'\ntR."),
        ("../../etc/passwd", b"root"),
    ],
)
def test_a_file_with_no_recipe_is_refused_in_a_sentence_and_cheaply(besieged, bert, name, content):
    before = most_memory(besieged)

    answer = bert.http.post(f"{WM}recipes", content=content, headers={"X-File-Name": name})

    assert answer.status_code == 422, answer.text
    assert answer.json()["error"].endswith(".")
    assert "root:" not in answer.text
    assert str(besieged.folder) not in answer.text
    assert most_memory(besieged) - before < MOST_MEMORY


def test_a_picture_keeps_nothing_but_pixels(besieged, bert, hers):
    polyglot = png() + HTML

    image = send_image(bert, polyglot, "page.html").json()

    kept = (besieged.folder / "data" / "assets" / f"{image['sha256']}.png").read_bytes()
    assert b"script" not in kept
    answer = bert.http.get(image["url"])
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_file_sent_to_gradio_is_never_given_back(besieged, bert):
    for name, content in (("page.html", HTML), ("drawing.svg", SVG), ("../../.env", b"x")):
        files = {"files": (name, content, "text/html")}
        [path] = bert.http.post("/gradio_api/upload", files=files).json()
        assert str(besieged.folder / "gradio") in path
        assert ".." not in path
        for reader in ("file=", "file/", "proxy="):
            assert bert.http.get(f"/gradio_api/{reader}{path}").status_code == 404


FORGED = (
    "{data}/media.key",
    "{data}/app.db",
    "{data}/runs/{run}/a1/poster.jpg",
    "/etc/passwd",
    "http://127.0.0.1:{port}/config",
    "http://169.254.169.254/latest/meta-data",
    "file:///etc/passwd",
    "{gradio}/../data/runs/{run}/a1/poster.jpg",
    "",
    "\0",
)


def test_no_file_and_no_address_is_taken_for_a_picture(besieged, hers, bert):
    known = {"data": besieged.folder / "data", "gradio": besieged.folder / "gradio"}
    known |= {"run": hers.run, "port": besieged.port}
    before = bert.get("runs").json()
    for path, name in itertools.product(FORGED, ("path", "url")):
        filled = path.format(**known)
        sent = {"path": filled, "meta": {"_type": "gradio.FileData"}}
        sent |= {"url": filled} if name == "url" else {}
        body = {"data": [sent, "", "push-in", 9, 7, 2, 2.0, "", "", ""], "session_hash": "x"}
        for way in ("run/submit", "queue/join"):
            extra = {"fn_index": _number(bert, "submit")} if way == "queue/join" else {}
            answer = bert.http.post(f"/gradio_api/{way}", json=body | extra)
            assert "root:" not in answer.text
            assert "queued" not in answer.text
    assert bert.get("runs").json() == before


def _number(caller, name):
    handlers = caller.http.get("/config").json()["dependencies"]
    return next(number for number, one in enumerate(handlers) if one["api_name"] == name)


# ---- bodies


def test_a_body_is_as_long_as_it_may_be_whatever_it_says(besieged, bert):
    def chunks(size):
        for _ in range(size // MB):
            yield b" " * MB
        yield b" "

    for path, most in (
        ("/gradio_api/queue/join", JSON_BYTES),
        ("/gradio_api/run/submit", JSON_BYTES),
        (f"{WM}books", JSON_BYTES),
        (f"{WM}draft", JSON_BYTES),
    ):
        headers = {"Content-Type": "application/json"}
        for body in (b" " * (most + 1), chunks(most)):
            answer = bert.http.post(path, content=body, headers=headers)
            assert answer.status_code == 413, path
            assert "too large" in answer.json()["error"]


@pytest.mark.slow
def test_a_large_upload_ends_where_it_is_too_large(besieged, bert):
    def chunks(count):
        for _ in range(count):
            yield b"x" * MB

    sent = bert.http.post(f"{WM}images", content=chunks(200))
    assert sent.status_code in (413, 422)
    head = b'--b\r\nContent-Disposition: form-data; name="files"; filename="x"\r\n\r\n'
    form = {"Content-Type": "multipart/form-data; boundary=b"}
    body = itertools.chain([head], chunks(200))
    assert bert.http.post("/gradio_api/upload", content=body, headers=form).status_code == 413
    kept = sum(file.stat().st_size for file in (besieged.folder / "gradio").rglob("*"))
    assert kept < 70 * MB


def test_a_length_that_is_a_lie_leaves_the_page_well(besieged, bert):
    head = f"POST {WM}books HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    head += f"X-Wanderbook-Visitor: {bert.key}\r\n"
    for lie in ("Content-Length: 5", "Content-Length: 900000", "Content-Length: -1"):
        with socket.create_connection(("127.0.0.1", besieged.port), 30) as line:
            line.sendall(f"{head}{lie}\r\n\r\n".encode() + b'{"title": "a lie"}')
            line.shutdown(socket.SHUT_WR)
            while line.recv(65536):
                pass
    for smuggled in ("Transfer-Encoding: chunked\r\nContent-Length: 5", "Content-Length: 3, 5"):
        with socket.create_connection(("127.0.0.1", besieged.port), 30) as line:
            line.sendall(f"{head}{smuggled}\r\n\r\n0\r\n\r\nGET /secret".encode())
            line.shutdown(socket.SHUT_WR)
            assert b"secret" not in line.recv(65536)
    assert "a lie" not in bert.get("books").text
    assert bert.get("books").status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"title": ' + b'{"a":' * 50_000,
        b'{"title": NaN}',
        b'{"title": "\\ud800"}',
        b"\xff\xfe",
        b'{"title": ' + b"9" * 500_000 + b"}",
        b"null",
    ],
)
def test_json_nobody_should_read_is_refused_and_the_page_goes_on(bert, body):
    headers = {"Content-Type": "application/json"}
    for path in (f"{WM}books", f"{WM}tags", f"{WM}draft"):
        answer = bert.http.post(path, content=body, headers=headers)
        assert answer.status_code in (200, 422), path
        assert "Traceback" not in answer.text
    assert bert.get("session").status_code == 200


# ---- much at once


def test_a_flood_of_presses_waits_in_no_line_of_its_own(bert, anna, hers):
    blocker = make_run(anna, hers.image["sha256"], "forever")["id"]
    answers = [
        bert.run("submit", hers.image["sha256"], "a lamp", "push-in", 9, n, 2, 2.0, "", "", "")
        for n in range(12)
    ]

    taken = [answer.json()["data"][0]["id"] for answer in answers if answer.status_code == 200]
    assert 0 < len(taken) <= 3
    refused = [answer.text for answer in answers if answer.status_code != 200]
    assert all("of your runs are waiting already" in text for text in refused)
    assert anna.get(f"runs/{blocker}").json()["run"]["state"] in ("queued", "running")
    for caller, runs in ((bert, taken), (anna, [blocker])):
        for run in runs:
            caller.post(f"runs/{run}/cancel")


def test_gradios_own_queue_holds_only_so_many(besieged, bert):
    number = _number(bert, "status")
    body = {"data": ["x"], "fn_index": number, "session_hash": "flood", "trigger_id": None}

    codes = [bert.http.post("/gradio_api/queue/join", json=body).status_code for _ in range(80)]

    assert set(codes) <= {200, 422, 503}
    assert bert.get("session").status_code == 200
    with httpx.Client(base_url=besieged.url) as other:
        assert other.get("/config").status_code == 200
