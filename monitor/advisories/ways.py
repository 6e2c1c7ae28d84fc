"""How the advisories of each package are learnt: by its name, from whole dumps, or not at all. Pure.

A name that may be private is told to nobody (docs/decisions/0019).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

from config.registries import Destinations
from config.settings import Advisories
from monitor.store.advisories import Watched

API: Final = "api"
DUMPS: Final = "dumps"
MOST_ASKED: Final = 5000
"""More packages than this cost the API more than whole dumps cost us."""


def ways(packages: Sequence[Watched], destinations: Destinations, settings: Advisories) -> dict[str, list[Watched]]:
    """The packages by the way in which they are looked up, in their order; those of private scopes in none.

    A scope with a registry of its own is not the public scope of that name: no public advisory is about it.
    """
    own = {f"pkg:npm/{quote(scope)}" for scope in destinations.scopes}
    covered = [one for one in packages if one.subject.rpartition("/")[0] not in own]
    found: dict[str, list[Watched]] = {API: [], DUMPS: []}
    for ecosystem in ("npm", "pypi"):
        here = [one for one in covered if one.ecosystem == ecosystem]
        may_ask = settings.mirror or destinations.is_public(ecosystem)
        if settings.source == DUMPS or (settings.source == "auto" and (not may_ask or len(covered) > MOST_ASKED)):
            found[DUMPS] += here
        elif may_ask:
            found[API] += here
    return found
