"""Every gate of the project: `python scripts/check.py`, and `--all` with the long tests too.

Makes the same virtual environment as start.py, adds the development tools and, where this is
root or CI on a machine with apt, a missing Chromium; then runs the gates, quick ones first,
to the last one even if one fails, and says at the end which did.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass

import environment
import start


@dataclass(frozen=True)
class Gate:
    """One check: its name, and a program of the virtual environment with its arguments."""

    name: str
    command: tuple[str, ...]


# Two files of tests at a time: most of what a test does is wait for a page or a worker.
SIDE_BY_SIDE = ("-n", "2", "--dist", "loadfile", "--no-loadscope-reorder")


def gates(with_slow: bool) -> list[Gate]:
    """Every gate in the order it runs: what fails fast comes first."""
    tests = ("pytest", *SIDE_BY_SIDE, *(() if with_slow else ("-m", "not slow")))
    return [
        Gate("format", ("ruff", "format", "--check", ".")),
        Gate("lint", ("ruff", "check", ".")),
        Gate("import directions", ("lint-imports",)),
        Gate("requirements", ("deptry", ".")),
        Gate("types", ("mypy",)),
        Gate("tests", tests),
    ]


def install_browser() -> None:
    """Have a Chromium for the page's tests, where that can be done without asking anyone."""
    if environment.find_browser():
        return
    allowed = hasattr(os, "geteuid") and (os.geteuid() == 0 or bool(os.environ.get("CI")))
    if not allowed or shutil.which("apt-get") is None:
        print("There is no Chromium here: the tests that drive the page will be skipped.")
        return
    quietly = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in ("apt-get update -q", "apt-get install -q -y --no-install-recommends chromium"):
        if subprocess.run(command.split(), env=quietly, check=False).returncode != 0:
            sys.exit(f"`{command}` failed: install Chromium by hand and start again.")


def run(gate: Gate) -> tuple[bool, str]:
    """Run one gate; whether it passed, and the line that sums it up."""
    print(f"\n── {gate.name}: {' '.join(gate.command)}", flush=True)
    output: list[str] = []
    begin = time.monotonic()
    program = environment.venv_python().parent / gate.command[0]
    command = [str(program), *gate.command[1:]]
    code = environment.run_and_keep(command, output, PYTHONPATH=str(environment.ROOT))
    last = output[-1].strip(" =\n") if gate.name == "tests" and output else ""
    verdict = "ok" if code == 0 else "FAILED"
    return code == 0, f"{verdict:7}{gate.name:20}{time.monotonic() - begin:6.1f} s  {last}"


def main() -> int:
    """Install, run every gate, print the summary; 1 if any gate failed."""
    environment.require_python()
    parser = argparse.ArgumentParser(description="Run every gate of the project.")
    parser.add_argument("--all", action="store_true", help="the long tests too, as CI does")
    options = parser.parse_args()
    start.install_product()
    environment.install("development", environment.dependency_group("dev"))
    install_browser()
    results = [run(gate) for gate in gates(with_slow=options.all)]
    print("\n" + "\n".join(line for _, line in results))
    return 0 if all(passed for passed, _ in results) else 1


if __name__ == "__main__":
    sys.exit(main())
