"""What a link opens, for whoever has it: pages, the files on them, a bundle. No key is asked for.

A link that was withdrawn stops at once: browsers may keep what they were given, but ask each time
whether it still holds. Nothing is told about why a link shows nothing.
"""

from collections.abc import Callable
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from sanawm.card import ModelCard
from sanawm.errors import InvalidRequestError
from studio.bundle_writing import Bundle
from studio.open_links import Shared
from studio.studio import Studio
from studio.views import RunView
from ui.addresses import Addresses
from ui.bundle_answers import bundle_response
from ui.files import MEDIA_TYPES, NO_SNIFF
from ui.offline_page import page_of
from ui.run_answers import card_of
from ui.share_page import embed_page, gone_page, notebook_page, run_page
from ui.share_parts import Page

PREFIX = "/gradio_api/wm"
ROBOTS = "\n".join(
    [
        "User-agent: *",
        *(f"Allow: {PREFIX}/{shown}/" for shown in ("r", "embed", "static")),
        "Allow: /favicon.ico",
        "Disallow: /",
        "",
    ]
)
KINDS = {"run": run_page, "notebook": notebook_page}
OWN_FILES = "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'self'"
POLICY = f"{OWN_FILES}; script-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors"
HEADERS = {
    **NO_SNIFF,
    "Cache-Control": "private, no-cache",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow",
}


class ShareRoutes:
    """Answers for links of one studio; `addresses` knows what absolute ones begin with."""

    def __init__(self, studio: Studio, addresses: Addresses) -> None:
        self._studio, self._addresses = studio, addresses

    def build(self) -> list[BaseRoute]:
        """The routes, for the server Gradio starts."""
        return [
            Route("/robots.txt", robots),  # before Gradio's, which keeps previews away too
            Route(f"{PREFIX}/r/{{token}}", self.page),
            Route(f"{PREFIX}/embed/{{token}}", self.embed),
            Route(f"{PREFIX}/r/{{token}}/bundle", self.bundle),
            Route(f"{PREFIX}/r/{{token}}/{{run}}/{{name}}", self.file),
        ]

    async def page(self, request: Request) -> Response:
        """The page of a link."""
        after = request.query_params.get("after", "")
        shared = await run_in_threadpool(self._studio.shares.open, _token(request), after)
        if shared is None:
            return _html(gone_page(), 404)
        page = self._page(request, shared, f"{shared.token}/")
        return _html(await run_in_threadpool(KINDS[shared.kind], page), 200)

    async def embed(self, request: Request) -> Response:
        """The video of a link to one run, which other sites may show in a frame."""
        shared = await run_in_threadpool(self._studio.shares.open, _token(request))
        if shared is None or shared.kind != "run":
            return _html(gone_page(), 404, frames="*")
        page = self._page(request, shared, f"../r/{shared.token}/")
        return _html(embed_page(page), 200, frames="*")

    async def bundle(self, request: Request) -> Response:
        """Everything a link shows as one file, where it shows the recipe."""
        bundle = await run_in_threadpool(self._bundle, _token(request))
        return _html(gone_page(), 404) if bundle is None else bundle_response(bundle, request)

    async def file(self, request: Request) -> Response:
        """A file of a run that a link shows: whole, in ranges, or not again."""
        run_id, name = request.path_params["run"], request.path_params["name"]
        path = await run_in_threadpool(self._file, _token(request), run_id, name)
        if path is None:
            return _html(gone_page(), 404)
        saved = f"wanderbook-{run_id}{path.suffix}" if "download" in request.query_params else None
        return _file_response(request, path, saved)

    def _file(self, token: str, run_id: str, name: str) -> Path | None:
        found = self._studio.shares.file(token, run_id, name)
        if found is None:
            return None
        path, without_recipe = found
        return self._studio.stripped_video(run_id) if without_recipe else path

    def _bundle(self, token: str) -> Bundle | None:
        shown = self._studio.shares.to_pack(token)
        if shown is None:
            return None
        try:
            return self._studio.bundles.of_share(shown, page_of(self._studio))
        except InvalidRequestError:  # nothing in it is done
            return None

    def _page(self, request: Request, shared: Shared, files: str) -> Page:
        return Page(
            shared=shared,
            base=self._addresses.base(request),
            files=files,
            terms=_terms(self._studio),
        )


def robots(request: Request) -> Response:
    """Crawlers may read what links show, for previews in chats, and nothing else; those pages ask
    not to be found by a search."""
    return PlainTextResponse(ROBOTS)


def _terms(studio: Studio) -> Callable[[RunView], tuple[ModelCard, str]]:
    """The card and title of a run's model; looked up once for each model of a page."""
    known: dict[str, tuple[ModelCard, str]] = {}

    def terms(run: RunView) -> tuple[ModelCard, str]:
        if run.model not in known:
            known[run.model] = card_of(studio, run)
        return known[run.model]

    return terms


def _token(request: Request) -> str:
    return str(request.path_params["token"])


def _html(page: str, status: int, *, frames: str = "'none'") -> Response:
    headers = HEADERS | {"Content-Security-Policy": f"{POLICY} {frames}"}
    return Response(page, status, media_type="text/html", headers=headers)


def _file_response(request: Request, path: Path, saved: str | None) -> Response:
    try:
        status = path.stat()
    except FileNotFoundError:
        return _html(gone_page(), 404)
    etag = f'"{status.st_size:x}-{status.st_mtime_ns:x}"'
    headers = HEADERS | {"ETag": etag}
    if _knows(request.headers.get("if-none-match", ""), etag):
        return Response(status_code=304, headers=headers)
    return FileResponse(
        path,
        media_type=MEDIA_TYPES[path.suffix],
        headers=headers,
        filename=saved,
        stat_result=status,
    )


def _knows(asked: str, etag: str) -> bool:
    """Whether If-None-Match names this version, weakly or not, or any."""
    named = {one.strip().removeprefix("W/") for one in asked.split(",")}
    return etag in named or "*" in named
