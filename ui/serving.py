"""Where the page is served, who owns it there, and how Gradio is told.

On a loopback address that is neither shared nor behind a proxy, whoever sees the page is the local
user. On a Hugging Face Space the address is fixed and the disk may forget; the page says so in one
line.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder
from starlette.types import ASGIApp

from studio.settings import PERSISTENT_DISK
from studio.studio import Studio
from ui.addresses import Addresses
from ui.doors import Doors, doors_first
from ui.floods import Floods
from ui.hosts import LOOPBACK, Hosts, check_public_url, public_names
from ui.page import build_page
from ui.routes import build_routes
from ui.static_files import FOLDER, style_links
from ui.theme import build_theme

SPACE_PORT = 7860
EVERYWHERE = ("0.0.0.0", "::")
HUGGING_FACE = "https://huggingface.co"  # shows a Space in a frame
ICON = FOLDER / "icon.svg"
QUEUE_LOOK_S = 0.02  # Gradio looks for events each millisecond: half the cost of an idle page
WAITING_EVENTS = 64  # Gradio's own queue holds none of our work; this bounds what others put there


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Host and port, and what kind of place they are."""

    host: str = LOOPBACK[0]
    port: int | None = None  # None: the first free one from 7860 on
    share: bool = False
    space: bool = False
    names: frozenset[str] = frozenset()  # others reach it by
    space_host: str = ""  # the name of a Space
    proxy_url: str = ""  # where a proxy shows it, if that is known in full
    prefixed: bool = False  # a proxy shows it below a path of its own

    @classmethod
    def choose(
        cls,
        host: str | None,
        port: int | None,
        share: bool,
        environment: Mapping[str, str] = os.environ,
    ) -> "Place":
        """The place the command line asks for; a Space has only one."""
        check_public_url(environment.get("PUBLIC_URL", ""))
        names = public_names(environment)
        if "SPACE_ID" in environment:
            own_name = environment.get("SPACE_HOST", "").lower()
            return cls(
                host=EVERYWHERE[0], port=SPACE_PORT, space=True, names=names, space_host=own_name
            )
        root = environment.get("GRADIO_ROOT_PATH", "")
        proxy_url = root if "://" in root else ""
        host = host or LOOPBACK[0]
        return cls(
            host=host,
            port=port,
            share=share,
            names=names,
            proxy_url=proxy_url,
            prefixed=bool(root),
        )

    @property
    def is_local(self) -> bool:
        """Whether only the person at this computer can see the page."""
        return self.host in LOOPBACK and not (self.share or self.is_proxied)

    @property
    def is_proxied(self) -> bool:
        """Whether others come through a proxy, which may be on another computer."""
        return self.space or self.prefixed or bool(self.names)

    def storage_sentence(self, data_folder: Path) -> str:
        """What is kept, and for how long."""
        if not self.space:
            return "Every run is kept on this computer."
        if data_folder.is_relative_to(PERSISTENT_DISK):
            return "Every run is kept on this Space's disk."
        return "This Space keeps runs until it restarts. Download what you want to keep."


def serve(studio: Studio, place: Place) -> tuple[gr.Blocks, str]:
    """Open the page and return it with the address people use; it answers when this returns.

    What programs send passes through a folder of Gradio's; unless a person chose one, it lies with
    everything else of the notebook and not with the files of other programs.
    """
    if not os.environ.get("GRADIO_TEMP_DIR"):
        os.environ["GRADIO_TEMP_DIR"] = str(studio.settings.data_folder / "gradio")
    addresses = Addresses(
        public_url=studio.settings.public_url or place.proxy_url,
        space_host=place.space_host,
        share_url=lambda: page.share_url,
        everywhere=place.host in EVERYWHERE,
    )
    page = build_page(studio, place.storage_sentence(studio.settings.data_folder), addresses)
    page.queue(max_size=WAITING_EVENTS)
    page._queue.sleep_when_free = QUEUE_LOOK_S
    _, local_url, share_url = page.launch(
        server_name=place.host,
        server_port=place.port,
        share=place.share,
        theme=build_theme(),
        head=style_links(),
        favicon_path=ICON,
        app_kwargs=_app_arguments(studio, place, page, addresses),
        prevent_thread_lock=True,
        quiet=True,
        ssr_mode=False,  # its proxy would answer in our routes' place
        show_error=False,
        footer_links=[],
        run_history=False,
        enable_monitoring=False,
        max_file_size="64mb",
        pwa=False,
    )
    if not isinstance(page.app.middleware_stack, Doors):
        page.close()
        raise RuntimeError("the doors stand open")
    named = addresses.public_url or (place.space_host and f"https://{place.space_host}")
    return page, f"{named}/" if named else share_url or local_url


def _app_arguments(
    studio: Studio, place: Place, page: gr.Blocks, addresses: Addresses
) -> dict[str, Any]:
    hosts = Hosts(
        local=place.is_local,
        any_name=place.space,
        public=place.names,
        share_url=lambda: page.share_url,
    )

    def make_doors(app: ASGIApp) -> Doors:
        floods = Floods(Path(get_upload_folder()), proxied=place.is_proxied)
        frames = HUGGING_FACE if place.space else ""
        return Doors(app, hosts=hosts, floods=floods, frames=frames)

    return {
        "routes": build_routes(studio, addresses),
        "openapi_url": None,
        "lifespan": doors_first(make_doors),
    }
