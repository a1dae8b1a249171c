"""The doors of the page: what of Gradio is there at all, for whom, and with which headers.

Gradio brings some seventy routes, and among them a reader of files and a fetcher of addresses; the
page and Gradio's clients need a dozen. All others are not there. What comes in must ask under a
name of this page, must not come from another page where it changes something, and may bring only
so much. The doors stand before everything, Gradio's own middleware included, so that their headers
are the last word: no other site may read an answer, show the page in a frame or guess at types.
"""

import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ui.bodies import Body, limit_of, too_much
from ui.floods import Floods
from ui.hosts import Hosts
from ui.proxies import came_by_proxy, without_claims
from ui.routes import PREFIX, is_same_origin

OURS = re.compile(rf"{PREFIX}/.+")
READ = re.compile(  # what the page loads, what it listens to, and what clients ask first
    r"/|/config|/theme\.css|/favicon\.ico|/manifest\.json|/robots\.txt"
    r"|/(assets|static)/.+"
    r"|/gradio_api/(info|startup-events|queue/data|heartbeat/[\w-]+|call/(v2/)?[\w-]+/[\w-]+)"
)
WRITTEN = re.compile(
    r"/gradio_api/(queue/join|upload|cancel|reset|((run|api|call|call/v2)/[\w-]+))/?"
)
UPWARD = re.compile(r"(^|/)\.\.?(/|$)|//|[\\\x00]")  # what no address of ours has
NO_SUCH = "There is nothing at this address."
WRONG_HOST = (
    "The page is not open under this name. Where it is reached by a name of its own, start it with "
    "PUBLIC_URL set to that address."
)
BEHIND_PROXY = (
    "The page is open for this computer alone, and this request came through a proxy. Start it "
    "with PUBLIC_URL set to the address that people use."
)
FOREIGN = "This request comes from another page."
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin-allow-popups",
}
ABOUT_US = "access-control-"  # headers that would let other sites read
Refusal = tuple[int, str]


class Doors:
    """Stands before an application; `frames` names another site that may show it in a frame."""

    def __init__(self, app: ASGIApp, *, hosts: Hosts, floods: Floods, frames: str = "") -> None:
        self._app, self._hosts, self._floods = app, hosts, floods
        policy = f"frame-ancestors 'self' {frames}".strip()
        self._headers = HEADERS | {
            "Content-Security-Policy": f"{policy}; object-src 'none'; base-uri 'self'"
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or answer it here."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._request(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _request(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = _path(scope)
        out = self._with_headers(send)
        refusal = self._refusal(scope, path) or await self._floods.refusal(scope, path)
        if refusal:
            await answer(path, refusal)(scope, receive, out)
            return
        body = Body(receive, limit_of(path))
        with self._floods.open(scope, path):
            asked = without_claims(scope, self._hosts)
            await self._app(asked, body.receive, _unless_refused(body, scope, path, out))

    def _refusal(self, scope: Scope, path: str) -> Refusal | None:
        """Why a request stays outside, before anything of it is read."""
        headers = Headers(scope=scope)
        if not self._hosts.knows(headers.get("host", "")):
            return 400, WRONG_HOST
        if self._hosts.local and came_by_proxy(headers, path):
            return 403, BEHIND_PROXY
        if not is_open(scope["method"], path):
            return 404, NO_SUCH
        if scope["method"] == "POST" and not self._is_ours(Request(scope)):
            return 403, FOREIGN
        return _announced(headers, limit_of(path))

    def _is_ours(self, request: Request) -> bool:
        """Whether no other site sent this; behind a proxy the page has a name the proxy knows."""
        if is_same_origin(request):
            return True
        told = "sec-fetch-site" in request.headers
        return not told and self._hosts.owns(request.headers.get("origin", ""))

    def _with_headers(self, send: Send) -> Send:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message.setdefault("headers", [])
                headers = MutableHeaders(scope=message)
                for name in [name for name in headers if name.startswith(ABOUT_US)]:
                    del headers[name]
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        return send_with_headers


def is_open(method: str, path: str) -> bool:
    """Whether there is anything at this path, as far as others are concerned."""
    if UPWARD.search(path):
        return False
    if OURS.fullmatch(path):
        return method in ("GET", "HEAD", "POST")
    if method in ("GET", "HEAD"):
        return bool(READ.fullmatch(path))
    return method == "POST" and bool(WRITTEN.fullmatch(path))


def answer(path: str, refusal: Refusal) -> Response:
    """A refusal, as the page's scripts read it, or as a person does."""
    status, sentence = refusal
    if path.startswith("/gradio_api/"):
        text = json.dumps({"error": sentence, "field": ""})
        return Response(text, status, media_type="application/json")
    return PlainTextResponse(sentence, status)


def before(app: Starlette, make: Callable[[ASGIApp], Doors]) -> None:
    """Put doors before all of an application; call it once its middleware is built."""
    assert app.middleware_stack is not None
    app.middleware_stack = make(app.middleware_stack)


def doors_first(
    make: Callable[[ASGIApp], Doors],
) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    """The lifespan that closes the doors before the port opens: Gradio adds middleware of its own
    before every other, and only here is all of it built."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        before(app, make)
        yield

    return lifespan


def _path(scope: Scope) -> str:
    """The path as routes know it: without the prefix a proxy left in it."""
    path, root = str(scope["path"]), str(scope.get("root_path", ""))
    return path.removeprefix(root) if root and path.startswith(f"{root}/") else path


def _announced(headers: Headers, limit: int) -> Refusal | None:
    """Whether a body that says how long it is says too much."""
    length = headers.get("content-length", "0")
    if not (length.isascii() and length.isdigit()):
        return 400, "This request does not say how long it is."
    return (413, too_much(limit)) if len(length) > 15 or int(length) > limit else None


def _unless_refused(body: Body, scope: Scope, path: str, send: Send) -> Send:
    """Send what the application says, until its request turns out to be one not to be taken."""
    state: dict[str, Any] = {"begun": False, "told": False}

    async def nothing() -> Message:
        return {"type": "http.disconnect"}

    async def send_unless_refused(message: Message) -> None:
        if body.refused and not state["begun"]:
            if not state["told"]:
                state["told"] = True
                await answer(path, body.refused)(scope, nothing, send)
            return
        state["begun"] = True
        await send(message)

    return send_unless_refused
