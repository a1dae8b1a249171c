"""The virtual environment of this checkout: made once, filled once, then left alone.

`install` keeps, beside the packages, a fingerprint of what it was asked for, so that a second
start costs nothing and needs no network. Standard library only, and written so that a Python
too old to run the product still gets as far as `require_python` and its sentence.
"""

from __future__ import annotations  # an old Python must not trip over `list[str]`

import hashlib
import os
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
OLDEST_PYTHON = (3, 11)
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
OFFLINE_SIGNS = (
    "NewConnectionError",
    "NameResolutionError",
    "Temporary failure in name resolution",
    "ConnectTimeoutError",
    "Network is unreachable",
)


def require_python() -> None:
    """Leave with a sentence when this Python cannot run the product."""
    if sys.version_info[:2] < OLDEST_PYTHON:
        oldest = ".".join(map(str, OLDEST_PYTHON))
        found = ".".join(map(str, sys.version_info[:3]))
        sys.exit(
            f"Wanderbook needs Python {oldest} or newer, and this is {found} ({sys.executable}). "
            f"Install a newer Python and start this script with it, "
            f"for example: python{oldest} {sys.argv[0]}"
        )


def venv_python() -> Path:
    """The interpreter inside the virtual environment."""
    return VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def make_venv() -> None:
    """Make `.venv`, or make it anew where its interpreter no longer runs."""
    if _runs(venv_python()):
        return
    print(f"Making a virtual environment in {VENV}", flush=True)
    made = subprocess.run([sys.executable, "-m", "venv", "--clear", str(VENV)], check=False)
    if made.returncode != 0:
        sys.exit(
            "The virtual environment could not be made; what Python said stands above. "
            "On Debian and Ubuntu, `apt install python3-venv` is what is usually missing."
        )


def read_requirements(path: Path) -> list[str]:
    """The requirements of a file, one a line, without comments."""
    lines = [line.split(" #")[0].strip() for line in path.read_text("utf-8").splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def dependency_group(name: str) -> list[str]:
    """One table of pyproject's [dependency-groups]; the pip of an older Python cannot read it."""
    import tomllib  # from Python 3.11 on: not before `require_python` has spoken

    with (ROOT / "pyproject.toml").open("rb") as file:
        group: list[str] = tomllib.load(file)["dependency-groups"][name]
    return group


def install(name: str, requirements: Sequence[str]) -> bool:
    """Install what is asked for unless this environment has it already; True if it installed."""
    if is_installed(name, requirements):
        return False
    print(f"Installing {len(requirements)} packages ({name})", flush=True)
    output: list[str] = []
    if _pip([*requirements], output) != 0:
        sys.exit(_why_pip_failed("".join(output)))
    _stamp(name).write_text(_fingerprint(requirements), "utf-8")
    return True


def install_first(requirement: str, index: str) -> None:
    """Try to take one package, without what it needs, from an index of its own.

    Where that fails nothing is lost: `install` then takes it from the usual index.
    """
    print(f"Installing {requirement} from {index}", flush=True)
    _pip(["--no-deps", "--index-url", index, requirement], [])


def is_installed(name: str, requirements: Sequence[str]) -> bool:
    """Whether `install` has been here with the same list."""
    stamp = _stamp(name)
    return stamp.is_file() and stamp.read_text("utf-8") == _fingerprint(requirements)


def has_nvidia_driver() -> bool:
    """Whether an NVIDIA driver is loaded, asked without loading anything."""
    return Path("/proc/driver/nvidia/version").is_file() or shutil.which("nvidia-smi") is not None


def find_browser() -> str | None:
    """Where a Chromium lies that Playwright can drive; it brings none of its own."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def answers(url: str, seconds: float) -> bool:
    """Whether a page can be had within a few seconds."""
    try:
        with urllib.request.urlopen(url, timeout=seconds) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def run_and_keep(command: Sequence[str], output: list[str], **environment: str) -> int:
    """Run a command in the checkout, showing what it prints and keeping it in `output`."""
    with subprocess.Popen(
        list(command),
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": "1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            output.append(line)
    return process.returncode


def _pip(arguments: Sequence[str], output: list[str]) -> int:
    options = ["install", "--disable-pip-version-check", "--progress-bar", "off"]
    return run_and_keep([str(venv_python()), "-m", "pip", *options, *arguments], output)


def _why_pip_failed(output: str) -> str:
    if any(sign in output for sign in OFFLINE_SIGNS):
        return (
            "The package index could not be reached: this machine seems to be offline. "
            "Connect it and start again; once the packages are installed no network is needed."
        )
    return "The packages could not be installed; what pip said stands above."


def _runs(python: Path) -> bool:
    if not python.exists():
        return False
    tried = subprocess.run(
        [str(python), "-m", "pip", "--version"], capture_output=True, check=False
    )
    return tried.returncode == 0


def _stamp(name: str) -> Path:
    return VENV / f"installed-{name}.sha256"


def _fingerprint(requirements: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(requirements).encode()).hexdigest()
