"""One content, rendered for the medium that shows it; cut by us, with a count, before a service cuts it blindly."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from jinja2 import Environment, PackageLoader
from msgspec import Struct

from alerts.messages import escape
from alerts.messages.content import Fact, Item, Message

Escape = Callable[[str], str]

MOST_REACH: Final = 3
MOST_WHOLE: Final = 3
"""Alerts that a digest in a chat tells whole; more of them get two lines each."""
MOST_LINES: Final = 14
"""Lines of one alert in a chat."""
ICONS: Final = {"critical": "🔴", "high": "🟠", "medium": "🟡", "low": "🔵", "info": "⚪"}


class Rendered(Struct, frozen=True):
    """Title and body for Apprise, and how the body is to be taken (``text``, ``markdown`` or ``html``)."""

    title: str
    body: str
    body_format: str


class Medium(Struct, frozen=True):
    """How a family of services shows text."""

    name: str
    escape: Escape
    body_format: str
    limit: int
    bold: str = ""


TEXT: Final = Medium("text", escape.plain, "text", 3500)
SLACK: Final = Medium("slack", escape.slack, "text", 30_000, bold="*")
MARKDOWN: Final = Medium("markdown", escape.markdown, "markdown", 1900, bold="**")
HTML: Final = Medium("html", escape.plain, "html", 200_000)
JSON: Final = Medium("json", escape.plain, "text", 1_000_000)

_BY_SCHEMA: Final = {
    "slack": SLACK,
    "mailto": HTML,
    "mailtos": HTML,
    "json": JSON,
    "jsons": JSON,
    "form": JSON,
    "forms": JSON,
    "xml": TEXT,
    "xmls": TEXT,
} | dict.fromkeys(
    ("discord", "mmost", "mmosts", "rocket", "rockets", "zulip", "matrix", "matrixs", "gchat", "webexteams"), MARKDOWN
)
# Services that take less than their family (domain facts, H).
_LIMITS: Final = {"pagerduty": 1000, "msteams": 950, "workflow": 950, "workflows": 950, "sns": 1200, "twilio": 600}


def medium_of(url: str, wanted: str = "auto") -> Medium:
    """The medium of an Apprise URL; ``wanted`` is the channel's ``format``."""
    schema = url.partition("://")[0].lower()
    named = {"text": TEXT, "markdown": MARKDOWN, "html": HTML, "json": JSON}
    # What Slack is sent as anything but text can mention a whole channel.
    medium = SLACK if schema == "slack" else named.get(wanted) or _BY_SCHEMA.get(schema, TEXT)
    limit = _LIMITS.get(schema)
    return msgspec.structs.replace(medium, limit=min(limit, medium.limit)) if limit else medium


def render(message: Message, medium: Medium, key: str = "") -> Rendered:
    """The message as this medium shows it. ``key`` is the idempotency key, for receivers that look for repeats."""
    title = f"[{message.severity}] {escape.header(message.title)}"
    if medium.name in {"json", "html"}:
        write = _json if medium.name == "json" else _html
        body = write(message, key)
        while len(body) > medium.limit and len(message.items) > 1:
            message = _halved(message)
            body = write(message, key)
        return Rendered(title, body, "text" if medium.name == "json" else "html")
    if message.kind == "digest" and len(message.items) > MOST_WHOLE:
        blocks = [_entry(item, medium) for item in message.items]
    else:
        alone = len(message.items) == 1 and message.title.endswith(message.items[0].title)
        blocks = [_block(item, medium, headed=not alone) for item in message.items] or [medium.escape(message.text)]
    blocks += _lists(message, medium)
    head = "" if medium.name == "text" else f"{ICONS.get(message.severity, '')} "
    return Rendered(head + medium.escape(title), _fitted(blocks, message, medium), medium.body_format)


def _fitted(blocks: Sequence[str], message: Message, medium: Medium) -> str:
    """As many whole alerts as the service takes, then how many are left out and where they are."""
    taken: list[str] = []
    size = 0
    for block in blocks:
        block = block if len(block) <= medium.limit - 100 else block[: medium.limit - 200] + "\n… (cut)"
        if size + len(block) > medium.limit - 100:
            break
        taken.append(block)
        size += len(block) + 2
    left = len(blocks) - len(taken) + message.more
    if left:
        taken.append(f"… and {left} more: {message.link or 'weaklink alerts'}")
    return "\n\n".join(taken)


