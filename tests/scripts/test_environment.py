"""The two commands of the README, without installing anything."""

import sys

import check
import environment
import pytest
import start


@pytest.fixture
def pip(tmp_path, monkeypatch):
    """Records what pip is asked for; it succeeds, saying nothing, unless told otherwise."""
    asked = []

    def stand_in(arguments, output):
        asked.append(list(arguments))
        output.append(stand_in.says)
        return stand_in.code

    stand_in.asked, stand_in.says, stand_in.code = asked, "", 0
    monkeypatch.setattr(environment, "VENV", tmp_path)
    monkeypatch.setattr(environment, "_pip", stand_in)
    return stand_in


@pytest.fixture
def bare_linux(monkeypatch, pip):
    """A Linux machine without an NVIDIA driver and with nothing installed."""
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(environment, "make_venv", lambda: None)
    monkeypatch.setattr(environment, "has_nvidia_driver", lambda: False)
    monkeypatch.setattr(environment, "answers", lambda url, seconds: True)
    return pip


def test_a_second_start_installs_nothing(pip):
    assert environment.install("product", ["torch==2.13.0"])
    assert not environment.install("product", ["torch==2.13.0"])
    assert pip.asked == [["torch==2.13.0"]]


def test_a_changed_list_is_installed_again(pip):
    environment.install("product", ["torch==2.13.0"])

    assert environment.install("product", ["torch==2.13.1"])


def test_an_install_that_failed_is_not_taken_for_done(pip):
    pip.code = 1
    with pytest.raises(SystemExit):
        environment.install("product", ["torch==2.13.0"])

    assert not environment.is_installed("product", ["torch==2.13.0"])


@pytest.mark.parametrize(
    ("pip_says", "sentence"),
    [
        ("connection broken by 'NewConnectionError(", "seems to be offline"),
        ("No space left on device", "what pip said stands above"),
    ],
)
def test_a_failed_install_ends_in_a_sentence(pip, pip_says, sentence):
    pip.code, pip.says = 1, pip_says

    with pytest.raises(SystemExit, match=sentence):
        environment.install("product", ["torch==2.13.0"])


def test_an_old_python_is_told_what_is_needed(monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 9, 18))

    with pytest.raises(SystemExit, match=r"needs Python 3\.11 or newer, and this is 3\.9\.18"):
        environment.require_python()


def test_comments_are_no_requirements(tmp_path):
    file = tmp_path / "requirements.txt"
    file.write_text("# tested\n\nav==18.1.0  # video\ntriton==3.7.1; platform_system == 'Linux'\n")

    found = environment.read_requirements(file)

    assert found == ["av==18.1.0", "triton==3.7.1; platform_system == 'Linux'"]


def test_the_development_tools_are_those_of_the_table():
    tools = {line.partition("==")[0] for line in environment.dependency_group("dev")}

    assert {gate.command[0] for gate in check.gates(with_slow=False)} - {"lint-imports"} <= tools


def test_without_a_driver_torch_comes_from_the_cpu_index_and_the_rest_from_the_usual_one(
    bare_linux,
):
    start.install_product()

    torch, everything = bare_linux.asked
    assert torch == ["--no-deps", "--index-url", start.TORCH_CPU_INDEX, "torch==2.13.0"]
    assert "torch==2.13.0" in everything
    assert "--index-url" not in everything


def test_the_usual_index_serves_where_the_cpu_index_does_not_answer(bare_linux, monkeypatch):
    monkeypatch.setattr(environment, "answers", lambda url, seconds: False)

    start.install_product()

    assert len(bare_linux.asked) == 1


def test_a_driver_gets_the_usual_torch(bare_linux, monkeypatch):
    monkeypatch.setattr(environment, "has_nvidia_driver", lambda: True)

    start.install_product()

    assert len(bare_linux.asked) == 1


def test_long_tests_run_only_when_all_is_asked_for():
    everyday, everything = check.gates(with_slow=False)[-1], check.gates(with_slow=True)[-1]

    assert everyday.command == (*everything.command, "-m", "not slow")
    assert "not slow" not in everything.command
