"""The key that makes somebody the owner of a page others can see.

Chosen by whoever starts the program, or made once and kept in the data folder, where its owner
alone may read it. It travels in a header and in the part of an address that browsers never send.
"""

import os
import re
import secrets
from dataclasses import replace
from pathlib import Path

from sanawm.errors import InvalidRequestError
from studio.settings import Settings

FILE = "owner.key"
SHORTEST, LONGEST = 16, 200  # characters
PLAIN = re.compile(r"[!-~](?:[ -~]*[!-~])?")  # what a header carries unchanged


def with_owner_key(settings: Settings, *, local: bool) -> Settings:
    """The settings with a key for the owner, where the page needs one and none was chosen."""
    if settings.owner_key:
        return replace(settings, owner_key=_checked(settings.owner_key))
    if local:
        return settings
    return replace(settings, owner_key=_kept(settings.data_folder / FILE))


def _checked(key: str) -> str:
    if not SHORTEST <= len(key) <= LONGEST:
        raise InvalidRequestError(
            f"WANDERBOOK_OWNER_KEY must have {SHORTEST} to {LONGEST} characters, so that nobody "
            f"guesses it; it has {len(key)}. Without one, a key is made and printed."
        )
    if not PLAIN.fullmatch(key):
        raise InvalidRequestError(
            "WANDERBOOK_OWNER_KEY must be of plain letters, digits and signs, with no space at "
            "either end: browsers send nothing else."
        )
    return key


def _kept(file: Path) -> str:
    """The key of a data folder, made at first use; whole even where two programs start at once."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        _make(file)
    key = file.read_text(encoding="ascii", errors="replace").strip()
    if len(key) < SHORTEST or not PLAIN.fullmatch(key):
        raise InvalidRequestError(f"{file} holds no key. Delete it, and another one is made.")
    file.chmod(0o600)
    return key


def _make(file: Path) -> None:
    draft = file.with_name(f".{file.name}.{secrets.token_hex(4)}.tmp")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as stream:
            stream.write(secrets.token_urlsafe(24))
            stream.flush()
            os.fsync(stream.fileno())
        file.hardlink_to(draft)
    except FileExistsError:
        pass  # another program was quicker, and its key holds
    finally:
        draft.unlink()
