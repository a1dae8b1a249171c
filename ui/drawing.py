"""The camera path from above, as the numbers an SVG is made of.

A path is a list of points, one a frame: x, z, then the x and z of the view direction, in the
model's distance unit; x to the right, z forward, and the first frame looks along +z. On the
drawing forward is up. Drawing units are pixels of a square of `size`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

Points = Sequence[Sequence[float]]
Pixel = tuple[float, float]

FILLED = 0.5  # the share of the square a path may take
SMALLEST_EXTENT = 1.0  # distance units: shorter paths are drawn short
MOVED = 0.005  # distance units below which a path is a turn on the spot
TURNED_DEGREES = 1.0
SPOKEN = "Camera path from above: "
ROOM_FOR_SCALE = 100  # pixels: a smaller drawing has no scale bar
UNIT_WORDS = {"m": ("metre", "metres"), "unit": ("unit", "units")}


@dataclass(frozen=True, kw_only=True, slots=True)
class Route:
    """One of several paths of a drawing."""

    points: Points
    fps: float
    label: str


def top_view(
    points: Points, *, fps: float, label: str, unit: str, fov_degrees: float, size: int
) -> dict[str, Any]:
    """Everything a top view shows; `ui/static/topview.js` turns it into lines."""
    route = Route(points=points, fps=fps, label=label)
    fit = _fit([route.points], size)
    parts = _parts(route, fit, size, fov_degrees)
    return {"sentence": describe(points, label=label, unit=unit), **parts, **_ground(fit, unit)}


def top_views(
    routes: Sequence[Route], *, unit: str, fov_degrees: float, size: int
) -> dict[str, Any]:
    """Several paths in one frame of reference: all first frames lie on each other."""
    fit = _fit([route.points for route in routes], size)
    told = [describe(route.points, label=route.label, unit=unit) for route in routes]
    return {
        "sentence": SPOKEN + "; ".join(sentence.removeprefix(SPOKEN) for sentence in told),
        "paths": [_parts(route, fit, size, fov_degrees) for route in routes],
        **_ground(fit, unit),
    }


def _parts(route: Route, fit: "Fit", size: int, fov_degrees: float) -> dict[str, Any]:
    """What belongs to one path: its line, its ticks, both its ends."""
    points, pixels = route.points, fit.pixels(route.points)
    headings = [_heading(point) for point in points]
    if _extent(points) < MOVED and abs(_turned_degrees(headings)) >= TURNED_DEGREES:
        pixels = [pixels[0]]
        line = [_ahead(pixels[0], heading, size * 0.2) for heading in headings]
    else:
        line = pixels
    moves = len(line) > 1 and _extent(line) > 1
    return {
        "first_view": _wedge(pixels[0], headings[0], size * 0.163, fov_degrees),
        "last_view": _wedge(pixels[-1], headings[-1], size * 0.13, fov_degrees) if moves else "",
        "path": _polyline(line) if moves else "",
        "ticks": _ticks(pixels, headings, route.fps, size * 0.05),
        "arrow": _arrowhead(line) if moves else "",
        "start": [round(value, 1) for value in pixels[0]],
    }


def _ground(fit: "Fit", unit: str) -> dict[str, Any]:
    """What lies under the paths: grid and scale."""
    size, step = fit.size, _round_length(fit.size * 0.14 / fit.per_unit)
    spacing = step * fit.per_unit
    return {
        "size": size,
        "grid": _grid(fit.pixels([(0.0, 0.0)])[0], spacing, size),
        "scale": _scale_bar(step, spacing, unit, size) if size >= ROOM_FOR_SCALE else None,
    }


def describe(points: Points, *, label: str, unit: str) -> str:
    """The drawing in one sentence, for those who cannot see it."""
    distance = math.dist(points[0][:2], points[-1][:2])
    turned = abs(_turned_degrees([_heading(point) for point in points]))
    words = UNIT_WORDS[unit][1]
    return (
        f"{SPOKEN}{label[:1].lower()}{label[1:]}, ends {distance:.1f} {words} "
        f"from the start, turned {turned:.0f} degrees"
    )


def _heading(point: Sequence[float]) -> float:
    """Radians, 0 forward, positive to the right."""
    return math.atan2(point[2], point[3])


def _turned_degrees(headings: Sequence[float]) -> float:
    """The whole turn in degrees, positive to the right; a full circle is 360, not 0."""
    steps = (math.remainder(later - earlier, math.tau) for earlier, later in pairwise(headings))
    return math.degrees(sum(steps))


def _extent(points: Points) -> float:
    xs, zs = [point[0] for point in points], [point[1] for point in points]
    return max(max(xs) - min(xs), max(zs) - min(zs))


@dataclass(frozen=True, kw_only=True, slots=True)
class Fit:
    """How distance units become pixels: what lies in the middle, and how large one unit is."""

    size: int
    middle: Pixel
    per_unit: float

    def pixels(self, points: Points) -> list[Pixel]:
        """Points on the drawing."""
        half, (x, z) = self.size / 2, self.middle
        return [
            (half + (point[0] - x) * self.per_unit, half - (point[1] - z) * self.per_unit)
            for point in points
        ]


def _fit(paths: Sequence[Points], size: int) -> Fit:
    """Room for all paths, around their middle."""
    points = [point for path in paths for point in path]
    xs, zs = [point[0] for point in points], [point[1] for point in points]
    return Fit(
        size=size,
        middle=((max(xs) + min(xs)) / 2, (max(zs) + min(zs)) / 2),
        per_unit=FILLED * size / max(_extent(points), SMALLEST_EXTENT),
    )


def _ahead(pixel: Pixel, heading: float, length: float) -> Pixel:
    return pixel[0] + math.sin(heading) * length, pixel[1] - math.cos(heading) * length


def _polyline(pixels: Sequence[Pixel]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in pixels)


def _wedge(pixel: Pixel, heading: float, length: float, fov_degrees: float) -> str:
    half = math.radians(fov_degrees) / 2
    edge = length / math.cos(half)
    corners = [_ahead(pixel, heading + side * half, edge) for side in (-1, 1)]
    return f"{_polyline([pixel, *corners])}Z"


def _ticks(
    pixels: Sequence[Pixel], headings: Sequence[float], fps: float, length: float
) -> list[str]:
    """A short line in the view direction at every whole second that is not an end."""
    seconds = (round(second * fps) for second in range(1, 1 + int(len(pixels) / fps)))
    frames = [frame for frame in seconds if frame < len(pixels) - 1]
    return [
        _polyline([pixels[frame], _ahead(pixels[frame], headings[frame], length)])
        for frame in frames
    ]


def _arrowhead(route: Sequence[Pixel]) -> str:
    """A small triangle at the end, along the way the camera came."""
    end = route[-1]
    before = next((pixel for pixel in reversed(route) if math.dist(pixel, end) > 1), route[0])
    along = math.atan2(end[0] - before[0], before[1] - end[1])
    left, right = (_ahead(end, along + side * 2.4, 5.0) for side in (-1, 1))
    return f"{_polyline([_ahead(end, along, 5.5), left, right])}Z"


def _round_length(length: float) -> float:
    """The next of 1, 2, 5, 10, 20, ... (or 0.5, 0.2, ...) at or above a length."""
    power = 10.0 ** math.floor(math.log10(length))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= length * 0.999)


def _grid(origin: Pixel, spacing: float, size: int) -> list[str]:
    """Lines through the start, so that it sits on a crossing; as far as a wide page shows them."""
    columns = _line_places(origin[0], spacing, -size, 2 * size)
    rows = _line_places(origin[1], spacing, 0, size)
    across = [f"M{-size} {y:.1f}H{2 * size}" for y in rows]
    return [f"M{x:.1f} 0V{size}" for x in columns] + across


def _line_places(origin: float, spacing: float, low: float, high: float) -> list[float]:
    first = low + (origin - low) % spacing
    return [first + spacing * index for index in range(1 + int((high - first) / spacing))]


def _scale_bar(step: float, pixels: float, unit: str, size: int) -> dict[str, Any]:
    left, right, y = 8.0, 8.0 + pixels, size - 8.5
    words = "m" if unit == "m" else UNIT_WORDS[unit][step != 1]
    ends = f"M{left} {y - 2.5}v5M{right:.1f} {y - 2.5}v5"
    return {
        "d": f"M{left} {y}H{right:.1f}{ends}",
        "x": left,
        "y": y - 6.5,
        "label": f"{step:g} {words}",
    }
