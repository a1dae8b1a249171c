"""How many threads the model should use: the physical cores this process may really run on.

Hyper-threads slow dense algebra down, and a container sees all cores of its host while its quota
grants two; both are read from Linux' own files where there are any.
"""

import math
import os
from pathlib import Path

CPU_FILES = Path("/sys/devices/system/cpu")
QUOTA_FILE = Path("/sys/fs/cgroup/cpu.max")


def physical_cores(cpu_files: Path = CPU_FILES, quota_file: Path = QUOTA_FILE) -> int:
    """At least 1."""
    allowed = _allowed_cpus()
    siblings = {_siblings(cpu_files, cpu) for cpu in allowed}
    return max(1, min(len(siblings), _quota(quota_file)))


def _allowed_cpus() -> set[int]:
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return set(range(os.cpu_count() or 1))


def _siblings(cpu_files: Path, cpu: int) -> str:
    """The hyper-threads that share a core with this one; itself alone where that is unknown."""
    try:
        return (cpu_files / f"cpu{cpu}/topology/thread_siblings_list").read_text()
    except OSError:
        return str(cpu)


def _quota(quota_file: Path) -> int:
    """Cores granted to the container: "200000 100000" is two; no file or "max" is no limit."""
    try:
        granted, period = quota_file.read_text().split()
        return max(1, math.floor(int(granted) / int(period)))
    except (OSError, ValueError):
        return os.cpu_count() or 1
