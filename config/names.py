"""Names of packages, accounts and domains: purl, short form, and nothing else.

``npm:@babel/core`` and ``pkg:npm/%40babel/core`` are the same package; the purl (without version, qualifiers and
subpath) is what is stored, compared and put out. Capitals of an npm name are kept, against the purl type's rule:
``JSONStream`` and ``jsonstream`` are two packages of different people (docs/decisions/0002-npm-names-keep-capitals.md).
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote, unquote

import idna

ECOSYSTEMS: Final = ("npm", "pypi")

# npm's own rule (validate-npm-package-name), including the capitals and punctuation that old packages still have.
_NPM_PART: Final = re.compile(r"[A-Za-z0-9\-~!*'()][A-Za-z0-9._\-~!*'()]{0,213}")
_NPM_SCOPED_PART: Final = re.compile(r"[A-Za-z0-9._\-~!*'()]{1,214}")
# PEP 508.
_PYPI: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,212}[A-Za-z0-9])?")
_LABEL: Final = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")
_PLAIN: Final = re.compile(r"(?:(?!-|..--)[a-z0-9-]{1,63}(?<!-)\.)+(?!-|..--)[a-z0-9-]{1,63}(?<!-)")
"""What IDNA leaves as it is: lower-case ASCII whose labels have no hyphens in the third and fourth place (RFC 5891)."""
_ACCOUNT: Final = re.compile(r"[^\s/\\%?#<>\"'\x00-\x1f\x7f]{1,100}")


class BadName(ValueError):
    """A name that no registry would accept; the message says what and how to write it."""


def package_purl(ecosystem: str, name: str) -> str:
    """The canonical purl of a package; BadName if ``name`` cannot be one."""
    if ecosystem == "npm":
        scope, slash, bare = name.rpartition("/")
        if slash:
            good = scope[:1] == "@" and _NPM_SCOPED_PART.fullmatch(scope[1:]) and _NPM_SCOPED_PART.fullmatch(bare)
        else:
            good = _NPM_PART.fullmatch(bare)
        if not good or len(name) > 214 or bare in {".", ".."} or scope in {"@.", "@.."}:
            raise BadName(f"{name!r} is no npm package name; write npm:NAME or npm:@scope/NAME")
        return f"pkg:npm/{quote(name, safe='/')}"
    if ecosystem == "pypi":
        if not _PYPI.fullmatch(name):
            raise BadName(f"{name!r} is no PyPI project name; write pypi:NAME")
        return f"pkg:pypi/{normalise_pypi(name)}"
    raise BadName(f"{ecosystem!r} is no ecosystem that weaklink knows; use npm or pypi")


def normalise_pypi(name: str) -> str:
    """The normalised project name of PEP 503."""
    return re.sub(r"[-_.]+", "-", name).lower()


def parse_package(item: str) -> str:
    """The canonical purl of ``npm:express``, ``pypi:requests`` or ``pkg:npm/%40babel/core``; BadName otherwise.

    Version, qualifiers and subpath of a purl are dropped: a package is watched as a whole.
    """
    item = item.strip()
    scheme, colon, rest = item.partition(":")
    if not colon:
        raise BadName(f"{item!r} does not say its ecosystem; write npm:{item} or pypi:{item}")
    if scheme.lower() != "pkg":
        return package_purl(scheme, rest)
    path = rest.strip("/").partition("#")[0].partition("?")[0]
    ecosystem, slash, name = path.partition("/")
    if not slash:
        raise BadName(f"{item!r} is no purl; write for example pkg:npm/%40babel/core")
    bare, at, _version = name.rpartition("@")
    if at and bare and not bare.endswith("/"):
        name = bare
    return package_purl(ecosystem.lower(), unquote(name))


def split_purl(purl: str) -> tuple[str, str]:
    """Ecosystem and name of a canonical purl: ``("npm", "@babel/core")``."""
    ecosystem, _, name = purl.removeprefix("pkg:").partition("/")
    return ecosystem, unquote(name)


def short_form(subject: str) -> str:
    """How people write a subject: ``npm:@babel/core`` for a purl; accounts and domains stay as they are."""
    if not subject.startswith("pkg:"):
        return subject
    ecosystem, name = split_purl(subject)
    return f"{ecosystem}:{name}"


def account_subject(ecosystem: str, name: str) -> str:
    """The subject of an account: ``npm:~alice``."""
    return f"{ecosystem}:~{name}"


def parse_account(item: str) -> str:
    """The subject of an account written as ``npm:~alice``; BadName otherwise."""
    ecosystem, _, name = item.strip().partition(":~")
    if ecosystem not in ECOSYSTEMS or not _ACCOUNT.fullmatch(name):
        raise BadName(f"{item!r} is no account; write for example npm:~alice")
    return account_subject(ecosystem, name)


def parse_domain(item: str) -> str:
    """The domain of ``example.org`` or ``domain:bücher.example``, in lower-case A-labels; BadName otherwise."""
    name = item.strip().removeprefix("domain:").removesuffix(".")
    try:
        if not name.isprintable() or len(name) > 253:
            raise ValueError(name)
        plain = _PLAIN.fullmatch(name)
        ascii_name = name if plain else idna.encode(name, uts46=True).decode("ascii").lower()
    except (ValueError, IndexError):
        ascii_name = ""
    labels = ascii_name.split(".")
    if len(labels) < 2 or labels[-1].isdigit() or not all(_LABEL.fullmatch(label) for label in labels):
        raise BadName(f"{item[:100]!r} is no domain; write for example example.org")
    return ascii_name


def domain_subject(name: str) -> str:
    """The subject of a domain: ``domain:example.org``."""
    return f"domain:{name}"
