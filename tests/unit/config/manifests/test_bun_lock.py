from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from config.manifests.model import Entry, ManifestError


def named(entries: dict[str, Entry], what: str) -> list[str]:
    return sorted(name for name, entry in entries.items() if getattr(entry, what))


def test_nested_folders_workspaces_aliases_and_other_origins(read_npm: Any) -> None:
    found = read_npm(
        {
            "bun.lock": """\
{
  "lockfileVersion": 2, // Bun 1.4
  "configVersion": 1,
  "workspaces": {
    "": {
      "name": "shop",
      "dependencies": { "a": "^1", "pad": "npm:left-pad@^1", "ball": "./ball.tgz", "lib": "file:lib", },
      "devDependencies": { "t": "^1", "url": "https://registry.example/@s/u/-/u-7.0.0.tgz" },
      "optionalDependencies": { "opt": "1" },
    },
    "packages/web": { "name": "@shop/web", "dependencies": { "b": "^2", "git": "someone/git" } },
  },
  "packages": {
    "@shop/web": ["@shop/web@workspace:packages/web"],
    "@shop/web/b": ["b@2.0.0", "", { "dependencies": { "c": "1" } }, "sha512-x"],
    "a": ["a@1.0.0", "", { "dependencies": { "@s/c": "1", "b": "^1" }, "peerDependencies": { "t": "*" } }, "sha512-x"],
    "a/@s/c": ["@s/c@1.0.0", "", { "dependencies": { "d": "1" } }, "sha512-x"],
    "a/@s/c/d": ["d@1.0.0", "", {}, "sha512-x"],
    "b": ["b@1.0.0", "", { "dependencies": { "c": "2" } }, "sha512-x"],
    "b/c": ["c@2.0.0", "", {}, "sha512-x"],
    "c": ["c@1.0.0", "", {}, "sha512-x"],
    "d": ["d@2.0.0", "", {}, "sha512-x"],
    "pad": ["left-pad@1.3.0", "", {}, "sha512-x"],
    "ball": ["ball@./ball.tgz", { "dependencies": { "d": "2" } }, "sha512-x"],
    "lib": ["lib@file:lib", { "devDependencies": { "tool": "1" } }],
    "tool": ["tool@1.0.0", "", {}, "sha512-x"],
    "url": ["u@https://registry.example/@s/u/-/u-7.0.0.tgz", {}, "sha512-x"],
    "git": ["git@github:someone/git#0123", {}, "someone-git-0123", "sha512-x"],
    "opt": ["opt@1.0.0", "", {}, "sha512-x"],
    "t": ["t@1.0.0", "", { "bin": { "t": "t.js" } }, "sha512-x"],
  },
}
"""
        }
    )
    registry = {"a", "b", "c", "d", "@s/c", "left-pad", "tool", "@s/u", "opt", "t"}
    assert found.keys() == registry | {"elsewhere:ball", "elsewhere:lib", "elsewhere:git"}
    assert found["b"] == Entry(
        purl="pkg:npm/b", versions=("2.0.0", "1.0.0"), direct=True, ranges=("^2", "^1"), source="bun.lock"
    )
    assert found["@s/c"].via == ("a",)
    assert found["d"].versions == ("1.0.0", "2.0.0")
    assert found["d"].via == ("ball",)
    assert found["@s/u"].versions == ("7.0.0",)
    assert found["tool"].via == ("lib",)
    assert named(found, "dev") == ["@s/u", "tool"]
    direct = {"a", "b", "left-pad", "elsewhere:ball", "elsewhere:lib", "t", "@s/u", "opt", "elsewhere:git"}
    assert set(named(found, "direct")) == direct


@pytest.mark.parametrize(
    ("lock", "line", "problem"),
    [
        ('{"packages": {}}', None, "no lockfileVersion"),
        ("[]", None, "no lockfileVersion"),
        ('{\n"lockfileVersion": 3}', 2, "lockfileVersion"),
        ('{"lockfileVersion": 1, "packages": []}', 1, "no mapping"),
        ('{"lockfileVersion": 1, "packages": {\n"a": []}}', 2, "'a' does not begin"),
        ('{"lockfileVersion": 1, "packages": {\n"a": ["a"]}}', 2, "'a' does not begin"),
        ('{"lockfileVersion": 1, "packages": {\n"a": {"version": "1"}}}', 2, "'a' does not begin"),
        ('{"lockfileVersion": 1, "packages": {\n"a": ["a@1.0.0", "", {"dependencies": {"b": 1}}]}}', 2, "no text"),
        ('{"lockfileVersion": 1, "packages": {"a": ["a@1.0.0"],\n"a": ["a@1.0.1"],}}', 2, "twice"),
    ],
)
def test_what_bun_would_not_write_is_an_error_with_its_line(
    read_npm: Any, lock: str, line: int | None, problem: str
) -> None:
    with pytest.raises(ManifestError, match=problem) as raised:
        read_npm({"bun.lock": lock})
    assert raised.value.line == line


def test_a_workspace_finds_what_lies_in_its_own_folder_first_and_a_scope_is_no_folder(read_npm: Any) -> None:
    packages = {
        "@s/web": ["@s/web@workspace:web"],
        "@s/web/a": ["a@2.0.0", "", {"dependencies": {"b": "2"}}],
        "a": ["a@1.0.0", "", {}],
        "b": ["b@2.0.0", "", {}],
        "@s/b": ["@s/b@1.0.0", "", {"dependencies": {"c": "1"}}],
        "@s/c": ["@s/c@1.0.0", "", {}],
        "c": ["c@1.0.0", "", {}],
    }
    workspaces = {
        "": {"devDependencies": {"a": "1", "@s/b": "1"}},
        "web": {"name": "@s/web", "dependencies": {"a": "2"}},
    }
    found = read_npm({"bun.lock": {"lockfileVersion": 1, "workspaces": workspaces, "packages": packages}})
    assert named(found, "dev") == ["@s/b", "c"]
    assert found["b"].via == ("a",)
    assert found["c"].via == ("@s/b",)


@pytest.mark.parametrize("depth", [2000, 3000])
def test_folders_that_nest_to_make_the_reading_slow_are_refused(read_npm: Any, depth: int) -> None:
    deep = "/".join("a" * depth)
    needs = ", ".join(f'"b{n}": "1"' for n in range(9000))
    lock = f'{{"lockfileVersion": 1, "packages": {{"{deep}": ["a@1.0.0", "", {{"dependencies": {{{needs}}}}}]}}}}'
    with pytest.raises(ManifestError, match="nest deeper"):
        read_npm({"bun.lock": lock})


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1,' + "/**/" * 200_000 + "x",
        '{"a": 1,' + "//" * 200_000 + "\nx",
        "/*" * 200_000,
        '{"a": "' + '\\"' * 200_000,
        "{" + ", " * 200_000,
        '{"lockfileVersion": 2, "packages": {"a": ["a@https://r.example/a/-/a' + "-1.1.1" * 200_000 + '"]}}',
    ],
    ids=["comments", "lines of comments", "no end of a comment", "no end of a text", "commas", "an address"],
)
def test_no_file_makes_an_expression_run_away(read_npm: Any, text: str) -> None:
    with suppress(ManifestError):
        read_npm({"bun.lock": text})


def test_what_looks_like_a_comment_or_a_last_comma_within_text_stays(read_npm: Any) -> None:
    text = '{"lockfileVersion": 2, /* a "b */ "packages": {"c": ["c@1.0.0", "//,]\\"", {}, "/*,}*/",], // "d",\n},}'
    assert read_npm({"bun.lock": text})["c"].versions == ("1.0.0",)
