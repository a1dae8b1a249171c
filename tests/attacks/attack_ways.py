"""Those who ask the besieged page, and what they ask with."""

import io

import httpx
from browsing import wait_until
from PIL import Image

WM = "/gradio_api/wm/"
OWNER_KEY = "the owner's own words"
ANNA, BERT = "a" * 32, "b" * 32
SECRET = "annas-secret"
FORM = {
    "prompt": f"a lamp of {SECRET}",
    "camera": {"source": {"kind": "preset", "preset": "push-in"}},
    "length": 9,
    "seed": "7",
    "negative": "",
    "steps": 2,
    "guidance": 2.0,
    "model": "painted",
}


class Caller:
    """Somebody with a key who asks the page's own routes, or Gradio's."""

    def __init__(self, url, key):
        self.key = key
        headers = {"X-Wanderbook-Visitor": key} if key else {}
        self.http = httpx.Client(base_url=url, headers=headers, timeout=60)

    def get(self, path, **query):
        return self.http.get(WM + path, params=query)

    def post(self, path, body=None):
        return self.http.post(WM + path, json={} if body is None else body)

    def run(self, name, *values, **extra):
        """Call a function of Gradio's by its name or number, as its client does."""
        named = {"fn_index": name} if isinstance(name, int) else {}
        path = "predict" if isinstance(name, int) else name
        body = {"data": list(values), "session_hash": "x", **named, **extra}
        return self.http.post(f"/gradio_api/run/{path}", json=body)


def png(width=64, height=48, colour="teal"):
    file = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(file, "PNG")
    return file.getvalue()


def send_image(caller, content, name="picture.png"):
    return caller.http.post(f"{WM}images", content=content, headers={"X-File-Name": name})


def make_run(caller, image, prompt=FORM["prompt"], **values):
    asked = {"camera": "push-in", "frames": 9, "seed": 7, "steps": 2, "guidance": 2.0}
    asked |= {"negative_prompt": "", "model": "", "client_key": ""} | values
    [run] = caller.run("submit", image, prompt, *asked.values()).json()["data"]
    return run


def ended(caller, run):
    def state():
        found = caller.get(f"runs/{run}").json()["run"]
        return found if found["state"] in ("done", "failed", "cancelled") else None

    return wait_until(state, 120)
