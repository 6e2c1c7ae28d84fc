"""From the watches and what their manifests say to the targets that are wanted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from config.load import Configuration
from config.manifests.model import Entry
from config.manifests.reading import Reading
from config.names import domain_subject, parse_account, parse_domain, parse_package
from config.settings import Watch
from monitor.store.targets import Wanted


class Watchlist:
    """The targets of each watch; a watch that did not change keeps its very objects, so that differences are cheap."""

    def __init__(self) -> None:
        self._made: dict[str, tuple[Watch, tuple[Entry, ...], str, tuple[Wanted, ...]]] = {}

    def targets(self, configuration: Configuration, reading: Reading) -> dict[str, tuple[Wanted, ...]]:
        """By watch: everything it asks for, each subject once."""
        made = {}
        for watch in configuration.settings.watch:
            entries = reading.entries.get(watch.name, ())
            source = config_source(configuration, watch)
            known = self._made.get(watch.name)
            if known is None or known[0] != watch or known[1] is not entries or known[2] != source:
                known = watch, entries, source, _targets(watch, entries, source)
            made[watch.name] = known
        self._made = made
        return {name: known[3] for name, known in made.items()}


def watched(configuration: Configuration, reading: Reading) -> list[Wanted]:
    """Every target that the watches name; a subject that one watch names twice counts once."""
    return [one for targets in Watchlist().targets(configuration, reading).values() for one in targets]


def with_kept(targets: Sequence[Wanted], kept: Sequence[Wanted]) -> tuple[Wanted, ...]:
    """The targets of one watch, and what an earlier run learnt from a file that cannot be read now."""
    present = {one.subject for one in targets}
    return (*targets, *(one for one in kept if one.subject not in present))


def differences(
    before: Mapping[str, Sequence[Wanted]], after: Mapping[str, Sequence[Wanted]]
) -> tuple[list[Wanted], list[Wanted]]:
    """What is wanted no more, and what is wanted newly or otherwise than before."""
    gone: list[Wanted] = []
    fresh: list[Wanted] = []
    for watch in before.keys() | after.keys():
        old, new = before.get(watch, ()), after.get(watch, ())
        if old is new:
            continue
        known = {one.subject: one for one in old}
        fresh += (one for one in new if known.pop(one.subject, None) != one)
        gone += known.values()
    return gone, fresh


def config_source(configuration: Configuration, watch: Watch | str) -> str:
    """The file of the configuration in which a watch stands, as people call it."""
    file = configuration.watch_file(watch)
    return str(file.relative_to(configuration.folder)) if file.is_relative_to(configuration.folder) else str(file)


def _targets(watch: Watch, entries: Sequence[Entry], source: str) -> tuple[Wanted, ...]:
    found = {
        entry.purl: Wanted(
            watch=watch.name,
            owner=watch.owner,
            subject=entry.purl,
            sort="package",
            direct=entry.direct,
            dev=entry.dev,
            via=entry.via,
            versions=entry.versions,
            ranges=entry.ranges,
            source=entry.source,
        )
        for entry in entries
        if entry.registry
    }
    for item in watch.packages:
        subject = parse_package(item)
        own = Wanted(watch=watch.name, owner=watch.owner, subject=subject, sort="package", source=source)
        # Whoever lists a package asks for it himself; which versions are in use, only manifests know.
        known = found.get(subject)
        found[subject] = own if known is None else replace(known, direct=True, dev=False, via=())
    others = [(parse_account(item), "maintainer") for item in watch.maintainers]
    others += [(domain_subject(parse_domain(item)), "domain") for item in watch.domains]
    for subject, sort in others:
        found[subject] = Wanted(watch=watch.name, owner=watch.owner, subject=subject, sort=sort, source=source)
    return tuple(found.values())
