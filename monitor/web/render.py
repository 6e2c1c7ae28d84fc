"""From what the store told to HTML: one Jinja environment that escapes everything, and the words of times and facts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import blake2b
from importlib.resources import files
from typing import Any, Final
from urllib.parse import quote

from jinja2 import Environment, PackageLoader
from markupsafe import Markup, escape

from alerts.messages.escape import visible
from alerts.messages.render import said
from config.names import short_form, split_purl
from monitor.spans import ago, iso, span
from monitor.web.diff import diff_rows

LONGEST: Final = 300
"""Characters of one name or value in a table; its own page shows more."""


def shown(value: Any, longest: int = LONGEST) -> str:
    """Text from anywhere: bidi, control and invisible characters as ``⟨U+202E⟩``, and no longer than that."""
    return visible(value if isinstance(value, str) else said(value), longest)


def code(text: str, longest: int = 20_000) -> str:
    """A script, line by line as it was written; what is invisible in it is not."""
    cut = text[:longest].split("\n")
    more = f"\n… ({len(text) - longest} more characters)" if len(text) > longest else ""
    return "\n".join("    ".join(visible(part) for part in line.rstrip("\r").split("\t")) for line in cut) + more


def named(subject: str) -> str:
    """A subject as people write it, visible."""
    return shown(short_form(subject).removeprefix("domain:"))


def path_of(subject: str) -> str:
    """The page of a subject; ``""`` for one that has none."""
    if subject.startswith("pkg:"):
        ecosystem, name = split_purl(subject)
        return f"/packages/{ecosystem}/{quote(name, safe='@/')}"
    if subject.startswith("domain:"):
        return f"/domains/{quote(subject.removeprefix('domain:'), safe='')}"
    if ":~" in subject:
        ecosystem, _, name = subject.partition(":~")
        return f"/maintainers/{quote(ecosystem, safe='')}/{quote(name, safe='')}"
    if subject.startswith("channel:"):
        return f"/deliveries?channel={quote(subject.removeprefix('channel:'), safe='')}"
    if subject.startswith(("manifest:", "watch:configuration")):
        return "/watchlist"
    return "/health" if subject.startswith(("source:", "watch:")) else ""


def moment(value: Any) -> datetime | None:
    """A time of the store, or one of the JSON documents."""
    if isinstance(value, str) and value:
        return datetime.fromisoformat(value).astimezone(UTC)
    return value if isinstance(value, datetime) else None


def when(value: Any, now: datetime) -> Markup:
    """``3 hours ago``, with the exact time for machines and for whoever points at it."""
    at = moment(value)
    if at is None:
        return Markup('<span class="none">never</span>')
    exact = f"{at:%Y-%m-%d %H:%M} UTC"
    return Markup('<time datetime="{:%Y-%m-%dT%H:%M:%SZ}" title="{}">{}</time>').format(at, exact, ago(at, now))


def day(value: Any) -> Markup:
    at = moment(value)
    if at is None:
        return Markup('<span class="none">unknown</span>')
    return Markup('<time datetime="{0:%Y-%m-%d}" class="num">{0:%Y-%m-%d}</time>').format(at)


def clock(value: Any) -> Markup:
    at = moment(value)
    if at is None:
        return Markup('<span class="none">never</span>')
    return Markup('<time datetime="{0:%Y-%m-%dT%H:%M:%SZ}" class="num">{0:%Y-%m-%d %H:%M}</time>').format(at)


def fact(value: Any) -> Markup:
    """A fact's value in words; unknown and known to be empty are two things (design, 4.1)."""
    if value is None:
        return Markup('<span class="none">unknown</span>')
    if value in ("", [], {}, ()):
        return Markup('<span class="none">none</span>')
    if isinstance(value, bool):
        return Markup("yes" if value else "no")
    return Markup(escape(shown(value, 2000)))


def counted(number: int, one: str, many: str = "") -> str:
    """``1 alert``, ``2,000 alerts``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


@lru_cache
def asset(name: str) -> str:
    """A file of our own, named by its content so that browsers may keep it."""
    body = (files("monitor.web") / "static" / name).read_bytes()
    return f"/static/{name}?{blake2b(body, digest_size=6).hexdigest()}"


_environment: Final = Environment(
    loader=PackageLoader("monitor.web", "templates"),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)
_environment.filters.update(
    capitalize_first=lambda text: text[:1].upper() + text[1:],
    seconds=lambda count: span(timedelta(seconds=count)),
    shown=shown,
    code=code,
    named=named,
    day=day,
    clock=clock,
    fact=fact,
    said=said,
    counted=counted,
    iso=iso,
)
_environment.globals.update(path_of=path_of, asset=asset, diff_rows=diff_rows, moment=moment)


def render(template: str, **context: Any) -> str:
    """One page. ``now`` and ``base`` must be among the context."""
    now, base = context["now"], context["base"]
    return _environment.get_template(template).render(
        when=lambda value: when(value, now),
        url=lambda path: f"{base}{path}",
        link=lambda subject, text=None: _link(base, subject, text),
        **context,
    )


def _link(base: str, subject: str, text: str | None) -> Markup:
    words = shown(text) if text else named(subject)
    if not (path := path_of(subject)):
        return Markup('<span class="name">{}</span>').format(words)
    return Markup('<a class="name" href="{}{}">{}</a>').format(base, path, words)


def query_string(values: Mapping[str, Any]) -> str:
    """``?a=b`` of what is stated, ``""`` of nothing."""
    stated = [(k, v) for k, given in values.items() for v in (given if isinstance(given, (list, tuple)) else [given])]
    parts = [f"{quote(k, safe='')}={quote(str(v), safe='')}" for k, v in stated if v not in ("", None)]
    return f"?{'&'.join(parts)}" if parts else ""
