"""A model hub on 127.0.0.1 that answers huggingface_hub's client, and fails when told to."""

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

from huggingface_hub import constants

from sanawm.catalogue import DIFFUSERS_REPO

WEIGHTS = bytes(range(256)) * 200
PUBLISHED = {
    "model_index.json": b'{"_class_name": "SanaWMPipeline"}',
    "README.md": b"read me",
    "transformer/config.json": b"{}",
    "transformer/diffusion_pytorch_model.safetensors": WEIGHTS,
    "vae/config.json": b"{}",
    "vae/diffusion_pytorch_model.safetensors": b"vae" * 100,
    "text_encoder/config.json": b"{}",
    "text_encoder/model.safetensors": b"gemma" * 100,
    "text_encoder/pytorch_model.bin": b"a pickle",
    "tokenizer/tokenizer.json": b"{}",
    "scheduler/scheduler_config.json": b"{}",
    "refiner/model.safetensors": b"not ours",
}


class FakeHub:
    """Repositories of bytes by path; `commits` are their states, the last of them is `main`."""

    def __init__(self):
        self.forget()
        handler = type("Handler", (Handler,), {"hub": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def forget(self):
        self.repos = {}
        self.refusals = {}  # by repository: status, what the header X-Error-Code says
        self.cut_after = None  # bytes of a body, after which the line goes dead
        self.asked = []  # method, path, first byte

    def publish(self, repo, files):
        """A new state of a repository; its commit."""
        content = json.dumps({name: hashlib.sha1(data).hexdigest() for name, data in files.items()})
        commit = hashlib.sha1(content.encode()).hexdigest()
        self.repos.setdefault(repo, {})[commit] = dict(files)
        return commit

    def bodies(self):
        """The files that were sent, each with the byte it began at."""
        return [
            (path.split("/")[-1], start)
            for method, path, start in self.asked
            if method == "GET" and "/resolve/" in path
        ]

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class Handler(BaseHTTPRequestHandler):
    hub: FakeHub
    protocol_version = "HTTP/1.1"

    def do_HEAD(self):
        self.answer()

    def do_GET(self):
        self.answer()

    def answer(self):
        path = unquote(urlsplit(self.path).path)
        start = int(
            (self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").partition("-")[0]
        )
        self.hub.asked.append((self.command, path, start))
        repo, revision, name = self.parts(path)
        if repo in self.hub.refusals:
            status, code = self.hub.refusals[repo]
            return self.send(status, {"X-Error-Code": code}, b"{}")
        states = self.hub.repos.get(repo)
        if not states:
            return self.send(404, {"X-Error-Code": "RepoNotFound"}, b"{}")
        commit = list(states)[-1] if revision == "main" else revision
        if commit not in states:
            return self.send(404, {"X-Error-Code": "RevisionNotFound"}, b"{}")
        if name is None:
            return self.send(200, {}, json.dumps(self.listing(repo, commit)).encode())
        data = states[commit][name]
        headers = {"ETag": f'"{etag(name, data)}"', "X-Repo-Commit": commit}
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        return self.send(206 if start else 200, headers, data[start:])

    @staticmethod
    def parts(path):
        """Repository, revision, file; no file where its listing is asked for."""
        if path.startswith("/api/models/"):
            repo, _, revision = path.removeprefix("/api/models/").partition("/revision/")
            return repo, revision, None
        repo, _, rest = path.removeprefix("/").partition("/resolve/")
        revision, _, name = rest.partition("/")
        return repo, revision, name

    def listing(self, repo, commit):
        siblings = []
        for name, data in self.hub.repos[repo][commit].items():
            file = {"rfilename": name, "size": len(data), "blobId": hashlib.sha1(data).hexdigest()}
            if is_large(name):
                sha256 = hashlib.sha256(data).hexdigest()
                file["lfs"] = {"sha256": sha256, "size": len(data), "pointerSize": 130}
            siblings.append(file)
        return {"id": repo, "sha": commit, "siblings": siblings}

    def send(self, status, headers, body):
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        room = self.hub.cut_after
        if room is None or len(body) <= room:
            self.wfile.write(body)
            return
        self.wfile.write(body[:room])
        self.hub.cut_after = 0
        self.close_connection = True

    def log_message(self, *args):
        pass


def is_large(name):
    return name.endswith((".safetensors", ".pt"))


def etag(name, data):
    kind = hashlib.sha256 if is_large(name) else hashlib.sha1
    return kind(data).hexdigest()


def publish(hub, **changes):
    """A state of the diffusers repository."""
    return hub.publish(DIFFUSERS_REPO, PUBLISHED | changes)


def connect(monkeypatch, url):
    """Let the client ask this hub and no other."""
    monkeypatch.setattr(constants, "ENDPOINT", url)
    template = url + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
