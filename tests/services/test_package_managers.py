"""Lock files made by npm, Yarn and pnpm themselves, compared entry by entry with what each lists."""

from __future__ import annotations

import base64
import io
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from hashlib import sha1, sha512
from pathlib import Path
from typing import Any

import pytest

from config.manifests.files import Files
from config.manifests.formats import format_of
from config.manifests.model import Entry
from config.names import split_purl

BIN = Path(sys.executable).parent
Pairs = set[tuple[str, str]]

PACKAGES: dict[str, dict[str, dict[str, Any]]] = {
    "express": {"4.0.0": {"dependencies": {"qs": "~1.0.0", "@s/body": "^1", "JSONStream": "1"}}},
    "qs": {"1.0.0": {"dependencies": {"side-channel": "*"}}, "2.0.0": {}, "3.0.0": {"dependencies": {"qs-parts": "1"}}},
    "qs-parts": {"1.0.0": {}},
    "@s/body": {"1.0.0": {"dependencies": {"qs": "^2", "loop": "1"}, "optionalDependencies": {"native": "1"}}},
    "JSONStream": {"1.3.5": {}},
    "side-channel": {"1.1.0": {"dependencies": {"loop": "1"}}},
    "loop": {"1.0.0": {"dependencies": {"pool": "1"}}},
    "pool": {"1.0.0": {"dependencies": {"loop": "1"}}},
    "native": {"1.0.0": {"os": ["none"], "cpu": ["none"]}},
    "plugin": {"1.0.0": {"peerDependencies": {"host": "^2"}}},
    "host": {"2.5.0": {"dependencies": {"qs": "^3"}}},
    "left-pad": {"1.3.0": {}, "2.0.0": {"dependencies": {"qs-parts": "1"}}},
    "jest": {"29.0.0": {"dependencies": {"qs": "^1", "only-tests": "1"}}},
    "only-tests": {"1.0.0": {"dependencies": {"left-pad": "2"}}},
    "lodash": {"3.0.0": {}, "4.0.0": {}},
}


@pytest.fixture
def project(tmp_path: Path, registry: Any) -> Path:
    """A project with two workspaces, whose packages a registry on loopback serves."""
    for name, versions in PACKAGES.items():
        serve(registry, name, versions)
    manifests: dict[str, dict[str, Any]] = {
        ".": {
            "name": "shop",
            "private": True,
            "workspaces": ["packages/*"],
            "dependencies": {"express": "^4.0.0", "plugin": "1", "host": "^2.0.0", "pad": "npm:left-pad@^1"},
            "devDependencies": {"jest": "^29.0.0"},
        },
        "packages/web": {
            "name": "@shop/web",
            "version": "1.0.0",
            "dependencies": {"lodash": "^4", "@shop/api": "1.0.0"},
            "devDependencies": {"only-tests": "1"},
        },
        "packages/api": {"name": "@shop/api", "version": "1.0.0", "dependencies": {"lodash": "^3", "qs": "^1"}},
    }
    folder = tmp_path / "shop"
    for place, manifest in manifests.items():
        (folder / place).mkdir(parents=True, exist_ok=True)
        (folder / place / "package.json").write_text(json.dumps(manifest))
    (folder / ".npmrc").write_text(f"registry={registry.url}\n")
    (folder / "pnpm-workspace.yaml").write_text("packages: ['packages/*']\nlinkWorkspacePackages: true\n")
    (folder / ".yarnrc.yml").write_text(
        f"npmRegistryServer: {registry.url.rstrip('/')}\nunsafeHttpWhitelist: ['127.0.0.1']\n"
        "enableTelemetry: false\nenableGlobalCache: false\nenableImmutableInstalls: false\n"
    )
    return folder


def serve(registry: Any, name: str, versions: dict[str, dict[str, Any]]) -> None:
    """A package with its documents and tarballs."""
    documents = {}
    for version, rest in versions.items():
        manifest = {"name": name, "version": version, **rest}
        ball = tarball(manifest)
        path = f"/{name}/-/{name.rpartition('/')[2]}-{version}.tgz"
        registry.documents[path] = ball
        integrity = "sha512-" + base64.b64encode(sha512(ball).digest()).decode()
        dist = {"tarball": registry.url.rstrip("/") + path, "integrity": integrity, "shasum": sha1(ball).hexdigest()}
        documents[version] = {**manifest, "dist": dist}
    times = dict.fromkeys(["created", "modified", *versions], "2020-01-01T00:00:00.000Z")
    tags = {"latest": list(versions)[-1]}
    registry.documents[f"/{name}"] = {"name": name, "dist-tags": tags, "versions": documents, "time": times}


def tarball(manifest: dict[str, Any]) -> bytes:
    content = json.dumps(manifest).encode()
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        member = tarfile.TarInfo("package/package.json")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


