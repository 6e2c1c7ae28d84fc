"""``pyproject.toml``: what the project asks for, in each of the tables that tools read."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.manifests.files import Files
from config.manifests.model import Entry, ManifestError
from config.manifests.pyproject import read_pyproject


def read(folder: Path, text: str) -> dict[str, Entry]:
    (folder / "pyproject.toml").write_text(text)
    entries = read_pyproject(Files().open(folder / "pyproject.toml", "pyproject.toml"))
    return {one.purl.removeprefix("pkg:pypi/"): one for one in entries}


def test_standard_tables(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        """
[build-system]
requires = ["hatchling>=1.27"]
[project]
name = "Shop.Api"
dependencies = ["Flask[async]>=3", "pin==1.2", "away @ git+https://git.example/away", "both>=1"]
[project.optional-dependencies]
pg = ["psycopg[binary]>=3; sys_platform != 'win32'"]
all = ["shop-api[pg]"]
[dependency-groups]
test = ["pytest>=8", "both", {include-group = "lint"}]
lint = ["ruff"]
""",
    )
    assert {name: one.dev for name, one in found.items()} == {
        "flask": False,
        "pin": False,
        "both": False,
        "psycopg": False,
        "hatchling": True,
        "pytest": True,
        "ruff": True,
    }
    assert found["pin"].versions == ("1.2",)
    assert found["flask"].versions == ()
    assert all(one.direct for one in found.values())


def test_poetry_tables(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        """
[tool.poetry]
name = "shop"
[tool.poetry.dependencies]
python = "^3.11"
Django = "^5"
exact = "1.0.1"
table = {version = "==2.0", extras = ["x"], optional = true}
forks = [{version = "^1", python = "<3.9"}, {version = "^2", python = ">=3.9"}]
repo = {git = "https://git.example/repo.git"}
folder = {path = "../folder", develop = true}
[tool.poetry.dev-dependencies]
black = "*"
[tool.poetry.group.test.dependencies]
pytest = ">=8"
""",
    )
    assert {name: (one.versions, one.dev) for name, one in found.items()} == {
        "django": ((), False),
        "exact": (("1.0.1",), False),
        "table": (("2.0",), False),
        "forks": ((), False),
        "black": ((), True),
        "pytest": ((), True),
    }


def test_tables_of_pdm_and_uv_and_sources(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        """
[project]
name = "shop"
dependencies = ["inner", "torch", "cut"]
[tool.uv]
dev-dependencies = ["mypy"]
[tool.uv.sources]
inner = {workspace = true}
torch = [{index = "gpu", marker = "sys_platform == 'linux'"}]
cut = {git = "https://git.example/cut"}
[tool.pdm.dev-dependencies]
test = ["pytest", "-e file:///${PROJECT_ROOT}/sub#egg=sub"]
""",
    )
    assert {name: one.dev for name, one in found.items()} == {"torch": False, "mypy": True, "pytest": True}


def test_requirements_that_setuptools_takes_from_files(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("flask==3.0\n")
    found = read(
        tmp_path,
        """
[project]
name = "shop"
dynamic = ["dependencies"]
[tool.setuptools.dynamic]
dependencies = {file = ["requirements.txt"]}
""",
    )
    assert found["flask"].versions == ("3.0",)


@pytest.mark.parametrize(
    ("text", "problem", "line"),
    [
        ("[project]\nname = 'a'\ndependencies = 'flask'\n", "project.dependencies is no list", 3),
        ("[project]\nname = 'a'\ndependencies = [\n 'ok',\n 'not a requirement',\n]\n", "no requirement", 5),
        ("[project]\ndependencies = [3]\n", "3 in project.dependencies", None),
        ("[tool]\npoetry = 3\n", "tool.poetry is no table", 2),
        ("[project]\nname = 'a'\nname = 'b'\n", "TOML", 3),
        ("[tool.poetry.dependencies]\n'no/name' = '*'\n", "no name of a Python project", 2),
        ('{"name": "shop"}', "TOML", 1),
    ],
)
def test_bad_ones_are_told_with_their_line(tmp_path: Path, text: str, problem: str, line: int | None) -> None:
    with pytest.raises(ManifestError) as caught:
        read(tmp_path, text)
    assert problem in str(caught.value)
    assert caught.value.line == line
