"""Start Wanderbook: `python scripts/start.py`, with the options of app.py after it.

Makes a virtual environment in this folder, installs requirements.txt into it and starts
app.py, which prints the address to open. From the second time on it starts at once.
"""

from __future__ import annotations

import subprocess
import sys

import environment

TORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"  # wheels a tenth the size, no CUDA in them
PATIENCE_S = 4.0


def install_product() -> None:
    """Have everything app.py needs in the virtual environment."""
    environment.make_venv()
    requirements = environment.read_requirements(environment.ROOT / "requirements.txt")
    if environment.is_installed("product", requirements):
        return
    if _prefers_cpu_wheels():
        [torch] = [line for line in requirements if line.startswith("torch==")]
        environment.install_first(torch, TORCH_CPU_INDEX)
    environment.install("product", requirements)


def _prefers_cpu_wheels() -> bool:
    """On Linux alone does the usual index hold PyTorch with CUDA, gigabytes of it."""
    if not sys.platform.startswith("linux") or environment.has_nvidia_driver():
        return False
    return environment.answers(f"{TORCH_CPU_INDEX}/torch/", PATIENCE_S)


def main() -> int:
    """Install what is missing, then hand over to the app until it ends."""
    environment.require_python()
    install_product()
    command = [str(environment.venv_python()), "app.py", *sys.argv[1:]]
    try:
        return subprocess.run(command, cwd=environment.ROOT, check=False).returncode
    except KeyboardInterrupt:
        return 130  # the app had the same Ctrl-C and has closed by itself


if __name__ == "__main__":
    sys.exit(main())
