"""The recipe of the image and the composition around it, as far as they can be judged without building them.

``tests/machine/image.py`` builds and runs the image.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from compose_spec import PyCompose
from packaging.requirements import Requirement

from config.load import load

TOP = Path(__file__).parents[2]
FOLDER = TOP / "container"
RECIPE = (FOLDER / "Containerfile").read_text()
COMPOSE = (FOLDER / "compose.yaml").read_text()
OURS = ("weaklink", "worker")


def services() -> dict[str, Any]:
    """Of the composition, with anchors and the defaults of its ${NAME:-…}; raises for what no Compose would take."""
    tree = yaml.safe_load(re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", COMPOSE))
    PyCompose.from_yaml(yaml.safe_dump(tree)).validate()
    found: dict[str, Any] = tree["services"]
    return found


def test_every_dependency_is_pinned_within_its_range() -> None:
    project = tomllib.loads((TOP / "pyproject.toml").read_text())["project"]
    wanted = map(Requirement, project["dependencies"] + project["optional-dependencies"]["postgresql"])
    lines = (FOLDER / "pins.txt").read_text().splitlines()
    pins = {pin.name: pin for pin in map(Requirement, lines)}
    for one in wanted:
        (pinned,) = pins[one.name].specifier
        assert one.specifier.contains(pinned.version), f"{one}: pinned to {pinned.version}; make pins"


def test_the_image_is_not_root_and_holds_what_it_needs_only() -> None:
    assert re.search(r"^USER 10001:10001$", RECIPE, re.MULTILINE)
    assert RECIPE.rindex("USER ") > RECIPE.rindex("RUN "), "what is installed is not the user's"
    assert not re.search(r"^ADD |https?://(?!127\.0\.0\.1)", RECIPE, re.MULTILINE)
    named = {word for line in re.findall(r"^COPY (?!--from)(.+) \S+$", RECIPE, re.MULTILINE) for word in line.split()}
    kept = {line[1:] for line in (TOP / ".containerignore").read_text().splitlines() if line.startswith("!")}
    assert named == kept
    assert all((TOP / one).exists() for one in named)
    assert not re.search(r"^(ENV|ARG) .*(PASSWORD|TOKEN|SECRET)", RECIPE, re.MULTILINE)


@pytest.mark.parametrize("name", ["database", *OURS])
def test_every_service_is_confined(name: str) -> None:
    one = services()[name]
    assert one["read_only"] is True
    assert one["cap_drop"] == ["ALL"]
    assert one["security_opt"] == ["no-new-privileges:true"]
    assert int(one["user"].partition(":")[0]) > 0
    assert one["secrets"]
    assert "privileged" not in one
    assert not [value for value in one.get("environment", {}).values() if "postgresql://" in value]


def test_only_this_machine_reaches_the_pages_and_nobody_the_database() -> None:
    found = services()
    assert found["weaklink"]["ports"] == ["127.0.0.1:8330:8330"]
    assert "ports" not in found["database"]
    assert "ports" not in found["worker"]
    assert found["database"]["networks"] == ["inside"]


def test_what_starts_waits_for_what_it_needs() -> None:
    found = services()
    assert found["weaklink"]["depends_on"] == {"database": {"condition": "service_healthy"}}
    assert set(found["worker"]["depends_on"]) == {"database", "weaklink"}
    assert all("healthcheck" in found[name] for name in ("database", *OURS))
    assert found["weaklink"]["healthcheck"]["test"][-1] in RECIPE, "the image asks the same"
    assert "container_name" not in COMPOSE, "so that --scale worker=4 can be"


def test_the_configuration_beside_it_is_in_order() -> None:
    secrets = {"database": "a-password", "pages": "0123456789abcdef"}
    settings = load(FOLDER / "weaklink.toml", env=secrets).settings
    assert settings.database.url == "postgresql://weaklink:a-password@database/weaklink"
    assert settings.web.token
    assert set(yaml.safe_load(COMPOSE)["secrets"]) == set(secrets)
