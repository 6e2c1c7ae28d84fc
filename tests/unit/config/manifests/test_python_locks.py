"""Lock files of Poetry, PDM, uv and PEP 751: versions, sources, what is direct or for development, and the way in."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from config.manifests.files import Files
from config.manifests.formats import format_of
from config.manifests.model import Entry, ManifestError


def read(folder: Path, name: str, lock: str | bytes, pyproject: str = "") -> dict[str, Entry]:
    (folder / name).write_bytes(dedent(lock).encode() if isinstance(lock, str) else lock)
    if pyproject:
        (folder / "pyproject.toml").write_text(dedent(pyproject))
    form = format_of(name)
    assert form is not None
    return {one.purl.removeprefix("pkg:pypi/"): one for one in form.read(Files().open(folder / name, name))}


def shown(found: dict[str, Entry]) -> dict[str, str]:
    """Each entry as a word: direct or the way in, and a mark for development."""
    return {
        name: ("direct" if one.direct else ">".join(one.via) or "?") + (" dev" if one.dev else "")
        for name, one in found.items()
    }


POETRY = """\
    [[package]]
    name = "app-dep"
    version = "1.0"
    optional = false
    groups = ["main"]
    [package.dependencies]
    Shared = ">=1"
    maybe = {version = "*", optional = true}
    [package.extras]
    more = ["maybe (>=1)"]
    [[package]]
    name = "shared"
    version = "1.0"
    groups = ["main", "test"]
    markers = "python_version < '3.10'"
    [[package]]
    name = "shared"
    version = "2.0"
    groups = ["main"]
    [[package]]
    name = "maybe"
    version = "3.0"
    groups = ["test"]
    [[package]]
    name = "tests"
    version = "4.0"
    groups = ["test"]
    [package.dependencies]
    app-dep = {version = "*", extras = ["more"]}
    shared = "*"
    [[package]]
    name = "from-git"
    version = "0.1"
    groups = ["main"]
    [package.source]
    type = "git"
    url = "https://git.example/x"
    [[package]]
    name = "other-index"
    version = "0.2"
    groups = ["main"]
    [package.source]
    type = "legacy"
    url = "https://index.example/simple"
    reference = "own"
    [metadata]
    lock-version = "2.1"
    """
OF_POETRY = """\
    [tool.poetry]
    name = "shop"
    [tool.poetry.dependencies]
    python = "^3.11"
    app-dep = "*"
    from-git = {git = "https://git.example/x"}
    other-index = {version = "*", source = "own"}
    [tool.poetry.group.test.dependencies]
    tests = "*"
    """


def test_poetry_with_groups_extras_forks_and_sources(tmp_path: Path) -> None:
    found = read(tmp_path, "poetry.lock", POETRY, OF_POETRY)
    assert shown(found) == {
        "app-dep": "direct",
        "shared": "app-dep",
        "maybe": "tests>app-dep dev",
        "tests": "direct dev",
        "from-git": "direct",
        "other-index": "direct",
    }
    assert found["shared"].versions == ("1.0", "2.0")
    assert {name for name, one in found.items() if not one.registry} == {"from-git"}


def test_poetry_without_its_manifest_takes_as_direct_what_nothing_asks_for(tmp_path: Path) -> None:
    found = read(tmp_path, "poetry.lock", POETRY)
    assert {name for name, one in found.items() if one.direct} == {"tests", "from-git", "other-index"}
    assert {name for name, one in found.items() if one.dev} == {"tests", "maybe"}


def test_categories_of_the_first_format_of_poetry(tmp_path: Path) -> None:
    lock = """\
        [[package]]
        name = "a"
        version = "1"
        category = "main"
        [[package]]
        name = "b"
        version = "1"
        category = "dev"
        [package.dependencies]
        a = "*"
        [metadata]
        lock-version = "1.1"
        """
    assert shown(read(tmp_path, "poetry.lock", lock)) == {"a": "b", "b": "direct dev"}


def test_poetry_without_groups_goes_by_the_graph(tmp_path: Path) -> None:
    lock = """\
        [[package]]
        name = "a"
        version = "1"
        [[package]]
        name = "b"
        version = "1"
        [package.dependencies]
        a = "*"
        """
    found = read(tmp_path, "poetry.lock", lock, "[tool.poetry.group.dev.dependencies]\nb = '*'\n")
    assert shown(found) == {"a": "b dev", "b": "direct dev"}


UV = """\
    version = 1
    revision = 3
    resolution-markers = ["python_version < '3.12'", "python_version >= '3.12'"]
    [manifest]
    members = ["shop", "inner"]
    [[package]]
    name = "shop"
    version = "0.1.0"
    source = { editable = "." }
    dependencies = [
        { name = "inner" },
        { name = "numpy", version = "1.0", source = { registry = "https://index.example/simple" }, marker = "x" },
        { name = "fork" },
    ]
    [package.optional-dependencies]
    pg = [{ name = "pg", extra = ["binary"] }]
    [package.dev-dependencies]
    dev = [{ name = "numpy", version = "2.0", source = { registry = "https://index.example/simple" } }]
    [[package]]
    name = "inner"
    version = "0.2.0"
    source = { editable = "libs/inner" }
    dependencies = [{ name = "local" }]
    [[package]]
    name = "local"
    version = "0.3.0"
    source = { directory = "../local" }
    dependencies = [{ name = "deep" }]
    [[package]]
    name = "numpy"
    version = "1.0"
    source = { registry = "https://index.example/simple" }
    dependencies = [{ name = "old" }]
    [[package]]
    name = "numpy"
    version = "2.0"
    source = { registry = "https://index.example/simple" }
    dependencies = [{ name = "new" }]
    [[package]]
    name = "old"
    version = "1.1"
    source = { registry = "https://index.example/simple" }
    [[package]]
    name = "new"
    version = "2.1"
    source = { registry = "https://index.example/simple" }
    [[package]]
    name = "deep"
    version = "1.2"
    source = { registry = "https://index.example/simple" }
    [[package]]
    name = "fork"
    version = "1.3"
    source = { git = "https://git.example/fork?rev=main#aa" }
    [[package]]
    name = "pg"
    version = "1.4"
    source = { registry = "https://index.example/simple" }
    [package.optional-dependencies]
    binary = [{ name = "pg-binary" }]
    [[package]]
    name = "pg-binary"
    version = "1.5"
    source = { url = "https://files.example/pg_binary-1.5-py3-none-any.whl" }
    """


def test_uv_with_a_workspace_forks_extras_and_sources(tmp_path: Path) -> None:
    found = read(tmp_path, "uv.lock", UV)
    assert shown(found) == {
        "local": "direct",
        "numpy": "direct",
        "old": "numpy",
        "new": "numpy dev",
        "deep": "local",
        "fork": "direct",
        "pg": "direct",
        "pg-binary": "pg",
    }
    assert found["numpy"].versions == ("1.0", "2.0")
    assert {name for name, one in found.items() if not one.registry} == {"local", "fork", "pg-binary"}


def test_uv_for_a_script(tmp_path: Path) -> None:
    lock = """\
        version = 1
        [manifest]
        requirements = [{ name = "rich", specifier = ">=13" }]
        [[package]]
        name = "rich"
        version = "13.0"
        source = { registry = "https://index.example/simple" }
        dependencies = [{ name = "pygments" }]
        [[package]]
        name = "pygments"
        version = "2.0"
        source = { registry = "https://index.example/simple" }
        """
    assert shown(read(tmp_path, "tool.py.lock", lock)) == {"rich": "direct", "pygments": "rich"}


PDM = """\
    [metadata]
    groups = ["default", "test", "socks"]
    strategy = ["inherit_metadata"]
    lock_version = "4.5.0"
    [[package]]
    name = "requests"
    version = "2.0"
    groups = ["default", "test"]
    dependencies = ["idna<4,>=2.5", "Urllib3>=1.21; python_version > '3'"]
    [[package]]
    name = "requests"
    version = "2.0"
    extras = ["socks"]
    groups = ["test"]
    dependencies = ["PySocks>=1.5.6", "requests==2.0"]
    [[package]]
    name = "idna"
    version = "3.0"
    groups = ["default", "test"]
    [[package]]
    name = "urllib3"
    version = "2.1"
    groups = ["default", "test"]
    [[package]]
    name = "pysocks"
    version = "1.7"
    groups = ["test"]
    [[package]]
    name = "tool"
    version = "0.1"
    groups = ["test"]
    git = "https://git.example/tool"
    revision = "aa"
    dependencies = ["requests[socks]"]
    """


def test_pdm_with_groups_and_extras(tmp_path: Path) -> None:
    project = """\
        [project]
        name = "shop"
        dependencies = ["requests"]
        [tool.pdm.dev-dependencies]
        test = ["tool @ git+https://git.example/tool"]
        """
    found = read(tmp_path, "pdm.lock", PDM, project)
    assert shown(found) == {
        "requests": "direct",
        "idna": "requests",
        "urllib3": "requests",
        "pysocks": "tool>requests dev",
        "tool": "direct dev",
    }
    assert not found["tool"].registry


def test_pylock_with_groups_and_sources(tmp_path: Path) -> None:
    lock = """\
        lock-version = "1.0"
        created-by = "pdm"
        dependency-groups = ["test"]
        default-groups = ["default"]
        [[packages]]
        name = "a"
        version = "1"
        marker = "'default' in dependency_groups or 'test' in dependency_groups"
        dependencies = [{name = "b"}]
        [[packages]]
        name = "b"
        version = "2"
        marker = "'default' in dependency_groups and python_version < '4'"
        [[packages]]
        name = "c"
        version = "3"
        marker = "('test' in dependency_groups or 'docs' in dependency_groups) and sys_platform == 'linux'"
        [[packages]]
        name = "vcs"
        version = "4"
        vcs = {type = "git", url = "https://git.example/x", commit-id = "aa"}
        [[packages]]
        name = "shop"
        directory = {path = ".", editable = true}
        """
    found = read(tmp_path, "pylock.toml", lock)
    assert shown(found) == {"a": "direct", "b": "a", "c": "direct dev", "vcs": "direct"}
    assert {name for name, one in found.items() if not one.registry} == {"vcs"}
    (tmp_path / "pylock.toml").unlink()
    assert read(tmp_path, "pylock.dev.toml", lock).keys() == found.keys()


def test_packages_that_only_ask_for_each_other_have_a_way_in(tmp_path: Path) -> None:
    ring = "".join(
        f'[[package]]\nname = "{name}"\nversion = "1"\n[package.dependencies]\n{other} = "*"\n'
        for name, other in (("a", "b"), ("b", "c"), ("c", "a"))
    )
    assert shown(read(tmp_path, "poetry.lock", ring)) == {"a": "direct", "b": "a", "c": "a>b"}


def test_many_versions_of_one_package_do_not_multiply(tmp_path: Path) -> None:
    size = 3_000
    ring = "".join(f'[[package]]\nname = "a"\nversion = "{n}"\n[package.dependencies]\na = "*"\n' for n in range(size))
    assert len(read(tmp_path, "poetry.lock", ring)["a"].versions) == size


LOCKS = ("poetry.lock", "uv.lock", "pdm.lock", "pylock.toml")
GOOD = {
    "poetry.lock": '[[package]]\nname = "a"\nversion = "1"\n',
    "uv.lock": 'version = 1\n[[package]]\nname = "a"\nversion = "1"\n',
    "pdm.lock": '[[package]]\nname = "a"\nversion = "1"\n',
    "pylock.toml": 'lock-version = "1.0"\n[[packages]]\nname = "a"\nversion = "1"\n',
}


@pytest.mark.parametrize("name", LOCKS)
@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (("name", "<<<<<<< HEAD\nname"), "unfinished merge"),
        (('"1"\n', '"1'), "TOML"),
        (('"1"\n', '"1"\nversion = "2"\n'), "TOML"),
        (('"a"', '"a\\u001b[31m"'), "no name of a Python project"),
        (('"a"', "3"), "no name of a Python project"),
        (('"1"\n', '"1\\u202e"\n'), "no version"),
        (('"1"\n', '["1"]\n'), "no version"),
        (("[[package", "x = [[[[[["), "TOML"),
        (("[[", "a = {b = " * 5000 + "[["), "TOML"),
    ],
)
def test_bad_locks_are_told_with_their_line(tmp_path: Path, name: str, change: tuple[str, str], problem: str) -> None:
    with pytest.raises(ManifestError) as caught:
        read(tmp_path, name, GOOD[name].replace(*change))
    assert problem in str(caught.value)
    assert str(caught.value).isprintable()
    assert caught.value.line or "{b" in change[1]


@pytest.mark.parametrize("name", LOCKS)
@pytest.mark.parametrize(
    "other",
    [
        "[tool.black]\nline-length = 100\n",
        '{"lockfileVersion": 3}',
        "lockfileVersion: '9.0'\n",
        '[package]\nname = "rust"\n',
    ],
)
def test_another_format_under_the_name_is_told(tmp_path: Path, name: str, other: str) -> None:
    with pytest.raises(ManifestError):
        read(tmp_path, name, other)


values = st.recursive(
    st.booleans() | st.integers(-9, 9) | st.sampled_from(["a", "A_b", "1.0", "", "x\n"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "package",
                    "packages",
                    "name",
                    "version",
                    "source",
                    "dependencies",
                    "extras",
                    "groups",
                    "git",
                    "metadata",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=15,
)


def toml(value: object) -> str:
    """Any of the values above as TOML, in one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {toml(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value).replace("'", '"')


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(LOCKS),
    st.dictionaries(st.sampled_from(["package", "packages", "metadata", "version", "manifest"]), values),
)
@example("uv.lock", {"package": [{"name": "a", "version": "1", "dependencies": [3, {"name": 4}]}]})
@example("poetry.lock", {"package": [{"name": "a", "version": "1", "source": {"type": ["git"]}}]})
def test_any_tables_are_read_or_refused(tmp_path: Path, name: str, document: dict[str, object]) -> None:
    with suppress(ManifestError):
        read(tmp_path, name, "".join(f"{key} = {toml(value)}\n" for key, value in document.items()))


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from([*LOCKS, "pyproject.toml", "Pipfile.lock"]), st.binary(max_size=100))
def test_any_bytes_are_read_or_refused(tmp_path: Path, name: str, data: bytes) -> None:
    with suppress(ManifestError):
        read(tmp_path, name, data)
