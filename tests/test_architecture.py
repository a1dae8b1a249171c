"""The promises of the layout: what no linter of imports, types or style can see."""

import ast
import hashlib
import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path

import pytest
from huggingface_hub import metadata_load

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
CODE = ("sanawm", "kernels", "storage", "studio", "ui", "scripts", "benchmarks")
VAGUE_NAMES = {"util", "utils", "helper", "helpers", "common", "misc", "manager", "managers"}
NAMED_BY_THE_PERSON = {
    "gradio", "torch", "safetensors", "einops", "triton", "huggingface_hub", "av", "sqlalchemy",
}  # fmt: skip
HEAVY = ("torch", "diffusers", "transformers", "triton")
LIGHT_MODULES = (
    "sanawm.camera",
    "sanawm.config",
    "sanawm.errors",
    "sanawm.image",
    "sanawm.progress",
    "sanawm.request",
    "storage",
    "studio.studio",
)


def tracked_files():
    listing = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [Path(line) for line in listing.stdout.splitlines() if (ROOT / line).exists()]


def modules():
    return [path for path in tracked_files() if path.suffix == ".py" and path.parts[0] in CODE]


def requirements():
    lines = (ROOT / "requirements.txt").read_text("utf-8").splitlines()
    pins = [line.partition(";")[0].strip() for line in lines if not line.startswith("#")]
    return dict(pin.split("==") for pin in pins)


def loaded_by(statement):
    program = f"{statement}\nimport sys\nprint(*(set({HEAVY!r}) & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout.split()


@pytest.mark.parametrize("path", modules(), ids=str)
def test_a_module_says_what_it_is(path):
    assert ast.get_docstring(ast.parse((ROOT / path).read_text("utf-8")))


def test_no_file_is_named_after_nothing():
    vague = [p for p in tracked_files() if VAGUE_NAMES & {Path(part).stem for part in p.parts}]

    assert vague == []


def test_no_package_of_ours_shadows_a_library():
    from transformers.utils.import_utils import is_kernels_available

    assert not is_kernels_available()  # transformers looks for a library of that name


def test_the_kernels_package_has_a_docstring_and_nothing_else():
    [only] = ast.parse((ROOT / "kernels/__init__.py").read_text("utf-8")).body

    assert isinstance(only, ast.Expr)


def test_the_page_is_up_before_the_model():
    assert loaded_by("import app") == []


@pytest.mark.parametrize("module", LIGHT_MODULES)
def test_what_the_page_needs_of_the_model_is_light(module):
    assert loaded_by(f"import {module}") == []


def test_the_requirements_a_person_named_are_there():
    assert set(requirements()) >= NAMED_BY_THE_PERSON


@pytest.mark.parametrize(("name", "version"), requirements().items())
def test_what_is_pinned_is_what_is_tested(name, version):
    if name == "triton" and not sys.platform.startswith("linux"):
        pytest.skip("triton is for Linux")

    assert importlib.metadata.version(name).partition("+")[0] == version


def test_the_readme_opens_with_a_valid_space_header():
    header = metadata_load(README)

    assert header["sdk"] == "gradio"
    assert (ROOT / header["app_file"]).is_file()
    assert header["sdk_version"] == requirements()["gradio"]
    assert header["license"] == "apache-2.0"
    assert header["suggested_hardware"] == "cpu-basic"
    assert isinstance(header["python_version"], str)  # 3.10 unquoted would read as 3.1
    assert len(header["short_description"]) <= 60
    assert {"title", "emoji", "colorFrom", "colorTo", "tags"} <= set(header)


def readme_tree():
    [block] = re.findall(r"<!-- tree -->\s*```text\n(.*?)```", README.read_text("utf-8"), re.S)
    folder = ""
    for line in block.splitlines():
        name, _, meaning = line.strip().partition(" ")
        folder = "" if not line.startswith(" ") else folder
        yield folder + name, meaning.strip()
        folder = name if name.endswith("/") and not line.startswith(" ") else folder


def real_tree():
    """Everything at the top, and what lies directly in a folder of code."""
    for path in tracked_files():
        yield path.parts[0] + "/" * (len(path.parts) > 1)
        if path.parts[0] in CODE and path.name != "__init__.py":
            yield "/".join(path.parts[:2]) + "/" * (len(path.parts) > 2)


def test_the_readme_names_every_file_and_its_job():
    listed = dict(readme_tree())

    assert set(listed) == set(real_tree())
    assert all(listed.values())


@pytest.mark.parametrize("page", [README, *sorted((ROOT / "docs").rglob("*.md"))], ids=str)
def test_a_page_links_to_files_that_exist(page):
    targets = re.findall(r"(?:\]\(|src=\")([^)\"#]+)", page.read_text("utf-8"))
    missing = [
        target for target in targets if "://" not in target and not (page.parent / target).exists()
    ]

    assert missing == []


def vendored():
    folder = ROOT / "ui/static/vendor"
    sums = folder / "SHA256SUMS"
    lines = sums.read_text("utf-8").splitlines() if sums.exists() else []
    return {name: digest for digest, name in (line.split() for line in lines)}


def test_vendored_files_are_as_published():
    folder = ROOT / "ui/static/vendor"
    found = {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "SHA256SUMS"
    }

    assert found == vendored()


@pytest.mark.parametrize("path", sorted((ROOT / "benchmarks").glob("*.py")), ids=lambda p: p.name)
@pytest.mark.slow
def test_a_benchmark_starts_although_one_of_them_is_called_queue(path):
    done = subprocess.run(
        [sys.executable, path, "--help"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "--json" in done.stdout
