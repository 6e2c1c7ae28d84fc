"""Commands by which people see to alerts: ``alerts``, ``silence``."""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, TypeVar

import click
from sqlmodel import Session

from alerts import acting, reading, silences
from config.names import short_form
from config.settings import Match
from config.severity import Severity
from config.values import BadValue
from monitor.cli.app import WRONG, Call, weaklink
from monitor.cli.output import cell, note, say, severity_cell, table, write_json
from monitor.spans import ago, iso
from monitor.store.clock import clock_of
from monitor.typed import matcher, moment

T = TypeVar("T")


def _who() -> str:
    """The person at the keyboard, as far as the system knows."""
    try:
        return os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):
        return "somebody"


def _by(command: Callable[..., Any]) -> Callable[..., Any]:
    command = click.option("--by", default=_who, help="Who you are; default: your user name.")(command)
    return click.option("--note", default="", help="Why; kept with the alert.")(command)


Work = Callable[[Session, datetime], T]
"""What a command does with the database, given the time there."""


def _write(call: Call, work: Work[T]) -> T:
    store = call.store(call.configuration())
    try:
        now = clock_of(store)()
        with store.transaction() as session:
            return work(session, now)
    except silences.Refused as error:
        raise click.UsageError(str(error)) from None
    finally:
        store.close()


def read(call: Call, work: Work[T]) -> T:
    store = call.store(call.configuration())
    try:
        now = clock_of(store)()
        with store.reading() as session:
            return work(session, now)
    finally:
        store.close()


def _end(text: str, option: str, now: datetime) -> datetime:
    """``7d`` from now, or an ISO date or time."""
    try:
        return moment(text, now)
    except BadValue as error:
        raise click.BadParameter(error.mend, param_hint=option) from None


@weaklink.group(invoke_without_command=True)
@click.option("--state", type=click.Choice(reading.STATES), help="Only these.")
@click.pass_context
def alerts(ctx: click.Context, state: str | None) -> None:
    """Alerts and what became of them, the newest first; with a command: see to one."""
    if ctx.invoked_subcommand is not None:
        return
    call: Call = ctx.obj
    found = read(call, lambda session, _: reading.alerts_json(session, state))
    if call.json:
        write_json(found)
        return
    table(
        ["id", "severity", "state", "opened", "what", "reaches"],
        [
            (
                a["id"],
                severity_cell(Severity.parse(a["severity"])),
                a["state"],
                iso(a["opened_at"]),
                cell(a["title"]),
                ", ".join(a["watches"]),
            )
            for a in found
        ],
    )
    say(f"{len(found)} alerts.", "bold")


@alerts.command("show")
@click.argument("number", type=int, metavar="ID")
@click.pass_context
def show_(ctx: click.Context, number: int) -> None:
    """One alert: its evidence, its life, and every message about it."""
    call: Call = ctx.obj

    def work(session: Session, _: datetime) -> dict[str, Any] | None:
        found = reading.alerts_json(session, numbers=[number])
        if not found:
            return None
        return found[0] | {
            "events": reading.events_json(session, number),
            "deliveries": reading.deliveries_json(session, alert=number),
        }

    found = read(call, work)
    if found is None:
        note(f"weaklink: there is no alert {number}; see weaklink alerts")
        ctx.exit(WRONG)
    if call.json:
        write_json(found)
        return
    say(f"{found['severity']}, {found['state']}: {found['title']}", "bold")
    if found["reason"]:
        say(f"Graver than its parts: {found['reason']}")
    say()
    table(
        ["seen", "kind", "subject", "before", "after"],
        [(iso(c["at"]), c["kind"], short_form(c["subject"]), c["before"], c["after"]) for c in found["changes"][:40]],
    )
    if found["advice"]:
        say(f"Now: {found['advice']}")
    say()
    table(["when", "what", "who", "note"], [(iso(e["at"]), e["what"], e["who"], e["note"]) for e in found["events"]])
    if found["deliveries"]:
        say()
        show_deliveries(found["deliveries"])


@alerts.command()
@click.argument("numbers", type=int, nargs=-1, required=True, metavar="ID...")
@_by
@click.option("--until", help="Open again after this, e.g. 7d or 2027-01-31; default: not by itself.")
@click.pass_obj
def ack(call: Call, numbers: tuple[int, ...], by: str, note: str, until: str | None) -> None:
    """Say that you see to it: no reminder and no escalation, unless it grows graver."""

    def work(session: Session, now: datetime) -> None:
        ends = _end(until, "--until", now) if until else None
        acting.acknowledge(session, numbers, who=by, note=note, until=ends, now=now)

    _write(call, work)
    _tell(call, numbers)


@alerts.command()
@click.argument("numbers", type=int, nargs=-1, required=True, metavar="ID...")
@_by
@click.pass_obj
def resolve(call: Call, numbers: tuple[int, ...], by: str, note: str) -> None:
    """End it; those who heard of it hear that it is over."""
    _write(call, lambda s, now: acting.resolve(s, numbers, who=by, note=note, now=now))
    _tell(call, numbers)


