"""What workers and daemons that stand by serve: metrics for whoever may read, and whether they work."""

from __future__ import annotations

import httpx
import pytest

from config.settings import Settings
from monitor.engine.condition import DEAD, Condition
from monitor.metrics import Metrics, of_standby, of_worker
from monitor.web.pageless import Health, pageless

TOKEN = "reader-reader-reader"
OPEN = Settings()
GUARDED = Settings.model_validate({"web": {"token": ({"name": "prometheus", "secret": TOKEN},)}})
FINE = Condition(jobs=2, doing=31, unheard=1.5, advancing=True, differs=False)


async def ask(
    path: str, settings: Settings = OPEN, health: str = "", host: str = "", token: str = ""
) -> httpx.Response:
    app = pageless(lambda: settings, lambda: b"weaklink_leads 0\n", lambda: Health(health or "ok", good=not health))
    headers = ({"Host": host} if host else {}) | ({"Authorization": f"Bearer {token}"} if token else {})
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:9185") as client:
        return await client.get(path, headers=headers)


async def test_metrics_are_for_whoever_may_read() -> None:
    assert (await ask("/metrics")).text == "weaklink_leads 0\n"
    assert (await ask("/metrics", GUARDED)).status_code == 401
    assert (await ask("/metrics", GUARDED, token="another-another-an")).status_code == 401
    assert (await ask("/metrics", GUARDED, token=TOKEN)).text == "weaklink_leads 0\n"


async def test_whether_it_works_is_no_secret() -> None:
    assert (await ask("/healthz", GUARDED)).text == "ok\n"
    failed = await ask("/healthz", GUARDED, health="what it has in hand does not move")
    assert (failed.status_code, failed.text) == (503, "what it has in hand does not move\n")


async def test_no_other_name_leads_there_and_nothing_else_is_served() -> None:
    assert (await ask("/metrics", host="rebound.example")).status_code == 421
    there = await ask("/alerts")
    assert there.status_code == 404
    assert there.headers["content-security-policy"].startswith("default-src 'none'")


@pytest.mark.parametrize(
    ("unheard", "advancing", "words"),
    [
        (0.1, True, ""),
        (DEAD - 0.1, True, ""),
        (DEAD, True, "the database has not heard of this worker for 15 s"),
        (None, True, "the database has not heard of this worker yet"),
        (0.1, False, "what it has in hand does not move"),
    ],
)
def test_a_worker_is_well_when_it_was_heard_and_moves(unheard: float | None, advancing: bool, words: str) -> None:
    assert Condition(jobs=0, doing=0, unheard=unheard, advancing=advancing, differs=True).wrong == words


def test_a_worker_tells_of_itself_and_not_of_the_store() -> None:
    told = Metrics().exposition(of_worker(FINE)).decode()
    for line in (
        "weaklink_worker_jobs 2.0",
        "weaklink_worker_doing 31.0",
        "weaklink_worker_unheard_seconds 1.5",
        "weaklink_worker_advancing 1.0",
        "weaklink_worker_configured_otherwise 0.0",
    ):
        assert line in told
    assert "weaklink_targets" not in told
    assert "weaklink_leads" not in told
    unheard = Metrics().exposition(of_worker(Condition(jobs=0, doing=0, unheard=None, advancing=True, differs=False)))
    assert b"unheard" not in unheard
    assert b"weaklink_leads 0.0" in Metrics().exposition(of_standby())
