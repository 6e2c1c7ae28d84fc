"""Requirements files are read as pip reads them, to limits, and each bad one gets one clear error."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from config.manifests.discover import discover
from config.manifests.files import Files
from config.manifests.formats import format_of
from config.manifests.model import Entry, ManifestError
from config.names import normalise_pypi


def read(folder: Path, name: str = "requirements.txt", **files: str | bytes) -> list[Entry]:
    for key, content in files.items():
        path = folder / key.replace("__", "/").replace("_txt", ".txt")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    form = format_of(name)
    assert form is not None
    return list(form.read(Files().open(folder / name, name)))


def versions(entries: list[Entry]) -> dict[str, tuple[str, ...]]:
    return {one.purl.removeprefix("pkg:pypi/"): one.versions for one in entries}


def refused(folder: Path, text: str | bytes) -> ManifestError:
    with pytest.raises(ManifestError) as caught:
        read(folder, requirements_txt=text)
    return caught.value


def test_pins_ranges_extras_markers_hashes_and_continuations(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        requirements_txt="""\
--index-url https://index.example/simple
--require-hashes
Flask_Login==0.6.3 \\
    --hash=sha256:aa \\
    --hash=sha256:bb  # said by pip-compile
requests[socks,security] (>=2.0)  # a range
numpy~=2.0; python_version < "3.12" and (sys_platform == "linux")
pinned === 2024.1
glob==1.*
two==1.0 ; python_version < "3"
two==2.0 ; python_version >= "3"
pytz>=2004d
ruff==0.8.1 --config-settings "a=b"
""",
    )
    assert versions(found) == {
        "flask-login": ("0.6.3",),
        "requests": (),
        "numpy": (),
        "pinned": ("2024.1",),
        "glob": (),
        "two": ("1.0", "2.0"),
        "pytz": (),
        "ruff": ("0.8.1",),
    }
    assert all(one.direct and not one.dev and one.source == "requirements.txt" for one in found)


def test_what_no_registry_serves_is_no_entry(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        requirements_txt="""\
-e .
-e git+https://git.example/team/tool.git@v1#egg=tool
--editable ./libs/inner
git+ssh://git@git.example/team/other.git#egg=other
direct @ https://files.example/direct-1.0.tar.gz#sha256=aa
extra[one] @ git+https://git.example/extra ; python_version > "3"
file:///opt/wheels/local.whl
./vendored
../sibling/pkg[extra]
wheels/thing-1.0-py3-none-any.whl
thing-2.0-py3-none-any.whl
secret==${VERSION}
good==2.0
""",
    )
    assert versions(found) == {"good": ("2.0",)}


def test_includes_are_followed_and_constraints_only_pin(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        requirements_txt="-r requirements/base.txt\n-rrequirements/more.txt\n--requirement=absent.txt\n"
        "-c constraints.txt\n-r https://index.example/other.txt\nhere\n",
        requirements__base_txt="-r more.txt\nbase==1\n",
        requirements__more_txt="more==2\n",
        constraints_txt="here==3\nbase==9\nelsewhere==4\n",
    )
    assert versions(found) == {"more": ("2",), "base": ("1",), "here": ("3",)}


COMPILED = """\
#    pip-compile --generate-hashes --output-file=requirements.txt pyproject.toml requirements.in
flask==3.0 \\
    --hash=sha256:aa \\
    --hash=sha256:bb
    # via
    #   -r requirements.in
    #   shop (pyproject.toml)
    #   Flask_Login
flask-login==0.6  # via shop (pyproject.toml)
jinja2==3.1
    # via flask
markupsafe==2.1
    # via
    #   -c constraints.txt
    #   jinja2
    #   werkzeug[watchdog]
werkzeug==3.0
    # via flask, flask-login

