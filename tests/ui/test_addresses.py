"""Where links to the page lead, whichever way it was opened."""

import pytest
from starlette.requests import Request

from ui import addresses
from ui.addresses import Addresses, is_only_here


def asked(host="127.0.0.1:7860", root="", **headers):
    named = {"host": host} | {name.replace("_", "-"): text for name, text in headers.items()}
    return Request(
        {
            "type": "http",
            "method": "GET",
            "scheme": "http",
            "path": f"{root}/x",
            "root_path": root,
            "query_string": b"",
            "server": ("127.0.0.1", 7860),
            "headers": [(name.encode(), text.encode()) for name, text in named.items()],
        }
    )


@pytest.mark.parametrize(
    ("known", "base"),
    [
        ({"public_url": "https://book.example/app/"}, "https://book.example/app"),
        ({"space_host": "me-wanderbook.hf.space"}, "https://me-wanderbook.hf.space"),
        ({"share_url": lambda: "https://abc.gradio.live/"}, "https://abc.gradio.live"),
        ({"share_url": lambda: None}, "http://127.0.0.1:7860"),
        ({}, "http://127.0.0.1:7860"),
        (
            {"public_url": "https://book.example", "space_host": "x", "share_url": lambda: "y"},
            "https://book.example",
        ),
        ({"space_host": "me.hf.space", "share_url": lambda: "y"}, "https://me.hf.space"),
    ],
)
def test_what_the_person_said_comes_first(known, base):
    assert Addresses(**known).base(asked()) == base


def test_a_link_leads_to_the_name_the_page_was_asked_under():
    assert Addresses().base(asked("192.168.1.7:7860")) == "http://192.168.1.7:7860"
    assert Addresses().base(asked("[::1]:7860")) == "http://[::1]:7860"
    assert Addresses().base(asked("desk.local", root="/apps/book")) == "http://desk.local/apps/book"


@pytest.mark.parametrize("name", ["x_forwarded_host", "forwarded", "x_real_ip", "origin"])
def test_no_other_header_can_send_links_elsewhere(name):
    assert Addresses().base(asked(**{name: "evil.example"})) == "http://127.0.0.1:7860"


@pytest.mark.parametrize("host", ["evil.example/path", "a@evil.example", "", "x:y"])
def test_a_host_that_is_no_name_gives_no_address(host):
    assert Addresses().base(asked(host)) == ""


def test_a_page_open_to_the_network_gives_the_computers_address_in_it(monkeypatch):
    monkeypatch.setattr(addresses, "network_address", lambda: "192.168.1.7")

    assert Addresses(everywhere=True).base(asked()) == "http://192.168.1.7:7860"
    assert Addresses(everywhere=True).base(asked("10.0.0.2:7860")) == "http://10.0.0.2:7860"
    assert Addresses().base(asked()) == "http://127.0.0.1:7860"


@pytest.mark.parametrize(
    ("base", "only_here"),
    [
        ("http://127.0.0.1:7860", True),
        ("http://localhost:7860", True),
        ("http://[::1]:7860", True),
        ("", True),
        ("http://192.168.1.7:7860", False),
        ("https://localhost.example", False),
    ],
)
def test_an_address_that_works_on_one_computer_only_is_known_as_such(base, only_here):
    assert is_only_here(base) is only_here
