"""Fetches a public model when a person asks for it, and makes a model folder of links to its files.

The files stay in the Hugging Face cache, at one commit of each repository. The folder is put
together beside its place and then renamed, so that it is whole or absent; what happened before an
interruption is not done again. Sizes are bytes.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from filelock import FileLock, Timeout
from huggingface_hub import constants

from sanawm.card import CARD_FILE, ModelCard
from sanawm.catalogue import KnownModel
from sanawm.errors import DiskFullError, ModelFilesMissingError
from sanawm.hub_download import HubFile, bytes_here, download, list_files
from sanawm.hub_errors import failures_as_sentences
from sanawm.model_folder import (
    FETCHED_FILE,
    INDEX_FILE,
    fetched_models,
    files_in,
    missing_part,
    sources_of,
)
from sanawm.sizes import size_words

SCHEMA = "wanderbook.fetched/1"
TRAINED, CONVERTED = "sana_dit/model.pt", "sana_dit/model.safetensors"
SHORT = 12  # characters of a commit; enough to tell any two apart

Say = Callable[[str], None]
Plan = dict[str, HubFile]  # by their place in the model folder


def fetch_model(known: KnownModel, *, revision: str = "main", say: Say) -> Path:
    """The model's folder, whole; `revision` is of its first repository. Errors are for people."""
    folder = fetched_models() / known.name
    if constants.is_offline_mode() and not missing_part(files_in(folder)):
        say("HF_HUB_OFFLINE is set, so nothing newer was looked for.")
        return folder
    with failures_as_sentences(known.sources[0].repo, revision, known.command), _alone(say):
        _tidy(folder)
        plan = _plan(known, revision, say)
        sources = _sources(known, plan)
        if _is_there(folder, known, plan, sources):
            say(f"{known.card.title} is here already.")
            return folder
        _check_room(known, folder, plan)
        files = {place: _download(known, file) for place, file in plan.items()}
        with _unfinished(folder) as unfinished:
            for place, file in files.items():
                _link(file, unfinished / place, known.command)
            if TRAINED in plan:
                is_same = sources[0] in sources_of(folder)
                _convert(unfinished, folder if is_same else None, say)
            _describe(unfinished, known, sources)
    return folder


@contextmanager
def _alone(say: Say) -> Iterator[None]:
    """One fetch at a time: two models share files, and two fetches of one would do all twice."""
    fetched_models().mkdir(parents=True, exist_ok=True)
    lock = FileLock(fetched_models() / ".fetch.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        say("Another fetch is at work. This one waits until it ends.")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _tidy(folder: Path) -> None:
    """Remove what a killed fetch left; a folder that it had moved away comes back."""
    for left in folder.parent.glob(f".{folder.name}.*.old"):
        if not folder.exists():
            left.rename(folder)
    for left in folder.parent.glob(f".{folder.name}.*"):
        shutil.rmtree(left)


def _plan(known: KnownModel, revision: str, say: Say) -> Plan:
    """Which file of which repository goes where."""
    plan: Plan = {}
    for source in known.sources:
        wanted = revision if source == known.sources[0] else "main"
        with failures_as_sentences(source.repo, wanted, known.command):
            listed = list_files(source.repo, wanted)
        found = {place: file for file in listed if (place := source.place_of(file.path))}
        for file in listed[:1]:
            size, here = (sum(map(count, found.values())) for count in (_size, bytes_here))
            say(
                f"{source.repo} at {file.commit[:SHORT]}: {len(found)} files, {size_words(size)}, "
                f"{size_words(here)} of it here already."
            )
        plan |= found
    written = {INDEX_FILE} if known.index else set()
    if missing := missing_part(plan.keys() | written):
        page = f"{constants.ENDPOINT}/{known.sources[0].repo}/commits/main"
        raise ModelFilesMissingError(
            f"{known.card.title} is published in a layout this program does not know: {missing}. "
            f"An earlier state may fit: add --revision and one of {page}."
        )
    return plan


def _size(file: HubFile) -> int:
    return file.size


def _sources(known: KnownModel, plan: Plan) -> list[dict[str, str]]:
    commits = {file.repo: file.commit for file in plan.values()}
    repos = [source.repo for source in known.sources if source.repo in commits]
    return [{"repo": repo, "revision": commits[repo]} for repo in repos]


def _is_there(folder: Path, known: KnownModel, plan: Plan, sources: list[dict[str, str]]) -> bool:
    """Whether a fetch would change nothing."""
    files = files_in(folder)
    planned = plan.keys() - {TRAINED} | ({CONVERTED} if TRAINED in plan else set())
    return (
        planned <= files and sources_of(folder) == sources and ModelCard.load(folder) == known.card
    )


def _check_room(known: KnownModel, folder: Path, plan: Plan) -> None:
    """Raise DiskFullError before anything is fetched that would not fit."""
    cache = Path(constants.HF_HUB_CACHE).expanduser()
    converted = plan[TRAINED].size if TRAINED in plan else 0
    needs = [
        (cache, sum(file.size - bytes_here(file) for file in plan.values())),
        (folder, converted),
    ]
    if _disk_of(cache).stat().st_dev == _disk_of(folder).stat().st_dev:
        needs = [(cache, needs[0][1] + converted)]
    for place, need in needs:
        free = shutil.disk_usage(_disk_of(place)).free
        if need > free:
            raise DiskFullError(
                f"{known.card.title} needs {size_words(need)} more and {size_words(free)} is free "
                f"on the disk of {place}. Make room, or set HF_HOME to a folder on a larger disk, "
                f"then: {known.command}"
            )


def _disk_of(folder: Path) -> Path:
    """The nearest folder above that is there."""
    return next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())


