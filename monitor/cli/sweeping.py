"""Commands that check: ``check`` (one sweep now) and ``run`` (the daemon)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from random import Random
from typing import Any

import click
from msgspec import to_builtins
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from alerts.compose import reach_lines
from alerts.findings import Finding
from config.clock import system_clock, system_elapsed
from config.load import Configuration
from config.log import log_of
from config.manifests.reading import Reading
from config.names import parse_package, short_form
from config.severity import Severity
from monitor.assembly import Assembly, check_channels
from monitor.cli.app import FINE, FOUND, INCOMPLETE, WRONG, Call, warn, weaklink
from monitor.cli.logs import LogAs, log_options
from monitor.cli.output import cell, err, note, say, severity_cell, table, write_json
from monitor.daemon import Daemon
from monitor.overview import Row, overview
from monitor.record import Outcome
from monitor.results import Failed, Result, Unchanged
from monitor.schedule import Due
from monitor.spans import iso
from monitor.store.clock import clock_of
from monitor.store.engine import Store
from monitor.store.lock import alone
from monitor.store.packages import load_packages
from monitor.store.targets import all_watched, by_subject
from monitor.systemd import ServiceManager
from monitor.timekeeping import until_set

REACH_SHOWN = 3


@weaklink.command()
@click.argument("items", nargs=-1)
@click.option("--fail-on", type=click.Choice([str(s) for s in Severity]), help="Exit 1 if a finding is as grave.")
@click.pass_context
def check(ctx: click.Context, items: tuple[str, ...], fail_on: str | None) -> None:
    """Check everything that is watched once, now, or only ITEMS; print the findings."""
    call: Call = ctx.obj
    configuration = call.configuration()
    check_channels(configuration)
    store = call.store(configuration)
    swept = asyncio.run(_sweep(call, Assembly, configuration, store, [parse_package(item) for item in items]))
    store.close()
    if swept is None:
        ctx.exit(WRONG)
    if call.json:
        write_json(swept.document())
    else:
        swept.show()
    worst = max((f.severity for f in swept.findings), default=Severity.INFO)
    if fail_on is not None and swept.findings and worst >= Severity.parse(fail_on):
        ctx.exit(FOUND)
    ctx.exit(INCOMPLETE if swept.failed or swept.reading.broken or swept.trouble else FINE)


class Swept:
    """What one sweep gave."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.failed: list[Failed] = []
        self.unchanged = 0
        self.checked = 0
        self.suspected: list[str] = []
        self.first_seen: set[str] = set()
        self.rows: list[Row] = []
        self.reading = Reading()
        self.trouble = ""
        """Why advisories could not be asked for."""

    def take(self, outcome: Outcome) -> None:
        self.findings += [f for f in outcome.findings if not f.clears]
        self.suspected += outcome.suspected
        self.first_seen.update(outcome.first_seen)

    def count(self, result: Result) -> None:
        self.checked += 1
        self.unchanged += isinstance(result, Unchanged)
        if isinstance(result, Failed):
            self.failed.append(result)

    def document(self) -> dict[str, Any]:
        return {
            "checked": self.checked,
            "unchanged": self.unchanged,
            "first_seen": sorted(self.first_seen),
            "to_be_confirmed": sorted(set(self.suspected)),
            "failed": [{"subject": f.due.subject, "host": f.host, "error": f.reason} for f in self.failed],
            "unreadable": [{"file": one.name, "line": one.line, "error": one.error} for one in self.reading.broken],
            "advisories_error": self.trouble or None,
            "findings": [finding_json(f) for f in self.findings],
        }

    def show(self) -> None:
        if self.rows:
            table(
                ["package", "latest", "released", "maintainers", "what stands out"],
                [
                    (row.name, row.latest, row.released, row.people, cell("; ".join(row.notes)[:300], "yellow"))
                    for row in self.rows
                ],
            )
            if any("?" in (row.latest, row.released, row.people) for row in self.rows):
                say("?  the registry that was asked does not tell this", "dim")
            say()
        if self.findings:
            ordered = sorted(self.findings, key=lambda f: (-f.severity, f.subject))
            table(
                ["severity", "what changed", "reaches"],
                [(severity_cell(f.severity), f.title, _reach(f)) for f in ordered],
            )
            say()
        for failed in self.failed:
            say(f"not checked: {short_form(failed.due.subject)}: {failed.host}: {failed.reason}", "red")
        if self.trouble:
            say(f"advisories are not known: {self.trouble}", "red")
        for subject in sorted(set(self.suspected)):
            say(f"to be confirmed in some minutes: {short_form(subject)}", "yellow")
        say(
            f"{self.checked} checked, {len(self.first_seen)} seen for the first time, {self.unchanged} unchanged, "
            f"{len(self.findings)} findings, {len(self.failed)} could not be checked.",
            "bold",
        )


