"""The queue's page in a browser: fill it, open it, read its order, empty it."""

import httpx
from browsing import wait_until

WM = "gradio_api/wm"
VISITOR = {"X-Wanderbook-Visitor": "c" * 32}


def empty_queue(app):
    with httpx.Client(base_url=f"{app.url}/{WM}", headers=VISITOR, timeout=60) as client:

        def is_empty():
            runs = client.get("queue").json()["runs"]
            active = [run for run in runs if run["state"] in ("queued", "running")]
            for run in reversed(active):
                client.post(f"runs/{run['id']}/cancel", json={})
            return not active

        wait_until(is_empty, 120)
        client.post("queue/resume", json={})


def fill(tab, photo, *prompts):
    """One run that draws until it is stopped, and runs that wait behind it; their numbers."""
    first = tab.generate(photo, "forever")
    tab.cell(first, "running").get_by_text("Drawing, 2 of 6").wait_for()
    return first, *(tab.generate(photo, prompt) for prompt in prompts)


def open_queue(tab):
    tab.page.get_by_role("navigation", name="Pages", exact=True).get_by_text("Queue").click()
    tab.page.wait_for_selector("#wb-queue-page .part:not([hidden])")
    return tab.page


def order(page):
    return [int(text) for text in page.locator(".waiting .num").all_text_contents()]


def ordered(page, *numbers):
    return wait_until(lambda: order(page) == list(numbers), 60)


def row(page, number):
    return page.locator(".waiting .row").filter(has=page.get_by_text(str(number), exact=True))


def ended(page, number):
    found = page.locator(".ended .row").filter(has=page.get_by_text(str(number), exact=True))
    found.wait_for()
    return found
