"""A registry's document cut at each of its releases: what a watch would have seen, had it begun with the first one.

So false alarms are measured on real packages. What the document does not tell of the past is told in no cut:
deprecations, removed versions and the time of other edits belong to the last one, which is the document itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec

from monitor.replay.timelines import Observation, ReplayError, Timeline, contents, name_of
from monitor.sources.decode import moment
from monitor.sources.packument import publish_times
from monitor.versions import semver_key

SOON: Final = timedelta(minutes=5)
"""So long after a release it is seen: releases within it are seen together."""


def read_document(file: Path) -> Timeline:
    """A packument or a JSON document of PyPI (either may be gzipped) as a timeline that expects nothing."""
    try:
        document = msgspec.json.decode(contents(file))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ReplayError(f"{file}: {error}") from None
    if not isinstance(document, dict):
        raise ReplayError(f"{file}: is no JSON object")
    if isinstance(document.get("info"), dict):
        sort, cuts = "pypi", _pypi(document)
    elif isinstance(document.get("versions"), dict) and isinstance(document.get("time"), dict):
        sort, cuts = "packument", _npm(document)
    else:
        raise ReplayError(f"{file}: is neither a packument with versions and time nor a project document of PyPI")
    if not cuts:
        raise ReplayError(f"{file}: tells no publish time that can be believed, so it cannot be cut")
    return Timeline(
        id=name_of(file),
        title="",
        expect=(),
        quiet_until=None,
        observations=[
            Observation(at, f"cut at {at:%Y-%m-%dT%H:%M:%SZ}", sort, msgspec.Raw(msgspec.json.encode(cut)))
            for at, cut in cuts
        ],
        origin=str(file),
    )


def _seen_at(published: Mapping[str, datetime]) -> list[datetime]:
    """When a look finds something new: soon after each release, once for those that came together."""
    looks: list[datetime] = []
    for at in sorted(published.values()):
        if not looks or at + SOON - looks[-1] > SOON:
            looks.append(at + SOON)
    return looks


def _npm(document: dict[str, Any]) -> list[tuple[datetime, dict[str, Any]]]:
    versions, time = document["versions"], document["time"]
    published = {v: at for v, at in publish_times(time, versions).items() if v in versions}
    looks = _seen_at(published)
    cuts = [(at, _packument(document, published, at)) for at in looks[:-1]]
    return [*cuts, (looks[-1], document)] if looks else []


def _packument(document: dict[str, Any], published: Mapping[str, datetime], at: datetime) -> dict[str, Any]:
    served = sorted((v for v, when in published.items() if when <= at), key=published.__getitem__)
    versions = {
        v: {key: value for key, value in document["versions"][v].items() if key != "deprecated"} for v in served
    }
    cut = {
        "name": document.get("name") or document.get("_id"),
        "versions": versions,
        "time": {v: text for v, text in document["time"].items() if v in versions or v == "created"},
        "dist-tags": {"latest": _latest(served)},
    }
    # Each version keeps the maintainers of its day, and those of the newest one are the package's.
    maintainers = versions[served[-1]].get("maintainers")
    return cut if maintainers is None else {**cut, "maintainers": maintainers}


def _latest(served: list[str]) -> str:
    """What the tag most probably pointed to: the highest version that is no prerelease, else the newest of all."""
    stable = [(key, v) for v in served if (key := semver_key(v)) is not None and key[1]]
    return max(stable)[1] if stable else served[-1]


def _pypi(document: dict[str, Any]) -> list[tuple[datetime, dict[str, Any]]]:
    releases = document.get("releases")
    if not isinstance(releases, dict) or not releases:
        # The document of one version: a single look.
        releases = {document["info"].get("version"): document.get("urls") or []}
    published = {
        version: min(times)
        for version, files in releases.items()
        if (times := [at for file in files if (at := _uploaded(file)) is not None])
    }
    looks = _seen_at(published)
    cuts = []
    for at in looks[:-1]:
        served = sorted((v for v, when in published.items() if when <= at), key=published.__getitem__)
        files = {v: [f for f in releases[v] if (_uploaded(f) or at) <= at] for v in served}
        # The metadata of earlier releases is not in the document: only name and version are known then.
        info = {"name": document["info"].get("name"), "version": served[-1]}
        cuts.append((at, {"info": info, "releases": files, "urls": files[served[-1]]}))
    return [*cuts, (looks[-1], document)] if looks else []


def _uploaded(file: Any) -> datetime | None:
    if not isinstance(file, dict):
        return None
    return moment(file.get("upload_time_iso_8601")) or moment(file.get("upload_time"))
