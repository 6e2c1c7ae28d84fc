"""pydantic's verdict on a tree of values, told as problem and mend in the words of ``weaklink.toml``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from enum import Enum
from itertools import islice
from typing import Annotated, Any, Final, NamedTuple, get_args, get_origin

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from config.locate import Path
from config.problems import printable
from config.settings import Settings, format_duration
from config.values import BadValue, nearest

_EXPECTED: Final = {
    "string_type": "text",
    "string_sub_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "model_type": "a table",
    "model_attributes_type": "a table",
    "dict_type": "a table",
    "is_instance_of": "text",
    "enum": "text",
}


MOST_JUDGED: Final = 1000
"""Nobody mends more at once; each costs a search for what was meant."""


class Judgement(NamedTuple):
    path: Path
    problem: str
    mend: str


def judge(tree: Mapping[str, Any], expanded: set[Path]) -> Settings | list[Judgement]:
    """The settings that ``tree`` makes, or everything that is wrong with it.

    Values at the paths ``expanded`` came from the environment and are not repeated.
    """
    try:
        return Settings.model_validate(_with_tuples(tree), strict=True)
    except ValidationError as error:
        found: dict[tuple[Path, str], Judgement] = {}
        for details in islice(error.errors(include_url=False), MOST_JUDGED):
            judgement = _translate(details, tree, expanded)
            if judgement:
                found.setdefault((judgement.path, judgement.problem), judgement)
        return list(found.values())


def _with_tuples(value: Any) -> Any:
    """Arrays as tuples: strict validation takes TOML's types as they are and turns nothing into another."""
    if isinstance(value, Mapping):
        return {key: _with_tuples(item) for key, item in value.items()}
    if isinstance(value, list):
        return tuple(map(_with_tuples, value))
    return value


def _translate(details: ErrorDetails, tree: Mapping[str, Any], expanded: set[Path]) -> Judgement | None:
    path, value, branch = _follow(details["loc"], tree, details["type"])
    if (branch == "str" or branch.startswith("constrained-str")) and isinstance(value, list):
        return None  # The other branch of "text or a list of texts" says it better.
    field = field_at(path)
    kind = details["type"]
    error = details.get("ctx", {}).get("error")
    mend = _example(field, path)
    if kind == "extra_forbidden":
        return Judgement(path, "unknown key", _nearest_key(path))
    if kind == "missing":
        return Judgement(path, "this key is missing", mend)
    if isinstance(error, ValueError):
        problem, own_mend = _parts(error)
        mend = own_mend or mend
    elif kind in _EXPECTED:
        either = "text or a list of texts" if branch and not isinstance(value, list) else _EXPECTED[kind]
        problem = f"expects {either}, not {_toml_type(value)}"
    else:
        problem = _bound(details["msg"])
    if path in expanded:
        return Judgement(path, "what the ${…} here gives cannot be used", _example(field, path))
    return Judgement(path, problem, mend)


def _parts(error: ValueError) -> tuple[str, str]:
    """What is wrong and how to mend it, each short enough for a line."""
    if isinstance(error, BadValue):
        problem, mend = error.problem, error.mend
    else:
        problem, _, mend = str(error).partition("; ")
    return short(problem), short(mend)


def short(text: str) -> str:
    """``text`` on one line of at most 200 characters."""
    return printable(text if len(text) <= 200 else f"{text[:160]}… ({len(text)} characters)")


def _follow(location: tuple[int | str, ...], tree: Any, kind: str) -> tuple[Path, Any, str]:
    """The path in the tree that pydantic's location means, the value there, and the branch of a union, if any."""
    path: list[int | str] = []
    branch = ""
    value = tree
    for part in location:
        if isinstance(value, Mapping) and part in value:
            value = value[str(part)]
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
        elif isinstance(value, Mapping) and kind == "missing":
            value = None
        else:
            branch = str(part)
            continue
        path.append(part)
    return tuple(path), value, branch


def field_at(path: Path) -> FieldInfo | None:
    """The field of the models that a path leads to; for an array element, the field of the array."""
    model: type[BaseModel] | None = Settings
    found: FieldInfo | None = None
    for part in path:
        if isinstance(part, int):
            continue
        if model is None:
            return found
        found = fields_of(model).get(part)
        if found is None:
            return None
        model = next(models_in(found.annotation), None)
    return found


def fields_of(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """The fields of a table under the names that users write."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """The tables that a type is made of: ``tuple[Watch, ...]`` gives ``Watch``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) is Annotated:
        yield from models_in(get_args(annotation)[0])
    else:
        for argument in get_args(annotation):
            yield from models_in(argument)


def _nearest_key(path: Path) -> str:
    *outer, key = path
    parent = field_at(tuple(outer))
    model = next(models_in(parent.annotation), None) if parent else Settings
    known = list(fields_of(model)) if model else []
    near = nearest(str(key), known)
    if near:
        return f"did you mean {near}?"
    return f"known here: {', '.join(sorted(known))}"


def _example(field: FieldInfo | None, path: Path) -> str:
    if field is None:
        return "see the reference of the configuration"
    value = field.examples[0] if field.examples else field.default
    if isinstance(path[-1], int) and isinstance(value, list | tuple) and value:
        return f"write for example {as_toml(value[0])}"
    key = next(str(part) for part in reversed(path) if isinstance(part, str))
    model = next(models_in(field.annotation), None)
    if model:
        is_array = get_origin(field.annotation) is tuple
        return f"write a table: {f'[[{key}]]' if is_array else f'[{key}]'}"
    return f"write for example {key} = {as_toml(value)}"


def as_toml(value: Any) -> str:
    """A default or example as it is written in TOML."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, timedelta):
        return f'"{format_duration(value)}"'
    if isinstance(value, SecretStr):
        return '"…"'
    if isinstance(value, int | float) and not isinstance(value, Enum):
        return str(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(as_toml, value))}]"
    if isinstance(value, Mapping):
        return "{}" if not value else "{ " + ", ".join(f"{key} = {as_toml(item)}" for key, item in value.items()) + " }"
    return json.dumps(str(value), ensure_ascii=False)


def _toml_type(value: Any) -> str:
    if isinstance(value, bool):
        return "true or false"
    names = {str: "text", int: "a whole number", float: "a number", list: "a list", dict: "a table"}
    return names.get(type(value), "a date or time")


def _bound(message: str) -> str:
    """pydantic's words about a bound, which hold no value, with our words for the types."""
    message = re.sub(r"datetime\.timedelta\(seconds=1\)", "1s", message)
    message = re.sub(r"^(Input|Value|String|Tuple) should ", "must ", message)
    message = re.sub(r"match pattern '.*'", "be a time of day", message)
    message = re.sub(r"(have at (?:least|most) \d+) items?.*", r"\1 entries", message)
    return message[:1].lower() + message[1:]
