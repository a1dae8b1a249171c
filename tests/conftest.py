"""What every test shares: mistakes are loud, and nothing leaves this machine.

No test reaches the network, the person's own data folder or a model hub. Torch is never
imported from here, so a test of plain code stays as light as the code it tests.
"""

import importlib
import os
import sys
import tempfile
from pathlib import Path

import environment
import pytest
from hypothesis import settings

OUR_PACKAGES = {"sanawm", "kernels"}

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_HOME"] = str(Path(tempfile.gettempdir()) / "wanderbook-tests-without-models")
os.environ["WANDERBOOK_DATA"] = "/dev/null/each-test-names-its-own-folder"
for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "2")  # small tensors: more threads only wait for one another
if not Path("/proc/driver/nvidia/version").exists():
    os.environ.setdefault("TRITON_INTERPRET", "1")  # triton reads it when a kernel is defined

# Torch's first call takes seconds and is no bug. Derandomized: a gate says the same thing twice.
settings.register_profile("gate", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("gate")


def pytest_collection_modifyitems(config, items):
    """Tests marked `gpu` or `browser` are skipped, visibly, where there is none.

    What drives a browser may fail once: a Chromium on a busy machine now and then stalls a page or
    a film for a minute, which no wait of ours can tell from a fault. The summary names each of
    them as RERUN; a test that stands there twice in a week has a fault of its own. With `-x`
    nothing is repeated.
    """
    for item in items:
        if item.get_closest_marker("browser") and not config.getoption("maxfail"):
            item.add_marker(pytest.mark.flaky(reruns=1))
    _skip_marked(items, "gpu", _has_cuda, "needs a CUDA device")
    _skip_marked(items, "browser", environment.find_browser, "needs a Chromium")
    if config.getoption("numprocesses", None):
        _longest_first(items)


def _longest_first(items):
    """Files that drive a browser begin, so that processes side by side end together."""
    driving = {item.path for item in items if item.get_closest_marker("browser")}
    items.sort(key=lambda item: item.path not in driving)


def _skip_marked(items, mark, is_there, reason):
    marked = [item for item in items if item.get_closest_marker(mark)]
    if marked and not is_there():
        for item in marked:
            item.add_marker(pytest.mark.skip(reason=reason))


def _has_cuda():
    import torch  # only a run that has such tests pays for it

    return torch.cuda.is_available()


@pytest.fixture
def device():
    """Where a kernel is tested: compiled on a GPU, interpreted on a CPU."""
    import torch

    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@pytest.fixture(autouse=True)
def poisoned_empty(monkeypatch):
    """Memory our own code asks for and does not fill is NaN, so that a hole in it shows."""
    torch = sys.modules.get("torch")
    if torch is None:
        return
    # It remembers the true functions at its first call; torch alone does not load it.
    importlib.import_module("torch.utils._device")._device_constructors()
    for owner, name in (
        (torch, "empty"),
        (torch, "empty_like"),
        (torch, "empty_strided"),
        (torch.Tensor, "new_empty"),
    ):
        monkeypatch.setattr(owner, name, _poisoned(getattr(owner, name)))


def _poisoned(allocate):
    def allocate_poisoned(*args, **kwargs):
        tensor = allocate(*args, **kwargs)
        caller = sys._getframe(1).f_globals.get("__name__", "").partition(".")[0]
        is_ours = caller in OUR_PACKAGES and tensor.is_floating_point()
        return tensor.fill_(float("nan")) if is_ours else tensor

    return allocate_poisoned
