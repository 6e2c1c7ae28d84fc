from __future__ import annotations

import pytest

from config.manifests.workspaces import globs_of, is_member


@pytest.mark.parametrize(
    ("globs", "folder", "inside"),
    [
        (["packages/*"], "packages/a", True),
        (["./packages/*/"], "packages/a", True),
        (["packages/*"], "packages/a/b", False),
        (["packages/**"], "packages/a/b", True),
        (["**/lib"], "lib", True),
        (["**/lib"], "a/b/lib", True),
        (["apps/web"], "apps/web", True),
        (["apps/{web,api}"], "apps/api", True),
        (["{apps,tools/{x,y}}/*"], "tools/y/z", True),
        (["packages/*", "!packages/old"], "packages/old", False),
        (["!packages/old", "packages/*"], "packages/old", True),
        (["p?ckages/[ab]"], "packages/b", True),
        ([], "packages/a", False),
        (["../*"], "../a", True),
    ],
)
def test_globs_of_workspaces(globs: list[str], folder: str, inside: bool) -> None:
    assert is_member(folder, globs) is inside


@pytest.mark.parametrize(
    ("stated", "globs"),
    [
        (["a", "b/*"], ["a", "b/*"]),
        ({"packages": ["a"], "nohoist": ["**"]}, ["a"]),
        ("a", []),
        ([1, "a"], ["a"]),
        (None, []),
    ],
)
def test_workspaces_are_a_list_or_a_table_with_one(stated: object, globs: list[str]) -> None:
    assert globs_of({"workspaces": stated}) == globs


def test_globs_made_to_be_slow_are_not() -> None:
    assert not is_member("a/" * 200 + "a", ["**/" * 200 + "b", "*a" * 200 + "b", "{a,b}" * 200])
