"""``signals`` and ``risk``: which weak links hold, and what they add up to."""

from __future__ import annotations

import click
from rich.text import Text

from config.names import short_form
from monitor.cli.app import Call, weaklink
from monitor.cli.output import cell, say, table, write_json
from monitor.queries.risk import risk_json
from monitor.queries.signals import signals_json
from monitor.signals.table import SIGNALS
from monitor.store.clock import clock_of


@weaklink.command()
@click.option("--signal", "chosen", multiple=True, type=click.Choice(list(SIGNALS)), help="Only these signals.")
@click.option("--watch", "watches", multiple=True, help="Only what these watches use.")
@click.pass_obj
def signals(call: Call, chosen: tuple[str, ...], watches: tuple[str, ...]) -> None:
    """Which weak links hold now, since when, and for which watches (docs/signals.md)."""
    configuration = call.configuration()
    unknown = set(watches) - {watch.name for watch in configuration.settings.watch}
    if unknown:
        raise click.BadParameter(f"there is no watch {', '.join(sorted(unknown))}", param_hint="--watch")
    store = call.store(configuration)
    now = clock_of(store)()
    with store.reading() as session:
        found = signals_json(session, now, chosen, watches)
    store.close()
    if call.json:
        write_json(found)
        return
    table(
        ["signal", "subject", "since", "what holds", "watches"],
        [
            (
                one["signal"],
                short_form(one["subject"]),
                f"{one['since']:%Y-%m-%d}",
                one["sentence"].removeprefix(short_form(one["subject"])).lstrip(": "),
                ", ".join(one["watches"]),
            )
            for one in found
        ],
    )
    if found:
        say()
        for name in sorted({one["signal"] for one in found}):
            say(f"{name} {SIGNALS[name].name}: {SIGNALS[name].means}", "dim")
    say(f"{len(found)} signals hold.", "bold")


@weaklink.command()
@click.option("--accounts", is_flag=True, help="Rank the accounts that can publish, instead of packages.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=10, show_default=True, help="How many to show.")
@click.pass_obj
def risk(call: Call, accounts: bool, limit: int) -> None:
    """What could hurt you most, ranked, and every factor's share of it ([risk] in the configuration weighs them)."""
    configuration = call.configuration()
    store = call.store(configuration)
    now = clock_of(store)()
    with store.reading() as session:
        found = risk_json(
            session,
            configuration.settings.risk,
            configuration.settings.thresholds,
            now,
            accounts=accounts,
            limit=limit,
        )
    store.close()
    if call.json:
        write_json(found)
        return
    table(
        ["", "account" if accounts else "package", "score", "why", "watches"],
        [
            (
                one["rank"],
                short_form(one["subject"]),
                f"{one['score']:.1f}",
                Text("\n").join(cell(f"{s['contribution']:4.1f} {s['factor']}: {s['says']}") for s in one["factors"]),
                ", ".join(one["watches"]),
            )
            for one in found
        ],
    )
    if not found:
        say("Nothing is known that could be ranked; run weaklink check first.")
