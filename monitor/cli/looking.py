"""Commands that look at what is known: ``status``, ``show``, ``domains``, ``changes``."""

from __future__ import annotations

from typing import Any

import click

from config.names import short_form
from config.settings import parse_duration
from config.severity import Severity
from monitor.changes.kinds import KINDS
from monitor.cli.app import INCOMPLETE, WRONG, Call, weaklink
from monitor.cli.output import cell, note, say, severity_cell, table, write_json
from monitor.queries.changes import changes_json
from monitor.queries.domains import domains_json
from monitor.queries.fleet import fleet
from monitor.queries.show import show_json
from monitor.spans import ago, iso
from monitor.store.clock import clock_of
from monitor.store.health import status as read_status
from monitor.store.lock import Life, life
from monitor.typed import subject_of

MOST_ADVISORIES = 30


@weaklink.command()
@click.pass_context
def status(ctx: click.Context) -> None:
    """Targets, freshness, failures, sources, deliveries: is the watch healthy?"""
    call: Call = ctx.obj
    store = call.store(call.configuration())
    now = clock_of(store)()
    with store.reading() as session:
        found = read_status(session, now) | fleet(session)
    store.close()
    daemon = life(store, found["daemon_alive_at"], now)
    if call.json:
        write_json(found | {"daemon_running": daemon.running, "daemon_silent_since": daemon.silent_since})
    else:
        _show_status(found, daemon, now)
    ctx.exit(INCOMPLETE if found["failing"] or daemon.silent_since else 0)


def _show_status(found: dict[str, Any], daemon: Life, now: Any) -> None:
    alive = found["daemon_alive_at"]
    if daemon.silent_since is not None:
        since = ago(daemon.silent_since, now)
        say(f"The daemon is running and could record nothing since {since}: its log says why.", "bold red")
    elif daemon.running:
        say("The daemon is running.", "green")
    else:
        say(f"The daemon is not running (last sign of life: {ago(alive, now)}).", "bold yellow")
    say(f"{found['targets']} targets: {found['fresh']} fresh, {found['stale']} stale, {found['overdue']} overdue")
    if found["failing"]:
        say()
        table(
            ["failing", "since", "last error"],
            [(short_form(f["subject"]), ago(f["since"], now), f["error"]) for f in found["failing"]],
        )
    if found["sources"]:
        say()
        table(
            ["source", "state", "last answer", "what it said"],
            [(s["host"], s["state"], ago(s["last_ok_at"], now), s["error"]) for s in found["sources"]],
        )
    about = found["advisories"]
    if about["known"]:
        say()
        rest = f"; unknown for the other {about['unknown']}" if about["unknown"] else ""
        say(f"advisories: known for {about['known']} packages, asked {ago(about['as_of'], now)}{rest}")
    elif about["packages"]:
        say()
        say(f"advisories: unknown for all {about['packages']} packages ([advisories] in docs/configuration.md)", "dim")
    if found["deliveries"]:
        say()
        say("deliveries: " + ", ".join(f"{count} {state}" for state, count in sorted(found["deliveries"].items())))
    if found["leader"] is not None:
        _show_fleet(found, now)
    for silence in found["silences"]:
        if silence["hides"]:
            grave = silence["worst"] in {"high", "critical"}
            say(
                f"Silence {silence['id']} hides {silence['hides']} alerts, the gravest {silence['worst']}, "
                f"until {iso(silence['ends_at'])}: {silence['reason']}",
                "bold red" if grave else "yellow",
            )


def _show_fleet(found: dict[str, Any], now: Any) -> None:
    say()
    say(f"{found['leader']['name']} leads, since {ago(found['leader']['since'], now)}")
    if not any(w["alive"] for w in found["workers"]):
        say("No worker takes jobs: start one (weaklink worker), or set workers.in_daemon = true.", "bold red")
    if found["workers"]:
        say()
        table(
            ["worker", "seen", "doing", "done", "wants a look"],
            [
                (
                    w["name"],
                    ago(w["seen"], now),
                    f"{w['doing']:,}",
                    f"{w['done']:,}",
                    cell("; ".join(_odd(w)), "yellow"),
                )
                for w in found["workers"]
            ],
            numbers={"doing", "done"},
        )
    say()
    table(
        ["queue", "oldest", "waiting", "doing", "targets"],
        [
            (
                q["queue"],
                ago(q["oldest"], now) if q["oldest"] else "",
                *(f"{q[n]:,}" for n in ("waiting", "doing", "targets")),
            )
            for q in found["queues"]
        ],
        numbers={"waiting", "doing", "targets"},
    )


def _odd(worker: dict[str, Any]) -> list[str]:
    """What somebody has to look at."""
    odd = []
    if not worker["alive"]:
        odd.append("gave no sign of life")
    if not worker["configured_as_leader"]:
        odd.append("configured otherwise than the leader")
    return odd


