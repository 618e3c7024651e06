"""Charts drawn by hand as SVG: no library, the same bytes for the same figures, sharp on paper.

Heights are pixels and places from left to right are percentages, so a chart fills any width and its text keeps its
size. A line is drawn inside an inner drawing of 1000 units that stretches alone. Every chart is one image to a screen
reader, with a title and a sentence; the figures stand in a table beside it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct

from mt5canary.evidence.page.markup import EMPTY, Markup, join, tag

TOP = 18
"""Room above the plot, for the label of its highest line."""

FOOT = 20
"""Room below it, for the labels of its ticks."""

Scale = Callable[[float], float]


class Plot(Struct, frozen=True):
    """A plot so many pixels high; ``scale`` turns a value into pixels from the top."""

    height: int
    scale: Scale

    @property
    def foot(self) -> float:
        """The lower end of the plot, in pixels from the top."""
        return float(self.height - FOOT)


def linear_plot(height: int, low: float, high: float) -> Plot:
    """A plot from one value to another."""
    bottom, span = height - FOOT, (high - low) or 1.0
    return Plot(height, lambda value: bottom - (value - low) / span * (bottom - TOP))


def log_plot(height: int, low: float, high: float) -> Plot:
    """A plot on a logarithmic scale; what lies below its low end is drawn there."""
    start = math.log(low)
    bottom, span = height - FOOT, (math.log(high) - start) or 1.0
    return Plot(height, lambda value: bottom - (math.log(max(value, low)) - start) / span * (bottom - TOP))


def decades(low: float, high: float) -> list[float]:
    """The powers of ten around and between two values, both ends included."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    return [float(f"1e{power}") for power in range(first, max(last, first + 1) + 1)]


def round_ticks(low: float, high: float, count: int = 4) -> list[float]:
    """About so many round values between two, neither of which needs to be one."""
    span = high - low
    if span <= 0:
        return [low]
    rough = span / count
    power = math.floor(math.log10(rough))
    step = next(size * 10**power for size in (1, 2, 5, 10) if size * 10**power >= rough)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(number * step, 12) for number in range(first, last + 1)]


def drawing(name: str, title: str, description: str, height: int, *parts: object) -> Markup:
    """The whole chart as one image with its text alternative; ``name`` is unique in the page."""
    heading, text = f"{name}-title", f"{name}-text"
    labels = (tag("title", title, id=heading), tag("desc", description, id=text))
    attributes = {"class_": "chart", "role": "img", "aria_labelledby": f"{heading} {text}", "width": "100%"}
    return tag("svg", labels, parts, height=height, **attributes)


def horizontal(plot: Plot, value: float, text: str, kind: str = "grid") -> Markup:
    """A line across the plot at a value; a scale's label stands above its left end, a limit's above its right."""
    y = _number(plot.scale(value))
    place, anchor = ("2", "start") if kind == "grid" else ("100%", "end")
    return join(
        (
            tag("line", x1="0", x2="100%", y1=y, y2=y, class_=kind),
            tag("text", text, x=place, y=_number(plot.scale(value) - 4), text_anchor=anchor, class_=f"label {kind}"),
        )
    )


def vertical(plot: Plot, place: float, kind: str, text: str = "", row: int = 0) -> Markup:
    """A line down the plot at a place between 0 and 1; its label stands in a row of its own, inside the plot."""
    x = percent(place)
    line = tag("line", x1=x, x2=x, y1=TOP - 14, y2=_number(plot.foot), class_=kind)
    if not text:
        return line
    anchor, shift = ("end", -4) if place > 0.5 else ("start", 4)
    label = tag("text", text, x=x, dx=shift, y=TOP - 4 + 13 * row, text_anchor=anchor, class_=f"label {kind}")
    return join((line, label))


def ticks(plot: Plot, places: Iterable[tuple[float, str]]) -> Markup:
    """Labels below the plot, at places between 0 and 1."""
    return join(
        tag("text", text, x=percent(place), y=plot.height - 5, text_anchor=_anchor(place), class_="label tick")
        for place, text in places
    )


def lines(plot: Plot, kind: str, places: Sequence[float], values: Sequence[float]) -> Markup:
    """A line through values at places between 0 and 1."""
    if not values:
        return EMPTY
    points = " ".join(
        f"{_number(place * 1000)},{_number(plot.scale(value))}" for place, value in zip(places, values, strict=True)
    )
    if len(values) == 1:
        return dot(plot, places[0], values[0], kind)
    return tag(
        "svg",
        tag("polyline", points=Markup(points), class_=kind),
        width="100%",
        height=plot.height,
        viewBox=f"0 0 1000 {plot.height}",
        preserveAspectRatio="none",
    )


def dot(plot: Plot, place: float, value: float, kind: str, radius: float = 4) -> Markup:
    """A dot at a value."""
    return tag("circle", cx=percent(place), cy=_number(plot.scale(value)), r=radius, class_=kind)


def bar(plot: Plot, left: float, right: float, low: float, high: float, kind: str) -> Markup:
    """A bar between two places and two values; one of no height is still a pixel high."""
    top, bottom = plot.scale(high), plot.scale(low)
    return tag(
        "rect",
        x=percent(left),
        width=percent(max(right - left, 0.001)),
        y=_number(min(top, bottom - 1)),
        height=_number(max(bottom - top, 1)),
        class_=kind,
    )


def percent(place: float) -> str:
    """A place between 0 and 1 as SVG has it."""
    return f"{_number(place * 100)}%"


def _anchor(place: float) -> str:
    return "start" if place < 0.02 else "end" if place > 0.98 else "middle"


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
