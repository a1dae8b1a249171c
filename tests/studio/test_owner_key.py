"""Who the owner of a shared page is: by a key that is chosen or made, and hard to guess."""

from dataclasses import replace

import pytest

from sanawm.errors import InvalidRequestError
from studio import identity
from studio.identity import Guesses, Ownership
from studio.owner_key import FILE, with_owner_key


def test_a_page_that_others_see_gets_a_key_once(settings):
    file = settings.data_folder / FILE

    made = with_owner_key(settings, local=False).owner_key

    assert len(made) == 32
    assert with_owner_key(settings, local=False).owner_key == made
    assert file.stat().st_mode & 0o777 == 0o600
    assert not list(settings.data_folder.glob("*.tmp"))
    file.chmod(0o644)
    with_owner_key(settings, local=False)
    assert file.stat().st_mode & 0o777 == 0o600
    file.unlink()
    assert with_owner_key(settings, local=False).owner_key != made


def test_a_page_of_this_computer_needs_none(settings):
    assert with_owner_key(settings, local=True).owner_key == ""
    assert not (settings.data_folder / FILE).exists()


def test_a_key_of_ones_own_is_long_and_plain_or_refused(settings):
    for key in ("the owner's own words", "x" * 16, "x" * 200):
        for local in (True, False):
            chosen = replace(settings, owner_key=key)
            assert with_owner_key(chosen, local=local).owner_key == key
    for key in ("sesame", "x" * 15, "x" * 201, "ключ" * 8, f" {'x' * 20}", f"{'x' * 20}\n"):
        with pytest.raises(InvalidRequestError, match="WANDERBOOK_OWNER_KEY"):
            with_owner_key(replace(settings, owner_key=key), local=False)
    assert not (settings.data_folder / FILE).exists()


def test_a_file_that_holds_no_key_opens_nothing(settings):
    settings.data_folder.mkdir(parents=True)
    (settings.data_folder / FILE).write_text("")

    with pytest.raises(InvalidRequestError, match=FILE):
        with_owner_key(settings, local=False)


def test_guesses_are_few_and_known_keys_go_on(monkeypatch):
    now = [0.0]
    owner = Ownership(owner_key="k" * 16, guesses=Guesses(lambda: now[0]))
    assert owner.is_owner("k" * 16)

    for number in range(identity.GUESSES - 1):
        assert not owner.is_owner(f"guess {number}")
    assert owner.is_owner("k" * 16)
    late = Ownership(owner_key="k" * 16, guesses=owner.guesses)
    owner.guesses._known.clear()  # the owner comes for the first time, too late
    assert not late.is_owner("k" * 16)
    now[0] += identity.MINUTE_S / identity.GUESSES
    assert late.is_owner("k" * 16)
    assert not owner.is_owner("")
    assert not owner.is_owner("\ud800")