@weaklink.command()
@click.argument("item")
@click.pass_context
def show(ctx: click.Context, item: str) -> None:
    """One package (npm:NAME), account (npm:~NAME) or domain: facts, reach, timeline."""
    call: Call = ctx.obj
    configuration = call.configuration()
    subject = subject_of(item)
    store = call.store(configuration)
    now = clock_of(store)()
    with store.reading() as session:
        found = show_json(session, subject, configuration.settings.thresholds, now)
    store.close()
    if found is None:
        note(f"weaklink: {short_form(subject)} is not known here; add it with weaklink watch add, then weaklink check")
        ctx.exit(WRONG)
    if call.json:
        write_json(found)
        return
    say(short_form(subject), "bold")
    told = found["facts"].get("advisories")
    facts = found["facts"] | ({"advisories": len(told)} if told else {})
    table(["fact", "value"], [(name, _fact(value)) for name, value in facts.items()])
    if told:
        say()
        table(
            ["severity", "advisory", "in use", "affected", "published", "what it says"],
            [
                (
                    severity_cell(Severity.parse(one["severity"])),
                    one["id"],
                    one["use"],
                    ", ".join(one["affected"])[:60],
                    (one["published_at"] or "?")[:10],
                    one["summary"][:100],
                )
                for one in told[:MOST_ADVISORIES]
            ],
        )
        if len(told) > MOST_ADVISORIES:
            say(f"and {len(told) - MOST_ADVISORIES} more (weaklink --json show)", "dim")
    if found["signals"]:
        say()
        table(
            ["signal", "since", "what holds", "what to do"],
            [(one["signal"], f"{one['since']:%Y-%m-%d}", one["sentence"], one["advice"]) for one in found["signals"]],
        )
    if found["watches"]:
        say()
        table(
            ["reaches", "owner", "how", "in use"],
            [
                (
                    w["watch"],
                    w["owner"],
                    " -> ".join(w["via"]) or ("direct" if w["direct"] else "indirect"),
                    ", ".join(w["versions"]),
                )
                for w in found["watches"]
            ],
        )
    if found["timeline"]:
        say()
        table(
            ["when", "what", "before", "after", ""],
            [
                (
                    (entry["at"] or "")[:10],
                    entry["kind"] + (f" {short_form(entry['subject'])}" if "subject" in entry else ""),
                    _fact(entry["before"])[:50],
                    _fact(entry["after"])[:50],
                    "history" if entry["history"] else "",
                )
                for entry in found["timeline"][-40:]
            ],
        )


def _fact(value: Any) -> str:
    if value is None:
        return "unknown"
    if value in ("", [], {}):
        return "none"
    if isinstance(value, list):
        return ", ".join(str(one) for one in value)
    if isinstance(value, dict):
        return "; ".join(f"{name}: {part}" for name, part in value.items())
    return str(value)


@weaklink.command()
@click.pass_obj
def domains(call: Call) -> None:
    """A calendar of the watched domains: who expires when, and what hangs on it."""
    store = call.store(call.configuration())
    with store.reading() as session:
        found = domains_json(session)
    store.close()
    if call.json:
        write_json(found)
        return
    table(
        ["domain", "state", "expires", "registrar", "accounts", "packages"],
        [
            (
                one["domain"],
                one["state"],
                (one["expires_at"] or "?")[:10],
                one["registrar"] or "?",
                ", ".join(one["accounts"])[:60],
                one["packages"],
            )
            for one in found
        ],
    )
    say(f"{len(found)} domains.", "bold")


@weaklink.command()
@click.option("--since", default="7d", show_default=True, help="How far back, e.g. 12h, 7d.")
@click.option("--kind", "kinds", multiple=True, type=click.Choice(sorted(KINDS)), help="Only these kinds.")
@click.pass_obj
def changes(call: Call, since: str, kinds: tuple[str, ...]) -> None:
    """What happened."""
    try:
        back = parse_duration(since)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--since") from None
    store = call.store(call.configuration())
    now = clock_of(store)()
    with store.reading() as session:
        found = changes_json(session, now - back, kinds)
    store.close()
    if call.json:
        write_json(found)
        return
    table(
        ["when", "severity", "kind", "subject", "before", "after"],
        [
            (
                iso(c["at"]),
                severity_cell(Severity.parse(c["severity"])),
                c["kind"],
                short_form(c["subject"]),
                _fact(c["before"])[:40] if c["before"] is not None else "",
                _fact(c["after"])[:60] if c["after"] is not None else "",
            )
            for c in found
        ],
    )
    say(f"{len(found)} changes in the last {since}.", "bold")
