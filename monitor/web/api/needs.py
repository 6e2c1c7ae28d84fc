"""What every operation needs: the site, somebody who may ask, and the answers that all of them can give."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import Depends, HTTPException, Path
from fastapi.security import HTTPBasic, HTTPBearer
from starlette.requests import Request

from monitor.web import access, filters
from monitor.web.access import Viewer
from monitor.web.api import models as m
from monitor.web.site import Site, site_of

ERRORS: Final[dict[int | str, dict[str, Any]]] = {
    400: {"model": m.Problem, "description": "The request makes no sense; says which part."},
    401: {"model": m.Problem, "description": "A token is needed."},
    403: {"model": m.Problem, "description": "Another origin, or somebody who may look and not act."},
    413: {"description": "The request is too large.", "content": {"text/plain": {}}},
    421: {"description": "Not served under this name.", "content": {"text/plain": {}}},
    503: {"model": m.Problem, "description": "The database cannot be used now."},
}
MISSING: Final[dict[int | str, dict[str, Any]]] = {404: {"model": m.Problem, "description": "There is no such thing."}}
REFUSED: Final[dict[int | str, dict[str, Any]]] = {409: {"model": m.Problem, "description": "It cannot be done now."}}

# Only for the description: who somebody is, is decided by ``monitor.web.access``.
SCHEMES: Final = (
    Depends(HTTPBearer(auto_error=False, description="A secret of a [[web.token]].")),
    Depends(HTTPBasic(auto_error=False, description="A secret of a [[web.token]] as the password, with any name.")),
)


def viewer(request: Request) -> Viewer:
    """Whoever asks; 401 for somebody who has to say so first."""
    found = access.viewer(request, site_of(request).settings.web)
    if found is None:
        raise HTTPException(401, "a token is needed", {"WWW-Authenticate": 'Basic realm="weaklink"'})
    return found


def actor(found: Annotated[Viewer, Depends(viewer)]) -> Viewer:
    """Whoever asks and may act. Sitting at the machine is enough for the pages only: their forms prove to be ours."""
    if found.by == "machine":
        raise HTTPException(403, "the API acts for those with a token only; add a [[web.token]] with scope act")
    if not found.may_act:
        raise HTTPException(403, "this token may look and not act")
    return found


Here = Annotated[Site, Depends(site_of)]
Actor = Annotated[Viewer, Depends(actor)]
Number = Annotated[int, Path(ge=1, le=filters.LARGEST)]
