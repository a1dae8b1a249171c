"""What a bug report needs, and nothing that is anybody's business: no keys, prompts, file names.

The facts are the caller's; here they become lines of text, and what a log might tell by accident
is taken out of it.
"""

import importlib.metadata
import json
import os
import platform
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

PACKAGES = ("torch", "gradio", "transformers", "diffusers", "safetensors", "sqlalchemy", "av")
LOG_BYTES = 20_000
LOG_LINES = 40
SHORTEST_SECRET = 4  # what is shorter gives nothing away and stands in half of all words
LEAST_VALUE = 8  # of a variable: TOKENIZERS_PARALLELISM=false is no secret
TELLING_NAMES = ("TOKEN", "KEY", "SECRET", "PASSWORD")  # of environment variables
PICTURE = re.compile(r"[^\s/\\'\"][^/\\'\"\n]*\.(?:png|jpe?g|webp|gif|bmp|heic|avif|tiff?)\b", re.I)
HASH = re.compile(r"\b[0-9a-f]{32,}\b")
REMOVED = "[removed]"


def versions() -> list[tuple[str, str]]:
    """The program's surroundings; nothing is imported to find out."""
    found = [("Python", platform.python_version()), ("System", platform.platform())]
    for package in PACKAGES:
        try:
            found.append((package, importlib.metadata.version(package)))
        except importlib.metadata.PackageNotFoundError:
            found.append((package, "not installed"))
    return found


def write_report(facts: Iterable[tuple[str, str]], log: str) -> str:
    """One fact a line, then the log."""
    lines = [f"{name}: {value}" for name, value in facts]
    return "\n".join([*lines, "", "The end of the worker's log:", log or "(empty)", ""])


def tail(file: Path | None, secrets: Iterable[str]) -> str:
    """The last lines of a log without what people wrote, named or keep to themselves."""
    try:
        content = file.read_bytes() if file else b""
    except OSError:
        return ""
    text = content[-LOG_BYTES:].decode(errors="replace")
    if len(content) > LOG_BYTES:
        text = text.partition("\n")[2]  # the first line may be half of something
    text = HASH.sub(REMOVED, PICTURE.sub(REMOVED, without(text, secrets)))
    return "\n".join(text.splitlines()[-LOG_LINES:])


def without(text: str, secrets: Iterable[str]) -> str:
    """The text with every secret taken out, however it may be written in it."""
    forms = {form for secret in secrets for form in _forms(secret)}
    for form in sorted(forms, key=len, reverse=True):
        text = text.replace(form, REMOVED)
    return text


def in_home(text: str) -> str:
    """The text with ~ for the person's own folder."""
    home = str(Path.home())
    return text.replace(home, "~") if len(home) > 1 else text


def secret_values(environment: Mapping[str, str] = os.environ) -> set[str]:
    """The values of variables that are named like secrets."""
    return {
        value
        for name, value in environment.items()
        if len(value) >= LEAST_VALUE and any(word in name.upper() for word in TELLING_NAMES)
    }


def _forms(secret: str) -> set[str]:
    """As it is, line by line, and as Python and JSON write it."""
    written = {secret, repr(secret)[1:-1], json.dumps(secret)[1:-1], *secret.splitlines()}
    return {form.strip() for form in written if len(form.strip()) >= SHORTEST_SECRET}
