"""The endpoints for programs: submit, status, cancel, get_run, list_runs.

A program says who it is with the header `x-wanderbook-visitor`, any secret of its own that is long
enough not to be guessed; it sees the runs of that key, and the owner's sees all. Nothing that comes
in is trusted, whatever type Gradio was told: what cannot be run is refused with a sentence.
`docs/api.md` shows them in use.
"""

import hashlib
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from secrets import token_hex
from typing import Any

import gradio as gr
from gradio.context import get_blocks_context
from gradio.utils import get_function_description, get_function_params, get_upload_folder

from sanawm.camera.presets import PRESETS
from sanawm.errors import InvalidRequestError, SanaWMError
from storage.errors import StorageError
from studio.studio import Studio
from ui.addresses import Addresses
from ui.api_values import Run, Status, run_of, status_of
from ui.forms import read_draft
from ui.routes import VISITOR_HEADER, is_same_origin

MOST_RUNS = 100
LONGEST_KEY = 200  # characters of a client key
SHA256 = re.compile("[0-9a-f]{64}")
SURROGATE = re.compile("[\ud800-\udfff]")  # JSON can hold halves of characters, files cannot
NO_KEY = (
    "Say whose run it is: send a secret of your own in the header x-wanderbook-visitor, "
    "and the same one to see the run."
)
NO_PICTURE = "The image must be a picture file, sent with handle_file, or the image of a run."
PRESET_IDS = tuple(preset.id for preset in PRESETS)


class Endpoints:
    """What a program may ask of a studio; each method is an endpoint of its name."""

    def __init__(self, studio: Studio, addresses: Addresses) -> None:
        self._studio, self._addresses = studio, addresses

    def submit(  # noqa: PLR0913  (what a program may say is flat: it becomes the client's arguments)
        self,
        image: gr.FileData | str,
        request: gr.Request,
        prompt: str = "",
        camera: str = "push-in",
        frames: int | None = None,
        seed: int | None = None,
        steps: int | None = None,
        guidance: float | None = None,
        negative_prompt: str = "",
        model: str = "",
        client_key: str = "",
    ) -> Run:
        """Queue a run and return at once; what is left out is as the model's card advises.

        Parameters:
            image: the first frame: a picture file, or the `image` of an earlier run
            prompt: what is in the picture, and in what light
            camera: a preset such as push-in, or an action string such as w-8,dw-8
            frames: one of the model's lengths
            seed: drawn where it is left out; the run returned has it
            steps: steps of drawing
            guidance: how strictly the prompt is followed; 1 is off
            negative_prompt: what should not be in the video
            model: its name; the one the program was started with where it is left out
            client_key: your own name for this submission: sent again, it gives the same run
        Returns:
            the run, queued
        """
        with _sentences():
            visitor = _visitor(request)
            key = _client_key(client_key, visitor)
            card = self._studio.card(_text(model, "model"))
            values = [
                {"sha256": self._picture(image)},
                _text(prompt, "prompt"),
                {"source": _camera(camera)},
                card.num_frames if frames is None else frames,
                "" if seed is None else str(seed),
                _text(negative_prompt, "negative prompt"),
                card.num_inference_steps if steps is None else steps,
                card.guidance_scale if guidance is None else guidance,
                model,
            ]
            draft = read_draft(values, parent_id=None)
            seen = self._studio.seen_by(visitor)
            if not (visitor or seen.is_owner(visitor)):
                raise InvalidRequestError(NO_KEY)
            run = seen.submit(draft, key, visitor)
            return run_of(run, self._base(request))

    def status(self, run: str, request: gr.Request) -> Status:
        """Where a run stands; a run that is not in the notebook is an error, never done.

        Parameters:
            run: its id
        Returns:
            state, stage, step of total, place in the queue, seconds left
        """
        with _sentences():
            return status_of(self._seen(request).run(_text(run, "run")))

    def cancel(self, run: str, request: gr.Request) -> Status:
        """Cancel a run of one's own: at once where it waits, within a step where it is drawn.

        Parameters:
            run: its id
        Returns:
            where it stands now; a running one ends as cancelled a moment later
        """
        with _sentences():
            seen, visitor = self._seen(request), _visitor(request)
            return status_of(seen.cancel(_text(run, "run"), visitor))

    def get_run(self, run: str, request: gr.Request) -> Run:
        """A run with its settings and, once it is done, the address of its video.

        Parameters:
            run: its id
        Returns:
            the run
        """
        with _sentences():
            return run_of(self._seen(request).run(_text(run, "run")), self._base(request))

    def list_runs(
        self, request: gr.Request, before: str | None = None, limit: int = 20
    ) -> list[Run]:
        """Runs, newest first.

        Parameters:
            before: the id of the last run already seen; left out for the newest
            limit: how many at most, up to 100
        Returns:
            the runs
        """
        with _sentences():
            if isinstance(limit, bool) or not isinstance(limit, int):
                raise InvalidRequestError("The limit must be a whole number.")
            seen = self._seen(request)
            known = None if before is None else seen.run(_text(before, "run")).id
            found = seen.runs(known, max(1, min(limit, MOST_RUNS)))
            return [run_of(run, self._base(request)) for run in found]

    def _seen(self, request: gr.Request) -> Studio:
        """The studio as far as the caller may see it."""
        return self._studio.seen_by(_visitor(request))

    def _picture(self, image: Any) -> str:
        """The hash of the first frame: of a file that was sent, or of one kept before."""
        if isinstance(image, str):
            if not SHA256.fullmatch(image):
                raise InvalidRequestError(NO_PICTURE, field="image")
            return self._studio.image(image).sha256
        return self._studio.store_image(_uploaded(image)).sha256

    def _base(self, request: gr.Request) -> str:
        return self._addresses.base(request.request)


