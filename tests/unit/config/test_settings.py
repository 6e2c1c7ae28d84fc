"""The models: what is written can be read back, and the words of the file mean what people expect."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zoneinfo import ZoneInfo

import idna
import pytest
import tomlkit
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from config import values
from config.crosschecks import disagreements
from config.load import load
from config.names import BadName, parse_domain
from config.problems import Place
from config.reference import reference
from config.schema import json_schema
from config.settings import Settings, format_duration, parse_duration
from config.severity import Severity
from config.starter import write_starter

ROOT = Path(__file__).parents[3]
SPANS = st.integers(1, 10**7).map(lambda seconds: format_duration(timedelta(seconds=seconds)))
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="$"), max_size=20)
NAMES = TEXT.map(str.strip).filter(bool)
HTTP_URLS = st.sampled_from(["", "http://127.0.0.1:4873/", "https://npm.example/a%20b/"])
WATCHES = st.fixed_dictionaries(
    {"name": NAMES},
    optional={
        "owner": TEXT,
        "packages": st.lists(st.sampled_from(["npm:x", "pkg:npm/%40a/b", "pypi:Q_q", "npm:JSONStream"])),
        "manifests": st.lists(st.sampled_from(["../a.lock", "sbom/*.json", "~/x", "a b/ü.txt"])),
        "maintainers": st.just(["npm:~alice", "pypi:~bob"]),
        "domains": st.just(["example.org", "bücher.example", "xn--bcher-kva.example"]),
        "depth": st.sampled_from(["all", "direct"]),
        "dev": st.booleans(),
    },
)
ROUTES = st.fixed_dictionaries(
    {},
    optional={
        "match": st.fixed_dictionaries(
            {}, optional={"severity": st.sampled_from(["", ">=high", "< medium"]), "owner": TEXT | st.lists(TEXT)}
        ),
        "channels": st.just(["mail"]),
        "continue": st.booleans(),
        "group_wait": SPANS,
        "digest": st.sampled_from(["", "0 8 * * mon-fri", "*/5 0-6 1,15 * 0"]),
        "quiet_hours": st.just({"start": "23:30", "days": "fri-mon"}),
        "escalate": st.just({"after": "2h", "channels": ["mail"]}),
    },
)
TREES = st.fixed_dictionaries(
    {"channel": st.just([{"name": "mail", "url": "mailtos://u:p@h"}])},
    optional={
        "schedule": st.fixed_dictionaries(
            {}, optional={"packages": SPANS, "timezone": st.sampled_from(["UTC", "Asia/Tokyo"])}
        ),
        "registries": st.fixed_dictionaries({"npm": st.fixed_dictionaries({}, optional={"url": HTTP_URLS})}),
        "domains": st.just({"nameservers": ["127.0.0.1:53", "::1", "[::1]:5353"], "warn_days": [3, 1]}),
        "severity": st.dictionaries(st.sampled_from(["a", "b-c"]), st.sampled_from([str(s) for s in Severity])),
        "watch": st.lists(WATCHES, max_size=3, unique_by=lambda watch: watch["name"]),
        "route": st.lists(ROUTES, max_size=3),
        "heartbeat": st.just({"channel": "mail"}),
    },
)


def dumped(settings: Settings) -> dict[str, Any]:
    tree = settings.model_dump(mode="json", by_alias=True, exclude_none=True)
    for channel, kept in zip(tree["channel"], settings.channel, strict=True):
        channel["url"] = kept.url.get_secret_value()
    return tree


@settings(max_examples=60, deadline=None)
@given(TREES)
def test_valid_settings_written_out_are_read_back_the_same(tree: dict[str, Any]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "weaklink.toml"
        path.write_text(tomlkit.dumps(tree), encoding="utf-8")
        first = load(path, env={}).settings
        path.write_text(tomlkit.dumps(dumped(first)), encoding="utf-8")
        assert load(path, env={}).settings == first


@given(st.integers(0, 3 * 10**9))
def test_a_duration_survives_being_written(seconds: int) -> None:
    assert parse_duration(format_duration(timedelta(seconds=seconds))) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "1", "h", "1y", "-1h", "1h x", "1.5h", "٣h", "1h" * 10**5 + "!"])
def test_what_is_no_duration_says_how_to_write_one(text: str) -> None:
    with pytest.raises(ValueError, match="30s"):
        parse_duration(text)


class TestCron:
    @pytest.mark.parametrize(
        ("weekdays", "days"),
        [
            ("1-5", "mon tue wed thu fri"),
            ("0", "sun"),
            ("7", "sun"),
            ("5-7", "fri sat sun"),
            ("fri-mon", "fri sat sun mon"),
            ("*/2", "sun tue thu sat"),
            ("MON,wed", "mon wed"),
            ("mon-fri/2", "mon wed fri"),
        ],
    )
    def test_days_of_the_week_are_those_of_cron(self, weekdays: str, days: str) -> None:
        trigger = values.cron_trigger(f"0 8 * * {weekdays}")
        fires, at = set(), datetime(2024, 1, 1, tzinfo=UTC)
        for _ in range(7):
            planned = trigger.next(at)
            assert planned is not None
            at = planned + timedelta(minutes=1)
            fires.add(values.DAYS[at.weekday()])
        assert fires == set(days.split())

    def test_the_time_zone_is_kept_through_summer_time(self) -> None:
        trigger = values.cron_trigger("0 8 * * *", "Europe/Berlin")
        winter = trigger.next(datetime(2024, 1, 10, tzinfo=UTC))
        summer = trigger.next(datetime(2024, 7, 10, tzinfo=UTC))
        assert winter is not None
        assert summer is not None
        assert (winter.hour, summer.hour) == (7, 6)

    @pytest.mark.parametrize("text", ["30 2 * * *", "30 2 * * sun", "0 8 * * *", "15 3 * * *", "59 1 * * sun"])
    def test_a_planned_time_comes_once_on_each_of_its_days_however_clocks_are_put(self, text: str) -> None:
        cron, found = values.cron_trigger(text, "Europe/Berlin"), []
        at = cron.next(datetime(2026, 1, 1, tzinfo=UTC), exclusive=True)
        while at is not None and at.year == 2026:
            assert cron.next(at) == at
            found.append(at.astimezone(ZoneInfo("Europe/Berlin")).date())
            at = cron.next(at, exclusive=True)
        assert len(found) == len(set(found)) == (52 if text.endswith("sun") else 365)

    @pytest.mark.parametrize(
        "text", ["", "0 8 * *", "0 8 * * * *", "x 8 * * *", "0 8 * * 8", "0 8 * * mon/0", "0 " * 10**4]
    )
    def test_what_is_no_expression_is_refused(self, text: str) -> None:
        with pytest.raises(values.BadValue, match="no cron expression"):
            values.cron_trigger(text)


def test_severity_comparisons_mean_what_they_say() -> None:
    assert values.severities_matching(">=high") == {Severity.HIGH, Severity.CRITICAL}
    assert values.severities_matching("< medium") == {Severity.INFO, Severity.LOW}
    assert values.severities_matching("critical") == {Severity.CRITICAL}
    assert Severity.LOW not in values.severities_matching("!=low")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("127.0.0.1:8330", ("127.0.0.1", 8330)), ("[::1]:53", ("::1", 53)), ("::1", ("::1", 9)), ("[::1]", ("::1", 9)),
     ("localhost", ("localhost", 9))],
)  # fmt: skip
def test_addresses_are_read_with_and_without_a_port(text: str, expected: tuple[str, int]) -> None:
    assert values.parse_address(text, 9) == expected


@pytest.mark.parametrize(
    "text", ["", ":80", "1.2.3:80", "a b:1", "[1.2.3.4]:5", "x:", "x:65536", "[::1]x", "x:٣", "[::1:5"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(values.BadValue, match="ADDRESS:PORT"):
        values.parse_address(text, 9)


@pytest.mark.parametrize(
    "url", ["http://[::1", "https:///x", "http://h:99999/", "http://h:x/", "//h/", "http://a b/", "http://h/\n"]
)
def test_what_is_no_http_url_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(values.BadValue) as error:
        values.check_http_url(url)
    assert url not in str(error.value)


def test_domains_are_known_by_their_a_labels() -> None:
    assert parse_domain("domain:BÜCHER.example.") == "xn--bcher-kva.example"
    for bad in (
        "",
        "example",
        "a..b",
        "-a.example",
        "a.example/x",
        "a b.example",
        "1.2.3.4",
        "a." * 200 + "b",
        "xn--a.b",
        "a\u202e.b",
    ):
        with pytest.raises(BadName):
            parse_domain(bad)


@given(
    st.from_regex(r"[a-z0-9-]{1,7}(\.[a-z0-9-]{1,7}){1,3}", fullmatch=True)
    | st.from_regex(r"xn--[a-z0-9]{1,9}\.nu", fullmatch=True)
)
def test_plain_domains_need_no_idna_and_come_to_what_it_says(name: str) -> None:
    try:
        expected = idna.encode(name, uts46=True).decode("ascii")
    except idna.IDNAError:
        expected = ""
    if not expected or expected.rpartition(".")[2].isdigit():
        with pytest.raises(BadName):
            parse_domain(name)
    else:
        assert parse_domain(name) == expected


class TestStarter:
    def test_it_is_valid_and_watches_twelve_packages(self, tmp_path: Path) -> None:
        write_starter(tmp_path / "weaklink.toml")
        settings = load(tmp_path / "weaklink.toml", kinds=frozenset(), env={}).settings
        assert sum(len(watch.packages) for watch in settings.watch) == 12

    def test_it_never_overwrites(self, tmp_path: Path) -> None:
        path = tmp_path / "weaklink.toml"
        path.write_text("mine")
        with pytest.raises(FileExistsError):
            write_starter(path)
        assert path.read_text() == "mine"

    def test_its_commented_tables_are_valid_too(self, tmp_path: Path) -> None:
        write_starter(tmp_path / "weaklink.toml")
        lines = (tmp_path / "weaklink.toml").read_text().splitlines()
        begin = next(number for number, line in enumerate(lines) if line.startswith("# [[watch]]"))
        woken = [re.sub(r"^# (?=\[|[a-z_]+ = )", "", line) for line in lines[begin:]]
        woken = [line for line in woken if not line.startswith("include")]
        (tmp_path / "weaklink.toml").write_text("\n".join(woken))
        env = {"SLACK_URL": "json://x", "MAIL_URL": "json://y"}
        settings = load(tmp_path / "weaklink.toml", kinds=frozenset({"release-published"}), env=env).settings
        assert (len(settings.channel), len(settings.route), len(settings.watch)) == (2, 2, 1)


def test_the_schema_offers_the_kinds_wherever_one_is_written() -> None:
    schema = json_schema(["domain-expired", "deprecated"])
    assert schema["$schema"].endswith("2020-12/schema")
    assert json.dumps(schema).count('["deprecated", "domain-expired"]') == 4
    assert schema["$defs"]["Watch"]["additionalProperties"] is False


def test_the_reference_is_up_to_date() -> None:
    assert (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8") == reference()


def test_settings_cannot_be_changed_once_read() -> None:
    with pytest.raises(ValidationError):
        Settings().database.url = "x"


def test_pages_that_others_can_reach_ask_who_they_are() -> None:
    open_to_all = {"web": {"listen": "0.0.0.0:8330"}}
    (judged,) = disagreements(open_to_all, None, _nowhere)
    assert "[[web.token]]" in judged.mend
    for listen in ("127.0.0.1:8330", "[::1]:8330", "localhost:1", "", "nonsense"):
        assert not [*disagreements({"web": {"listen": listen}}, None, _nowhere)]
    assert not [*disagreements({"web": open_to_all["web"] | {"token": [{"name": "a"}]}}, None, _nowhere)]
    assert not [*disagreements({"web": open_to_all["web"] | {"proxy": {"trusted": ["127.0.0.1"]}}}, None, _nowhere)]


def _nowhere(_path: object) -> Place:
    return Place(Path("weaklink.toml"), 1)
