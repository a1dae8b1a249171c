import pytest
from hypothesis import given
from hypothesis import strategies as st

from sanawm.camera.actions import count_actions
from ui.repairs import repair

SEGMENTS = st.sampled_from(["w-4", "dw-16", "none-3", "q-4", "w", "w-0", "", "wq-2", "J-9"])


@pytest.mark.parametrize(
    ("actions", "room", "label", "repaired"),
    [
        ("w-16,q-4", 32, "Remove it", "w-16"),
        ("w-16,q-4,e-2", 32, "Remove 2 of them", "w-16"),
        ("w-16,,d-4", 32, "Remove it", "w-16,d-4"),
        ("w-40", 32, "Use the first 32", "w-32"),
        ("w-20,d-20", 32, "Use the first 32", "w-20,d-12"),
    ],
)
def test_the_good_segments_are_kept_as_far_as_they_fit(actions, room, label, repaired):
    assert repair(actions, room) == {"label": label, "actions": repaired}


@pytest.mark.parametrize("actions", ["", "q-4", ",", None, 7, "w-16"])
def test_nothing_is_offered_where_nothing_good_would_be_left_or_changed(actions):
    assert repair(actions, 32) is None


@given(segments=st.lists(SEGMENTS, max_size=6), room=st.integers(1, 40))
def test_whatever_is_offered_can_be_run(segments, room):
    offer = repair(",".join(segments), room)

    if offer:
        assert 0 < count_actions(offer["actions"]) <= room
