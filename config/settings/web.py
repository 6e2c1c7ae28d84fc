"""The local pages, and who may see them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr

from config import values
from config.settings.fields import Section, Url, or_empty, secretly


class WebToken(Section):
    """Who may see the pages and the API, and who may act there."""

    name: str = Field(
        min_length=1, max_length=100, examples=["alice"], description="Whose it is; recorded with every action."
    )
    secret: Annotated[SecretStr, secretly(values.check_token)] = Field(
        examples=["${WEB_TOKEN}"],
        description="At least 16 characters; ${NAME} takes it from the environment or a credential.",
    )
    scopes: tuple[Literal["read", "act"], ...] = Field(
        default=("read",), min_length=1, description="read sees everything; act also acknowledges, silences, resolves."
    )


class WebProxy(Section):
    """A reverse proxy that signs people in (OIDC) and says in a header who they are."""

    trusted: tuple[Annotated[str, AfterValidator(values.check_network)], ...] = Field(
        min_length=1,
        examples=[["127.0.0.1"]],
        description="Addresses or networks of the proxy; from anywhere else its headers are ignored.",
    )
    user_header: Annotated[str, AfterValidator(values.check_header_name)] = Field(
        default="X-Forwarded-User", description="Header with the person's name. The proxy must remove it from requests."
    )
    groups_header: Annotated[str, AfterValidator(values.check_header_name)] = Field(
        default="X-Forwarded-Groups", description="Header with the person's groups, separated by commas."
    )
    act_groups: tuple[str, ...] = Field(
        default=(), description="Members of these groups may act; empty: everybody whom the proxy lets through."
    )


class Web(Section):
    listen: Annotated[str, or_empty(values.check_listen)] = Field(
        default="127.0.0.1:8330", description="ADDRESS:PORT of the pages; empty turns them off."
    )
    url: Url = Field(default="", description="Address under which people reach the pages; links in messages use it.")
    token: tuple[WebToken, ...] = Field(
        default=(), description="Who may see the pages and act there; without any, everybody on this machine."
    )
    proxy: WebProxy | None = Field(default=None, description="A reverse proxy that signs people in.")
