"""The Python Package Index: from the JSON document, and the simple index beside it, to a ``Package``.

The JSON document has the roles, the files and the metadata; the simple index has the project's status (PEP 792) and
which files have provenance (PEP 740). The simple index is asked only when the JSON document changed, or answered
404: PyPI answers so for a quarantined project too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from email.utils import getaddresses
from typing import Any, Final, Protocol

import msgspec
from msgspec import UNSET, Struct, UnsetType
from packaging.requirements import InvalidRequirement, Requirement

from config.names import normalise_pypi
from monitor.errors import Refused, Unavailable
from monitor.facts import known_or
from monitor.observations import Account, Package, Release, Standing
from monitor.sources.decode import LONGEST_VERSION, BadDocument, bounded_depth, decode, moment
from monitor.sources.http import Http, Reply
from monitor.sources.npm import Fetched, conditional, host_of, off_the_loop, unexpected, validators_of
from monitor.validators import Validators
from monitor.versions import pep440

SIMPLE: Final = "application/vnd.pypi.simple.v1+json"
_STATUS: Final = {
    "active": Standing.ACTIVE,
    "archived": Standing.ARCHIVED,
    "archived-noindex": Standing.ARCHIVED,
    "quarantined": Standing.QUARANTINED,
    "deprecated": Standing.ACTIVE,
}


class IndexAddress(Protocol):
    @property
    def base_url(self) -> str: ...

    @property
    def simple_url(self) -> str: ...

    def authorization_for(self, url: str) -> str | None: ...


class PypiSource:
    """Fetches project documents from the configured indexes."""

    def __init__(self, http: Http, indexes: Callable[[], Sequence[IndexAddress]]) -> None:
        self._http = http
        self._indexes = indexes

    async def fetch(self, name: str, known: Validators | None = None) -> Fetched:
        """The project as the first index that has it tells it now; removed where none of them has it.

        Unavailable or Refused where an index before it tells nothing: it may have the project, too.
        """
        first, *others = self._indexes()
        fetched = await self._fetch(first, name, known or Validators())
        for index in others:
            if fetched.package is None or fetched.package.standing is not Standing.REMOVED:
                break
            fetched = await self._fetch(index, name, known or Validators())
        return fetched

    async def _fetch(self, index: IndexAddress, name: str, known: Validators) -> Fetched:
        name = normalise_pypi(name)
        url = f"{index.base_url.rstrip('/')}/pypi/{name}/json"
        reply = await self._get(index, url, conditional(known) | {"Accept": "application/json"})
        if reply.status == 304 and (known.etag or known.last_modified):
            return Fetched(None, known, reply.wire_bytes)
        if reply.status == 404:
            package = await self._absent(index, name)
            return Fetched(package, Validators(), reply.wire_bytes)
        if reply.status != 200:
            raise unexpected(host_of(url), reply)
        validators = validators_of(reply)
        if validators.digest and validators.digest == known.digest:
            return Fetched(None, validators, reply.wire_bytes)
        simple, told = None, True
        try:
            simple = await self._simple(index, name)
        except Unavailable:
            told = False
        wire = reply.wire_bytes + (simple.wire_bytes if simple else 0)
        try:
            package = await off_the_loop(parse_pypi, reply.body, name, simple.body if simple else None)
        except BadDocument as error:
            raise Unavailable(host_of(url), str(error)) from None
        if not told:
            # It may be archived, for all that is known: no standing, and no validators, so that it is asked again.
            return Fetched(msgspec.structs.replace(package, standing=UNSET), Validators(), wire)
        return Fetched(package, validators, wire)

    async def _get(self, index: IndexAddress, url: str, headers: dict[str, str]) -> Reply:
        if (authorization := index.authorization_for(url)) is not None:
            headers["Authorization"] = authorization
        return await self._http.get(url, headers=headers)

    async def _simple(self, index: IndexAddress, name: str) -> Reply | None:
        """The project's page of the simple index; None where the index does not serve it as JSON, or not to us.

        It adds facts to the document and is not needed for it: without it they are unknown. Unavailable where
        another time it may be served.
        """
        try:
            reply = await self._get(index, f"{index.simple_url.rstrip('/')}/{name}/", {"Accept": SIMPLE})
        except Refused:
            return None
        served = reply.headers.get("content-type", "").startswith(SIMPLE)
        return reply if reply.status == 200 and served else None

    async def _absent(self, index: IndexAddress, name: str) -> Package:
        """The document is 404: removed, or hidden while it is quarantined. Only the simple index can tell."""
        url = f"{index.simple_url.rstrip('/')}/{name}/"
        reply = await self._get(index, url, {"Accept": SIMPLE})
        if reply.status == 404:
            return Package(ecosystem="pypi", name=name, standing=Standing.REMOVED)
        if reply.status == 200:
            try:
                page = decode(reply.body, _simple_decoder)
            except BadDocument:
                page = _Simple()
            standing, reason = _status(page)
            if standing is Standing.QUARANTINED:
                return Package(ecosystem="pypi", name=name, standing=standing, standing_reason=reason)
        raise Unavailable(host_of(url), "404 for the document, but the simple index still knows the project")


# --- the documents ----------------------------------------------------------------------------------------------


class _Role(Struct):
    role: str | UnsetType | None = UNSET
    user: str | UnsetType | None = UNSET


class _Ownership(Struct):
    roles: list[_Role] | UnsetType | None = UNSET
    organization: str | UnsetType | None = UNSET


class _File(Struct):
    filename: str | UnsetType | None = UNSET
    digests: dict[str, str] | UnsetType | None = UNSET
    md5_digest: str | UnsetType | None = UNSET
    packagetype: str | UnsetType | None = UNSET
    size: int | UnsetType | None = UNSET
    upload_time_iso_8601: str | UnsetType | None = UNSET
    upload_time: str | UnsetType | None = UNSET
    yanked: bool | UnsetType | None = UNSET
    yanked_reason: str | UnsetType | None = UNSET
    provenance: Any = UNSET


class _Info(Struct):
    name: str | UnsetType | None = UNSET
    version: str | UnsetType | None = UNSET
    author_email: str | UnsetType | None = UNSET
    maintainer_email: str | UnsetType | None = UNSET
    project_urls: dict[str, Any] | UnsetType | None = UNSET
    home_page: str | UnsetType | None = UNSET
    license: str | UnsetType | None = UNSET
    license_expression: str | UnsetType | None = UNSET
    classifiers: list[str] | UnsetType | None = UNSET
    requires_dist: list[str] | UnsetType | None = UNSET
    yanked: bool | UnsetType | None = UNSET
    yanked_reason: str | UnsetType | None = UNSET


class _Document(Struct):
    info: _Info | UnsetType | None = UNSET
    releases: dict[str, list[_File]] | UnsetType | None = UNSET
    urls: list[_File] | UnsetType | None = UNSET
    ownership: _Ownership | UnsetType | None = UNSET
    last_serial: int | UnsetType | None = UNSET


class _SimpleFile(Struct):
    filename: str | UnsetType | None = UNSET
    provenance: str | UnsetType | None = UNSET


class _Simple(Struct, rename={"project_status": "project-status", "project_status_reason": "project-status-reason"}):
    name: str | UnsetType | None = UNSET
    meta: dict[str, Any] | UnsetType | None = UNSET
    files: list[_SimpleFile] | UnsetType | None = UNSET
    project_status: dict[str, Any] | UnsetType | None = UNSET


_decoder = msgspec.json.Decoder(_Document)
_simple_decoder = msgspec.json.Decoder(_Simple)


def parse_pypi(body: bytes, name: str, simple: bytes | None = None) -> Package:
    """The project that a JSON document describes; BadDocument if it is not the document of ``name``.

    ``simple`` is the project's page of the simple index (PEP 691) where it was served. A document of a single
    version tells that version and nothing of the others.
    """
    with bounded_depth():
        return _package(decode(body, _decoder), name, simple)


def _package(document: _Document, name: str, simple: bytes | None) -> Package:
    info = document.info if isinstance(document.info, _Info) else _Info()
    if not isinstance(info.name, str):
        raise BadDocument("the answer is a JSON object, but no project document: it has no info.name")
    if normalise_pypi(info.name) != normalise_pypi(name):
        raise BadDocument(f"the answer is about another project, {info.name[:100]!r}")
    page = _page(simple, name)
    latest = info.version if isinstance(info.version, str) else UNSET
    releases = _releases(document, info, latest, page)
    standing, reason = _status(page) if page else (UNSET, UNSET)
    newest = releases.get(latest) if releases is not UNSET and latest is not UNSET else None
    return Package(
        ecosystem="pypi",
        name=normalise_pypi(name),
        standing=Standing.ACTIVE if standing is UNSET and (simple is None or page is not None) else standing,
        standing_reason=reason,
        maintainers=_owners(document.ownership),
        contacts=_contacts(info),
        latest=latest,
        repository=newest.repository if newest else _repository(info),
        licence=newest.licence if newest else _licence(info),
        releases=releases,
        complete=isinstance(document.releases, dict) and bool(document.releases),
        revision=str(document.last_serial) if isinstance(document.last_serial, int) else UNSET,
    )


def _page(simple: bytes | None, name: str) -> _Simple | None:
    if simple is None:
        return None
    try:
        page = decode(simple, _simple_decoder)
    except BadDocument:
        return None
    named = page.name if isinstance(page.name, str) else name
    return page if normalise_pypi(named) == normalise_pypi(name) else None


def _status(page: _Simple) -> tuple[Standing | UnsetType, str | UnsetType]:
    """PEP 792's marker, where it stands now (``project-status`` object) or stood first (in ``meta``)."""
    told: Any = page.project_status
    if not isinstance(told, dict) and isinstance(page.meta, dict):
        told = {
            "status": page.meta.get("project-status"),
            "reason": page.meta.get("project-status-reason"),
        }
    if not isinstance(told, dict) or not isinstance(told.get("status"), str):
        return UNSET, UNSET
    reason = told.get("reason")
    return _STATUS.get(told["status"], UNSET), reason[:1000] if isinstance(reason, str) else ""


