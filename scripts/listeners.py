"""Many pages on the event stream, in one process: when each of them heard what.

`python scripts/listeners.py ADDRESS COUNT [previews]` prints "ready" once every stream has had its
first event. A revision on standard input ends it once every stream has heard of that one: it
prints, for each, the list of its events as [seconds, revision, {run id: state}], the seconds UNIX
time of arrival. Nothing is parsed before that, so that listening costs the measured machine little.
With `previews` each page also fetches every preview it hears of, over one connection, as a browser
does.
"""

import asyncio
import json
import re
import sys
import time
from bisect import bisect_left
from functools import partial
from itertools import accumulate
from typing import Any
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

Heard = list[tuple[float, int, dict[str, str]]]

PREVIEW = re.compile(rb'"preview": "(/[^"]+)"')
LENGTH = re.compile(rb"content-length: (\d+)", re.I)
VISITOR = {"X-Wanderbook-Visitor": "a" * 32}
PATIENCE_S = 60.0  # for the first event of every stream, and for the last


class Stream(asyncio.Protocol):
    """One open stream: its bytes as they came."""

    def __init__(self, pictures: "Pictures | None" = None) -> None:
        self.pieces: list[tuple[float, bytes]] = []
        self._pictures = pictures
        self.begun = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        """Keep the bytes and the time."""
        self.pieces.append((time.time(), data))
        if self._pictures is not None:
            self._pictures.want(data)
        if data.endswith(b"\n\n") and not self.begun.done():
            self.begun.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        """Fail at once where the server turns a stream away."""
        if not self.begun.done():
            self.begun.set_exception(RuntimeError(f"refused: {self.pieces}"))

    def heard(self) -> Heard:
        """Every event, at the time its last byte came."""
        text = b"".join(data for _, data in self.pieces)
        ends = list(accumulate(len(data) for _, data in self.pieces))
        heard, place = [], 0
        for block in text.split(b"\n\n")[:-1]:
            place += len(block) + 2
            if (event := _parse(block)) is not None:
                heard.append((self.pieces[bisect_left(ends, place)][0], *event))
        return heard


class Pictures:
    """The previews of one page: fetched one after another."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._wanted: asyncio.Queue[bytes] = asyncio.Queue()
        self._fetching = asyncio.create_task(self._fetch())

    def want(self, data: bytes) -> None:
        """Fetch what these bytes speak of."""
        for target in PREVIEW.findall(data):
            self._wanted.put_nowait(target)

    async def _fetch(self) -> None:
        while True:
            target = await self._wanted.get()
            self._writer.write(b"GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" % target)
            head = await self._reader.readuntil(b"\r\n\r\n")
            length = LENGTH.search(head)
            assert length, head
            await self._reader.readexactly(int(length[1]))


def _parse(block: bytes) -> tuple[int, dict[str, str]] | None:
    """The revision of an event and the state of every run in it; None for a sign of life."""
    lines = dict(line.split(": ", 1) for line in block.decode().splitlines() if ": " in line)
    if "data" not in lines:
        return None
    value = json.loads(lines["data"])
    return value["rev"], {run["id"]: run["state"] for run in value["runs"]}


def events_target(address: str) -> str:
    """Path and query of the event stream, with the permission the server gives a page."""
    with urlopen(Request(f"{address}/gradio_api/wm/session", headers=VISITOR)) as response:
        answer: dict[str, Any] = json.loads(response.read())
    return str(answer["events"])


async def listen(address: str, count: int, previews: bool) -> list[Heard]:
    """Follow with so many streams until each has heard what standard input names."""
    loop, place = asyncio.get_running_loop(), urlsplit(address)
    assert place.hostname, "an address like http://127.0.0.1:7860"
    assert place.port, "an address like http://127.0.0.1:7860"
    # HTTP/1.0: the body comes as it is, without lengths between its pieces.
    request = f"GET {events_target(address)} HTTP/1.0\r\nHost: {place.netloc}\r\n\r\n".encode()
    streams = []
    for _ in range(count):
        pictures = None
        if previews:
            pictures = Pictures(*await asyncio.open_connection(place.hostname, place.port))
        transport, stream = await loop.create_connection(
            partial(Stream, pictures), place.hostname, place.port
        )
        transport.write(request)
        streams.append(stream)
    async with asyncio.timeout(PATIENCE_S):
        await asyncio.gather(*(stream.begun for stream in streams))
    print("ready", flush=True)
    last = int(await asyncio.to_thread(sys.stdin.readline))
    async with asyncio.timeout(PATIENCE_S):
        while any(stream.heard()[-1][1] < last for stream in streams):
            await asyncio.sleep(0.2)
    return [stream.heard() for stream in streams]


if __name__ == "__main__":
    print(json.dumps(asyncio.run(listen(sys.argv[1], int(sys.argv[2]), "previews" in sys.argv))))
