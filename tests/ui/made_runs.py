"""Runs of a running app, made and read over its routes, without pressing a button for each."""

import httpx
from browsing import Visit, wait_until
from PIL import Image

BASE = "/gradio_api/wm"
KEY = {"X-Wanderbook-Visitor": "a" * 32}


class MadeRuns:
    def __init__(self, url):
        self.http = httpx.Client(base_url=f"{url}{BASE}", headers=KEY, timeout=60)
        self.keys = 0

    def all(self):
        return self.http.get("/runs?limit=60").json()["runs"]

    def read(self, run):
        return self.http.get(f"/runs/{run}").json()["run"]

    def done(self, run):
        return wait_until(
            lambda: self.read(run) if self.read(run)["state"] == "done" else None, 120
        )

    def make(self, run, way="reseed"):
        """A run made of another one, once it is done."""
        self.keys += 1
        made = self.http.post(f"/runs/{run}/{way}", json={"client_key": f"{self.keys:032}"})
        return self.done(made.json()["run"]["id"])


def first_runs(app, browser, runs, folder, prompt, lengths=("2 s",)):
    """Generate runs as a person does, from a picture: one of each length, oldest first."""
    photo = folder / "lamp.png"
    Image.radial_gradient("L").resize((400, 240)).convert("RGB").save(photo)
    tab = Visit(browser, app.url)
    for length in lengths:
        tab.page.locator("#wb-length label").filter(has_text=length).click()
        tab.generate(photo, prompt)
    tab.close()
    return [runs.done(run["id"]) for run in reversed(runs.all())]