def _owners(ownership: Any) -> tuple[Account, ...] | UnsetType:
    if not isinstance(ownership, _Ownership) or not isinstance(ownership.roles, list):
        return UNSET
    users = {role.user[:200] for role in ownership.roles if isinstance(role.user, str) and role.user}
    # An organisation's members can publish without a role of their own: then the roles are not the whole truth.
    if not users and isinstance(ownership.organization, str):
        return UNSET
    return tuple(Account(user) for user in sorted(users))


def _contacts(info: _Info) -> tuple[str, ...] | UnsetType:
    if info.author_email is UNSET and info.maintainer_email is UNSET:
        return UNSET
    texts = [text[:5000] for text in (info.author_email, info.maintainer_email) if isinstance(text, str)]
    try:
        named = getaddresses(texts)
    except RecursionError:  # it descends into each parenthesis
        return UNSET
    return tuple(sorted({address[:320] for _, address in named if "@" in address}))


def _releases(
    document: _Document, info: _Info, latest: str | UnsetType, page: _Simple | None
) -> dict[str, Release] | UnsetType:
    files = document.releases if isinstance(document.releases, dict) and document.releases else None
    if files is None:
        if latest is UNSET or not isinstance(document.urls, list):
            return UNSET
        files = {latest: document.urls}
    elif latest is not UNSET and not files.get(latest) and isinstance(document.urls, list):
        files = files | {latest: document.urls}
    attested = _attested(page)
    # A version without files is a name that was reserved or emptied: nothing of it can be installed.
    if attested is None:
        attested = _attested_files(files)
    found = [_release(v, of, attested) for v, of in files.items() if of and len(v) <= LONGEST_VERSION]
    found.sort(key=lambda one: (known_or(one.published_at, _NEVER), _order(one.version)))
    releases = {release.version: release for release in found}
    if latest is not UNSET and latest in releases:
        releases[latest] = msgspec.structs.replace(
            releases[latest],
            dependencies=_requirements(info.requires_dist),
            repository=_repository(info),
            licence=_licence(info),
        )
    return releases


