"""What a configuration means, and how a wrong one is told."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from config.load import ConfigError, Configuration, find, load
from config.problems import Problem

KINDS = frozenset({"domain-expired", "release-published", "maintainer-added"})
Written = Callable[..., Path]


@pytest.fixture
def written(tmp_path: Path) -> Written:
    """Writes ``weaklink.toml`` (or another file beside it) and returns its path."""

    def write(text: str | bytes, name: str = "weaklink.toml") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def loaded(path: Path, **env: str) -> Configuration:
    return load(path, kinds=KINDS, env=env)


def problems(path: Path, **env: str) -> list[Problem]:
    with pytest.raises(ConfigError) as error:
        loaded(path, **env)
    return list(error.value.problems)


def only_problem(path: Path, **env: str) -> Problem:
    (problem,) = problems(path, **env)
    return problem


def test_an_empty_file_is_all_defaults(written: Written) -> None:
    configuration = loaded(written(""))
    assert configuration.settings.schedule.packages == timedelta(hours=1)
    assert configuration.settings.watch == ()


def test_a_relative_database_stands_beside_the_file(written: Written, tmp_path: Path) -> None:
    path = written('[database]\nurl = "sqlite:///data/w.db?timeout=3"')
    assert loaded(path).settings.database.url == f"sqlite:///{tmp_path}/data/w.db?timeout=3"
    for url in ("sqlite:////var/w.db", "sqlite:///:memory:", "sqlite://", "postgresql://u@h/d"):
        assert loaded(written(f'[database]\nurl = "{url}"')).settings.database.url == url


WRONG = [
    ('[schedule]\npakages = "1h"', 2, "schedule.pakages", "unknown key", "did you mean packages?"),
    ("[schedule]\n\npackages = 3600", 3, "schedule.packages", "'3600' is no duration", "30s"),
    ('[schedule]\npackages = "0s"', 2, "schedule.packages", "greater than or equal to 1s", '"1h"'),
    ('[schedule]\npackages = "' + "999999w " * 50 + '"', 2, "schedule.packages", "hundred years", "7d"),
    ('[schedule]\nconcurrency = "4"', 2, "schedule.concurrency", "expects a whole number, not text", "= 32"),
    ("[schedule]\nconcurrency = true", 2, "schedule.concurrency", "not true or false", "= 32"),
    ("[schedule]\nconcurrency = 0", 2, "schedule.concurrency", "greater than or equal to 1", "= 32"),
    ("[schedule]\nconcurrency = 1979-05-27", 2, "schedule.concurrency", "not a date or time", "= 32"),
    ("schedule = 5", 1, "schedule", "expects a table, not a whole number", "[schedule]"),
    ('[schedule]\ntimezone = "Europe/Berln"', 2, "schedule.timezone", "no time zone", "Europe/Berlin"),
    ('[schedule]\ntimezone = "../../etc/passwd"', 2, "schedule.timezone", "no time zone", "UTC"),
    ('[severity]\nrelase-published = "low"', 2, "severity.relase-published", "no kind", "release-published"),
    ('[severity]\nrelease-published = "lowest"', 2, "severity.release-published", "no severity", "low"),
    ('[[watch]]\nowner = "x"', 1, "watch[0].name", "missing", 'name = "shop"'),
    (
        '[[watch]]\nname = "a"\npackages = [\n"npm:b",\n"express"]',
        5,
        "watch[0].packages[1]",
        "ecosystem",
        "npm:express",
    ),
    ('[[watch]]\nname = "a"\npackages = ["cargo:serde"]', 3, "watch[0].packages[0]", "no ecosystem", "npm or pypi"),
    ('[[watch]]\nname = "a"\npackages = ["npm:../x"]', 3, "watch[0].packages[0]", "no npm package name", "npm:NAME"),
    ('[[watch]]\nname = "a"\npackages = "npm:x"', 3, "watch[0].packages", "expects a list, not text", "["),
    ('[[watch]]\nname = "a"\nmaintainers = ["alice"]', 3, "watch[0].maintainers[0]", "no account", "npm:~alice"),
    ('[[watch]]\nname = "a"\ndomains = ["localhost"]', 3, "watch[0].domains[0]", "no domain", "example.org"),
    ('[[watch]]\nname = "a"\ndomains = ["xn--a.example"]', 3, "watch[0].domains[0]", "no domain", "example.org"),
    ('[[watch]]\nname = "a"\ndomains = ["127.0.0.1"]', 3, "watch[0].domains[0]", "no domain", "example.org"),
    ('[[watch]]\nname = "a"\nmanifests = [""]', 3, "watch[0].manifests[0]", "pattern", "for example"),
    ('[[watch]]\nname = "a"\nmanifests = ["a\\u0000b"]', 3, "watch[0].manifests[0]", "printable", "for example"),
    ('[[watch]]\nname = "a"\ndepth = "al"', 3, "watch[0].depth", "'all' or 'direct'", '"all"'),
    ('[[watch]]\nname = "a"\n[[watch]]\nname = "a "', 4, "watch[1].name", "name of the one at", "rename"),
    (
        '[[channel]]\nname = "a"\nurl = "x://y"\n[[channel]]\nname = "a"\nurl = "x://y"',
        5,
        "channel[1].name",
        "one at",
        "",
    ),
    ('[[channel]]\nname = "a"\nurl = "nonsense"', 3, "channel[0].url", "no Apprise URL", "mailto"),
    ('[[route]]\nchannels = ["a"]', 2, "route[0].channels[0]", "no channel 'a'", "[[channel]]"),
    ('[[route]]\nmatch = { severity = ">=hihg" }', 2, "route[0].match.severity", "no severity", "high"),
    ('[[route]]\nmatch = { severity = ">critical" }', 2, "route[0].match.severity", "no severity at all", "high"),
    ("[[route]]\nmatch = { owner = 5 }", 2, "route[0].match.owner", "text or a list of texts", "web-team"),
    ('[[route]]\nmatch = { kind = "domain-expird" }', 2, "route[0].match.kind", "no kind", "domain-expired"),
    ('[[route]]\nmatch = { kind = ["package-*"] }', 2, "route[0].match.kind[0]", "no kind", "kinds"),
    ('[[route]]\nmatch = { ecosystem = "cargo" }', 2, "route[0].match.ecosystem", "no ecosystem", "npm or pypi"),
    ('[[route]]\ndigest = "0 25 * * *"', 2, "route[0].digest", "no cron expression", "0 8 * * mon-fri"),
    ('[[route]]\ndigest = "0 8 31 2 *"', 2, "route[0].digest", "never comes", "exists"),
    ('[[route]]\ngroup_by = ["cause", "colour"]', 2, "route[0].group_by[1]", "must be 'cause'", "cause"),
    ('[[route]]\nquiet_hours = { days = "mo" }', 2, "route[0].quiet_hours.days", "no days", "mon-fri"),
    ('[[route]]\nquiet_hours = { start = "25:00" }', 2, "route[0].quiet_hours.start", "time of day", "22:00"),
    ('[[route]]\nescalate = { after = "1h", channels = ["z"] }', 2, "route[0].escalate.channels[0]", "no channel", ""),
    (
        '[[compound]]\nname = "x"\nall = ["domain-expired|x", "maintainer-added"]',
        3,
        "compound[0].all[0]",
        "no kind",
        "",
    ),
    ('[[compound]]\nname = "x"\nall = ["domain-expired"]', 3, "compound[0].all", "at least 2 entries", "all = ["),
    ('[heartbeat]\nchannel = "a"', 2, "heartbeat.channel", "no channel", "[[channel]]"),
    ('[web]\nlisten = "8330"', 2, "web.listen", "no address", "127.0.0.1:8330"),
    ('[domains]\nnameservers = ["dns.example"]', 2, "domains.nameservers[0]", "no IP address", "192.0.2.53"),
    ('[domains]\nwhois_server = "x:70000"', 2, "domains.whois_server", "no port", "ADDRESS:PORT"),
    ('[registries.npm]\nurl = "file:///etc"', 2, "registries.npm.url", "no http or https URL", "https://"),
    ('[registries.nmp]\nurl = "x"', 1, "registries.nmp", "unknown key", "did you mean npm?"),
    ('[database]\nurl = "mysql://x/y"', 2, "database.url", "no database URL", "sqlite:///"),
    ("include = [5]", 1, "include[0]", "expects text", "watch.d"),
    ('include = ["nope.toml"]', 1, "include[0]", "there is no such file", "make it"),
    ('include = ["**/*.toml"]', 1, "include[0]", "not followed", "watch.d/*.toml"),
    ('include = ["*.toml"]', 1, "include[0]", "includes the file itself", "watch.d/*.toml"),
]


@pytest.mark.parametrize(("text", "line", "key", "problem", "mend"), WRONG, ids=[f"{w[2]}-{w[3]}" for w in WRONG])
def test_what_is_wrong_is_told_with_line_key_and_mend(
    written: Written, text: str, line: int, key: str, problem: str, mend: str
) -> None:
    path = written(text)
    told = only_problem(path)
    assert (told.place.file, told.place.line, told.key) == (path, line, key)
    assert problem in told.problem
    assert mend in told.mend
    assert len(str(told).splitlines()) == 1


def test_all_problems_are_told_at_once_in_the_order_of_the_file(written: Written) -> None:
    told = problems(written("\n".join(text for text, *_ in WRONG if text.startswith("[[route]]"))))
    lines = [problem.place.line or 0 for problem in told]
    assert len(told) >= 13
    assert lines == sorted(lines)


UNREADABLE = [
    (b"[web\n", 1, "this is no TOML"),
    (b'a = 1\n[web]\nlisten = "x"\nlisten = "y"\n', 4, "a key is written twice"),
    (b"[web]\n[domains]\n[web]\n", 3, "a table is written twice"),
    (b'[web]\nlisten = "a\x07"\n', 2, "this is no TOML"),
    (b"[web]\nlisten = 'a\x00'\n", 2, "NUL byte"),
    (b"# \xff\xfe\n", 1, "not UTF-8"),
    (b"\n\nx = " + b"[" * 200_000, 3, "nested more than"),
    (b"x = " + b"1" * 10_000, None, "too large"),
    (b"x = " + b"{a=" * 200_000, 1, "nested more than"),
    (b"a." * 1_000_000 + b"a = 1", 1, "nested more than"),
    (b"#" * (4 * 1024 * 1024 + 1), None, "larger than 4 MB"),
    (b"<<<<<<< HEAD\n[web]\n", 1, "this is no TOML"),
]


@pytest.mark.parametrize(("content", "line", "problem"), UNREADABLE, ids=[u[2] for u in UNREADABLE])
def test_what_is_no_toml_ends_in_one_clear_line(
    written: Written, content: bytes, line: int | None, problem: str
) -> None:
    began = time.monotonic()
    told = only_problem(written(content))
    assert problem in told.problem
    assert told.place.line == line
    assert time.monotonic() - began < 2


def test_a_folder_a_missing_file_and_a_pipe_are_named_as_such(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "folder" in only_problem(tmp_path).problem
    assert "no such file" in only_problem(tmp_path / "none.toml").problem
    assert "no regular file" in only_problem(tmp_path / "pipe").problem


def test_an_unreadable_file_says_why(written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written("")

    def refuse(*_: object) -> None:
        raise PermissionError(13, "denied")

    monkeypatch.setattr(Path, "open", refuse)
    assert "permission denied" in only_problem(path).problem


def test_a_byte_order_mark_is_no_obstacle(written: Written) -> None:
    assert loaded(written(b'\xef\xbb\xbf[web]\nlisten = ""')).settings.web.listen == ""


def test_hostile_keys_and_values_cannot_break_the_line(written: Written) -> None:
    told = problems(written('"a\\nb\\u202e" = 1\n[[watch]]\nname = "x"\npackages = ["npm:\\u001b[31m\\n\\u202e/"]'))
    assert len(told) == 2
    assert all(str(problem).isprintable() for problem in told)


def test_a_value_as_long_as_the_file_is_cut(written: Written) -> None:
    told = only_problem(written('[[watch]]\nname = "x"\npackages = ["npm:' + "/" * 1_000_000 + '"]'))
    assert len(str(told)) < 800


class TestExpansion:
    def test_the_environment_comes_before_credentials(self, written: Written, tmp_path: Path) -> None:
        (tmp_path / "BOTH").write_text("json://credential\n")
        (tmp_path / "only.file").write_text("json://file\n")
        path = written(
            '[[channel]]\nname = "a"\nurl = "${BOTH}"\n[[channel]]\nname = "b"\nurl = "${only.file}"\n'
            '[[channel]]\nname = "c"\nurl = "json://$${BOTH}$x"'
        )
        settings = loaded(path, BOTH="json://env", CREDENTIALS_DIRECTORY=str(tmp_path)).settings
        assert [channel.url.get_secret_value() for channel in settings.channel] == [
            "json://env",
            "json://file",
            "json://${BOTH}$x",
        ]

    def test_a_missing_variable_is_named(self, written: Written) -> None:
        told = only_problem(written('[[channel]]\nname = "a"\nurl = "x${NOPE}"'))
        assert (told.place.line, told.key) == (3, "channel[0].url")
        assert "${NOPE}" in told.problem

    @pytest.mark.parametrize("bad", ["${", "${}", "${a b}", "${../../etc/passwd}", "${A${B}}"])
    def test_what_names_no_variable_is_told(self, written: Written, bad: str) -> None:
        told = only_problem(written(f'[web]\nurl = "{bad}"'))
        assert "$${" in told.mend

    @pytest.mark.parametrize("text", [text for text, *_ in WRONG if text.count('"') >= 2 and "rename" not in _])
    def test_no_problem_ever_shows_what_a_variable_holds(self, written: Written, text: str) -> None:
        *_, last = re.finditer(r'(= |\[|, ?)"([^"]*)"', text)
        hidden = f"{text[: last.start(2)]}${{SECRET}}{text[last.end(2) :]}"
        path = written(hidden)
        told = problems(path, SECRET="hunter2 \u202e")
        assert "hunter2" not in "".join(map(str, told))

    def test_channel_urls_show_in_no_repr_and_no_error(self, written: Written) -> None:
        good = loaded(written('[[channel]]\nname = "a"\nurl = "json://u:hunter2@h"'))
        assert "hunter2" not in repr(good)
        assert "hunter2" not in str(good.settings.model_dump(mode="json"))
        bad = problems(written('x = 1\n[[channel]]\nname = "a"\nurl = "hunter2"'))
        assert "hunter2" not in "".join(map(str, bad))

    def test_passwords_in_urls_show_in_no_repr(self, written: Written) -> None:
        text = '[database]\nurl = "postgresql://u:hunter2@h/d"\n[registries.npm]\nurl = "https://u:hunter2@h/"'
        assert "hunter2" not in repr(loaded(written(text)))


class TestIncludes:
    def test_watches_of_included_files_join_those_of_the_main_one(self, written: Written, tmp_path: Path) -> None:
        written('[[watch]]\nname = "b"\nmanifests = ["../x.json"]', "watch.d/b.toml")
        written('[[watch]]\nname = "c"\npackages = [\n"npm:y"]', "watch.d/c.toml")
        path = written('include = ["watch.d/*.toml", "watch.d/b.toml"]\n[[watch]]\nname = "a"')
        configuration = loaded(path)
        assert [watch.name for watch in configuration.settings.watch] == ["a", "b", "c"]
        assert configuration.files == (path, tmp_path / "watch.d/b.toml", tmp_path / "watch.d/c.toml")
        assert str(configuration.place("watch", 2, "packages", 0)) == f"{tmp_path}/watch.d/c.toml:4"
        assert configuration.manifest_pattern("b", "../x.json") == tmp_path / "x.json"

    def test_problems_are_told_in_the_file_where_they_are(self, written: Written, tmp_path: Path) -> None:
        written('[[watch]]\nname = "a"\n[web]\nlisten = ""', "watch.d/1.toml")
        written('include = ["x"]\n[[watch]]\nname = "b"\npackages = ["x"]', "watch.d/2.toml")
        written("[[watch]", "watch.d/3.toml")
        told = problems(written('include = ["watch.d/*.toml"]\n[[watch]]\nname = "a"'))
        found = [(problem.place.file.name, problem.place.line, problem.key) for problem in told]
        assert found == [
            ("1.toml", 2, "watch[0].name"),
            ("1.toml", 3, "web"),
            ("2.toml", 1, "include"),
            ("2.toml", 4, "watch[0].packages[0]"),
            ("3.toml", 1, ""),
        ]

    def test_a_glob_that_finds_nothing_is_fine(self, written: Written) -> None:
        assert loaded(written('include = ["watch.d/*.toml"]')).settings.watch == ()

    def test_a_folder_with_brackets_in_its_name_is_no_pattern(self, written: Written, tmp_path: Path) -> None:
        written('[[watch]]\nname = "b"', "a[1]/watch.d/b.toml")
        path = written('include = ["watch.d/*.toml"]', "a[1]/weaklink.toml")
        assert len(loaded(path).settings.watch) == 1


def test_the_file_here_comes_before_the_one_in_etc(written: Written, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="weaklink init"):
        find(tmp_path)
    path = written("")
    assert find(tmp_path) == path


@pytest.mark.parametrize("table", ["web", "workers"])
@pytest.mark.parametrize("listen", ["0.0.0.0:8330", "[::]:8330", "192.0.2.7:8330", "weaklink.example:8330"])
def test_pages_that_others_reach_and_that_ask_for_no_token_are_refused(
    listen: str, table: str, written: Written
) -> None:
    open_to_all = f'[{table}]\nlisten = "{listen}"\n'
    assert "can be reached by others" in only_problem(written(open_to_all)).problem
    loaded(written(f'{open_to_all}[[web.token]]\nname = "nora"\nsecret = "nora-nora-nora-nora"'))


@pytest.mark.parametrize("secret", ["short", "x" * 501, "with a blank in the middle", "umläute-umläute-umläute"])
def test_a_token_that_could_be_guessed_or_not_be_sent_is_refused_without_repeating_it(
    secret: str, written: Written
) -> None:
    problem = only_problem(written(f'[[web.token]]\nname = "nora"\nsecret = "{secret}"'))
    assert problem.key == "web.token[0].secret"
    assert "at least 16 printable characters" in problem.problem
    assert secret not in str(problem)