def _download(known: KnownModel, file: HubFile) -> Path:
    with failures_as_sentences(file.repo, file.commit, known.command):
        return download(file)


@contextmanager
def _unfinished(folder: Path) -> Iterator[Path]:
    """A folder to fill; it takes the place of `folder` if the block ends well."""
    beside = folder.with_name(f".{folder.name}.{uuid4().hex}")
    beside.mkdir()
    try:
        yield beside
        old = beside.with_name(f"{beside.name}.old")
        if folder.exists():
            folder.rename(old)
        beside.rename(folder)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _link(file: Path, place: Path, command: str) -> None:
    """Link to a file so that HF_HOME can be moved; a hard link where a disk has no others."""
    place.parent.mkdir(exist_ok=True)
    try:
        place.symlink_to(os.path.relpath(file, place.parent))
    except (OSError, ValueError):  # ValueError: on another drive
        try:
            place.hardlink_to(file.resolve())
        except OSError as error:
            raise ModelFilesMissingError(
                f"The disk of {place.parent} takes no links to {file}. Set HF_HOME to a folder "
                f"whose disk does, then: {command}"
            ) from error


def _convert(unfinished: Path, same: Path | None, say: Say) -> None:
    """Make safetensors of the training checkpoint, or take those of the same checkpoint."""
    trained, converted = unfinished / TRAINED, unfinished / CONVERTED
    if same and (same / CONVERTED).is_file():
        with suppress(OSError):
            converted.hardlink_to(same / CONVERTED)
    if not converted.exists():
        from sanawm.training_checkpoint import convert_checkpoint  # torch

        say("Converting the training checkpoint to safetensors, once.")
        convert_checkpoint(trained)
    trained.unlink()


def _describe(unfinished: Path, known: KnownModel, sources: list[dict[str, str]]) -> None:
    """Write what no repository has: the card, the list of parts, and where all this is from."""
    fetched = {
        "schema": SCHEMA,
        "sources": sources,
        "fetched_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    written: dict[str, object] = {CARD_FILE: known.card.to_dict(), FETCHED_FILE: fetched}
    if known.index:
        written[INDEX_FILE] = known.index
    for name, values in written.items():
        text = json.dumps(values, indent=2, ensure_ascii=False) + "\n"
        (unfinished / name).write_text(text, encoding="utf-8")
