"""Writes ``docs/configuration.md`` from the models: ``python -m config.reference > docs/configuration.md``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from config.judging import as_toml, fields_of, models_in
from config.settings import Settings
from config.severity import Severity
from config.starter import starter_text

_INTRODUCTION = """\
# Configuration

<!-- Written by `python -m config.reference`; edit the descriptions in `config/settings/` instead. -->

`weaklink` reads `./weaklink.toml`, then `/etc/weaklink/weaklink.toml`, or the file given with `--config`. Every key has
a default unless it says *required*. `weaklink init` writes a commented file to begin with; `weaklink config check`
names every problem with file, line, key and mend; `weaklink config schema` prints a JSON Schema for editors.

An edit is taken up within seconds. An invalid edit changes nothing: the last good configuration stays in force, and an
alert of kind `config-rejected` says what is wrong.

**Secrets.** `${NAME}` in any value is the environment variable NAME, else the systemd credential NAME. `$${` is a
literal `${`. What it stands for is never shown in messages or logs.

**Durations** are written `30s`, `15m`, `1h`, `7d`, `2w`, or together: `1h30m`.
**Severities** are """

_AFTER = """\
**Cron expressions** have five fields: minute, hour, day of the month, month, day of the week (`mon-fri`, or numbers
with 0 and 7 for Sunday).

**Relative paths** start at the folder of the file in which they are written. Files named by `include` hold `[[watch]]`
tables and nothing else.

## Credentials of registries

Where no `url` is given, the registries are those that npm and pip use on this machine: `registry` and
`@scope:registry` of the `.npmrc` that `npmrc` names, of the one beside `weaklink.toml`, of the user's and of the global
one; `index-url` and `extra-index-url` of pip's configuration (indexes that are not http or https are left out). A
`url` in `weaklink.toml` wins over them; a scope's own registry wins for the packages of that scope. Tokens
(`_authToken`, `_auth`, `username` with `_password`, netrc, or a name and password in the URL) go only to the scheme,
host, port and path for which they are written, and over plain http only to loopback.
"""


def reference() -> str:
    """The whole page."""
    severities = ", ".join(f"`{severity}`" for severity in Severity)
    parts = [f"{_INTRODUCTION}{severities}, in this order.\n{_AFTER}", *_tables(Settings, "")]
    parts.append(f"## The starter configuration\n\n```toml\n{starter_text()}```\n")
    return "\n".join(parts)


def _tables(model: type[BaseModel], path: str) -> Iterator[str]:
    """One section for each table, in the order of the models, depth first."""
    inner = []
    rows = []
    for key, field in fields_of(model).items():
        table = next(models_in(field.annotation), None)
        if table:
            inner.append((f"{path}.{key}".strip("."), field, table))
        else:
            rows.append(f"| `{key}` | {_type(field)} | {_default(field)} | {_cell(field.description or '')} |")
    if rows:
        yield "| key | type | default | meaning |\n|---|---|---|---|\n" + "\n".join(rows) + "\n"
    for inner_path, field, table in inner:
        is_array = get_origin(field.annotation) is tuple
        heading = f"[[{inner_path}]]" if is_array else f"[{inner_path}]"
        yield f"## `{heading}`\n\n{_first_line(table, field)}\n"
        yield from _tables(table, inner_path)


def _first_line(table: type[BaseModel], field: FieldInfo) -> str:
    return field.description or (table.__doc__ or "").strip().partition("\n")[0]


def _type(field: FieldInfo) -> str:
    return _cell(_type_name(field.annotation))


def _type_name(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " or ".join(f"`{argument}`" for argument in arguments)
    if origin is tuple:
        return f"list of {_type_name(arguments[0])}"
    if origin is dict:
        return f"table of {_type_name(arguments[1])}"
    if origin is Union or type(annotation).__name__ == "UnionType":
        return " or ".join(_type_name(argument) for argument in arguments)
    if hasattr(annotation, "__metadata__"):
        return _type_name(arguments[0])
    names = {"str": "text", "int": "whole number", "float": "number", "bool": "`true` or `false`"}
    names |= {"timedelta": "duration", "Severity": "severity", "SecretStr": "text, secret", "NoneType": "nothing"}
    return names[annotation.__name__]


def _default(field: FieldInfo) -> str:
    return "*required*" if field.is_required() else f"`{_cell(as_toml(_plain(field.default)))}`"


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Severity) else value


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    sys.stdout.write(reference())
