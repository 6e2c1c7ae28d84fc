"""Files of a project lead to nothing outside of it, whatever they name, and say so with their line."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from config.load import load
from config.manifests import files
from config.manifests.reading import Manifests, Reading

SECRET = "hunter2"


def put(folder: Path, **texts: str) -> None:
    for name, text in texts.items():
        path = folder / name.replace("__", "/").replace("_txt", ".txt").replace("_json", ".json")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def look(folder: Path, entry: str, root: str = "", manifests: Manifests | None = None) -> Reading:
    config = folder / "weaklink.toml"
    config.write_text(f'[[watch]]\nname = "shop"\nmanifests = [{json.dumps(entry)}]\nroot = {json.dumps(root)}\n')
    return (manifests or Manifests()).look(load(config, env={}))


def names(reading: Reading) -> set[str]:
    return {entry.purl.rpartition("/")[2] for entry in reading.entries["shop"]}


def errors(reading: Reading) -> list[str]:
    return [one.error for one in reading.broken]


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A repository with one file that includes another, beside a file with a secret."""
    put(tmp_path, secret_txt=f"{SECRET}\n", shop__requirements_txt="flask\n", shop__sub__base_txt="base\n")
    (tmp_path / "shop" / ".git").mkdir()
    return tmp_path / "shop"


@pytest.mark.parametrize(
    "include",
    [
        "-r ../secret.txt",
        "-c ../secret.txt",
        "--requirement=sub/../../secret.txt",
        "-r {outside}/secret.txt",
        "-r file://{outside}/secret.txt",
        "-r FILE:{outside}/secret%2etxt",
        "-r link/secret.txt",
        "-r secret-link.txt",
        "-r /etc/hostname",
        "-r /proc/self/environ",
        "-r ../nothing-there.txt",
    ],
)
def test_an_include_that_leads_out_of_the_repository_is_told_and_the_rest_is_read(shop: Path, include: str) -> None:
    (shop / "link").symlink_to("..")
    (shop / "secret-link.txt").symlink_to(shop.parent / "secret.txt")
    text = f"flask\n\n{include.format(outside=shop.parent)}\n-r sub/base.txt\n"
    put(shop, requirements_txt=text)
    reading = look(shop.parent, "shop/requirements.txt")
    assert names(reading) == {"flask", "base"}
    (broken,) = reading.broken
    assert (broken.line, broken.read, broken.watches) == (3, True, ("shop",))
    assert broken.error.startswith(
        f"shop/requirements.txt:3: a file that it names lies outside {shop} and is not read;"
    )
    assert "root" in broken.mend
    assert reading.unread == {}


@pytest.mark.parametrize(
    "entry", ["shop", "shop/sub", "shop/sub/requirements.txt", "shop/*/requirements.txt", "shop/**"]
)
def test_a_repository_may_be_used_from_end_to_end(shop: Path, entry: str) -> None:
    put(shop, sub__requirements_txt=f"-r ../requirements.txt\n-r {shop}/top.txt\n-r file://{shop}/url.txt\n")
    put(shop, top_txt="top\n", url_txt="url\n")
    reading = look(shop.parent, entry)
    assert {"flask", "top", "url"} <= names(reading)
    assert reading.broken == ()


def test_without_a_repository_the_watched_folder_is_the_bound_and_root_moves_it(tmp_path: Path) -> None:
    put(tmp_path, shop__api__requirements_txt="-r ../base.txt\napi\n", shop__base_txt="base\n")
    assert names(look(tmp_path, "shop")) == {"api", "base"}
    assert names(look(tmp_path, "shop/*/requirements.txt")) == {"api", "base"}
    named = look(tmp_path, "shop/api/requirements.txt")
    assert names(named) == {"api"}
    assert errors(named) == [
        f"shop/api/requirements.txt:1: a file that it names lies outside {tmp_path / 'shop' / 'api'} and is not read; "
        "name the folder that holds both as root of the watch, if it is meant"
    ]
    assert names(look(tmp_path, "shop/api/requirements.txt", root="shop")) == {"api", "base"}
    assert names(look(tmp_path, "shop/api/requirements.txt", root=str(tmp_path))) == {"api", "base"}


def test_root_also_narrows(shop: Path) -> None:
    put(shop, sub__requirements_txt="-r ../requirements.txt\nsub\n")
    assert names(look(shop.parent, "shop/sub/requirements.txt", root="shop/sub")) == {"sub"}


@pytest.mark.parametrize("entry", ["shop/requirements.txt", "shop/requ*.txt", "shop/linked/requirements.txt"])
def test_a_manifest_that_is_itself_a_link_out_of_its_repository_is_not_read(shop: Path, entry: str) -> None:
    put(shop.parent, other__requirements_txt=f"{SECRET}\n", other___git__HEAD="ref")
    (shop / "requirements.txt").unlink()
    (shop / "requirements.txt").symlink_to(shop.parent / "secret.txt")
    (shop / "linked").symlink_to(shop.parent / "other")
    reading = look(shop.parent, entry)
    assert names(reading) == set()
    (error,) = errors(reading)
    assert error.startswith(
        f"{entry.replace('requ*', 'requirements')}: it is a link, and what it leads to lies outside"
    )


