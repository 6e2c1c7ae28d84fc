"""Commands about the configuration: ``init``, ``config``, ``watch``."""

from __future__ import annotations

from pathlib import Path

import click

from config.edit import add_items, remove_items
from config.manifests.reading import Manifests
from config.names import short_form
from config.schema import json_schema
from config.starter import write_starter
from monitor.assembly import check_channels
from monitor.changes.kinds import KINDS
from monitor.cli.app import FINE, WRONG, Call, warn, weaklink
from monitor.cli.output import note, say, table, write_json
from monitor.store.targets import Wanted
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


@weaklink.group()
def watch() -> None:
    """List and edit the watchlist."""


@watch.command("list")
@click.pass_obj
def list_(call: Call) -> None:
    """Show what each watch asks for."""
    configuration = call.configuration()
    reading = Manifests().look(configuration)
    warn(reading)
    wanted = watched(configuration, reading)
    if call.json:
        write_json(
            [
                {
                    "watch": one.name,
                    "owner": one.owner,
                    "entries": [
                        {
                            "purl": w.subject,
                            "versions": list(w.versions),
                            "direct": w.direct,
                            "dev": w.dev,
                            "via": list(w.via),
                            "source": w.source,
                        }
                        for w in wanted
                        if w.watch == one.name and w.sort == "package"
                    ],
                    "maintainers": [w.subject for w in wanted if w.watch == one.name and w.sort == "maintainer"],
                    "domains": [w.subject for w in wanted if w.watch == one.name and w.sort == "domain"],
                }
                for one in configuration.settings.watch
            ]
        )
        return
    owners = {one.name: one.owner for one in configuration.settings.watch}
    table(
        ["watch", "owner", "target", "in use", "how", "from"],
        [
            (w.watch, owners[w.watch] or "-", short_form(w.subject), ", ".join(w.versions), _how(w), w.source)
            for w in wanted
        ],
    )


def _how(wanted: Wanted) -> str:
    way = "direct" if wanted.direct else " -> ".join(wanted.via) or "indirect"
    return f"{way} (dev)" if wanted.dev else way


@watch.command()
@click.argument("items", nargs=-1, required=True)
@click.option("--group", help="Name of the watch; default: the first one.")
@click.option("--owner", help="Owner of a watch that is made anew.")
@click.pass_obj
def add(call: Call, items: tuple[str, ...], group: str | None, owner: str | None) -> None:
    """Add packages, accounts (npm:~NAME) or domains; comments and order stay."""
    edited = add_items(call.path(), items, group, owner)
    for line in (*edited.done, *edited.left):
        say(str(line))


@watch.command()
@click.argument("items", nargs=-1, required=True)
@click.option("--group", help="Name of the watch; default: all of them.")
@click.pass_obj
def remove(call: Call, items: tuple[str, ...], group: str | None) -> None:
    """Remove packages, accounts or domains; comments and order stay."""
    edited = remove_items(call.path(), items, group)
    for line in (*edited.done, *edited.left):
        say(str(line))
