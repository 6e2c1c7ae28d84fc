"""One package, maintainer or domain; and the lists of them."""

from __future__ import annotations

from typing import Final

from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import Response

from config.names import ECOSYSTEMS, BadName, account_subject, domain_subject, parse_domain, short_form
from config.names import package_purl as purl_of
from monitor.queries import watchlist
from monitor.queries.subject import subject_page
from monitor.queries.targets import domains_page, maintainers_page, packages_page
from monitor.web.errors import Missing
from monitor.web.filters import number, target_filter
from monitor.web.pages.common import base_of, page
from monitor.web.pictures.timeline import timeline
from monitor.web.render import named
from monitor.web.site import site_of

ROWS: Final = 100


async def package(request: Request) -> Response:
    try:
        subject = purl_of(request.path_params["ecosystem"], request.path_params["name"])
    except BadName as error:
        raise Missing(str(error)) from None
    return await _subject(request, "package.html", subject)


async def maintainer(request: Request) -> Response:
    """Under whatever name a registry gave it: accounts are looked up, not judged."""
    ecosystem, name = request.path_params["ecosystem"], request.path_params["name"]
    if ecosystem not in ECOSYSTEMS or "\x00" in name:
        raise Missing(f"there is no account {name[:200]} of {ecosystem[:20]}")
    return await _subject(request, "maintainer.html", account_subject(ecosystem, name))


async def domain(request: Request) -> Response:
    try:
        subject = domain_subject(parse_domain(request.path_params["name"]))
    except BadName as error:
        raise Missing(str(error)) from None
    return await _subject(request, "domain.html", subject)


async def _subject(request: Request, template: str, subject: str) -> Response:
    site = site_of(request)
    now, thresholds, base = site.now(), site.settings.thresholds, base_of(request)

    def work(session: Session) -> dict[str, object]:
        found = subject_page(session, subject, thresholds, now)
        if found is None:
            raise Missing(f"{short_form(subject)[:200]} is not watched, and no watched package leads to it")
        story = found["story"]
        label = f"{named(subject)}: its years as lanes; the tables below say the same"
        return {"found": found, "picture": timeline(story, now, label, base) if story else ""}

    return await page(request, template, work)


async def packages(request: Request) -> Response:
    wanted = target_filter(request.query_params, "package")
    number_ = number(request.query_params, "page", 1) or 1

    def work(session: Session) -> dict[str, object]:
        return {"found": packages_page(session, wanted, number_, ROWS), "watches": watchlist.names(session)}

    return await page(request, "packages.html", work)


async def maintainers(request: Request) -> Response:
    wanted = target_filter(request.query_params, "maintainer")
    number_ = number(request.query_params, "page", 1) or 1
    return await page(
        request, "maintainers.html", lambda session: {"found": maintainers_page(session, wanted, number_, ROWS)}
    )


async def domains(request: Request) -> Response:
    number_ = number(request.query_params, "page", 1) or 1
    now = site_of(request).now()
    return await page(request, "domains.html", lambda session: {"found": domains_page(session, number_, 2 * ROWS, now)})