def test_a_folder_that_is_exchanged_by_a_link_as_deployments_do_is_itself(tmp_path: Path) -> None:
    put(tmp_path, releases__one__requirements_txt="-r base.txt\none\n", releases__one__base_txt="base\n")
    (tmp_path / "current").symlink_to("releases/one")
    reading = look(tmp_path, "current/requirements.txt")
    assert (names(reading), reading.broken) == ({"one", "base"}, ())


def test_members_and_files_of_other_manifests_stay_inside_too(shop: Path) -> None:
    put(shop.parent, member__package_json='{"name": "member", "dependencies": {"hunter2": "1"}}')
    put(shop, package_json='{"dependencies": {"qs": "1"},\n"workspaces": ["a", "far/*", "b"]}')
    put(shop, b__package_json='{"name": "b", "dependencies": {"ms": "1"}}')
    (shop / "a").symlink_to(shop.parent / "member")
    (shop / "far").symlink_to(shop.parent)
    reading = look(shop.parent, "shop/package.json")
    assert names(reading) == {"qs", "ms"}
    (error,) = errors(reading)
    assert error.startswith("shop/package.json:2: ")
    assert error.endswith("(and 1 more of the kind)")
    put(shop, pyproject_toml="[tool.setuptools.dynamic]\ndependencies = {file = ['../secret.txt', 'sub/base.txt']}\n")
    (shop / "pyproject_toml").rename(shop / "pyproject.toml")
    reading = look(shop.parent, "shop/pyproject.toml")
    assert names(reading) == {"base"}
    assert errors(reading)[0].startswith("shop/pyproject.toml:2: ")


def test_what_is_mended_is_read_again_and_so_is_a_link_that_is_turned(shop: Path) -> None:
    manifests = Manifests()
    put(shop, requirements_txt="-r more.txt\nflask\n")
    (shop / "more.txt").symlink_to(shop.parent / "secret.txt")
    first = look(shop.parent, "shop/requirements.txt", manifests=manifests)
    assert look(shop.parent, "shop/requirements.txt", manifests=manifests) is first
    assert shop.parent not in first.folders, "nobody makes us watch a folder elsewhere"
    (shop / "more.txt").unlink()
    (shop / "more.txt").symlink_to("sub/base.txt")
    second = look(shop.parent, "shop/requirements.txt", manifests=manifests)
    assert (names(second), second.broken) == ({"flask", "base"}, ())


def test_a_manifest_that_names_files_without_end_is_given_up(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(shop, requirements_txt="".join(f"-r ../{number}.txt\n" for number in range(1000)))
    (error,) = errors(look(shop.parent, "shop/requirements.txt"))
    assert error.startswith("shop/requirements.txt:101: ")
    monkeypatch.setattr(files, "MOST_ASKED", 50)
    put(shop, requirements_txt="".join(f"-r {number}.txt\n" for number in range(1000)))
    (error,) = errors(look(shop.parent, "shop/requirements.txt"))
    assert "more than 50 files are named" in error


STEPS = st.sampled_from(
    ["..", ".", "", "sub", "deep", "out", "in", "self", "base.txt", "secret.txt", "loop", "~", "%2e%2e"]
)


@given(steps=st.lists(STEPS, max_size=6), absolute=st.booleans(), nested=st.booleans())
@example(steps=["sub", "..", "out", "secret.txt"], absolute=False, nested=True)
@example(steps=["sub", "deep", "in", "base.txt"], absolute=True, nested=False)
@example(steps=["sub", "sub", "..", "base.txt"], absolute=False, nested=False)  # which the system does not find
def test_only_what_really_lies_inside_is_ever_read(steps: list[str], absolute: bool, nested: bool) -> None:
    top = Path(tempfile.mkdtemp()).resolve()
    try:
        shop = top / "shop"
        put(
            top,
            secret_txt=f"{SECRET}\n",
            shop__sub__deep__base_txt="base\n",
            shop__sub__base_txt="base\n",
            base_txt=SECRET,
        )
        put(shop, sub__deep__secret_txt="base\n")
        (shop / ".git").mkdir()
        (shop / "out").symlink_to("..")
        (shop / "sub" / "out").symlink_to(top)
        (shop / "sub" / "deep" / "in").symlink_to("..")
        (shop / "self").symlink_to(".")
        (shop / "loop").symlink_to("loop")
        target = ("/" if absolute else "") + "/".join([*(shop.parts[1:] if absolute else ()), *steps])
        where = shop / "sub" if nested else shop
        put(shop, requirements_txt="-r sub/inner.txt\n" if nested else f"flask\n-r {target}\n")
        put(shop, sub__inner_txt=f"flask\n-r {target}\n" if nested else "")
        reading = look(top, "shop/requirements.txt")
        assert SECRET not in names(reading)
        assert "flask" in names(reading) or any("back" in error for error in errors(reading))
        real = Path(os.path.realpath(where / target))
        if (where / target).is_file() and real.name in {"base.txt", "secret.txt"}:
            inside = real.is_relative_to(shop)
            assert ("base" in names(reading)) is inside
            assert bool(reading.broken) is not inside
    finally:
        shutil.rmtree(top)
