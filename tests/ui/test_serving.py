import json
import subprocess
import sys
from pathlib import Path

import pytest

from ui.serving import Place

ROOT = Path(__file__).parents[2]


def test_alone_on_this_computer_the_page_is_local():
    place = Place.choose(None, None, False, {})

    assert (place.host, place.port) == ("127.0.0.1", None)
    assert place.is_local
    assert place.storage_sentence(Path("/home/x")).startswith("Every run is kept on this computer")


@pytest.mark.parametrize(("host", "share"), [("0.0.0.0", False), (None, True), ("::", False)])
def test_a_page_that_others_can_see_is_not_local(host, share):
    assert not Place.choose(host, 8000, share, {}).is_local


def test_a_space_has_one_address_and_says_what_it_forgets():
    place = Place.choose("127.0.0.1", 9, True, {"SPACE_ID": "someone/wanderbook"})

    assert (place.host, place.port, place.share) == ("0.0.0.0", 7860, False)
    assert not place.is_local
    assert "until it restarts" in place.storage_sentence(Path("/home/user/.local"))
    assert "this Space's disk" in place.storage_sentence(Path("/data/wanderbook"))


BUILD = """
import json, sys
from pathlib import Path
from storage.database import Database
from studio.settings import Settings
from studio.studio import Studio
from ui.page import build_page
settings = Settings(data_folder=Path(sys.argv[1]), model_folder=Path(sys.argv[2]))
page = build_page(Studio(settings, Database.open(settings.data_folder)), "Kept.")
fields = ("api_name", "api_visibility", "queue", "backend_fn")
events = [{name: event[name] for name in fields} for event in page.config["dependencies"]]
print(json.dumps({"events": events, "torch": "torch" in sys.modules}))
"""


def test_the_page_is_built_without_a_warning_and_offers_programs_five_endpoints(settings):
    folders = [str(settings.data_folder), str(settings.model_folder)]
    command = [sys.executable, "-W", "error::UserWarning", "-c", BUILD, *folders]

    answer = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)

    built = json.loads(answer.stdout.splitlines()[-1])
    assert built["events"]
    offered = {
        event["api_name"] for event in built["events"] if event["api_visibility"] != "private"
    }
    assert offered == {"submit", "status", "cancel", "get_run", "list_runs"}
    assert not any(event["queue"] for event in built["events"] if event["backend_fn"])
    assert not built["torch"]


def test_links_lead_to_where_a_proxy_shows_the_page():
    named = Place.choose(None, None, False, {"GRADIO_ROOT_PATH": "https://book.example/app"})
    path = Place.choose(None, None, False, {"GRADIO_ROOT_PATH": "/app"})
    space = Place.choose(None, None, False, {"SPACE_ID": "me/book", "SPACE_HOST": "me.hf.space"})

    assert (named.proxy_url, named.names) == ("https://book.example/app", {"book.example"})
    assert (path.proxy_url, path.names, path.is_local) == ("", frozenset(), False)
    assert space.space_host == "me.hf.space"
