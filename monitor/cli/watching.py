"""Commands about the watchlist: ``watch list``, ``watch add``, ``watch remove``, ``why``."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from random import Random
from typing import Any

import click

from config.clock import system_clock
from config.edit import EditRefused, add_items, items_of, remove_items
from config.load import Configuration
from config.manifests.model import Entry
from config.manifests.reading import Manifests
from config.names import short_form
from monitor.assembly import Assembly
from monitor.cli.app import WRONG, Call, warn, weaklink
from monitor.cli.output import note, say, table, write_json
from monitor.nearby import Verified, nearest_names, verify
from monitor.store.engine import Store
from monitor.store.memberships import packages_behind
from monitor.store.targets import Wanted
from monitor.store.watchlist import package_subjects
from monitor.typed import subject_of
from monitor.watchlist import watched

RANGES_SHOWN = 3


@weaklink.group()
def watch() -> None:
    """List and edit the watchlist."""


@watch.command("list")
@click.pass_obj
def list_(call: Call) -> None:
    """Show what each watch asks for, and what its manifests lead to."""
    configuration = call.configuration()
    reading = Manifests().look(configuration)
    warn(reading)
    wanted = watched(configuration, reading)
    # Packages from folders and repositories are used, too, although no registry is asked about them.
    local = {name: [one for one in entries if not one.registry] for name, entries in reading.entries.items()}
    if call.json:
        write_json(
            [
                {
                    "watch": one.name,
                    "owner": one.owner,
                    "entries": [_entry(w.subject, w) for w in wanted if w.watch == one.name and w.sort == "package"]
                    + [_entry(entry.purl, entry) for entry in local[one.name]],
                    "maintainers": [w.subject for w in wanted if w.watch == one.name and w.sort == "maintainer"],
                    "domains": [w.subject for w in wanted if w.watch == one.name and w.sort == "domain"],
                }
                for one in configuration.settings.watch
            ]
        )
        return
    owners = {one.name: one.owner for one in configuration.settings.watch}
    rows: list[tuple[str, str, Wanted | Entry, str]]
    rows = [(w.watch, short_form(w.subject), w, w.source) for w in wanted]
    rows += [(name, short_form(one.purl), one, f"{one.source}, no registry") for name in local for one in local[name]]
    table(
        ["watch", "owner", "target", "in use", "how", "from"],
        [
            (name, owners[name] or "-", target, ", ".join(one.versions), _how(one), source)
            for name, target, one, source in rows
        ],
    )


def _entry(purl: str, one: Wanted | Entry) -> dict[str, Any]:
    return {
        "purl": purl,
        "versions": list(one.versions),
        "direct": one.direct,
        "dev": one.dev,
        "via": list(one.via),
        "source": one.source,
        "registry": not isinstance(one, Entry) or one.registry,
    }


def _how(one: Wanted | Entry) -> str:
    way = "direct" if one.direct else " -> ".join(one.via) or "indirect"
    return f"{way} (dev)" if one.dev else way


@watch.command()
@click.argument("items", nargs=-1, required=True)
@click.option("--group", help="Name of the watch; default: the first one.")
@click.option("--owner", help="Owner of a watch that is made anew.")
@click.option("--offline", is_flag=True, help="Do not ask the registries whether they have the packages.")
@click.pass_obj
def add(call: Call, items: tuple[str, ...], group: str | None, owner: str | None, offline: bool) -> None:
    """Add packages, accounts (npm:~NAME) or domains; comments and order stay."""
    configuration = call.configuration()
    known = {subject for one in configuration.settings.watch for _, subject in items_of(one.packages)}
    fresh = [subject for key, subject in items_of(items) if key == "packages" and subject not in known]
    if fresh and not offline:
        _must_exist(call, configuration, fresh)
    edited = add_items(call.path(), items, group, owner)
    for item, name in edited.done:
        say(f"{item} is watched in {name}")
    for item in edited.left:
        say(f"{item} was watched already")


def _must_exist(call: Call, configuration: Configuration, purls: Sequence[str]) -> None:
    """EditRefused for what no registry has, with the nearest names; a word about what nobody could tell."""
    store = call.store(configuration)
    try:
        verified, offered = asyncio.run(_ask(configuration, store, purls))
        with store.reading() as session:
            known = {*package_subjects(session)}
    finally:
        store.close()
    for purl, reason in verified.unverified.items():
        note(f"weaklink: whether there is {short_form(purl)} was not verified: {reason}")
    if verified.absent:
        known.update(one.subject for one in watched(configuration, Manifests().look(configuration)))
        raise EditRefused("\n".join(_refusal(purl, known, offered.get(purl, ())) for purl in sorted(verified.absent)))


def _refusal(purl: str, known: Iterable[str], offered: Sequence[str]) -> str:
    near = nearest_names(purl, (one for one in known if one.startswith("pkg:")), offered)
    mend = f"did you mean {' or '.join(near)}?" if near else "check its spelling"
    return f"the registry has no {short_form(purl)}; {mend} (--offline adds it all the same)"


async def _ask(
    configuration: Configuration, store: Store, purls: Sequence[str]
) -> tuple[Verified, dict[str, list[str]]]:
    parts = Assembly(configuration, store, system_clock, Random())
    try:
        verified = await verify(parts.sources, purls)
        offered = {purl: await parts.search(purl) for purl in verified.absent}
    finally:
        await parts.close()
    return verified, offered


@watch.command()
@click.argument("items", nargs=-1, required=True)
@click.option("--group", help="Name of the watch; default: all of them.")
@click.pass_obj
def remove(call: Call, items: tuple[str, ...], group: str | None) -> None:
    """Remove packages, accounts or domains; comments and order stay."""
    edited = remove_items(call.path(), items, group)
    for item, name in edited.done:
        say(f"{item} is no longer listed in {name}")
    configuration = call.configuration()
    wanted = {short_form(one.subject): one for one in watched(configuration, Manifests().look(configuration))}
    for item in edited.left:
        known = wanted.get(item)
        say(f"{item} was not listed" + (f"; {known.watch} has it from {known.source}" if known else ""))


@weaklink.command()
@click.argument("item")
@click.pass_context
def why(ctx: click.Context, item: str) -> None:
    """Through what a package, an account or a domain concerns you: watch, way, versions, file."""
    call: Call = ctx.obj
    configuration = call.configuration()
    subject = subject_of(item)
    reading = Manifests().look(configuration)
    warn(reading)
    subjects = {subject}
    if not subject.startswith("pkg:"):
        store = call.store(configuration)
        with store.reading() as session:
            subjects |= packages_behind(session, subject)
        store.close()
    owners = {one.name: one.owner for one in configuration.settings.watch}
    found = [one for one in watched(configuration, reading) if one.subject in subjects]
    found.sort(key=lambda one: (one.watch, len(one.via), one.subject))
    if call.json:
        write_json([_way(one, owners) for one in found])
        ctx.exit(0 if found else WRONG)
    if not found:
        note(f"weaklink: no watch leads to {short_form(subject)}")
        ctx.exit(WRONG)
    table(
        ["way", "in use", "asked for as", "owner", "from"],
        [
            (
                " -> ".join((one.watch, *one.via, short_form(one.subject))) + (" (dev)" if one.dev else ""),
                ", ".join(one.versions),
                ", ".join(one.ranges[:RANGES_SHOWN]),
                one.owner or "-",
                one.source,
            )
            for one in found
        ],
    )


def _way(one: Wanted, owners: Mapping[str, str]) -> dict[str, Any]:
    return {
        "watch": one.watch,
        "owner": owners[one.watch],
        "subject": one.subject,
        "direct": one.direct,
        "dev": one.dev,
        "via": list(one.via),
        "versions": list(one.versions),
        "ranges": list(one.ranges),
        "source": one.source,
    }
