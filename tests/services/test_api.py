"""The API against its own description, who may use it, and what other programs subscribe to."""

from __future__ import annotations

import csv
import io
import json
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import icalendar
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS
from schemathesis.core.result import Ok
from sqlmodel import select

from alerts.model import Alert, AlertState, Delivery
from config.names import short_form
from monitor.export.text import as_csv
from monitor.queries.show import show_json
from monitor.store.engine import Store
from monitor.store.upgrade import upgrade
from monitor.web.tables import TABLES
from tests.browser.scene import NOW, build
from tests.browser.serving import Served

NORA = {"authorization": "Bearer nora-nora-nora-nora"}
READER = {"authorization": "Bearer reader-reader-reader"}
# What a query means no schema can say: a subject that is no subject is rightly refused.
LEFT_OUT = {"positive_data_acceptance", "negative_data_rejection", "use_after_free", "ensure_resource_availability"}
ATOM = "{http://www.w3.org/2005/Atom}"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, servers: Any) -> Iterator[Served]:
    store = Store(f"sqlite:///{tmp_path_factory.mktemp('api')}/weaklink.db")
    upgrade(store, NOW)
    found = Served(build(store), servers)
    found.ask_for_tokens()
    yield found
    found.close()
    store.close()


def test_every_operation_does_what_its_description_says(served: Served) -> None:
    schema = schemathesis.openapi.from_url(f"{served.url}/api/v1/openapi.json")
    schema.config.base_url = f"{served.url}/api/v1"
    checks = CHECKS.get_by_names([name for name in CHECKS.get_all_names() if name not in LEFT_OUT])
    operations = [one.ok() for one in schema.get_all_operations() if isinstance(one, Ok)]
    assert len(operations) >= 19
    for operation in operations:
        for mode, examples in ((GenerationMode.POSITIVE, 12), (GenerationMode.NEGATIVE, 8)):

            @settings(max_examples=examples, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
            @given(case=operation.as_strategy(generation_mode=mode))
            def holds(case: Any) -> None:
                case.call_and_validate(checks=checks, headers={"Authorization": NORA["authorization"]})

            holds()


def test_nobody_reads_or_acts_without_a_token_that_may(served: Served) -> None:
    with served.client() as client:
        assert client.get("/api/v1/alerts").status_code == 401
        assert client.get("/api/v1/alerts", headers={"authorization": "Bearer wrong-wrong-wrong"}).status_code == 401
        assert client.get("/api/v1/alerts", headers=READER).status_code == 200
        path = "/api/v1/alerts/1/acknowledge"
        assert client.post(path, json={}, headers=READER).status_code == 403
        assert client.post(path, json={}, headers=NORA | {"origin": "https://attacker.example"}).status_code == 403


def test_at_the_machine_the_api_reads_and_does_not_act(served: Served) -> None:
    served.web = served.web.model_copy(update={"token": ()})
    with served.client() as client:
        assert client.get("/api/v1/status").status_code == 200
        refused = client.post("/api/v1/alerts/1/resolve", json={})
        assert refused.status_code == 403
        assert "[[web.token]]" in refused.json()["error"]
    served.ask_for_tokens()


def test_an_alert_is_acknowledged_under_the_name_of_the_token(served: Served) -> None:
    with served.client(**NORA) as client:
        number = served.one(select(Alert).where(Alert.severity == 4)).id
        done = client.post(f"/api/v1/alerts/{number}/acknowledge", json={"note": "looking", "until": "2d"}).json()
        assert done["state"] == "acknowledged"
        assert done["acknowledged"] == {"by": "nora", "at": "2026-11-20T12:00:00Z", "until": "2026-11-22T12:00:00Z"} | {
            "note": "looking"
        }
        assert [event["what"] for event in done["events"]][-1] == "acknowledged"
        assert client.post(f"/api/v1/alerts/{number}/resolve", json={}).status_code == 200
        assert client.post(f"/api/v1/alerts/{number}/resolve", json={}).status_code == 409
        assert served.one(select(Alert).where(Alert.id == number)).state == AlertState.RESOLVED


def test_the_api_says_what_the_command_line_says(served: Served) -> None:
    with served.client(**NORA) as client, served.scene.store.reading() as session:
        for subject in ("pkg:npm/tiny-router", "npm:~alice", "domain:mira-design.net"):
            found = client.get("/api/v1/show", params={"subject": short_form(subject)}).json()
            told = show_json(session, subject, served.scene.settings.thresholds, NOW)
            assert told is not None
            assert found["facts"] == json.loads(json.dumps(told["facts"]))
            assert found["timeline"] == json.loads(json.dumps(told["timeline"]))


@pytest.mark.parametrize("name", sorted(TABLES))
def test_each_table_comes_as_csv_and_as_json(served: Served, name: str) -> None:
    with served.client(**NORA) as client:
        rows = client.get(f"/{name}.json").json()
        text = client.get(f"/{name}.csv")
        assert text.headers["content-disposition"] == f'attachment; filename="weaklink-{name}.csv"'
        read = list(csv.DictReader(io.StringIO(text.text)))
        assert len(read) == len(rows)
        assert not read or tuple(read[0]) == TABLES[name].columns
        assert all(set(TABLES[name].columns) <= set(row) for row in rows)


def test_the_feed_is_atom_with_permanent_links(served: Served) -> None:
    with served.client() as client:
        answer = client.get("/alerts.atom?severity=high", auth=("anything", "reader-reader-reader"))
        feed = ElementTree.fromstring(answer.text)
        entries = feed.findall(f"{ATOM}entry")
        assert entries
        (link,) = entries[0].findall(f"{ATOM}link")
        assert client.get(link.get("href", ""), headers=READER).status_code == 200
        refused = client.get("/alerts.atom")
        assert refused.status_code == 401
        assert refused.headers["www-authenticate"].startswith("Basic")


def test_the_calendar_has_a_day_for_each_known_expiry(served: Served) -> None:
    with served.client(**READER) as client:
        found = icalendar.Calendar.from_ical(client.get("/domains.ics").text)
    events: list[Any] = found.walk("VEVENT")
    days = {str(event["summary"]).partition(" ")[0]: event["dtstart"].dt for event in events}
    assert str(days["mira-design.net"]) == "2026-11-29"
    assert len(days) == 5


def test_those_who_listen_hear_of_what_is_new(served: Served) -> None:
    with served.client(**READER) as client, client.stream("GET", "/events") as stream:
        lines = stream.iter_lines()
        assert "event: hello" in [next(lines) for _ in range(4)]
        with served.scene.store.transaction() as session:
            owed = session.exec(select(Delivery)).first()
            assert owed is not None
            facts = owed.model_dump(exclude={"id", "key"})
            session.add(Delivery(key="another", **facts))
        assert any(line == "event: news" for line in lines)


def test_a_cell_that_a_spreadsheet_would_run_is_text(tmp_path: Path) -> None:
    hostile = ("=1+1", "+1", "-1", "@x", "\t=1", " =1", 'a"b', "a\r\nb")
    read = list(csv.reader(io.StringIO(as_csv(("x",), [{"x": one} for one in hostile]), newline="")))
    assert [row[0] for row in read[1:]] == ["'=1+1", "'+1", "'-1", "'@x", "' =1", "' =1", 'a"b', "a \nb"]