def build_api(studio: Studio, addresses: Addresses) -> None:
    """Offer the endpoints on the page that is being built, outside Gradio's queue."""
    # A program that came by the name of its own computer stays there.
    endpoints = Endpoints(studio, replace(addresses, everywhere=False))
    for endpoint in (
        endpoints.submit,
        endpoints.status,
        endpoints.cancel,
        endpoints.get_run,
        endpoints.list_runs,
    ):
        _describe(gr.api(endpoint, queue=False), endpoint)


def _describe(offered: dict[str, Any], endpoint: Callable[..., Any]) -> None:
    """Put the docstring's words beside parameters and result; Gradio takes over only the rest."""
    _, words, results = get_function_description(endpoint)
    blocks = get_blocks_context().blocks
    named = [(name, words[name]) for name, *_ in get_function_params(endpoint)]
    for number, (name, sentence) in zip(offered["inputs"], named, strict=True):
        blocks[number].label = name
        blocks[number]._api_info["additional_description"] = sentence
    [result], [sentence] = offered["outputs"], results
    blocks[result].label = "result"
    blocks[result]._api_info["description"] = sentence


@contextmanager
def _sentences() -> Iterator[None]:
    """What a caller can mend reaches them in words, as an error the client raises."""
    try:
        yield
    except (SanaWMError, StorageError) as error:
        raise gr.Error(str(error), print_exception=False) from error


def _visitor(request: gr.Request) -> str:
    """Who asks; empty for nobody in particular, and never another web page."""
    if not is_same_origin(request.request):
        raise InvalidRequestError("This request comes from another page.")
    return str(request.headers.get(VISITOR_HEADER, ""))


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str) or SURROGATE.search(value):
        raise InvalidRequestError(f"The {name} must be text.")
    return value


def _client_key(value: Any, visitor: str) -> str:
    """A caller's own name for a submission, kept apart from everybody else's."""
    name = _text(value, "client key")
    if len(name) > LONGEST_KEY:
        raise InvalidRequestError(f"A client key has up to {LONGEST_KEY} characters.")
    if not name:
        return token_hex(16)
    return hashlib.sha256(f"client key\n{visitor}\n{name}".encode()).hexdigest()[:32]


def _camera(value: Any) -> dict[str, str]:
    """The source of a path: a preset by its id, everything else is an action string."""
    camera = _text(value, "camera").strip()
    kind = "preset" if camera in PRESET_IDS else "actions"
    return {"kind": kind, kind: camera}


def _uploaded(value: Any) -> Path:
    """The file a client sent along; never another file of this computer."""
    path = value.get("path") if isinstance(value, dict) else None
    with suppress(OSError, ValueError):  # of a name no file system takes
        file = Path(path if isinstance(path, str) else "").resolve()
        if file.is_relative_to(Path(get_upload_folder()).resolve()) and file.is_file():
            return file
    raise InvalidRequestError(NO_PICTURE, field="image")
