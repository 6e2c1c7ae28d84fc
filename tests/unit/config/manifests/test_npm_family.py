"""One small project, written as every lock file of npm's family: each reads back as the same packages."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.manifests.files import File, Files
from config.manifests.formats import format_of
from config.manifests.model import Entry, ManifestError
from config.names import split_purl

Graph = dict[str, list[str]]


class Project:
    def __init__(self, production: list[str], development: list[str], needs: Graph) -> None:
        self.production = production
        self.development = [name for name in development if name not in production]
        reached = closure([*self.production, *self.development], needs)
        self.needs = {name: needs.get(name, []) for name in sorted(reached)}

    def manifest(self) -> dict[str, Any]:
        return {
            "name": "shop",
            "dependencies": dict.fromkeys(self.production, "^1.0.0"),
            "devDependencies": dict.fromkeys(self.development, "^1.0.0"),
        }

    def lasting(self) -> set[str]:
        return closure(self.production, self.needs)


def closure(roots: Iterable[str], needs: Graph) -> set[str]:
    found = set(roots)
    waiting = [*found]
    while waiting:
        fresh = set(needs.get(waiting.pop(), [])) - found
        found |= fresh
        waiting += fresh
    return found


def npm_3(project: Project) -> str:
    packages: dict[str, Any] = {"": project.manifest()}
    for name, needs in project.needs.items():
        packages[f"node_modules/{name}"] = {"version": "1.0.0", "dependencies": dict.fromkeys(needs, "^1.0.0")}
    return json.dumps({"name": "shop", "lockfileVersion": 3, "packages": packages})


def npm_1(project: Project) -> str:
    packages = {n: {"version": "1.0.0", "requires": dict.fromkeys(r, "^1.0.0")} for n, r in project.needs.items()}
    return json.dumps({"name": "shop", "lockfileVersion": 1, "requires": True, "dependencies": packages})


def yarn_1(project: Project) -> str:
    lines = ["# yarn lockfile v1", ""]
    for name, needs in project.needs.items():
        lines += [f'"{name}@^1.0.0":', '  version "1.0.0"', *(["  dependencies:"] if needs else [])]
        lines += [f'    "{needed}" "^1.0.0"' for needed in needs] + [""]
    return "\n".join(lines)


def yarn_4(project: Project) -> str:
    lines = ["__metadata:", "  version: 8", "", '"shop@workspace:.":', "  version: 0.0.0-use.local"]
    lines += ['  resolution: "shop@workspace:."', "  dependencies:"]
    lines += [f'    "{name}": "npm:^1.0.0"' for name in (*project.production, *project.development)]
    for name, needs in project.needs.items():
        lines += ["", f'"{name}@npm:^1.0.0":', "  version: 1.0.0", f'  resolution: "{name}@npm:1.0.0"']
        lines += ["  dependencies:"] + [f'    "{needed}": "npm:^1.0.0"' for needed in needs]
    return "\n".join(lines)


def pnpm(version: str, key: str, peers: str) -> Callable[[Project], str]:
    """A lock file in which a package's key is written as ``key`` and its reference ends in ``peers``."""

    def write(project: Project) -> str:
        def asked(names: list[str]) -> dict[str, Any]:
            if version.startswith("5"):
                return dict.fromkeys(names, f"1.0.0{peers}")
            return {name: {"specifier": "^1.0.0", "version": f"1.0.0{peers}"} for name in names}

        places = {
            key.format(name) + peers: {"dependencies": dict.fromkeys(needs, f"1.0.0{peers}")}
            for name, needs in project.needs.items()
        }
        importer = {"dependencies": asked(project.production), "devDependencies": asked(project.development)}
        if version.startswith("9"):
            packages = {key.format(name): {"resolution": {"integrity": "sha512-x"}} for name in project.needs}
            rest: dict[str, Any] = {"importers": {".": importer}, "packages": packages, "snapshots": places}
        else:
            rest = importer | {"packages": places}
        return json.dumps({"lockfileVersion": version} | rest)

    return write


def bun(project: Project) -> str:
    packages = {
        name: [f"{name}@1.0.0", "", {"dependencies": dict.fromkeys(needs, "^1.0.0")}, "sha512-x"]
        for name, needs in project.needs.items()
    }
    lock = {"lockfileVersion": 1, "workspaces": {"": project.manifest()}, "packages": packages}
    return json.dumps(lock, indent=2).replace("\n}", ",\n} // the end")


