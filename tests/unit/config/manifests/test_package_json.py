from __future__ import annotations

from typing import Any

import pytest

from config.manifests.formats import format_of
from config.manifests.model import Entry, ManifestError


def test_ranges_give_no_version_and_pins_do(read_npm: Any) -> None:
    found = read_npm(
        {
            "package.json": {
                "name": "shop",
                "dependencies": {"a": "^1.0.0", "@s/pin": "1.2.3", "pin2": "=v2.0.0-rc.1", "pad": "npm:left-pad@1.3.0"},
                "devDependencies": {"t": "*", "a": "^1", "peer": "2"},
                "optionalDependencies": {"opt": "~1.0"},
                "peerDependencies": {"peer": ">=1", "host": ">=3", "maybe": "*"},
                "peerDependenciesMeta": {"maybe": {"optional": True}},
                "overrides": {"b": "1.0.0"},
            }
        }
    )
    assert found["a"] == Entry(purl="pkg:npm/a", direct=True, ranges=("^1.0.0", "^1"), source="package.json")
    assert found["@s/pin"].versions == ("1.2.3",)
    assert found["pin2"].versions == ("2.0.0-rc.1",)
    assert found["left-pad"].versions == ("1.3.0",)
    assert found.keys() == {"a", "@s/pin", "pin2", "left-pad", "t", "opt", "peer", "host"}
    assert {name for name, entry in found.items() if entry.dev} == {"t", "peer"}


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ("latest", "x"),
        ("", "x"),
        ("1 - 2", "x"),
        (">=1 <2 || 3", "x"),
        ("npm:y@^1", "y"),
        ("npm:@s/y@^1", "@s/y"),
        ("npm:@s/y", "@s/y"),
        ("npm:^1", "x"),
        ("jsr:@std/path@^1", "@jsr/std__path"),
        ("catalog:", "x"),
        ("catalog:react18", "x"),
        ("https://registry.example/y/-/y-1.0.0.tgz", "y"),
        ("file:../x", "elsewhere:x"),
        ("link:../x", "elsewhere:x"),
        ("portal:../x", "elsewhere:x"),
        ("../x", "elsewhere:x"),
        ("x.tgz", "elsewhere:x"),
        ("someone/x", "elsewhere:x"),
        ("github:someone/x#semver:^1", "elsewhere:x"),
        ("git+ssh://git@git.example/x.git#v1", "elsewhere:x"),
        ("https://files.example/x.tgz", "elsewhere:x"),
        ("https://files.example/y/-/z-1.0.0.tgz", "elsewhere:x"),
    ],
)
def test_each_way_to_write_a_dependency(read_npm: Any, spec: str, name: str) -> None:
    assert read_npm({"package.json": {"dependencies": {"x": spec}}}).keys() == {name}


def test_workspaces_are_read_too_and_are_no_packages(read_npm: Any) -> None:
    found = read_npm(
        {
            "package.json": {"workspaces": ["packages/*", "apps/**"], "devDependencies": {"a": "1.0.0", "web": "*"}},
            "packages/web/package.json": {"name": "web", "dependencies": {"a": "1.1.0", "api": "workspace:^"}},
            "apps/deep/er/package.json": {"name": "er", "devDependencies": {"b": "1"}},
            "apps/node_modules/x/package.json": {"dependencies": {"never": "1"}},
            "elsewhere/package.json": {"dependencies": {"never": "1"}},
        }
    )
    assert found.keys() == {"a", "b"}
    assert found["a"].versions == ("1.0.0", "1.1.0")
    assert not found["a"].dev
    assert found["b"].dev


def test_a_manifest_yields_to_every_lock_file() -> None:
    found = format_of("package.json")
    assert found is not None
    for name in ("package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml", "bun.lock"):
        assert name in found.yields_to
        assert format_of(name)


@pytest.mark.parametrize(
    ("manifest", "line", "problem"),
    [
        ("[]", None, "no JSON object"),
        ('{"dependencies": ["a"]}', 1, "no mapping"),
        ('{"dependencies": {\n"a": {"version": "1"}}}', 2, "no text"),
        ('{"dependencies": {\n"a": "1",\n"a": "2"}}', 3, "twice"),
        ('{"dependencies": {\n"a\\u0007": "1"}}', 2, "no npm package name"),
        ('{"lockfileVersion": 3}', None, "lockfileVersion"),
    ],
)
def test_one_clear_error(read_npm: Any, manifest: str, line: int | None, problem: str) -> None:
    with pytest.raises(ManifestError, match=problem) as raised:
        read_npm({"package.json": manifest})
    assert raised.value.line == line


def test_an_error_in_a_workspace_names_its_file(read_npm: Any) -> None:
    with pytest.raises(ManifestError) as raised:
        read_npm({"package.json": {"workspaces": ["a"]}, "a/package.json": "{"})
    assert str(raised.value).startswith("a/package.json:1: ")