def finding_json(finding: Finding) -> dict[str, Any]:
    return {
        "id": finding.change_id,
        "at": iso(finding.at),
        "kind": finding.kind,
        "severity": str(finding.severity),
        "subject": finding.subject,
        "title": finding.title,
        "before": finding.before,
        "after": finding.after,
        "evidence": finding.evidence,
        "watches": [reach.watch for reach in finding.reach],
        "reach": [to_builtins(reach) for reach in finding.reach],
    }


def _reach(finding: Finding) -> str:
    lines = reach_lines(to_builtins(reach) for reach in finding.reach)
    more = f"; and {len(lines) - REACH_SHOWN} more" if len(lines) > REACH_SHOWN else ""
    return "; ".join(lines[:REACH_SHOWN]) + more


async def _sweep(
    call: Call, assemble: type[Assembly], configuration: Any, store: Store, items: Sequence[str]
) -> Swept | None:
    swept = Swept()
    bar = Progress(
        TextColumn("checking"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=err,
        transient=True,
        disable=not err.is_terminal,
    )
    task = bar.add_task("checking", total=None)

    def counted(result: Result) -> None:
        swept.count(result)
        bar.advance(task)

    clock = clock_of(store)
    parts = assemble(configuration, store, clock, Random(), on_outcome=swept.take, on_result=counted)
    try:
        await parts.reconcile()
        swept.reading = parts.reading
        warn(parts.reading)
        dues: list[Due] = await store.read(lambda s: by_subject(s, items) if items else all_watched(s))
        missing = set(items) - {due.subject for due in dues}
        if missing:
            for subject in sorted(missing):
                name = short_form(subject)
                note(f"weaklink: {name} is not watched; add it first: weaklink watch add {name}")
            return None
        bar.update(task, total=len(dues))
        with bar:
            async with parts.watcher as watcher:
                await watcher.sweep(dues)
            swept.take(await store.write(lambda session: parts.recorder.review(session, clock())))
            swept.trouble = await parts.advisories.look()
        await _describe(store, dues, swept, configuration.settings.thresholds.inactive_after)
    finally:
        await parts.close()
    return swept


async def _describe(store: Store, dues: Sequence[Due], swept: Swept, inactive_after: Any) -> None:
    """Rows for the packages that were seen for the first time; later sweeps tell what changed."""
    new = [due for due in dues if due.subject in swept.first_seen and due.sort == "package"]
    stored = await store.read(lambda session: load_packages(session, [due.id for due in new]))
    now = system_clock()
    swept.rows = [overview(due.subject, stored[due.id].package, now, inactive_after) for due in new if due.id in stored]


@weaklink.command()
@log_options
@click.pass_obj
def run(call: Call, log_as: LogAs) -> None:
    """The daemon: checks on schedule, tells, and takes up edits, until it is stopped."""
    configuration = call.configuration()
    check_channels(configuration)
    log_as.asked_for(configuration.settings)
    if Store(configuration.settings.database.url).distributed:
        from monitor.cli.working import elected

        elected(call, configuration, log_as)
        return
    store = call.store(configuration)
    with alone(store):
        asyncio.run(_run(configuration, store, log_as))
    store.close()


async def _run(configuration: Configuration, store: Store, log_as: LogAs) -> None:
    manager = ServiceManager()
    await until_set(system_clock, manager)
    parts = Assembly(configuration, store, system_clock, Random(), elapsed=system_elapsed)
    reconciled = await parts.reconcile()
    log = log_of("daemon")
    log.info("watching", added=reconciled.added, removed=reconciled.removed)
    await Daemon(parts, system_clock, manager, elapsed=system_elapsed, on_taken_up=log_as.asked_for).run()
    log.info("stopped")
