"""The years of a subject as one picture. Everything in it also stands in the page's tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from markupsafe import Markup

from alerts.messages.escape import visible
from config.names import short_form
from monitor.queries.story import Lane, Section, Span, Story, Tick
from monitor.web.render import path_of

WIDTH: Final = 960
LEFT: Final = 188
RIGHT: Final = 14
ROW: Final = 18
HEAD: Final = 22
AXIS: Final = 26
MOST_LABEL: Final = 26
_GRAVE: Final = {"medium", "high", "critical"}


class _Scale:
    """From moments to x, over whole years where the time is long."""

    def __init__(self, first: datetime, last: datetime) -> None:
        margin = max((last - first) * 0.02, timedelta(days=3))
        self.first, self.last = first - margin, last + margin
        self._width = WIDTH - LEFT - RIGHT

    def __call__(self, at: datetime) -> float:
        share = (at - self.first) / (self.last - self.first)
        return round(LEFT + min(max(share, 0.0), 1.0) * self._width, 1)

    def grid(self) -> list[tuple[float, str]]:
        """Lines with their labels: years, or months of a short time; never more than fit."""
        span = self.last - self.first
        if span < timedelta(days=540):
            step = 1 if span < timedelta(days=270) else 2
            months = [(y, m) for y in range(self.first.year, self.last.year + 1) for m in range(1, 13, step)]
            starts = [(datetime(y, m, 1, tzinfo=UTC), f"{y}-{m:02}") for y, m in months]
        else:
            step = max(1, (self.last.year - self.first.year) // 12)
            years = [y for y in range(self.first.year, self.last.year + 1) if y % step == 0]
            starts = [(datetime(y, 1, 1, tzinfo=UTC), str(y)) for y in years]
        return [(self(at), words) for at, words in starts if self.first < at < self.last]


def timeline(story: Story, now: datetime, label: str, base: str = "") -> Markup:
    """The picture, or nothing where no moment is known."""
    moments = [now] + [at for section in story.sections for lane in section.lanes for at in _moments(lane)]
    if story.empty:
        return Markup("")
    scale = _Scale(min(moments), max(moments))
    rows: list[Markup] = []
    y = 8
    for section in story.sections:
        rows.append(Markup('<text class="head" x="0" y="{}">{}</text>').format(y + 13, section.title))
        y += HEAD
        for lane in section.lanes:
            rows += _lane(lane, section, scale, y, now, base)
            y += ROW
        y += 6
    height = y + AXIS
    grid = [
        Markup(
            '<line class="grid" x1="{0}" x2="{0}" y1="4" y2="{1}"/><text class="axis" x="{0}" y="{2}">{3}</text>'
        ).format(x, y, y + 16, words)
        for x, words in scale.grid()
    ]
    today = Markup('<line class="today" x1="{0}" x2="{0}" y1="4" y2="{1}"/>').format(scale(now), y)
    return Markup(
        '<svg class="timeline" role="group" aria-label="{}" viewBox="0 0 {} {}" width="{}" height="{}">{}{}{}</svg>'
    ).format(label, WIDTH, height, WIDTH, height, Markup("").join(grid), today, Markup("").join(rows))


def _moments(lane: Lane) -> Iterator[datetime]:
    yield from (tick.at for tick in lane.ticks)
    for span in lane.spans:
        yield span.start
        if span.end is not None:
            yield span.end


def _lane(lane: Lane, section: Section, scale: _Scale, y: int, now: datetime, base: str) -> list[Markup]:
    words = visible(short_form(lane.label), 200)
    short = words if len(words) <= MOST_LABEL else f"{words[: MOST_LABEL - 1]}…"
    text = Markup('<text class="lane" x="8" y="{}"><title>{}</title>{}</text>').format(y + 13, words, short)
    path = path_of(lane.subject) if lane.subject else ""
    parts = [Markup('<a href="{}{}">{}</a>').format(base, path, text) if path else text]
    parts.append(Markup('<line class="rail" x1="{0}" x2="{1}" y1="{2}" y2="{2}"/>').format(LEFT, WIDTH - RIGHT, y + 9))
    parts += [_span(span, scale, y, now) for span in lane.spans]
    parts += _ticks(lane.ticks, section, scale, y)
    return parts


def _span(span: Span, scale: _Scale, y: int, now: datetime) -> Markup:
    first, last = scale(span.start), scale(span.end or now)
    title = Markup("<title>{}</title>").format(visible(span.title, 200)) if span.title else Markup("")
    return Markup('<rect class="span {}" x="{}" y="{}" width="{}" height="8" rx="2">{}</rect>').format(
        span.style, first, y + 5, round(max(last - first, 2.0), 1), title
    )


def _ticks(ticks: Sequence[Tick], section: Section, scale: _Scale, y: int) -> list[Markup]:
    """Plain moments as one path of strokes; grave ones as marks of their own, told apart by shape and colour."""
    plain: dict[str, set[float]] = {}
    marks = []
    for tick in ticks:
        x = scale(tick.at)
        if tick.style in _GRAVE or tick.style == "expiry":
            marks.append(_mark(tick, x, y + 9))
        else:
            plain.setdefault(tick.style, set()).add(round(x * 2) / 2)
    found = []
    for style, places in sorted(plain.items()):
        strokes = "".join(f"M{x:g} {y + 3}v12" for x in sorted(places))
        found.append(Markup('<path class="tick {}" d="{}"/>').format(style or "release", strokes))
    return found + list(dict.fromkeys(marks))[-200:]


_SHAPES: Final = {
    "critical": "M{x} {t}l6 6l-6 6l-6 -6z",
    "high": "M{x} {t}l6 11h-12z",
    "medium": "M{l} {y}a4 4 0 1 0 8 0a4 4 0 1 0 -8 0z",
    "expiry": "M{l} {t}v12l8 -6z",
}


def _mark(tick: Tick, x: float, y: int) -> Markup:
    shape = _SHAPES[tick.style].format(x=x, y=y, t=y - 6, l=round(x - 4, 1))
    title = f"{tick.at:%Y-%m-%d} {visible(tick.title, 200)}"
    return Markup('<path class="mark {}" d="{}"><title>{}</title></path>').format(tick.style, shape, title)
