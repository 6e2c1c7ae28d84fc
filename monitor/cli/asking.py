"""Commands about the configuration: ``init``, ``config``."""

from __future__ import annotations

from pathlib import Path

import click

from config.manifests.reading import Manifests
from config.schema import json_schema
from config.starter import write_starter
from monitor.assembly import check_channels
from monitor.changes.kinds import KINDS
from monitor.cli.app import FINE, WRONG, Call, warn, weaklink
from monitor.cli.output import note, say, table, write_json
from monitor.watchlist import watched


@weaklink.command()
@click.argument("file", type=click.Path(path_type=Path), default="weaklink.toml")
@click.pass_context
def init(ctx: click.Context, file: Path) -> None:
    """Write a commented starter configuration; never overwrites."""
    try:
        write_starter(file)
    except FileExistsError:
        note(f"weaklink: {file} is there already and stays as it is; edit it, or name another file")
        ctx.exit(WRONG)
    say(f"{file} is written. Look into it, then: weaklink check")


@weaklink.group()
def config() -> None:
    """Validate the configuration, or print its schema."""


@config.command()
@click.pass_context
def check(ctx: click.Context) -> None:
    """Validate all of it and show what is watched."""
    call: Call = ctx.obj
    configuration = call.configuration()
    check_channels(configuration)
    reading = Manifests().look(configuration)
    warn(reading)
    settings = configuration.settings
    wanted = watched(configuration, reading)
    by_watch = {watch.name: [w for w in wanted if w.watch == watch.name] for watch in settings.watch}
    if call.json:
        write_json(
            {
                "valid": not reading.broken,
                "files": [str(file) for file in configuration.files],
                "watches": [
                    {"watch": watch.name, "owner": watch.owner, "targets": [w.subject for w in by_watch[watch.name]]}
                    for watch in settings.watch
                ],
                "channels": [channel.name for channel in settings.channel],
                "routes": len(settings.route),
                "unreadable": [{"file": one.name, "line": one.line, "error": one.error} for one in reading.broken],
            }
        )
        ctx.exit(WRONG if reading.broken else FINE)
    table(
        ["watch", "owner", "targets"],
        [(watch.name, watch.owner or "-", len(by_watch[watch.name])) for watch in settings.watch],
    )
    if settings.channel and not settings.route:
        say("No [[route]] names a channel: changes are recorded, and nobody is told.", "yellow")
    elif not settings.channel:
        say("No [[channel]] yet: changes are recorded, and nobody is told.", "yellow")
    if reading.broken:
        ctx.exit(WRONG)
    say(f"{configuration.path.name} is valid.", "green")


@config.command()
def schema() -> None:
    """Print the JSON Schema of the configuration, for editors."""
    write_json(json_schema(KINDS))
