"""``signals``: which weak links hold."""

from __future__ import annotations

import click

from config.clock import system_clock
from config.names import short_form
from monitor.cli.app import Call, weaklink
from monitor.cli.output import say, table, write_json
from monitor.queries.signals import signals_json
from monitor.signals.table import SIGNALS


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
    now = system_clock()
    store = call.store(configuration)
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
