from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.manifests.files import File, Files
from config.manifests.model import Entry, ManifestError
from config.manifests.npm_lock import read_npm_lock

Read = Callable[..., dict[str, Entry]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Reads a lock file, given as data, beside a ``package.json``, and gives its entries by name."""

    def read(lock: Any, manifest: Any = None) -> dict[str, Entry]:
        if manifest is not None:
            (tmp_path / "package.json").write_text(json.dumps(manifest))
        path = tmp_path / "package-lock.json"
        path.write_text(lock if isinstance(lock, str) else json.dumps(lock, indent=1, ensure_ascii=False))
        entries = read_npm_lock(Files().open(path, "package-lock.json"))
        return {("" if one.registry else "elsewhere:") + one.purl.removeprefix("pkg:npm/"): one for one in entries}

    return read


def v3(root: dict[str, Any], **places: dict[str, Any]) -> dict[str, Any]:
    """A lock file of version 3; ``a__b`` is ``node_modules/a/node_modules/b``."""
    packages = {f"node_modules/{'/node_modules/'.join(path.split('__'))}": one for path, one in places.items()}
    return {"name": "shop", "lockfileVersion": 3, "requires": True, "packages": {"": root, **packages}}


def test_packages_with_what_is_direct_what_is_development_and_the_way_of_each(read: Read) -> None:
    found = read(
        v3(
            {"name": "shop", "dependencies": {"a": "^1"}, "devDependencies": {"t": "^2"}},
            a={"version": "1.0.0", "dependencies": {"b": "^1"}},
            a__b={"version": "1.5.0", "dependencies": {"c": "*"}},
            b={"version": "2.0.0"},
            c={"version": "3.0.0", "optionalDependencies": {"d": "1"}},
            d={"version": "1.0.0", "optional": True},
            t={"version": "2.0.0", "dev": True, "dependencies": {"b": "^2"}},
        )
    )
    assert found["a"] == Entry(
        purl="pkg:npm/a", versions=("1.0.0",), direct=True, source="package-lock.json", ranges=("^1",)
    )
    assert found["b"].ranges == ("^1", "^2")
    assert found["b"].versions == ("1.5.0", "2.0.0")
    assert found["b"].via == ("a",)
    assert found["c"].via == ("a", "b")
    assert found["d"].via == ("a", "b", "c")
    assert [name for name, entry in found.items() if entry.dev] == ["t"]
    assert [name for name, entry in found.items() if entry.direct] == ["a", "t"]


def test_the_nearest_folder_counts_as_it_does_for_node(read: Read) -> None:
    found = read(
        v3(
            {"dependencies": {"a": "1", "x": "1"}},
            a={"version": "1.0.0", "dependencies": {"b": "1"}},
            a__b={"version": "1.0.0", "dependencies": {"x": "2"}},
            a__x={"version": "2.0.0", "dependencies": {"deep": "1"}},
            x={"version": "1.0.0"},
            deep={"version": "1.0.0"},
        )
    )
    assert found["deep"].via == ("a", "b", "x")


def test_an_alias_is_the_package_that_it_stands_for(read: Read) -> None:
    for lock in (
        v3({"dependencies": {"pad": "npm:left-pad@^1"}}, pad={"name": "left-pad", "version": "1.3.0"}),
        {"lockfileVersion": 1, "dependencies": {"pad": {"version": "npm:left-pad@1.3.0"}}},
    ):
        found = read(lock)
        assert found.keys() == {"left-pad"}
        assert found["left-pad"].versions == ("1.3.0",)
        assert found["left-pad"].direct


def test_an_alias_without_a_version_states_none(read_npm: Any) -> None:
    lock = {"lockfileVersion": 1, "dependencies": {"pad": {"version": "npm:@s/left-pad"}, "x": {"version": "npm:"}}}
    found = read_npm({"package-lock.json": lock})
    assert found.keys() == {"@s/left-pad", "x"}
    assert found["@s/left-pad"].versions == found["x"].versions == ()


def test_what_nothing_asks_for_is_developments_if_npm_says_so(read_npm: Any) -> None:
    lock = v3({}, left={"version": "1.0.0", "extraneous": True}, tool={"version": "1.0.0", "dev": True})
    found = read_npm({"package-lock.json": lock})
    assert (found["left"].dev, found["tool"].dev) == (False, True)
    assert not found["left"].direct


def test_scopes_and_capitals_are_kept(read: Read) -> None:
    packages: dict[str, Any] = {"": {}, "node_modules/@babel/core": {}, "node_modules/x/node_modules/JSONStream": {}}
    assert read({"lockfileVersion": 2, "packages": packages}).keys() == {"%40babel/core", "JSONStream"}


def test_workspaces_are_the_project_itself(read: Read) -> None:
    lock = v3({"workspaces": ["packages/*"], "dependencies": {"a": "1"}}, a={"version": "1.0.0"})
    lock["packages"] |= {
        "packages/web": {"version": "0.1.0", "dependencies": {"b": "1", "api": "*"}, "devDependencies": {"t": "1"}},
        "packages/api": {"name": "api", "version": "0.1.0"},
        "node_modules/web": {"resolved": "packages/web", "link": True},
        "node_modules/api": {"resolved": "packages/api", "link": True},
        "packages/web/node_modules/b": {"version": "1.0.0"},
        "node_modules/b": {"version": "9.0.0", "dev": True},
        "node_modules/t": {"version": "1.0.0", "dev": True, "dependencies": {"b": "9"}},
    }
    found = read(lock)
    assert found.keys() == {"a", "b", "t"}
    assert found["b"].direct
    assert (found["t"].direct, found["t"].dev) == (True, True)


def test_what_comes_from_a_folder_a_repository_or_an_address_is_no_registrys(read: Read) -> None:
    root = {
        "dependencies": {
            "lib": "file:lib",
            "git": "github:someone/git",
            "ball": "https://files.example/ball-1.0.0.tgz",
            "plain": "^1",
        }
    }
    lock = v3(
        root,
        lib={"resolved": "lib", "link": True},
        git={"version": "1.0.0", "resolved": "git+ssh://git@git.example/someone/git.git#0123abc"},
        ball={"version": "1.0.0", "resolved": "https://files.example/ball-1.0.0.tgz"},
        plain={"version": "1.0.0", "resolved": "https://registry.example/plain/-/plain-1.0.0.tgz"},
        inner={"version": "1.0.0"},
    )
    lock["packages"]["lib"] = {"version": "0.0.1", "dependencies": {"inner": "1"}}
    found = read(lock)
    assert found.keys() == {"elsewhere:lib", "elsewhere:git", "elsewhere:ball", "plain", "inner"}
    assert found["elsewhere:lib"].versions == ("0.0.1",)
    assert found["inner"].via == ("lib",)


def test_version_1_says_with_its_manifest_what_is_direct(read: Read) -> None:
    lock = {
        "lockfileVersion": 1,
        "requires": True,
        "dependencies": {
            "a": {"version": "1.0.0", "requires": {"b": "^1"}, "dependencies": {"b": {"version": "1.0.0"}}},
            "b": {"version": "2.0.0"},
            "git": {"version": "git+https://git.example/x.git#0123abc", "from": "git+https://git.example/x.git"},
            "t": {"version": "1.0.0", "dev": True, "requires": {"u": "1"}},
            "u": {"version": "1.0.0", "dev": True, "bundled": True},
        },
    }
    alone = read(lock)
    assert [name for name, entry in alone.items() if entry.direct] == ["a", "b", "elsewhere:git", "t"]
    beside = read(lock, {"dependencies": {"a": "1"}, "devDependencies": {"t": "1"}})
    assert [name for name, entry in beside.items() if entry.direct] == ["a", "t"]
    assert beside["b"].versions == ("1.0.0", "2.0.0")
    assert beside["b"].via == ("a",)
    assert beside["u"].via == ("t",)
    assert [name for name, entry in beside.items() if entry.dev] == ["t", "u"]
    assert beside["elsewhere:git"].versions == ()


def test_a_shrinkwrap_of_before_requires_shows_by_its_nesting_what_needs_what(read: Read) -> None:
    inner = {"b": {"version": "1.0.0"}}
    found = read({"name": "x", "dependencies": {"a": {"version": "1.0.0", "dependencies": inner}}})
    assert found["b"].via == ("a",)


def test_version_1_has_workspaces_too_and_their_manifests_say_what_they_ask_for(read_npm: Any) -> None:
    lock = {
        "lockfileVersion": 1,
        "dependencies": {
            "a": {"version": "1.0.0"},
            "lib": {"version": "file:lib"},
            "t": {"version": "1.0.0", "dev": True},
            "ui": {
                "version": "file:libs/ui",
                "requires": {"a": "2", "t": "1"},
                "dependencies": {"a": {"version": "2.0.0"}},
            },
        },
    }
    found = read_npm(
        {
            "package-lock.json": lock,
            "package.json": {"workspaces": ["libs/*"], "dependencies": {"a": "1", "lib": "file:lib"}},
            "libs/ui/package.json": {"name": "ui", "dependencies": {"a": "2"}, "devDependencies": {"t": "1"}},
        }
    )
    assert found.keys() == {"a", "elsewhere:lib", "t"}
    assert found["a"].versions == ("1.0.0", "2.0.0")
    assert (found["t"].direct, found["t"].dev) == (True, True)


def test_what_stands_in_both_tables_is_developments_as_npm_has_it(read_npm: Any) -> None:
    lock = v3({"dependencies": {"a": "1"}, "devDependencies": {"a": "1"}}, a={"version": "1.0.0", "dev": True})
    assert read_npm({"package-lock.json": lock})["a"].dev


def test_an_empty_lock_file_holds_nothing(read: Read) -> None:
    assert read({}) == {}
    assert read({"lockfileVersion": 3, "packages": {}}) == {}


@pytest.mark.parametrize(
    ("lock", "line", "problem"),
    [
        ("[]", None, "no JSON object"),
        ('{"lockfileVersion": 4, "packages": {}}', 1, "lockfileVersion"),
        ('{\n"lockfileVersion": "3"}', 2, "lockfileVersion"),
        ('{"bomFormat": "CycloneDX", "components": []}', None, "neither lockfileVersion nor dependencies"),
        ('{"packages": [{"name": "monolog/monolog"}]}', None, "neither lockfileVersion nor dependencies"),
        ('{"name": "shop",\n"dependencies": {\n"express": "^4"}}', 3, "'express'"),
        ('{"lockfileVersion": 3,\n"packages": []}', 2, "'packages'"),
        ('{"lockfileVersion": 3, "packages": {\n"node_modules/a\\u0007b": {}}}', 2, "no npm package name"),
        ('{"lockfileVersion": 3, "packages": {\n"node_modules/a": {"name": "b\\u202ec"}}}', 2, "no npm package name"),
        ('{"lockfileVersion": 3, "packages": {\n"lib": {"name": "b\\nc"}}}', 2, "no npm package name"),
        ('{"lockfileVersion": 3, "packages": {\n"node_modules/a": {"version": 1}}}', 2, "is no text"),
        ('{"lockfileVersion": 3, "packages": {"node_modules/a": {\n"dependencies": {"b": 1}}}}', 2, "'b'"),
        ('{"lockfileVersion": 1, "dependencies": {\n"a": {"version": 1}}}', 2, "version of a"),
        ('{"lockfileVersion": 3, "packages": {"a": {},\n"a": {}}}', 2, "twice"),
        ('{"lockfileVersion": 3,\n<<<<<<< HEAD\n"packages": {}\n=======\n"packages": {}\n>>>>>>> x\n}', 2, "merge"),
        ('{"lockfileVersion": 3,\n"packages": {', 2, "ends too early"),
        ('{"lockfileVersion": 1, "dependencies": ' * 250 + "{}" + "}" * 250, 1, "levels"),
    ],
)
def test_one_clear_error_for_a_file_that_is_wrong(read: Read, lock: str, line: int | None, problem: str) -> None:
    with pytest.raises(ManifestError) as raised:
        read(lock)
    assert problem in raised.value.problem
    assert raised.value.line == line
    assert raised.value.mend


odd: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, 0, 2, "", "x", "\n", [], ["a/*"], [[1]], {}, {"a": 1}, {"a": "1"}, {"a": {"b": {}}}]
)
specs = st.sampled_from(["^1", "file:lib", "npm:b@1"]) | odd
tables = st.dictionaries(st.sampled_from(["a", "b", "@s/c", "lib"]), specs) | odd
places = st.dictionaries(
    st.sampled_from(["", "node_modules/a", "node_modules/a/node_modules/@s/c", "lib", "../x"]) | st.text(max_size=8),
    odd
    | st.fixed_dictionaries(
        {},
        optional={
            "name": st.sampled_from(["a", "b"]) | odd,
            "version": st.sampled_from(["1.0.0"]) | odd,
            "resolved": st.sampled_from(["lib", "lib2", "git+ssh://x.example"]) | odd,
            "link": st.booleans(),
            "dev": st.booleans(),
            "requires": tables,
            "dependencies": tables,
            "devDependencies": tables,
            "workspaces": odd,
        },
    ),
)


@given(
    st.fixed_dictionaries(
        {}, optional={"lockfileVersion": st.integers(0, 4) | odd, "packages": places, "dependencies": places}
    )
)
def test_whatever_stands_in_it_there_are_entries_or_one_error(lock: dict[str, Any]) -> None:
    file = File(Path("/nowhere/package-lock.json"), "package-lock.json", json.dumps(lock).encode(), Files())
    try:
        entries = read_npm_lock(file)
    except ManifestError:
        return
    assert all(entry.purl.startswith("pkg:npm/") and entry.source == "package-lock.json" for entry in entries)
