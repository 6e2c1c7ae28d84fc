"""Commands that try the routes and channels, and tell what went over them: ``route``, ``notify``."""

from __future__ import annotations

import asyncio

import click

from alerts import reading
from alerts.deliver import send_test
from alerts.matching import View
from alerts.routing import explain, policy
from alerts.views import ecosystem_of
from config.clock import system_clock
from config.settings import Match, Route, parse_duration
from config.severity import Severity
from monitor.assembly import check_channels
from monitor.changes.compounds import COMPOUNDS
from monitor.changes.kinds import KINDS
from monitor.cli.app import FINE, INCOMPLETE, WRONG, Call, weaklink
from monitor.cli.output import cell, note, say, table, write_json
from monitor.cli.telling import matcher_of, read, show_deliveries


@weaklink.group()
def route() -> None:
    """Try the routes."""


@route.command("test")
@click.argument("matchers", nargs=-1, metavar="FIELD=VALUE...")
@click.pass_obj
def route_test(call: Call, matchers: tuple[str, ...]) -> None:
    """Who would hear of an alert like 'severity=high owner=web-team kind=maintainer-added', and why."""
    configuration = call.configuration()
    asked = matcher_of(matchers)
    told = policy(configuration.settings, COMPOUNDS)
    steps = explain(_view(asked), told)
    channels = sorted({name for step in steps if step.taken for name in step.channels})
    if call.json:
        write_json(
            {
                "channels": channels,
                "routes": [
                    {
                        "route": step.number,
                        "taken": step.taken,
                        "why": step.why,
                        "channels": list(step.channels),
                        "match": step.route.match.model_dump(mode="json", exclude_defaults=True),
                        "digest": step.route.digest or None,
                    }
                    for step in steps
                ],
            }
        )
        return
    table(
        ["route", "", "why", "tells", "when"],
        [
            (
                step.number,
                cell("yes", "green") if step.taken else cell("no", "dim"),
                step.why,
                ", ".join(step.channels),
                _when(step.route) if step.taken else "",
            )
            for step in steps
        ],
    )
    say(f"Told: {', '.join(channels)}." if channels else "Nobody would hear of it.", "bold" if channels else "bold red")


def _view(asked: Match) -> View:
    """The alert that a person has in mind; fields that are not stated are those of a medium one about nothing."""

    def some(stated: str | tuple[str, ...]) -> frozenset[str]:
        return frozenset((stated,) if isinstance(stated, str) and stated else stated)

    subject = next(iter(some(asked.subject)), "")
    try:
        severity = Severity.parse(asked.severity) if asked.severity else Severity.MEDIUM
    except ValueError:
        raise click.UsageError("name one severity to test with, for example severity=high") from None
    if unknown := some(asked.kind) - KINDS.keys():
        raise click.UsageError(f"{sorted(unknown)[0]!r} is no kind; docs/kinds.md lists them")
    return View(
        subject=subject,
        severity=severity,
        kinds=some(asked.kind),
        ecosystem=next(iter(some(asked.ecosystem)), "") or ecosystem_of(subject),
        owners=some(asked.owner),
        watches=some(asked.watch),
    )


def _when(way: Route) -> str:
    if way.digest:
        return f"in the digest ({way.digest})"
    quiet = f"; not {way.quiet_hours.start}-{way.quiet_hours.end}" if way.quiet_hours else ""
    return f"after {way.group_wait.total_seconds():.0f} s{quiet}"


@weaklink.group()
def notify() -> None:
    """Try the channels."""


@notify.command("test")
@click.option("--channel", multiple=True, help="Only these channels.")
@click.pass_context
def test_(ctx: click.Context, channel: tuple[str, ...]) -> None:
    """Send a real test message and report each channel's outcome."""
    call: Call = ctx.obj
    configuration = call.configuration()
    check_channels(configuration)
    named = {one.name: one for one in configuration.settings.channel}
    if unknown := [name for name in channel if name not in named]:
        note(f"weaklink: there is no channel {unknown[0]!r}; there are: {', '.join(named) or 'none'}")
        ctx.exit(WRONG)
    chosen = [named[name] for name in channel] if channel else list(named.values())
    if not chosen:
        note('weaklink: the configuration has no [[channel]]; add one, for example url = "mailtos://…"')
        ctx.exit(WRONG)
    outcomes = asyncio.run(send_test(chosen, system_clock()))
    if call.json:
        write_json([{"channel": name, "ok": o.ok, "outcome": o.words} for name, o in outcomes.items()])
    else:
        table(["channel", "outcome"], [(name, o.words) for name, o in outcomes.items()])
    ctx.exit(FINE if all(o.ok for o in outcomes.values()) else INCOMPLETE)


@notify.command("log")
@click.option("--since", default="7d", show_default=True, help="How far back, e.g. 12h, 7d.")
@click.option("--channel", default="", help="Only this channel.")
@click.pass_obj
def log(call: Call, since: str, channel: str) -> None:
    """Every message: what, to whom, when, with what outcome, and how long after it happened."""
    try:
        back = parse_duration(since)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--since") from None
    found = read(call, lambda session, now: reading.deliveries_json(session, since=now - back, channel=channel))
    if call.json:
        write_json(found)
        return
    show_deliveries(found)
    say(f"{len(found)} messages in the last {since}.", "bold")
