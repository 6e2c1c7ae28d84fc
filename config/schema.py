"""The JSON Schema of ``weaklink.toml``, for completion and checking in editors."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from config.names import ECOSYSTEMS
from config.settings import Settings


def json_schema(kinds: Iterable[str]) -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a whole configuration; ``kinds`` are offered wherever a kind is written."""
    known = sorted(kinds)
    schema = Settings.model_json_schema(by_alias=True, mode="validation")
    tables = schema["$defs"]
    tables["Channel"]["properties"]["url"].pop("format", None)  # "password": editors would hide what is mostly ${NAME}
    schema["properties"]["severity"]["propertyNames"] = {"enum": known}
    match = tables["Match"]["properties"]
    match["kind"] = _word_or_words(match["kind"], {"anyOf": [{"enum": known}, {"type": "string", "pattern": "[*]"}]})
    match["ecosystem"] = _word_or_words(match["ecosystem"], {"enum": list(ECOSYSTEMS)})
    tables["Compound"]["properties"]["all"]["items"] = {
        "anyOf": [{"enum": known}, {"type": "string", "pattern": r"\|"}],
    }
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "weaklink.toml"}


def _word_or_words(field: dict[str, Any], word: dict[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in field.items() if key != "anyOf"}
    return {**kept, "anyOf": [{"const": ""}, word, {"type": "array", "items": word}]}
