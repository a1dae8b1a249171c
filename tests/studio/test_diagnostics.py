import re
from pathlib import Path

import pytest
from PIL import Image
from studio_ways import draft_of

from sanawm.errors import InvalidRequestError
from storage.database import Database
from studio import diagnostics
from studio.diagnostics import tail, without
from studio.settings import Settings
from studio.studio import Studio

OWNER_KEY = "the owner's own words"
VISITOR = "0123456789abcdef0123456789abcdef"
PROMPT = 'My neighbour\'s "red" house\nat number 12, Ünterstraße'
NEGATIVE = "Mr. Smith"
TOKEN = "hf_abcdefghijklmnop"


@pytest.fixture
def shared(settings, tmp_path, monkeypatch):
    """A studio others can see, whose log tells everything it should not."""
    home = tmp_path / "home" / "alice"
    monkeypatch.setattr(Path, "home", lambda: home)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    folder = home / "wanderbook"
    own = Settings(data_folder=folder, model_folder=settings.model_folder, owner_key=OWNER_KEY)
    database = Database.open(folder)
    studio = Studio(own, database, runner="small_runner:SmallRunner")
    yield studio
    studio.stop()
    database.close()


def plant_log(studio, text, name="worker-01A.log"):
    log = studio.settings.data_folder / "logs" / name
    log.write_text(text, encoding="utf-8")
    return log


def test_a_report_tells_what_is_needed_to_help(shared):
    plant_log(shared, "INFO run 01R, attempt 1\nERROR RuntimeError: out of luck\n")

    report = shared.housekeeping.diagnose(OWNER_KEY)

    lines = dict(line.split(": ", 1) for line in report.partition("\n\n")[0].splitlines())
    assert {"Python", "System", "torch", "gradio", "Device", "Threads", "Worker"} <= lines.keys()
    assert lines["Queue"] == "0 running, 0 waiting, not paused"
    assert re.fullmatch(r"grey [0-9a-f]{16}.*", lines["Models"])
    assert lines["Data folder"] == "~/wanderbook"
    assert lines["Runs"] == "none"
    assert "after_unclean_stop pause" in lines["Settings"]
    assert "RuntimeError: out of luck" in report


def test_a_report_keeps_every_secret(shared, tmp_path):
    picture = tmp_path / "holiday photo.png"
    Image.new("RGB", (40, 30), "teal").save(picture)
    stored = shared.store_image(picture)
    draft = draft_of(stored, prompt=PROMPT, negative_prompt=NEGATIVE)
    shared.submit(draft, "click-" + "1" * 16, VISITOR)
    key = (shared.settings.data_folder / "media.key").read_bytes().hex()
    address = shared.image(stored.sha256).url
    plant_log(
        shared,
        f"INFO {PROMPT}\nINFO {PROMPT!r} without {NEGATIVE}\nDEBUG key={key} visitor={VISITOR}\n"
        f"ERROR cannot read '/srv/pictures/holiday photo.png' or {stored.sha256}.png\n"
        f"INFO {OWNER_KEY} {TOKEN} {Path.home()}/wanderbook {address}\nERROR the end\n",
    )

    report = shared.housekeeping.diagnose(OWNER_KEY)

    for secret in (
        *PROMPT.splitlines(),
        "neighbour",
        NEGATIVE,
        key,
        VISITOR,
        OWNER_KEY,
        TOKEN,
        "holiday",
        "alice",
        stored.sha256,
        address.partition("s=")[2],
    ):
        assert secret not in report
    assert "ERROR the end" in report
    assert "Runs: queued 1" in report


def test_only_the_owner_gets_a_report(shared):
    for visitor in (VISITOR, "", OWNER_KEY + " "):
        with pytest.raises(InvalidRequestError, match="owner"):
            shared.housekeeping.diagnose(visitor)


def test_the_newest_log_is_the_one_that_is_told(shared):
    plant_log(shared, "the old one", "worker-01A.log")
    plant_log(shared, "the new one", "worker-01B.log")

    report = shared.housekeeping.diagnose(OWNER_KEY)

    assert "the new one" in report
    assert "the old one" not in report


def test_a_long_log_is_cut_at_a_line_so_that_no_half_of_a_secret_is_left(tmp_path, monkeypatch):
    monkeypatch.setattr(diagnostics, "LOG_BYTES", 40)
    log = tmp_path / "worker.log"
    log.write_text("a secret prompt\n" * 2 + "x" * 26 + "\nthe end\n")

    assert tail(log, {"a secret prompt"}) == "x" * 26 + "\nthe end"
    assert tail(tmp_path / "none.log", set()) == ""
    assert tail(None, set()) == ""


def test_a_report_without_secrets_loses_nothing():
    assert without("as it is", {"", "a", "is"}) == "as it is"


def test_a_variable_is_secret_by_its_name_and_length():
    variables = {"HF_TOKEN": TOKEN, "TOKENIZERS_PARALLELISM": "false", "PATH": "/usr/local/bin"}

    assert diagnostics.secret_values(variables) == {TOKEN}
