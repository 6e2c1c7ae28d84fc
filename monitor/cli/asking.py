"""Commands about the configuration: ``init``, ``config``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from msgspec import to_builtins

from config.load import Configuration
from config.manifests.reading import Manifests, Reading
from config.registries import destinations
from config.schema import json_schema
from config.starter import write_starter
from monitor.assembly import check_channels
from monitor.changes.kinds import KINDS
from monitor.cli.app import FINE, WRONG, Call, warn, weaklink
from monitor.cli.output import note, say, table, write_json
from monitor.explain import explain
from monitor.store.engine import Store, StoreError
from monitor.store.targets import Wanted
from monitor.store.watchlist import checked_domains
from monitor.watchlist import watched

FILES_SHOWN = 2


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
@click.option("--explain", "explained", is_flag=True, help="Also: targets, checks an hour, traffic for each host.")
@click.pass_context
def check(ctx: click.Context, explained: bool) -> None:
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
            | ({"explained": _explained(configuration, reading, wanted)} if explained else {})
        )
        ctx.exit(WRONG if reading.broken else FINE)
    table(
        ["watch", "owner", "targets"],
        [(watch.name, watch.owner or "-", len(by_watch[watch.name])) for watch in settings.watch],
    )
    if explained:
        _show_explained(_explained(configuration, reading, wanted))
    if settings.channel and not settings.route:
        say("No [[route]] names a channel: changes are recorded, and nobody is told.", "yellow")
    elif not settings.channel:
        say("No [[channel]] yet: changes are recorded, and nobody is told.", "yellow")
    if reading.broken:
        ctx.exit(WRONG)
    say(f"{configuration.path.name} is valid.", "green")


def found_domains(configuration: Configuration) -> list[str]:
    """The domains that earlier sweeps found behind the packages; none where there is no database yet."""
    store = Store(configuration.settings.database.url)
    if store.file is not None and not store.file.exists():
        return []
    try:
        with store.reading() as session:
            return checked_domains(session)
    except StoreError:
        return []
    finally:
        store.close()


def _explained(configuration: Configuration, reading: Reading, wanted: Sequence[Wanted]) -> dict[str, Any]:
    found = found_domains(configuration)
    total = explain(configuration.settings, destinations(configuration), wanted, found)
    watches = []
    for watch in configuration.settings.watch:
        packages = [one for one in wanted if one.watch == watch.name and one.sort == "package"]
        watches.append(
            {
                "watch": watch.name,
                "manifests": list(watch.manifests),
                "files": list(reading.files.get(watch.name, ())),
                "packages": len(packages),
                "direct": sum(one.direct for one in packages),
                "dev": sum(one.dev for one in packages),
                "not_from_a_registry": sum(not one.registry for one in reading.entries.get(watch.name, ())),
            }
        )
    return {
        "watches": watches,
        "targets": total.targets,
        "checks_per_hour": round(total.checks_per_hour, 1),
        "hosts": [to_builtins(one) for one in total.hosts],
    }


def _show_explained(found: dict[str, Any]) -> None:
    say()
    table(
        ["watch", "packages", "direct", "dev only", "from elsewhere", "files"],
        [
            (
                one["watch"],
                one["packages"],
                one["direct"],
                one["dev"],
                one["not_from_a_registry"],
                _several(one["files"]),
            )
            for one in found["watches"]
        ],
    )
    say()
    counts = ", ".join(f"{count:,} {sort}s" for sort, count in sorted(found["targets"].items(), reverse=True))
    say(f"{counts or 'nothing'}; about {found['checks_per_hour']:,.0f} checks an hour")
    if found["hosts"]:
        table(
            ["asked", "for", "requests an hour", "first sweep at least"],
            [
                (
                    one["host"],
                    one["targets"],
                    f"{one['requests_per_hour']:,.0f}",
                    f"{one['first_sweep_seconds']:,.0f} s",
                )
                for one in found["hosts"]
            ],
        )
    say("Domains of maintainers' addresses come on top when the packages have been seen.", "dim")
    say()


def _several(files: Sequence[str]) -> str:
    more = f" and {len(files) - FILES_SHOWN} more" if len(files) > FILES_SHOWN else ""
    return ", ".join(files[:FILES_SHOWN]) + more


@config.command()
def schema() -> None:
    """Print the JSON Schema of the configuration, for editors."""
    write_json(json_schema(KINDS))