@pytest.fixture(scope="session")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package managers that npm itself installs, from the registry that it is set up for."""
    folder = tmp_path_factory.mktemp("tools")
    wanted = ["pnpm@10", "yarn@1", "@yarnpkg/cli-dist@4"]
    options = ["--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(folder)]
    subprocess.run([BIN / "npm", "install", *options, *wanted], check=True, capture_output=True, timeout=120)
    return folder / "node_modules"


def run(folder: Path, *command: str | Path) -> str:
    own = {"HOME": str(folder.parent), "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "CI": "", "NO_COLOR": "1"}
    own |= {"npm_config_cache": str(folder.parent / "cache"), "npm_config_update_notifier": "false"}
    done = subprocess.run(
        [str(part) for part in command], cwd=folder, env=own, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def entries(path: Path) -> list[Entry]:
    found = format_of(path.name)
    assert found is not None
    return list(found.read(Files().open(path, path.name)))


def pairs(found: list[Entry]) -> Pairs:
    assert all(entry.registry for entry in found)
    return {(split_purl(entry.purl)[1], version) for entry in found for version in entry.versions}


def names(found: Pairs) -> set[str]:
    return {name for name, _ in found}


def in_tree(tree: dict[str, Any], tables: tuple[str, ...], real_name: str) -> Iterator[tuple[str, str]]:
    """What a nested listing names, without the workspaces."""
    for table in tables:
        for name, one in tree.get(table, {}).items():
            if "version" in one and not one["version"].startswith("link:") and not name.startswith("@shop/"):
                yield one.get(real_name, name), one["version"]
            yield from in_tree(one, tables, real_name)


@pytest.mark.parametrize("version", [1, 2, 3])
def test_npm_lists_what_its_lock_file_holds(project: Path, version: int) -> None:
    options = ["--package-lock-only", "--ignore-scripts", "--no-audit", "--no-fund"]
    run(project, "npm", "install", f"--lockfile-version={version}", *options)

    def listed(*more: str) -> Pairs:
        said = json.loads(run(project, "npm", "ls", "--all", "--json", "--long", "--package-lock-only", *more))
        return set(in_tree(said, ("dependencies",), "name"))

    found = entries(project / "package-lock.json")
    assert pairs(found) == listed()
    if version > 1:  # whose listing does not know what workspaces ask for in development
        assert names(pairs([entry for entry in found if not entry.dev])) == names(listed("--omit=dev"))
    assert_as_the_manifests_say(found)


def test_pnpm_lists_what_its_lock_file_holds(project: Path, tools: Path) -> None:
    pnpm = tools / "pnpm" / "bin" / "pnpm.cjs"
    run(project, "node", pnpm, "install", "--lockfile-only", "--ignore-scripts")

    def listed(*more: str) -> Pairs:
        said = run(project, "node", pnpm, "list", "-r", "--depth", "Infinity", "--json", "--lockfile-only", *more)
        tables = ("dependencies", "devDependencies", "optionalDependencies")
        return {pair for tree in json.loads(said) for pair in in_tree(tree, tables, "from")}

    found = entries(project / "pnpm-lock.yaml")
    assert pairs(found) == listed()
    assert names(pairs([entry for entry in found if not entry.dev])) == names(listed("--prod"))
    assert_as_the_manifests_say(found)


def test_yarn_1_lists_what_its_lock_file_holds(project: Path, tools: Path) -> None:
    manifest = json.loads((project / "package.json").read_text())
    del manifest["dependencies"]["pad"]  # which it lists by another name than the package's
    (project / "package.json").write_text(json.dumps(manifest))
    yarn = tools / "yarn" / "bin" / "yarn.js"
    run(project, "node", yarn, "install", "--ignore-scripts", "--ignore-platform", "--no-progress")
    said = json.loads(run(project, "node", yarn, "list", "--json", "--no-progress").splitlines()[-1])
    listed = {
        (name, version)
        for tree in said["data"]["trees"]
        for one in (tree, *tree["children"])
        for name, _, version in [one["name"].rpartition("@")]
        if not one.get("shadow") and not name.startswith("@shop/")
    }
    found = entries(project / "yarn.lock")
    assert pairs(found) == listed
    assert_as_the_manifests_say(found, {"left-pad"})


def test_yarn_4_lists_what_its_lock_file_holds(project: Path, tools: Path) -> None:
    yarn = tools / "@yarnpkg" / "cli-dist" / "bin" / "yarn.js"
    run(project, "node", yarn, "install", "--mode=update-lockfile")
    listed: Pairs = set()
    for line in run(project, "node", yarn, "info", "--all", "--recursive", "--json").splitlines():
        name, _, reference = json.loads(line)["value"].rpartition("@")
        reference = reference.rpartition("#")[2]
        if reference.startswith("npm:"):
            listed.add((name, reference.removeprefix("npm:")))
    found = entries(project / "yarn.lock")
    assert pairs(found) == listed
    assert_as_the_manifests_say(found)


def assert_as_the_manifests_say(found: list[Entry], without: set[str] | None = None) -> None:
    """What is direct, what is development's, and how the others came in."""
    by_name: dict[str, Entry] = {split_purl(entry.purl)[1]: entry for entry in found}
    direct = {"express", "plugin", "host", "left-pad", "jest", "lodash", "only-tests", "qs"} - (without or set())
    assert {name for name, entry in by_name.items() if entry.direct} == direct
    assert by_name["lodash"].versions in {("3.0.0", "4.0.0"), ("4.0.0", "3.0.0")}
    assert {name for name, entry in by_name.items() if entry.dev} >= {"jest", "only-tests"}
    assert by_name["@s/body"].via == ("express",)
    assert by_name["native"].via == ("express", "@s/body")
    assert by_name["pool"].via[-1] == "loop"
    assert not by_name["native"].dev
