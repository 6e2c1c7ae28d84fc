"""How much people hear in a month, and whether it is what they must hear: ``python -m benchmarks.noise``.

``[PACKAGES] [DAYS]`` make it smaller; ``--all`` lists every message; ``--unanswered``: nobody acknowledges anything.
Prints what happened, what was told of it, and when. What it aims for is that of the alerts' own specification: every
take-over told as critical at once, nothing lost, nothing told twice, fewer than 60 messages to people for 1,500
packages and 30 days.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

from benchmarks.month import Month, Received
from benchmarks.world import Event

AGAIN = {"reminder", "escalation"}
"""Messages that are meant to tell again."""
KINDS = {
    "maintainer added": "maintainer-added",
    "published by another": "publisher-changed",
    "take-over": "release-published",
    "deprecated": "deprecated",
    "revived by its owner": "dormant-revival",
    "domain expires": "domain-expir",
    "domain to be deleted": "domain-pending-delete",
    "domain deleted": "domain-unregistered",
    "domain bought": "domain-reregistered",
}
"""What is to be found of each thing that happens; releases by themselves are no news."""


def lost(month: Month) -> list[str]:
    """What happened and was not found, or was found and not told."""
    found = {(f.subject.rpartition("/")[2].removeprefix("domain:"), f.kind) for one in month.told for f in one.findings}
    missing = [
        f"{event.what}: {event.subject} was not found"
        for event in month.world.happened
        if (kind := KINDS.get(event.what))
        and kind != "release-published"
        and not any(subject == event.subject and k.startswith(kind) for subject, k in found)
    ]
    return missing + [f"not told: {f.title}" for one in month.told for f in one.untold()]


def twice(month: Month) -> list[str]:
    """What one channel was told although it had been told exactly that."""
    keys = Counter((one.channel, one.content["key"]) for one in month.received)
    items: Counter[tuple[str, str]] = Counter()
    for one in month.received:
        if one.content["kind"] not in AGAIN:
            items.update((one.channel, repr(sorted(item.items()))) for item in one.content["items"])
    return [f"{channel}: {what[:160]}" for (channel, what), count in (keys + items).items() if count > 1]


def take_overs(month: Month) -> Iterator[tuple[Event, Received | None]]:
    """Each take-over with the first message that calls it critical."""
    for event in month.world.happened:
        if event.what == "take-over":
            first = next(
                (
                    one
                    for one in month.received
                    if one.at >= event.at
                    and one.content["severity"] == "critical"
                    and event.subject in repr(one.content)
                ),
                None,
            )
            yield event, first


def report(month: Month) -> None:
    happened = Counter(event.what for event in month.world.happened)
    print("what happened             times")
    for what, count in sorted(happened.items()):
        print(f"  {what:24}{count:5}")
    print(f"  {'outages of the registry':24}{len(month.world.outages):5}")
    print(f"\n{month.checks:,} checks, {len(month.told)} alerts, {len(month.received)} messages to people:\n")
    print(f"{'channel':10}{'kind':12}{'severity':10}{'messages':>9}")
    counts = Counter((one.channel, one.content["kind"], one.content["severity"]) for one in month.received)
    for (channel, kind, severity), count in sorted(counts.items()):
        print(f"{channel:10}{kind:12}{severity:10}{count:9}")
    print("\ntake-over                 published         told as critical  after    on")
    for event, first in take_overs(month):
        told = f"{first.at:%m-%d %H:%M}       {_short(first.at - event.at):8} {first.channel}" if first else "NEVER"
        print(f"  {event.subject:24}{event.at:%m-%d %H:%M}       {told}")
    for head, found in (("lost", lost(month)), ("told twice", twice(month))):
        print(f"\n{head}: {len(found)}")
        for line in found[:20]:
            print(f"  {line}")


def listing(month: Month) -> None:
    """Every message, a line each."""
    for one in month.received:
        told = one.content
        print(f"{one.at:%a %m-%d %H:%M} {one.channel:5}{told['kind']:11}{told['severity']:9}{told['title']}")


def _short(span: timedelta) -> str:
    minutes = round(span.total_seconds() / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes / 60:.0f} h"


def main(packages: int, days: int) -> None:
    logging.disable(logging.WARNING)
    began = time.monotonic()
    month = asyncio.run(Month(packages, days, answered="--unanswered" not in sys.argv).run())
    report(month)
    if "--all" in sys.argv:
        print()
        listing(month)
    print(f"\n{time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    numbers = [int(argument) for argument in sys.argv[1:] if argument.isdigit()]
    main(*(numbers + [1500, 30][len(numbers) :]))