_NEVER: Final = datetime.fromisoformat("2100-01-01T00:00:00+00:00")


def _order(version: str) -> tuple[bool, Any]:
    parsed = pep440(version)
    return (False, parsed) if parsed is not None else (True, version)


def _attested(page: _Simple | None) -> dict[str, str] | None:
    """Provenance by file name (PEP 740); None where the index does not tell."""
    if page is None or not isinstance(page.files, list):
        return None
    if all(file.provenance is UNSET for file in page.files):
        return None
    return {
        file.filename: file.provenance if isinstance(file.provenance, str) else ""
        for file in page.files
        if isinstance(file.filename, str)
    }


def _attested_files(files: dict[str, list[_File]]) -> dict[str, str] | None:
    """The same where a document carries the simple index's ``provenance`` beside each file, as some mirrors' do."""
    told = {
        file.filename: "attested" if file.provenance else ""
        for of in files.values()
        for file in of
        if isinstance(file.filename, str) and file.provenance is not UNSET
    }
    return told or None


def _release(version: str, files: list[_File], attested: dict[str, str] | None) -> Release:
    named = {file.filename: file for file in files if isinstance(file.filename, str)}
    uploaded = [at for file in files if (at := moment(file.upload_time_iso_8601) or moment(file.upload_time))]
    sizes = [file.size for file in files if isinstance(file.size, int) and file.size >= 0]
    kinds = {file.packagetype for file in files if isinstance(file.packagetype, str)}
    yanked = [file.yanked for file in files if isinstance(file.yanked, bool)]
    reasons = [file.yanked_reason for file in files if isinstance(file.yanked_reason, str)]
    return Release(
        version=version[:300],
        published_at=min(uploaded) if uploaded else UNSET,
        source_build="bdist_wheel" not in kinds if kinds else UNSET,
        integrity={name[:300]: found for name, file in sorted(named.items()) if (found := _digest(file))} or UNSET,
        provenance=UNSET if attested is None else _provenance(named, attested),
        yanked=all(yanked) if yanked else UNSET,
        yanked_reason=reasons[0][:1000] if reasons else ("" if yanked else UNSET),
        size=max(sizes) if sizes else UNSET,
        files=len(files),
    )