# Not for any one of them
by-hand==1.0  # via is no list of names here: see (the manual)
"""


def test_what_was_compiled_says_for_whom(tmp_path: Path) -> None:
    found = {one.purl.removeprefix("pkg:pypi/"): one for one in read(tmp_path, requirements_txt=COMPILED)}
    assert {name: one.direct or one.via for name, one in found.items()} == {
        "flask": True,
        "flask-login": True,
        "jinja2": ("flask",),
        "markupsafe": ("flask", "jinja2"),
        "werkzeug": ("flask",),
        "by-hand": True,
    }


def test_a_file_for_development_includes_what_production_uses(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        "requirements-dev.txt",
        **{"requirements-dev_txt": "-r requirements.txt\npytest\n", "requirements_txt": "flask\n"},
    )
    assert {one.purl: one.dev for one in found} == {"pkg:pypi/flask": False, "pkg:pypi/pytest": True}


def test_a_folder_of_requirements_is_found_by_its_name(tmp_path: Path) -> None:
    for name in ("requirements/base.txt", "requirements/dev.txt", "notes/base.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("flask==3.0\n")
    assert discover(tmp_path).files == [tmp_path / "requirements" / "base.txt", tmp_path / "requirements" / "dev.txt"]
    assert format_of(tmp_path / "notes" / "base.txt") is None


def test_an_include_that_leads_back_is_told_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"^requirements/b\.txt:2: its includes lead back to it; remove"):
        read(
            tmp_path,
            requirements_txt="-r requirements/b.txt\n",
            requirements__b_txt="ok\n-r ../requirements.txt\n",
        )


def test_folders_that_link_to_themselves_end(tmp_path: Path) -> None:
    (tmp_path / "again").symlink_to(tmp_path)
    with pytest.raises(ManifestError, match="lead back"):
        read(tmp_path, requirements_txt="ok\n-r again/again/requirements.txt\n")


def test_a_link_that_leads_to_itself_is_no_include(tmp_path: Path) -> None:
    (tmp_path / "loop.txt").symlink_to(tmp_path / "loop.txt")
    assert versions(read(tmp_path, requirements_txt="ok\n-r loop.txt\n")) == {"ok": ()}


def test_the_number_of_includes_is_bounded(tmp_path: Path) -> None:
    for number in range(300):
        (tmp_path / f"{number}.txt").write_text("ok\n")
    error = refused(tmp_path, "".join(f"-r {number}.txt\n" for number in range(300)))
    assert "more than 200 files" in error.problem
    assert error.line == 200


@pytest.mark.parametrize(
    "data",
    [
        "flask==1.0\r\nnaïve-comment  # é\r\n".encode("utf-16"),
        "# -*- coding: latin-1 -*-\nflask==1.0  # é\n".encode("latin-1"),
        "\ufeffflask==1.0\n".encode(),
    ],
)
def test_encodings_that_pip_knows(tmp_path: Path, data: bytes) -> None:
    assert versions(read(tmp_path, requirements_txt=data))["flask"] == ("1.0",)


@pytest.mark.parametrize(
    ("text", "problem", "line"),
    [
        ("flask\n<<<<<<< HEAD\na==1\n=======\na==2\n>>>>>>> b\n", "unfinished merge", 2),
        (b"flask\nr\xffequests\n", "not UTF-8", 2),
        (b"# coding: nothing-known\nflask\n", "nothing-known", 1),
        (b"\xff\xfef\x00l", "utf-16", 1),
        (b"a==1\nb\0==2\n", "NUL", 2),
        ('{\n  "name": "shop",\n  "version": "1.0.0"\n}\n', "no requirement", 1),
        ("<!doctype html>\n<html>\n<body>Not found</body>\n", "no requirement", 1),
        ('[[package]]\nname = "flask"\nversion = "1.0"\n', "no requirement", 1),
        ("a" * 1_000_000, "no requirement", 1),
        ("name\x1b[31mred==1\n", "no requirement", 1),
    ],
)
def test_bad_files_are_told_with_line_and_mend(tmp_path: Path, text: str | bytes, problem: str, line: int) -> None:
    error = refused(tmp_path, text)
    assert problem in error.problem
    assert error.line == line
    assert error.mend
    assert str(error).isprintable()


@pytest.mark.parametrize(
    "line",
    [" " * 1_000_000 + "x", "a[" + "," * 1_000_000, "a" + " " * 1_000_000 + "#", "a==" + "1." * 500_000, "(" * 500_000],
)
def test_no_line_makes_an_expression_run_away(tmp_path: Path, line: str) -> None:
    assert {"good", "fine"} <= versions(read(tmp_path, requirements_txt=f"good\nfine\n{line}\n")).keys()


names = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,10}[A-Za-z0-9])?", fullmatch=True)
pins = st.from_regex(r"[0-9]{1,3}(\.[0-9]{1,3}){0,2}((a|b|rc)[0-9])?(\.post[0-9])?", fullmatch=True)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(names, pins), max_size=8))
def test_what_is_written_is_read_back(tmp_path: Path, wanted: list[tuple[str, str]]) -> None:
    expected: dict[str, list[str]] = {}
    for name, pin in wanted:
        normalised = normalise_pypi(name)
        if pin not in expected.setdefault(normalised, []):
            expected[normalised].append(pin)
    text = "".join(f"{name} == {pin} \\\n  --hash=sha256:00\n" for name, pin in wanted)
    assert versions(read(tmp_path, requirements_txt=text)) == {k: tuple(v) for k, v in expected.items()}


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode)))
@example(b"a;" + b"(" * 5000)
@example(b"-r \xc3\x28")
@example(b"-r /\n-c .\n")
@example(b"# coding: hex\naa")
@example(b"# coding: idna\n\xaa")
def test_any_bytes_are_read_or_refused(tmp_path: Path, data: bytes) -> None:
    with suppress(ManifestError):
        read(tmp_path, requirements_txt=data)
