from __future__ import annotations

from typing import Any

import pytest

from config.manifests.model import Entry, ManifestError


def named(entries: dict[str, Entry], what: str) -> list[str]:
    return sorted(name for name, entry in entries.items() if getattr(entry, what))


def test_version_5_with_hosts_peers_aliases_and_files(read_npm: Any) -> None:
    found = read_npm(
        {
            "pnpm-lock.yaml": """\
lockfileVersion: 5.4
specifiers: {a: ^1, alias: 'npm:@s/real@3', git: someone/git}
dependencies:
  a: 1.0.0_b@2.0.0
  alias: /@s/real/3.0.0
  ball: file:ball.tgz
  git: github.com/someone/git/0123
  here: link:../here
devDependencies:
  t: 1.0.0
packages:
  /a/1.0.0_b@2.0.0:
    dependencies: {b: 2.0.0}
  /b/2.0.0: {dev: false}
  /@s/real/3.0.0: {}
  /t/1.0.0_@types+node@1.0.0: {dev: true}
  /t/1.0.0:
    dependencies: {private: registry.example/private/4.0.0-rc.1}
    dev: true
  registry.example/private/4.0.0-rc.1: {}
  file:ball.tgz: {name: ball, version: 1.0.0, resolution: {tarball: 'file:ball.tgz'}}
  github.com/someone/git/0123: {name: git, version: 1.0.0, resolution: {tarball: 'https://codeload.github.com/x'}}
"""
        }
    )
    assert found.keys() == {"a", "b", "@s/real", "t", "private", "elsewhere:ball", "elsewhere:git"}
    assert found["b"].via == ("a",)
    assert (found["a"].ranges, found["@s/real"].ranges) == (("^1",), ("3",))
    assert found["private"].versions == ("4.0.0-rc.1",)
    assert named(found, "direct") == ["@s/real", "a", "elsewhere:ball", "elsewhere:git", "t"]
    assert named(found, "dev") == ["private", "t"]


def test_version_6_with_peers_aliases_files_and_workspaces(read_npm: Any) -> None:
    found = read_npm(
        {
            "pnpm-lock.yaml": """\
lockfileVersion: '6.1'
importers:
  .:
    devDependencies:
      t: {specifier: '1', version: 1.0.0}
      web: {specifier: 'workspace:*', version: 'link:web'}
  web:
    dependencies:
      a: {specifier: ^1, version: '1.0.0(@s/b@2.0.0)(x@1.0.0)'}
      old: {specifier: 'npm:@s/real@3', version: /@s/real@3.0.0}
      api: {specifier: 'workspace:*', version: 'file:api(x@1.0.0)'}
    optionalDependencies:
      lib: {specifier: 'file:../lib', version: 'file:lib'}
  api: {}
packages:
  /a@1.0.0(@s/b@2.0.0)(x@1.0.0):
    dependencies: {'@s/b': 2.0.0}
  /@s/b@2.0.0: {}
  /@s/real@3.0.0: {}
  /t@1.0.0: {dev: true}
  file:api(x@1.0.0): {resolution: {directory: api, type: directory}, name: api, dependencies: {deep: 1.0.0}}
  file:lib: {resolution: {directory: lib, type: directory}, name: lib}
  /deep@1.0.0: {}
  '@registry.example/private@1.0.0': {}
"""
        }
    )
    assert found.keys() == {"a", "@s/b", "@s/real", "t", "elsewhere:lib", "deep", "private"}
    assert found["@s/b"].via == ("a",)
    assert found["elsewhere:lib"].versions == ()
    assert named(found, "dev") == ["t"]