@alerts.command()
@click.argument("numbers", type=int, nargs=-1, required=True, metavar="ID...")
@_by
@click.pass_obj
def accept(call: Call, numbers: tuple[int, ...], by: str, note: str) -> None:
    """Say that it is right as it is: these exact facts are never told again, until they change."""
    _write(call, lambda s, now: acting.accept(s, numbers, who=by, note=note, now=now))
    _tell(call, numbers)


@alerts.command()
@click.pass_obj
def accepted(call: Call) -> None:
    """What was accepted, by whom."""
    found = read(call, lambda session, _: reading.acceptances_json(session))
    if call.json:
        write_json(found)
        return
    table(
        ["id", "accepted", "by", "what", "note"],
        [(a["id"], iso(a["at"]), a["by"], cell(a["title"]), a["note"]) for a in found],
    )


@alerts.command()
@click.argument("number", type=int, metavar="ID")
@click.pass_obj
def forget(call: Call, number: int) -> None:
    """Accept a fact no more (ID of ``alerts accepted``): it is told when it is found again."""
    row = _write(call, lambda session, _: acting.forget(session, number))
    say(f"no longer accepted: {row.title}")


def _tell(call: Call, numbers: Sequence[int]) -> None:
    found = read(call, lambda session, _: reading.alerts_json(session, numbers=numbers))
    if call.json:
        write_json(found)
        return
    for alert in found:
        say(f"alert {alert['id']} is {alert['state']}: {alert['title']}")


@weaklink.group()
def silence() -> None:
    """Keep alerts from being told until a certain time; they are recorded and shown all the same."""


def matcher_of(words: Iterable[str]) -> Match:
    """A matcher as it is typed; a usage error where it is none."""
    try:
        return matcher(words)
    except BadValue as error:
        raise click.UsageError(str(error)) from None


@silence.command("add")
@click.argument("matchers", nargs=-1, required=True, metavar="FIELD=VALUE...")
@click.option("--for", "--until", "until", required=True, help="A duration (7d), a date or a time.")
@click.option("--from", "start", help="A duration from now, a date or a time; default: now.")
@click.option("--reason", required=True, help="Why, for whoever finds it later.")
@click.option("--by", default=_who, help="Who you are; default: your user name.")
@click.pass_obj
def silence_add(call: Call, matchers: tuple[str, ...], until: str, start: str | None, reason: str, by: str) -> None:
    """Silence what matches all of: severity, owner, watch, kind, subject (a glob), ecosystem."""
    match = matcher_of(matchers)

    def work(session: Session, now: datetime) -> list[dict[str, Any]]:
        begins = _end(start, "--from", now) if start else now
        ends = _end(until, "--for", now)
        made = silences.add(session, match, reason=reason, who=by, starts_at=begins, ends_at=ends, now=now)
        return [one for one in silences.listed(session, now) if one["id"] == made.id]

    found = _write(call, work)
    if call.json:
        write_json(found[0])
        return
    hidden = f" It hides {found[0]['hides']} open alerts, the gravest {found[0]['worst']}." if found[0]["hides"] else ""
    say(f"silence {found[0]['id']} until {iso(found[0]['ends_at'])}.{hidden}")


@silence.command("list")
@click.option("--ended", is_flag=True, help="Those of the past too.")
@click.pass_obj
def silence_list(call: Call, ended: bool) -> None:
    """Silences, their reasons, and what they hide now."""
    found = read(call, lambda session, now: silences.listed(session, now, ended=ended))
    if call.json:
        write_json(found)
        return
    table(
        ["id", "state", "what", "until", "hides", "by", "reason"],
        [
            (
                one["id"],
                one["state"],
                " ".join(f"{k}={v if isinstance(v, str) else '|'.join(v)}" for k, v in one["match"].items()),
                iso(one["ends_at"]),
                f"{one['hides']} ({one['worst']})" if one["hides"] else "0",
                one["by"],
                one["reason"],
            )
            for one in found
        ],
    )


@silence.command("remove")
@click.argument("number", type=int, metavar="ID")
@click.pass_obj
def silence_remove(call: Call, number: int) -> None:
    """End a silence now; what it held back is told next."""
    _write(call, lambda session, now: silences.remove(session, number, now))
    say(f"silence {number} is ended.")


def show_deliveries(found: Sequence[dict[str, Any]]) -> None:
    table(
        ["owed", "channel", "kind", "what", "state", "tries", "sent", "after it happened", "outcome"],
        [
            (
                iso(d["created_at"]),
                d["channel"],
                d["kind"],
                d["title"],
                d["state"],
                d["attempts"],
                iso(d["sent_at"]),
                ago(d["happened_at"], d["sent_at"]).removesuffix(" ago") if d["sent_at"] and d["happened_at"] else "",
                d["outcome"],
            )
            for d in found
        ],
    )
