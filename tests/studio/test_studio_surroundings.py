"""Settings, visitors, threads, upkeep, and what importing the studio may cost."""

import subprocess
import sys
from pathlib import Path

import pytest

import studio.settings
from storage.database import Database
from storage.tables import Asset
from studio.__main__ import main
from studio.cores import physical_cores
from studio.identity import Ownership, visitor_id
from studio.settings import TINY_MODEL, Settings


def test_the_studio_imports_neither_torch_nor_an_encoder():
    heavy = ["torch", "diffusers", "transformers", "av", "gradio", "alembic"]
    code = f"import sys, studio.studio; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_environment_names_the_folders(tmp_path):
    environment = {
        "WANDERBOOK_DATA": str(tmp_path / "d"),
        "WANDERBOOK_MODEL": str(tmp_path / "m"),
        "WANDERBOOK_OWNER_KEY": "sesame",
        "PUBLIC_URL": "https://example.org/",
    }
    assert Settings.from_environment(environment) == Settings(
        data_folder=tmp_path / "d",
        model_folder=tmp_path / "m",
        owner_key="sesame",
        public_url="https://example.org",
    )


def test_without_an_environment_the_persistent_disk_comes_before_the_user_s_folder(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(studio.settings, "PERSISTENT_DISK", tmp_path)
    assert Settings.from_environment({}).data_folder == tmp_path / "wanderbook"
    assert Settings.from_environment({}).model_folder == TINY_MODEL
    monkeypatch.setattr(studio.settings, "PERSISTENT_DISK", tmp_path / "absent")
    assert Settings.from_environment({}).data_folder.name == "wanderbook"
    assert tmp_path not in Settings.from_environment({}).data_folder.parents


def test_a_local_page_belongs_to_whoever_sees_it_and_a_public_one_does_not():
    assert Ownership(local_owner=True).is_owner("")
    public = Ownership(owner_key="sesame")
    assert public.is_owner("sesame")
    assert not public.is_owner("Sesame")
    assert not Ownership().is_owner("")
    assert not Ownership().may_change("", "")
    assert Ownership().may_change(visitor_id("me"), "me")
    assert not Ownership().may_change(visitor_id("me"), "you")
    assert "me" not in visitor_id("me")


@pytest.mark.parametrize(
    ("quota", "cores"), [("max 100000", 2), ("200000 100000", 2), ("100000 100000", 1), ("x", 2)]
)
def test_threads_are_physical_cores_within_the_quota(tmp_path, monkeypatch, quota, cores):
    monkeypatch.setattr("studio.cores._allowed_cpus", lambda: {0, 1, 2, 3})
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    for cpu in range(4):
        file = tmp_path / f"cpu{cpu}/topology/thread_siblings_list"
        file.parent.mkdir(parents=True)
        file.write_text(f"{cpu % 2},{cpu % 2 + 2}\n")
    (tmp_path / "cpu.max").write_text(quota)
    assert physical_cores(tmp_path, tmp_path / "cpu.max") == cores
    assert physical_cores(Path("/nowhere"), Path("/nowhere")) == 4


def test_upkeep_from_a_terminal(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("WANDERBOOK_DATA", str(tmp_path))
    assert main(["rescan"]) == 0
    assert main(["doctor"]) == 0
    assert main(["backup"]) == 0
    said = capsys.readouterr().out
    assert "Added: runs 0, notebooks 0, cells 0." in said
    assert "All is well" in said
    [kept] = (tmp_path / "backups").iterdir()

    assert main(["restore", str(kept)]) == 1
    assert "is not empty" in capsys.readouterr().err
    monkeypatch.setenv("WANDERBOOK_DATA", str(tmp_path / "elsewhere"))
    assert main(["restore", str(kept)]) == 0
    assert main(["doctor"]) == 0


def test_the_doctor_names_a_lost_file_and_its_exit_code_says_so(settings, capsys, monkeypatch):
    database = Database.open(settings.data_folder)
    with database.write() as session:
        session.add(Asset(sha256="a" * 64, extension="png", width=1, height=1, created_at=1.0))
    database.close()
    monkeypatch.setenv("WANDERBOOK_DATA", str(settings.data_folder))
    assert main(["doctor"]) == 1
    assert "is missing" in capsys.readouterr().err