WRITERS: dict[str, tuple[str, Callable[[Project], str]]] = {
    "npm 3": ("package-lock.json", npm_3),
    "npm 1": ("npm-shrinkwrap.json", npm_1),
    "yarn 1": ("yarn.lock", yarn_1),
    "yarn 4": ("yarn.lock", yarn_4),
    "pnpm 5": ("pnpm-lock.yaml", pnpm("5.4", "/{}/1.0.0", "_peer@2.0.0")),
    "pnpm 6": ("pnpm-lock.yaml", pnpm("6.0", "/{}@1.0.0", "(peer@2.0.0)")),
    "pnpm 9": ("pnpm-lock.yaml", pnpm("9.0", "{}@1.0.0", "(@s/peer@2.0.0(x@1.0.0))")),
    "bun": ("bun.lock", bun),
}

names = st.sampled_from(["a", "b", "JSONStream", "@s/c", "@s/d.e", "f", "constructor"])
projects = st.builds(
    Project,
    st.lists(names, max_size=3, unique=True),
    st.lists(names, max_size=3, unique=True),
    st.dictionaries(names, st.lists(names, max_size=3, unique=True)),
)


def read(name: str, text: str, beside: dict[str, Any] | None = None) -> list[Entry]:
    """The entries of a file that exists in memory only, with the manifest beside it."""
    folder = Path("/nowhere")

    class Beside(Files):
        def find(self, path: Path, name: str) -> File | None:
            if beside is not None and path == folder / "package.json":
                return File(path, name, json.dumps(beside).encode(), self)
            return None

    found = format_of(name)
    assert found is not None
    return list(found.read(File(folder / name, name, text.encode(), Beside())))


@pytest.mark.parametrize("written", WRITERS)
@given(project=projects)
def test_a_project_reads_back_as_the_same_packages(written: str, project: Project) -> None:
    name, write = WRITERS[written]
    entries = {split_purl(one.purl)[1]: one for one in read(name, write(project), project.manifest())}
    direct = {*project.production, *project.development}
    assert entries.keys() == project.needs.keys()
    assert all(entry.versions == ("1.0.0",) and entry.registry for entry in entries.values())
    assert {package for package, entry in entries.items() if entry.direct} == direct
    assert {package for package, entry in entries.items() if not entry.dev} == project.lasting()
    for package, entry in entries.items():
        if not entry.direct:
            chain = [*entry.via, package]
            assert chain[0] in (direct if entry.dev else project.production)
            assert all(after in project.needs[before] for before, after in pairwise(chain))


MANIFEST = Project(["a"], [], {"a": ["b"]})
FILES = {"package.json": json.dumps(MANIFEST.manifest())} | {
    name: write(MANIFEST) for name, write in WRITERS.values() if name != "npm-shrinkwrap.json"
}


@pytest.mark.parametrize(("name", "text"), FILES.items())
def test_an_unfinished_merge_is_named_with_its_line(name: str, text: str) -> None:
    with pytest.raises(ManifestError, match="unfinished merge") as raised:
        read(name, f"<<<<<<< HEAD\n{text}\n=======\n{text}\n>>>>>>> main\n")
    assert raised.value.line == 1


@pytest.mark.parametrize(
    ("name", "end"),
    [
        ("package.json", '"^1.0.0"'),
        ("package-lock.json", '"1.0.0"'),
        ("bun.lock", '"sha512-x"'),
        ("yarn.lock", "version: 1.0.0"),
        ("yarn.lock", 'version: 8\n\n"shop'),
        ("pnpm-lock.yaml", '"sha512-x"'),
        ("pnpm-lock.yaml", '"sha512-x"}'),
    ],
)
def test_a_file_that_ends_too_early_is_an_error(name: str, end: str) -> None:
    text = FILES[name]
    with pytest.raises(ManifestError) as raised:
        read(name, text[: text.index(end) + len(end)])
    assert raised.value.mend


@pytest.mark.parametrize("end", ['"^1.', '"a@^1.0.0":', '"1.0.', "version"])
def test_a_lock_file_of_yarn_1_that_ends_too_early_is_an_error(end: str) -> None:
    text = yarn_1(MANIFEST)
    with pytest.raises(ManifestError) as raised:
        read("yarn.lock", text[: text.index(end) + len(end)])
    assert raised.value.line


