"""Which files a folder, a glob or a name leads to."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from config.manifests import discover as discovering
from config.manifests.discover import discover, without_covered
from config.manifests.files import File
from config.manifests.formats import Format
from config.manifests.model import Entry


def nothing(_: File) -> Sequence[Entry]:
    return ()


FORMATS = (
    Format("lock", ("app.lock", "app-*.lock"), nothing),
    Format("manifest", ("app.json",), nothing, yields_to=("app.lock", "solo.lock"), members_of=("app.lock",)),
    Format("solo", ("solo.lock",), nothing),
)


def put(root: Path, *names: str, text: str = "") -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def below(root: Path, pattern: str = "") -> list[str]:
    found = discover(root / pattern if pattern else root, FORMATS)
    return [file.relative_to(root).as_posix() for file in found.files]


def test_a_folder_gives_every_lock_file_below_it(tmp_path: Path) -> None:
    put(tmp_path, "app.lock", "a/app.lock", "a/b/app-2.lock", "a/README.md", "a/other.lock")
    assert below(tmp_path) == ["app.lock", "a/app.lock", "a/b/app-2.lock"]


def test_installed_packages_and_virtual_environments_are_no_part_of_a_project(tmp_path: Path) -> None:
    put(tmp_path, "node_modules/x/app.lock", "env/pyvenv.cfg", "env/lib/app.lock", ".git/app.lock", "src/app.lock")
    assert below(tmp_path) == ["src/app.lock"]


def test_what_git_ignores_is_left_out_and_the_nearest_file_decides(tmp_path: Path) -> None:
    put(tmp_path, "dist/app.lock", "a/app.lock", "b/app.lock", "b/c/app.lock", "d/app.lock")
    put(tmp_path, ".gitignore", text="dist/\n/a\n!\nb/*.lock\n")
    put(tmp_path, "b/c/.gitignore", text="!app.lock\n")
    put(tmp_path, ".git/info/exclude", text="d\n")
    assert below(tmp_path) == ["b/c/app.lock"]


def test_ignores_above_the_folder_count_up_to_the_top_of_the_work_tree(tmp_path: Path) -> None:
    put(tmp_path, "work/.git/HEAD", "work/project/out/app.lock", "work/project/app.lock")
    put(tmp_path, "work/.gitignore", text="out\n")
    put(tmp_path, ".gitignore", text="*.lock\n")
    assert below(tmp_path / "work" / "project") == ["app.lock"]


def test_a_lock_file_covers_the_manifests_beside_and_below_it(tmp_path: Path) -> None:
    put(tmp_path, "one/app.lock", "one/app.json", "one/packages/member/app.json", "two/app.json")
    put(tmp_path, "three/solo.lock", "three/app.json", "three/sub/app.json")
    assert below(tmp_path) == ["one/app.lock", "three/solo.lock", "three/sub/app.json", "two/app.json"]


def test_a_manifest_that_is_named_beside_its_lock_file_is_not_read_twice(tmp_path: Path) -> None:
    files = [tmp_path / "app.json", tmp_path / "app.lock", tmp_path / "other" / "app.json", tmp_path / "app.lock"]
    assert without_covered(files, FORMATS) == [tmp_path / "app.lock", tmp_path / "other" / "app.json"]


def test_links_make_no_loops_and_lead_to_nothing_outside(tmp_path: Path) -> None:
    put(tmp_path, "secret/app.lock", "project/real/app-1.lock")
    project = tmp_path / "project"
    (project / "loop").symlink_to(project)
    (project / "up").symlink_to(tmp_path / "secret")
    (project / "app.lock").symlink_to(tmp_path / "secret" / "app.lock")
    (project / "real" / "app-2.lock").symlink_to("app-1.lock")
    (project / "dangling.lock").symlink_to("nowhere")
    assert below(project) == ["real/app-1.lock", "real/app-2.lock"]
    assert below(project, "**/*.lock") == ["real/app-1.lock", "real/app-2.lock"]


@pytest.mark.parametrize(
    ("pattern", "files"),
    [
        ("*.json", ["x.json"]),
        ("s*", ["sub/app.lock"]),
        ("*/app.lock", ["[odd]/app.lock", "sub/app.lock"]),
        ("**/app.lock", ["[odd]/app.lock", "sub/app.lock"]),
        ("[odd]", ["[odd]/app.lock"]),
        ("sub/**", ["sub/app.lock", "sub/notes.txt"]),
    ],
)
def test_globs(tmp_path: Path, pattern: str, files: list[str]) -> None:
    put(tmp_path, "x.json", "sub/app.lock", "sub/notes.txt", "[odd]/app.lock")
    assert below(tmp_path, pattern) == files


def test_a_folder_with_the_name_of_a_lock_file_is_a_folder(tmp_path: Path) -> None:
    put(tmp_path, "app.lock/app.lock")
    assert below(tmp_path) == ["app.lock/app.lock"]
    assert below(tmp_path, "app.lock") == ["app.lock/app.lock"]


def test_what_leads_to_nothing_is_noted_and_a_file_that_is_missing_is_still_meant(tmp_path: Path) -> None:
    assert discover(tmp_path / "*.none", FORMATS).notes == ["leads to no manifest now"]
    missing = discover(tmp_path / "app.lock", FORMATS)
    assert (missing.files, missing.named, missing.folders) == ([tmp_path / "app.lock"], True, [tmp_path])


def test_the_folders_in_which_more_can_appear_are_told(tmp_path: Path) -> None:
    put(tmp_path, "a/app.lock", "b/x")
    assert set(discover(tmp_path / "*" / "app.lock", FORMATS).folders) == {tmp_path, tmp_path / "a", tmp_path / "b"}
    assert set(discover(tmp_path, FORMATS).folders) == {tmp_path, tmp_path / "a", tmp_path / "b"}


def test_a_folder_without_end_is_looked_at_to_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, *(f"a/{number}" for number in range(30)), "z/app.lock")
    monkeypatch.setattr(discovering, "MOST_SEEN", 20)
    found = discover(tmp_path, FORMATS)
    assert "has more than 20 files; only the first ones are looked at" in found.notes
    assert found.files == []
    monkeypatch.setattr(discovering, "MOST_SEEN", 100)
    monkeypatch.setattr(discovering, "MOST_FOLDERS", 2)
    assert discover(tmp_path, FORMATS).notes[0] == "has more than 2 folders; only the first ones are looked at"
    put(tmp_path, "app-1.lock", "app-2.lock")
    monkeypatch.setattr(discovering, "MOST_FILES", 1)
    assert below(tmp_path) == ["app-1.lock"]


def test_a_folder_that_cannot_be_read_is_noted_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, "closed/app.lock", "open/app.lock")
    scandir = os.scandir

    def refusing(path: str) -> object:
        if path.endswith("closed"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    found = discover(tmp_path, FORMATS)
    assert found.files == [tmp_path / "open" / "app.lock"]
    assert found.notes == [f"has a folder that cannot be read: {tmp_path / 'closed'} (permission denied)"]
