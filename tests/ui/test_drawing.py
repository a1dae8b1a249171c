import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ui.drawing import Route, describe, top_view, top_views

SIZE = 116


def straight(dx, dz, frames=33):
    steps = [index / (frames - 1) for index in range(frames)]
    return [[dx * step, dz * step, 0.0, 1.0] for step in steps]


def turning(degrees, frames=33):
    angles = [math.radians(degrees) * index / (frames - 1) for index in range(frames)]
    return [[0.0, 0.0, math.sin(angle), math.cos(angle)] for angle in angles]


def draw(points, label="Walk"):
    return top_view(points, fps=8, label=label, unit="m", fov_degrees=60, size=SIZE)


def pixels(d):
    numbers = [float(number) for number in re.findall(r"-?\d+\.?\d*", d)]
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def test_forward_is_up_and_right_is_right():
    forward = pixels(draw(straight(0, 1.5))["path"])
    right = pixels(draw(straight(1.5, 0))["path"])

    assert forward[-1][1] < forward[0][1]
    assert forward[-1][0] == pytest.approx(forward[0][0])
    assert right[-1][0] > right[0][0]


def test_the_first_view_opens_ahead_of_the_start_by_the_field_of_view():
    tip, left, right = pixels(draw(straight(0, 1))["first_view"])

    spread = math.atan2(right[0] - tip[0], tip[1] - right[1]) * 2
    assert math.degrees(spread) == pytest.approx(60, abs=1)
    assert left[1] == right[1] < tip[1]


def test_every_second_but_the_ends_has_a_tick_in_the_view_direction():
    ticks = draw(straight(2, 0))["ticks"]  # 33 frames at 8 fps: 4 s

    assert len(ticks) == 3
    for start, end in map(pixels, ticks):
        assert end[0] == start[0]
        assert end[1] < start[1]


def test_a_turn_on_the_spot_is_an_arc_around_the_start():
    drawing = draw(turning(90))

    start = drawing["start"]
    distances = [math.dist(start, pixel) for pixel in pixels(drawing["path"])]
    assert distances == pytest.approx([SIZE * 0.2] * 33, abs=0.2)
    assert drawing["arrow"]


def test_a_camera_that_stands_still_has_a_view_and_no_path():
    drawing = draw(straight(0, 0))

    assert drawing["first_view"]
    assert (drawing["path"], drawing["arrow"], drawing["last_view"]) == ("", "", "")


@given(dx=st.floats(-50, 50), dz=st.floats(-50, 50))
def test_the_path_stays_inside_the_square_and_the_scale_is_true(dx, dz):
    drawing = draw(straight(dx, dz))

    route = pixels(drawing["path"]) or [drawing["start"]]
    assert all(0 <= x <= SIZE and 0 <= y <= SIZE for x, y in route)
    left, right = (
        float(x) for x in re.match(r"M([\d.]+) [\d.]+H([\d.]+)", drawing["scale"]["d"]).groups()
    )
    per_unit = (right - left) / float(drawing["scale"]["label"].split()[0])
    length = math.dist(route[0], route[-1]) / per_unit
    assert length == pytest.approx(math.hypot(dx, dz), rel=0.05, abs=0.05)


def test_a_small_drawing_has_no_scale():
    small = top_view(straight(0, 1), fps=8, label="Walk", unit="m", fov_degrees=60, size=88)

    assert small["scale"] is None


@given(turn=st.floats(-720, 720))
def test_the_sentence_counts_the_whole_turn(turn):
    sentence = describe(turning(turn, frames=65), label="Around", unit="m")

    assert sentence.startswith("Camera path from above: around, ends 0.0 metres")
    assert sentence.endswith(f"turned {abs(turn):.0f} degrees")


@given(one=st.tuples(*[st.floats(-9, 9)] * 2), other=st.tuples(*[st.floats(-9, 9)] * 2))
def test_several_paths_share_start_scale_and_square(one, other):
    routes = [Route(points=straight(*end), fps=8, label="Walk") for end in (one, other)]

    drawing = top_views(routes, unit="m", fov_degrees=60, size=SIZE)

    first, second = drawing["paths"]
    assert first["start"] == second["start"]
    scales = []
    for end, path in zip((one, other), drawing["paths"], strict=True):
        line = pixels(path["path"]) or [path["start"]]
        assert all(0 <= x <= SIZE and 0 <= y <= SIZE for x, y in line)
        if math.hypot(*end) > 1:
            scales.append(math.dist(line[0], line[-1]) / math.hypot(*end))
    assert len(scales) < 2 or scales[0] == pytest.approx(scales[1], rel=0.02)


def test_one_path_is_drawn_as_it_is_among_several():
    alone = draw(straight(1, 2))

    among = top_views(
        [Route(points=straight(1, 2), fps=8, label="Walk")], unit="m", fov_degrees=60, size=SIZE
    )

    assert among["paths"] == [{name: alone[name] for name in among["paths"][0]}]
    assert (among["grid"], among["scale"]) == (alone["grid"], alone["scale"])
