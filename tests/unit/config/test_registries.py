"""Where requests go, and that a credential goes nowhere else."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from packageurl.validate import DEFINITIONS_BY_TYPE
from pydantic import SecretStr

from config.load import load
from config.registries import Destinations, Registry, destinations

Files = dict[str, str]
Found = Callable[..., Destinations]


@pytest.fixture
def found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Found:
    """The destinations of a project and a home that hold the given files (``home/.npmrc``, ``project/.npmrc``, ...)."""

    monkeypatch.setattr("config.pipconf.SYSTEM_WIDE", tmp_path / "etc" / "pip.conf")

    def read(toml: str = "", files: Files | None = None, **env: str) -> Destinations:
        for name, text in {"project/weaklink.toml": toml, "home/.keep": "", **(files or {})}.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            path.chmod(0o600)
        alone = {
            "PREFIX": str(tmp_path / "prefix"),
            "XDG_CONFIG_DIRS": str(tmp_path / "xdg"),
            "HOME": str(tmp_path / "home"),
            **env,
        }
        configuration = load(tmp_path / "project/weaklink.toml", env={})
        return destinations(configuration, alone, prefix=tmp_path / "venv")

    return read


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def default(ecosystem: str) -> str:
    return str(DEFINITIONS_BY_TYPE[ecosystem].default_repository_url).rstrip("/") + "/"


class TestNpm:
    def test_without_any_file_it_is_the_default_of_the_purl_type(self, found: Found) -> None:
        registry = found().npm_registry_for("express")
        assert registry.base_url == default("npm")
        assert registry.authorization is None

    def test_the_nearer_file_wins_and_the_configuration_wins_over_all(self, found: Found) -> None:
        files = {
            "prefix/etc/npmrc": "registry=https://global.example/",
            "home/.npmrc": "registry=https://user.example/\n",
            "project/.npmrc": "registry = https://project.example",
            "project/own.npmrc": "registry = https://own.example/npm",
        }
        toml = '[registries.npm]\nnpmrc = "own.npmrc"\n'
        seen = [found(text, files).npm.base_url for text in (f'{toml}url = "http://127.0.0.1:4873"', toml, "")]
        for gone in ("project/.npmrc", "home/.npmrc"):
            files[gone] = ""
            seen.append(found("", files).npm.base_url)
        assert seen == [
            "http://127.0.0.1:4873/",
            "https://own.example/npm/",
            "https://project.example/",
            "https://user.example/",
            "https://global.example/",
        ]

    def test_the_environment_wins_over_the_files(self, found: Found) -> None:
        files = {"project/.npmrc": "registry=https://project.example/"}
        assert found("", files, NPM_CONFIG_REGISTRY="https://env.example/").npm.base_url == "https://env.example/"

    def test_a_scope_has_its_own_registry_and_token(self, found: Found) -> None:
        npmrc = "@corp:registry=https://npm.corp.example/team\n//npm.corp.example/team/:_authToken=${TOKEN}\n"
        there = found("", {"home/.npmrc": npmrc}, TOKEN="t0k")
        corp = there.npm_registry_for("@corp/x")
        assert corp.authorization_for("https://npm.corp.example/team/@corp%2Fx") == "Bearer t0k"
        assert corp.authorization_for("https://npm.corp.example/other") is None
        for other in ("@other/x", "corp", "@corp"):
            assert there.npm_registry_for(other).base_url == default("npm")
            assert there.npm_registry_for(other).authorization is None
        toml = '[registries.npm]\nscopes = { "@corp" = "https://mine.example/" }'
        assert found(toml, {"home/.npmrc": npmrc}).npm_registry_for("@corp/x").base_url == "https://mine.example/"

    def test_an_npmrc_of_a_watched_project_names_no_registry_and_gets_no_token(self, found: Found) -> None:
        toml = '[[watch]]\nname = "shop"\nmanifests = ["app"]'
        theirs = "registry=https://evil.example/\n@corp:registry=https://evil.example/\n_auth=${TOKEN}"
        there = found(toml, {"project/app/.npmrc": theirs, "project/app/package-lock.json": "{}"}, TOKEN="t0k")
        assert there.npm.base_url == default("npm")
        assert there.scopes == {}

    def test_every_form_of_credential_is_understood(self, found: Found) -> None:
        password = base64.b64encode(b"p:w").decode()
        forms = {
            "//r.example/:_authToken=abc": "Bearer abc",
            "//r.example/:_auth=YTpi": "Basic YTpi",
            f"//r.example/:username=ann\n//r.example/:_password={password}": basic("ann", "p:w"),
            '//r.example/:_authToken="quoted;token"': "Bearer quoted;token",
            "//r.example/:_authToken=abc ; comment": "Bearer abc",
            "//r.example/:username=ann\n//r.example/:_password=%%%": None,
            "//r.example/:_authToken=${UNSET}": None,
            "//r.example/:_authToken=${UNSET?}": None,
            "//r.example/:_authToken=${UNSET-fallback}": "Bearer fallback",
            "//r.example/:_authToken=${UNSET:-fallback}": "Bearer fallback",
            "//r.example/:_authToken=${SET-fallback}x": "Bearer vx",
            "//r.example/:_authToken=\\${SET}": None,
            "//r.example:444/:_authToken=abc": None,
            "//evil.example/:_authToken=abc": None,
            "_authToken=abc": None,
            "//r.example/deeper/:_authToken=abc": None,
            "[section]\n# //r.example/:_authToken=abc": None,
        }
        for npmrc, header in forms.items():
            there = found("", {"home/.npmrc": f"registry=https://r.example/\n{npmrc}"}, SET="v")
            assert there.npm.authorization_for("https://r.example/express") == header, npmrc

    def test_the_longest_prefix_wins(self, found: Found) -> None:
        npmrc = "registry=https://r.example/a/b/\n//r.example/:_authToken=root\n//r.example/a/:_authToken=deep"
        npm = found("", {"home/.npmrc": npmrc}).npm
        assert npm.authorization_for("https://r.example/a/b/x") == "Bearer deep"
        assert npm.authorization_for("https://r.example/x") is None

    def test_a_token_does_not_travel_in_the_clear(self, found: Found) -> None:
        for host, header in (("r.example", None), ("127.0.0.1:4873", "Bearer t"), ("localhost:1", "Bearer t")):
            npmrc = f"registry=http://{host}/\n//{host}/:_authToken=t"
            npm = found("", {"home/.npmrc": npmrc}).npm
            assert npm.authorization_for(f"http://{host}/x") == header

    def test_unreadable_and_strange_files_are_passed_over(self, found: Found, tmp_path: Path) -> None:
        (tmp_path / "home/.npmrc").mkdir(parents=True)
        assert found().npm.base_url == default("npm")
        strange = {"project/.npmrc": "registry=file:///etc\n=\n===\n;x\n\ufeff[\n@corp:registry=javascript:1\n"}
        there = found("", strange)
        assert there.npm.base_url == default("npm")
        assert there.npm_registry_for("@corp/x").base_url == default("npm")

    def test_a_header_cannot_be_split(self, found: Found) -> None:
        npmrc = "registry=https://r.example/\n//r.example/:_authToken=${T}"
        npm = found("", {"home/.npmrc": npmrc}, T="a\r\nX-Evil: 1").npm
        assert npm.authorization is None


class TestPypi:
    def test_without_any_file_it_is_the_default_of_the_purl_type(self, found: Found) -> None:
        (registry,) = found().pypi_registries()
        assert registry.base_url == default("pypi")
        assert registry.simple_url == default("pypi") + "simple/"

    def test_pips_files_and_variables_are_read_in_pips_order(self, found: Found) -> None:
        files = {
            "xdg/pip/pip.conf": "[global]\nindex-url = https://global.example/simple\n",
            "home/.config/pip/pip.conf": "[global]\nindex_url = https://user.example/simple/\n"
            "extra-index-url = https://one.example/simple/ file:///opt/pypi/simple\n  https://two.example/\n",
            "venv/pip.conf": "[install]\nindex-url = https://venv.example/corp/pypi/+simple/\n",
        }
        there = found("", files)
        assert [(registry.base_url, registry.simple_url) for registry in there.pypi_registries()] == [
            ("https://venv.example/corp/pypi/", "https://venv.example/corp/pypi/+simple/"),
            ("https://one.example/", "https://one.example/simple/"),
            ("https://two.example/", "https://two.example/simple/"),
        ]
        by_variable = found("", files, PIP_INDEX_URL="https://env.example/simple/", PIP_EXTRA_INDEX_URL="")
        assert by_variable.pypi_registries()[0].base_url == "https://env.example/"
        by_own = found('[registries.pypi]\nurl = "http://127.0.0.1:3141/"', files)
        assert [registry.base_url for registry in by_own.pypi_registries()] == ["http://127.0.0.1:3141/"]

    def test_an_index_of_files_leaves_the_default(self, found: Found) -> None:
        there = found("", {"home/.pip/pip.conf": "[global]\nindex-url = file:///opt/simple\n"})
        assert [registry.base_url for registry in there.pypi_registries()] == [default("pypi")]
        assert found("", PIP_CONFIG_FILE="/dev/null").pypi[0].base_url == default("pypi")

    def test_broken_files_are_passed_over(self, found: Found) -> None:
        broken = {"home/.pip/pip.conf": "index-url = x\n[global", "home/.netrc": "machine\n\x00 what"}
        assert found("", broken).pypi[0].base_url == default("pypi")

    def test_a_login_in_the_url_or_in_netrc_becomes_a_header(self, found: Found) -> None:
        url = "https://ann:p%40w@a.example/simple/"
        conf = {"home/.pip/pip.conf": f"[global]\nindex-url = {url}\nextra-index-url = https://b.example/simple/"}
        netrc = {"home/.netrc": "machine b.example login bob password s3cret\ndefault login x password y\n"}
        first, second = found("", conf | netrc).pypi_registries()
        assert first.base_url == "https://a.example/"
        assert first.authorization_for("https://a.example/pypi/x/json") == basic("ann", "p@w")
        assert second.authorization_for("https://b.example/pypi/x/json") == basic("bob", "s3cret")

    def test_netrcs_default_entry_is_for_nobody(self, found: Found) -> None:
        there = found("", {"home/.netrc": "default login x password y\n"})
        assert there.pypi[0].authorization is None


GUARDED = Registry("https://r.example:8443/team/", SecretStr("Bearer hunter2"), "/team/")


def test_no_credential_shows_in_a_repr() -> None:
    assert "hunter2" not in repr(GUARDED)
    assert "hunter2" not in repr(Destinations(GUARDED, {"@c": GUARDED}, (GUARDED,)))


@pytest.mark.parametrize(
    "url",
    [
        "http://r.example:8443/team/x",
        "https://r.example/team/x",
        "https://r.example:8443/teams/x",
        "https://r.example:8443/x",
        "https://r.example:8443/team/../x",
        "https://r.example:8443/team/%2e%2e/x",
        "https://r.example.evil.example:8443/team/x",
        "https://r.example:8443@evil.example/team/x",
        "https://evil.example\\@r.example:8443/team/x",
        "https://evil.example/https://r.example:8443/team/",
        "https://r.example:x/team/",
        "//r.example:8443/team/x",
        "",
    ],
)
def test_another_scheme_host_port_or_path_gets_no_credential(url: str) -> None:
    assert GUARDED.authorization_for(url) is None


def test_its_own_place_gets_the_credential() -> None:
    for url in ("https://r.example:8443/team/x?y", "https://R.example:8443/team/@a%2Fb", "https://r.example:8443/team"):
        assert GUARDED.authorization_for(url) == "Bearer hunter2"


@given(st.text(max_size=40))
@example("[")
def test_any_other_text_is_no_error(text: str) -> None:
    assert GUARDED.authorization_for(text) is None
    assert GUARDED.authorization_for(f"https://r.example:8443{text}") in {None, "Bearer hunter2"}