def _block(item: Item, medium: Medium, *, headed: bool) -> str:
    """One alert in less than fifteen lines: what, before and after, when, whom it reaches, why, what to do.

    ``headed``: with its title, which the title of a message about one alert has said already.
    """
    e, bold = medium.escape, medium.bold
    first = [f"{bold}{e(item.title)}{bold}"] * headed
    last = []
    if item.state == "resolved":
        return "\n".join([*first, _ended(item, e), f"Alert {item.alert}" + (f": {item.link}" if item.link else "")])
    if item.reason:
        last.append(f"Graver than its parts: {e(item.reason)}")
    last += [f"{e(one[0].upper() + one[1:])}" for one in item.concerns]
    if item.reach:
        more = f" and {len(item.reach) - MOST_REACH} more" if len(item.reach) > MOST_REACH else ""
        last.append("Reaches: " + "; ".join(map(e, item.reach[:MOST_REACH])) + more)
    if item.why:
        last.append(f"Why: {e(item.why)}")
    if item.advice:
        last.append(f"Now: {e(item.advice)}")
    last += [f"Look: {'  '.join(f'{e(words)} {url}' for words, url in item.links)}"] * bool(item.links)
    last.append(f"Alert {item.alert}" + (f": {item.link}" if item.link else ""))
    room = MOST_LINES - 2 - len(last)
    shown: list[str] = []
    for number, fact in enumerate(item.facts):
        lines = _fact(fact, item, e)
        if shown and len(shown) + len(lines) > room:
            shown.append(f"… and {len(item.facts) - number + item.more_facts} more")
            break
        shown += lines
    else:
        shown += [f"… and {item.more_facts} more"] * bool(item.more_facts)
    return "\n".join([*first, *shown, *last])


def _entry(item: Item, medium: Medium) -> str:
    """One alert in two lines, for a digest that has many."""
    e = medium.escape
    reach = f"Reaches: {e(item.reach[0])}" if item.reach else "Reaches nothing that is watched now"
    more = f" and {len(item.reach) - 1} more" if len(item.reach) > 1 else ""
    state = f", {item.state}" if item.state != "open" else ""
    where = f": {item.link}" if item.link else ""
    return (
        f"{medium.bold}{item.severity}{state} — {e(item.title)}{medium.bold}\n{reach}{more}. Alert {item.alert}{where}"
    )


def _lists(message: Message, medium: Medium) -> list[str]:
    """What is still open, and what comes up: a line each."""
    found = []
    for head, lines, more in (
        ("Still open", message.still, message.more_still),
        ("Coming up", message.coming, message.more_coming),
    ):
        if lines:
            told = [f"{line.when:%Y-%m-%d}  {medium.escape(line.title)}" for line in lines]
            told += [f"… and {more} more"] * bool(more)
            found.append("\n".join([f"{medium.bold}{head}{medium.bold}", *told]))
    return found


def _ended(item: Item, e: Escape) -> str:
    """How it ended, and when it had begun: what refers a resolved message to the first one."""
    by = f" by {e(item.ended_by)}" if item.ended_by else " by itself"
    note = f": {e(item.note)}" if item.note else ""
    return f"Resolved{by}{note}" + (f"; it was opened {clock(item.opened_at)}" if item.opened_at else "")


def _fact(fact: Fact, item: Item, e: Escape) -> list[str]:
    when = f"{clock(fact.happened_at)}, seen {clock(fact.at)}" if fact.happened_at else f"seen {clock(fact.at)}"
    title = "" if fact.title == item.title else f"{e(fact.title)} — "
    return [f"{title}{when}", *_difference(fact, e)]


def _difference(fact: Fact, e: Escape) -> list[str]:
    before, after = said(fact.before), said(fact.after)
    return [f"  - {e(before)}"] * bool(before) + [f"  + {e(after)}"] * bool(after)


def said(value: Any) -> str:
    """A before or after value in words."""
    if value is None or value in ({}, [], ""):
        return ""
    if isinstance(value, dict):
        return "; ".join(f"{str(name).replace('_', ' ')}: {said(part)}" for name, part in value.items())
    if isinstance(value, list):
        shown = ", ".join(said(part) for part in value[:20])
        return shown + (f" and {len(value) - 20} more" if len(value) > 20 else "")
    return _moment(str(value))


_MOMENT: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?\+00:00")
"""A moment as facts hold it."""


def _moment(text: str) -> str:
    """A moment as people write it; anything else as it is."""
    if _MOMENT.fullmatch(text):
        with contextlib.suppress(ValueError):
            return clock(datetime.fromisoformat(text))
    return text


def clock(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M UTC")


_pages = Environment(loader=PackageLoader("alerts.messages", "templates"), autoescape=True)
_pages.filters.update(shown=escape.plain, clock=clock, said=said)


def _halved(message: Message) -> Message:
    kept = len(message.items) // 2
    return msgspec.structs.replace(message, items=message.items[:kept], more=message.more + len(message.items) - kept)


def _json(message: Message, key: str) -> str:
    return msgspec.json.encode({"key": key, **msgspec.to_builtins(message)}).decode()


def _html(message: Message, key: str) -> str:
    return _pages.get_template("mail.html").render(message=message, key=key, most_whole=MOST_WHOLE)
