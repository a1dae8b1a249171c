"""Choices are checked, kept, and only the owner's to make."""

import dataclasses

import pytest

from sanawm.errors import InvalidRequestError
from storage.settings import write_setting
from studio.preferences import KEY, Preferences, changed, read_preferences
from studio.studio import Studio


def test_what_is_chosen_is_kept_and_the_rest_stays(studio):
    studio.set_preferences("", keep_stage1=True, cache_limit_mb={"text": 5})
    chosen = studio.preferences()
    assert chosen.keep_stage1
    assert chosen.after_unclean_stop == "pause"
    assert chosen.cache_limits() == {
        "text": 5 << 20, "latents": 1 << 30, "features": 1 << 30, "stage1": 1 << 30
    }  # fmt: skip


def test_two_pages_lose_none_of_each_other_s_choices(studio, database):
    studio.set_preferences("", cache_limit_mb={"text": 5})
    other = Studio(studio.settings, database, local_owner=True)
    other.set_preferences("", cache_limit_mb={"latents": 6}, keep_stage1=True)
    studio.set_preferences("", after_unclean_stop="continue")
    chosen = studio.preferences()
    assert (chosen.keep_stage1, chosen.after_unclean_stop) == (True, "continue")
    assert (chosen.cache_limit_mb["text"], chosen.cache_limit_mb["latents"]) == (5, 6)


@pytest.mark.parametrize(
    "values",
    [
        {"colour": "red"},
        {"after_unclean_stop": "dance"},
        {"keep_stage1": "yes"},
        {"cache_limit_mb": 5},
        {"cache_limit_mb": {"dreams": 5}},
        {"cache_limit_mb": {"text": -1}},
        {"cache_limit_mb": {"text": True}},
        {"cache_limit_mb": {"text": 1.5}},
    ],
)
def test_nonsense_is_refused_and_changes_nothing(studio, values):
    with pytest.raises(InvalidRequestError):
        studio.set_preferences("", **values)
    assert studio.preferences() == Preferences()


def test_a_visitor_chooses_nothing(settings, database):
    shared = Studio(dataclasses.replace(settings, owner_key="sesame"), database)
    with pytest.raises(InvalidRequestError, match="owner"):
        shared.set_preferences("visitor", keep_stage1=True)
    assert shared.set_preferences("sesame", keep_stage1=True).keep_stage1


def test_choices_of_another_program_are_left_out_where_they_mean_nothing_here(database):
    with database.write() as session:
        write_setting(session, KEY, {"keep_stage1": True, "later": 1, "cache_limit_mb": "big"})
    with database.read() as session:
        assert read_preferences(session) == changed(Preferences(), {"keep_stage1": True})
