"""A media address opens one file for a while, and cannot be forged, stretched or reused."""

import stat
import urllib.parse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.media import LIFETIME_S, PERIOD_S, MediaKeys

NAME = "runs/01ABC/a1/video.mp4"


@pytest.fixture
def clock():
    return [1_000_000.0]


@pytest.fixture
def keys(clock):
    return MediaKeys(b"k" * 32, clock=lambda: clock[0])


def capability(url):
    query = urllib.parse.parse_qs(urllib.parse.urlsplit(url).query)
    return query["e"][0], query["s"][0]


def test_an_address_opens_its_file(keys):
    assert keys.verify(NAME, *capability(keys.media_url(NAME)))


def test_an_address_opens_no_other_file(keys):
    expires, signature = capability(keys.media_url(NAME))
    assert not keys.verify(NAME.replace("a1", "a2"), expires, signature)
    assert not keys.verify("events", expires, signature)


def test_an_address_expires_and_cannot_be_prolonged(keys, clock):
    expires, signature = capability(keys.media_url(NAME))
    assert not keys.verify(NAME, str(int(expires) + 1), signature)
    clock[0] = float(expires)
    assert keys.verify(NAME, expires, signature)
    clock[0] += 1
    assert not keys.verify(NAME, expires, signature)


def test_an_address_of_another_secret_is_no_good(keys):
    other = MediaKeys(b"x" * 32, clock=lambda: 1_000_000.0)
    assert not keys.verify(NAME, *capability(other.media_url(NAME)))


def test_addresses_stay_the_same_for_a_while_and_live_at_least_a_day(keys, clock):
    clock[0] = 5.0 * PERIOD_S
    first = keys.media_url(NAME)
    clock[0] += PERIOD_S - 1
    assert keys.media_url(NAME) == first
    assert int(capability(first)[0]) - clock[0] >= LIFETIME_S
    clock[0] += 1
    assert keys.media_url(NAME) != first


@given(expires=st.text(max_size=20), signature=st.text(max_size=40))
def test_nonsense_is_refused_and_raises_nothing(expires, signature):
    assert not MediaKeys(b"k" * 32).verify(NAME, expires, signature)


def test_the_secret_is_made_once_and_for_the_owner_s_eyes(tmp_path):
    first, second = MediaKeys.of_folder(tmp_path), MediaKeys.of_folder(tmp_path)
    assert first.sign(NAME, 1) == second.sign(NAME, 1)
    assert stat.S_IMODE((tmp_path / "media.key").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["media.key"]


def test_a_studio_gives_out_only_what_it_signed(studio, database):
    (database.folder.root / "app.db").touch()
    assert studio.media_file("app.db", "9999999999", "0" * 32) is None
    expires, signature = capability(studio.events_url())
    assert studio.follower("", expires, signature) is studio
    assert studio.follower("", expires, signature[:-1]) is None
    assert studio.follower("a" * 32, expires, signature) is None  # another's, of the same time
    assert studio.media_file("events", expires, signature) is None