def test_version_9_with_peers_aliases_addresses_patches_and_a_document_of_pnpms_own(read_npm: Any) -> None:
    found = read_npm(
        {
            "pnpm-lock.yaml": """\
---
lockfileVersion: '9.0'
importers:
  .:
    configDependencies:
      plugin: {specifier: 1.0.0, version: 1.0.0}
    packageManagerDependencies:
      pnpm: {specifier: 10.0.0, version: 10.0.0}
packages:
  plugin@1.0.0: {resolution: {integrity: sha512-x}}
  pnpm@10.0.0: {resolution: {integrity: sha512-x}}
snapshots:
  plugin@1.0.0: {}
  pnpm@10.0.0: {}
---
lockfileVersion: '9.0'
catalogs:
  default:
    a: {specifier: ^1, version: 1.0.0}
importers:
  .:
    dependencies:
      a: {specifier: 'catalog:', version: '1.0.0(@s/b@2.0.0(x@1.0.0))'}
      core: {specifier: 'https://builds.example/core@0123', version: 'https://builds.example/core@0123'}
      old: {specifier: 'npm:@s/real@3', version: '@s/real@3.0.0'}
      pad: {specifier: 'npm:left-pad@1', version: left-pad@1.3.0}
      patched: {specifier: 1.0.0, version: 1.0.0(patch_hash=0123)}
      lib: {specifier: 'file:lib', version: 'file:lib'}
packages:
  a@1.0.0: {resolution: {integrity: sha512-x}, peerDependencies: {'@s/b': '*'}}
  '@s/b@2.0.0': {resolution: {integrity: sha512-x}}
  '@s/real@3.0.0': {resolution: {integrity: sha512-x}}
  core@https://builds.example/core@0123: {resolution: {tarball: 'https://builds.example/core@0123'}, version: 0.1.1}
  left-pad@1.3.0: {deprecated: use String.prototype.padStart()}
  lib@file:lib: {resolution: {directory: lib, type: directory}}
  patched@1.0.0: {}
  x@1.0.0: {}
snapshots:
  a@1.0.0(@s/b@2.0.0(x@1.0.0)):
    dependencies: {'@s/b': 2.0.0(x@1.0.0)}
  '@s/b@2.0.0(x@1.0.0)':
    dependencies: {x: 1.0.0}
  '@s/real@3.0.0': {}
  core@https://builds.example/core@0123: {}
  left-pad@1.3.0: {}
  lib@file:lib: {}
  patched@1.0.0(patch_hash=0123): {}
  x@1.0.0: {}
"""
        }
    )
    registry = {"a", "@s/b", "@s/real", "left-pad", "patched", "x", "plugin", "pnpm"}
    assert found.keys() == registry | {"elsewhere:core", "elsewhere:lib"}
    assert found["x"].via == ("a", "@s/b")
    assert (found["a"].ranges, found["@s/real"].ranges, found["x"].ranges) == (("^1",), ("3",), ())
    assert found["elsewhere:core"].versions == ("0.1.1",)
    assert found["elsewhere:lib"].versions == ()
    assert sorted(found.keys() - named(found, "direct")) == ["@s/b", "x"]
    assert named(found, "dev") == ["plugin", "pnpm"]


def test_all_versions_in_use_are_one_entry(read_npm: Any) -> None:
    lock = (
        "lockfileVersion: '9.0'\npackages: {a@1.0.0: {}, a@2.0.0: {}}\nsnapshots: {a@1.0.0(x@1.0.0): {}, a@2.0.0: {}}\n"
    )
    assert read_npm({"pnpm-lock.yaml": lock})["a"].versions == ("1.0.0", "2.0.0")


@pytest.mark.parametrize(
    ("lock", "line", "problem"),
    [
        ("packages: {}\n", None, "no lockfileVersion"),
        ("- a\n- b\n", None, "no lockfileVersion"),
        ("importers: {}\nlockfileVersion: 10.0\n", 2, "lockfileVersion"),
        ("lockfileVersion: 5.4\npackages:\n  nowhere: {}\n", 3, "does not say"),
        ("lockfileVersion: '9.0'\npackages:\n  nowhere: {}\n", 3, "does not say"),
        ("lockfileVersion: '9.0'\npackages:\n  a@1.0.0: {}\n  a@1.0.0: {}\n", 4, "twice"),
        ("lockfileVersion: '9.0'\npackages:\n  a@1.0.0: []\n", 3, "no mapping"),
        ("lockfileVersion: '9.0'\npackages:\n  a@1.0.0:\n    name: [x]\n", 3, "no text"),
        ("lockfileVersion: '9.0'\nimporters:\n  .:\n    dependencies: {a: {specifier: 1}}\n", 4, "no text"),
        ("lockfileVersion: '9.0'\npackages: {a: *x}\n", 2, "stands for nothing"),
        ("lockfileVersion: '9.0'\npackages:\n  a@1.0.0: {x: 1\n", 4, "YAML"),
        ("lockfileVersion: '9.0'\npackages:\n  \"a\\x07@1.0.0\": {}\n", None, "no npm package name"),
    ],
)
def test_what_pnpm_would_not_write_is_an_error_with_its_line(
    read_npm: Any, lock: str, line: int | None, problem: str
) -> None:
    with pytest.raises(ManifestError, match=problem) as raised:
        read_npm({"pnpm-lock.yaml": lock})
    assert raised.value.line == line