def test_a_lock_file_of_pnpm_that_ends_between_its_lines_is_an_error() -> None:
    text = """\
lockfileVersion: '9.0'
importers:
  .:
    dependencies:
      a:
        specifier: ^1
        version: 1.0.0
packages:
  a@1.0.0:
    resolution: {integrity: sha512-x}
snapshots:
  a@1.0.0: {}"""
    assert read("pnpm-lock.yaml", text)
    with pytest.raises(ManifestError, match="too early"):
        read("pnpm-lock.yaml", text[: text.index("\nsnapshots")])
    text = "lockfileVersion: '6.0'\npackages:\n  /a@1.0.0:\n    dev: true\n  /b@1.0.0:"
    with pytest.raises(ManifestError, match="too early"):
        read("pnpm-lock.yaml", text)


OTHERS = {
    "a SBOM": '{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": []}',
    "npm's lock file": '{\n  "name": "shop",\n  "lockfileVersion": 8,\n  "packages": {}\n}\n',
    "YAML": "services:\n  web:\n    image: nginx\n",
    "TOML": '[[package]]\nname = "requests"\nversion = "2.32.3"\n',
    "HTML": "<!DOCTYPE html>\n<html><body>Not found</body></html>\n",
    "a list": "[1, 2, 3]",
    "a word": "no",
    "bytes": "\x00\x01\x02",
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("other", OTHERS)
def test_another_format_under_the_name_is_one_clear_error(name: str, other: str) -> None:
    with pytest.raises(ManifestError) as raised:
        read(name, OTHERS[other])
    assert raised.value.mend


@pytest.mark.parametrize("bad", ["x\\u0007y", "x\\u001b[31my", "x\\u202ey", "..", "a b", "x\\ny"])
@pytest.mark.parametrize(("name", "text"), FILES.items())
def test_a_name_that_no_registry_has_is_an_error_with_its_line(name: str, text: str, bad: str) -> None:
    text = text.replace('"a"', f'"{bad}"').replace('"a@', f'"{bad}@').replace('_modules/a"', f'_modules/{bad}"')
    text = text.replace('"/a@', f'"/{bad}@').replace('"/a/', f'"/{bad}/')
    with pytest.raises(ManifestError, match="npm package name") as raised:
        read(name, text)
    assert raised.value.line


@pytest.mark.parametrize("name", ["pnpm-lock.yaml", "yarn.lock"])
def test_aliases_that_unfold_without_end_are_refused(name: str) -> None:
    bomb = ["__metadata: {version: 8}", "lockfileVersion: '9.0'", "a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    bomb += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    with pytest.raises(ManifestError, match="unfold"):
        read(name, "\n".join(bomb))


odd: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, 0, "", "x", "1.0.0", "\n", [], ["a/*"], [[1]], {}, {"a": 1}, {"a": "1"}, {"": {}}]
)
keys = st.sampled_from(
    [
        "",
        ".",
        "a",
        "a/b",
        "/a/1.0.0",
        "/a@1.0.0(b@1)",
        "a@1.0.0",
        "a@npm:^1",
        "@s/c@workspace:.",
        "x@patch:x",
        "node_modules/a",
    ]
)
deeper = st.dictionaries(
    keys | st.sampled_from(["dependencies", "devDependencies", "resolution", "version", "name", "workspaces"]),
    odd | st.dictionaries(keys, odd) | st.lists(odd, max_size=2),
    max_size=4,
)
documents = st.dictionaries(
    keys | st.sampled_from(["packages", "snapshots", "importers", "dependencies", "workspaces", "__metadata"]),
    odd | st.dictionaries(keys, odd | deeper, max_size=3),
    max_size=4,
)


@pytest.mark.parametrize("name", FILES)
@given(document=documents, version=st.sampled_from([None, 0, 1, 2, 3, "5.4", "6.0", "9.0", "10", {}]))
def test_whatever_stands_in_a_file_there_are_entries_or_one_error(name: str, document: Any, version: Any) -> None:
    try:
        entries = read(name, json.dumps({"lockfileVersion": version} | document))
    except ManifestError:
        return
    assert all(entry.purl.startswith("pkg:npm/") and entry.source == name for entry in entries)


@pytest.mark.parametrize("name", FILES)
@given(text=st.text(st.sampled_from('ab@/:,"\n {}[]-&*!|>#%0.^~\\'), max_size=60))
def test_no_text_makes_anything_but_one_error(name: str, text: str) -> None:
    try:
        read(name, text)
    except ManifestError:
        return