def _provenance(named: dict[str, _File], attested: dict[str, str]) -> str | UnsetType:
    """``attested`` where every file has provenance, ``""`` where none or not all do: a mixed release is not whole."""
    told = [attested[name] for name in named if name in attested]
    if not told:
        return UNSET
    return "attested" if all(told) else ""


def _digest(file: _File) -> str:
    if isinstance(file.digests, dict):
        for algorithm in ("sha256", "blake2b_256", "md5"):
            if digest := file.digests.get(algorithm):
                return f"{algorithm}:{digest[:200]}"
    return f"md5:{file.md5_digest[:200]}" if isinstance(file.md5_digest, str) and file.md5_digest else ""


def _requirements(requires: Any) -> dict[str, str] | UnsetType:
    """Run-time dependencies by normalised name; extras count, since one of them may be what is installed."""
    if isinstance(requires, UnsetType):
        return UNSET
    found: dict[str, str] = {}
    texts: list[str] = requires if isinstance(requires, list) else []
    for text in texts:
        try:
            requirement = Requirement(text[:2000])
        except (InvalidRequirement, RecursionError):
            continue
        wanted = f"@ {requirement.url}" if requirement.url else str(requirement.specifier)
        found.setdefault(normalise_pypi(requirement.name), wanted[:1000])
    return found


def _repository(info: _Info) -> str | UnsetType:
    """The source repository among the project's links, by the labels that PyPI itself treats as such."""
    links = info.project_urls if isinstance(info.project_urls, dict) else {}
    by_label = {
        "".join(c for c in label.lower() if c.isalnum()): url for label, url in links.items() if isinstance(url, str)
    }
    for label in ("source", "sourcecode", "repository", "github", "gitlab", "code", "homepage", "home"):
        if stated := _stated(by_label.get(label, "")):
            return stated[:1000].removesuffix("/").removesuffix(".git")
    if isinstance(info.home_page, str):
        return _stated(info.home_page)[:1000].removesuffix("/").removesuffix(".git")
    return UNSET if info.project_urls is UNSET and info.home_page is UNSET else ""


def _stated(text: str) -> str:
    """What was written; old build tools wrote UNKNOWN where nothing was."""
    stated = text.strip()
    return "" if stated.upper() == "UNKNOWN" else stated


def _licence(info: _Info) -> str | UnsetType:
    """The SPDX expression, else the licence classifiers, else a short free text."""
    if isinstance(info.license_expression, str) and info.license_expression:
        return info.license_expression[:300]
    if isinstance(info.classifiers, list):
        stated = [c.rpartition(" :: ")[2] for c in info.classifiers if c.startswith("License ::")]
        if stated:
            return " OR ".join(sorted(stated))[:300]
    if isinstance(info.license, str) and len(info.license) <= 300:
        return _stated(info.license)
    return UNSET if info.license is UNSET and info.license_expression is UNSET else ""
