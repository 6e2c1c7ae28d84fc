"""What people do on the pages, clicked through: with and without JavaScript, by mouse and by keyboard alone."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace
from playwright.sync_api import expect
from sqlmodel import col, select

from alerts.model import Acceptance, Alert, AlertState, Silence
from monitor.observations import Account, Package
from monitor.store.packages import load_packages
from monitor.store.targets import ids_of
from tests.browser.serving import Served


def state_of(served: Served, number: int) -> str:
    return str(served.one(select(Alert.state).where(Alert.id == number)))


def number_of(served: Served, subject: str) -> int:
    return int(served.one(select(Alert.id).where(Alert.subject == subject, Alert.state != AlertState.RESOLVED)))


@pytest.mark.parametrize(("width", "scheme", "scripts"), [(1440, "light", True), (390, "dark", False)])
def test_somebody_sees_to_what_is_open(visit: Any, own: Served, width: int, scheme: str, scripts: bool) -> None:
    critical, domain = number_of(own, "pkg:npm/tiny-router"), number_of(own, "domain:mira-design.net")
    with visit(own, width, scheme, scripts) as visitor:
        page = visitor.page
        visitor.go("/")
        page.get_by_role("link", name="npm:tiny-router 9.4.1 now runs code on install").first.click()
        expect(page).to_have_url(f"{own.url}/alerts/{critical}")
        expect(page.locator("ins").first).to_contain_text("postinstall")
        page.get_by_label("Note").fill("rotating our tokens")
        page.get_by_label("Your name").fill("nora")
        page.get_by_label("Open again after").fill("2d")
        page.get_by_role("button", name="Acknowledge").click()
        expect(page.get_by_role("status")).to_contain_text(f"Alert {critical} is acknowledged")
        assert state_of(own, critical) == "acknowledged"
        page.get_by_label("Note").fill("taken down by the registry")
        expect(page.get_by_label("Your name")).to_have_value("nora")
        page.get_by_role("button", name="Resolve").click()
        expect(page.locator("main")).to_contain_text("resolved")
        assert state_of(own, critical) == "resolved"
        visitor.go(f"/alerts/{domain}")
        page.get_by_role("button", name="Accept").click()
        expect(page.get_by_role("status")).to_contain_text("accepted")
        assert own.one(select(Acceptance)).accepted_by == "nora"
        visitor.go("/silences")
        page.get_by_role("button", name="Forget").first.click()
        expect(page.get_by_role("status")).to_contain_text("No longer accepted")
        assert own.one(select(Acceptance)) is None
        assert visitor.wrong == []


@pytest.mark.parametrize(("width", "scripts"), [(1440, False), (390, True)])
def test_alerts_are_filtered_ticked_and_silenced(visit: Any, own: Served, width: int, scripts: bool) -> None:
    with visit(own, width, scripts=scripts) as visitor:
        page = visitor.page
        visitor.go("/alerts")
        page.get_by_label("At least").select_option("medium")
        page.get_by_label("State").select_option("open")
        page.get_by_role("button", name="Show").click()
        rows = page.locator("table.alerts tbody tr")
        expect(rows).to_have_count(4)
        numbers = [int(box.get_attribute("value")) for box in page.get_by_role("checkbox").all()]
        for box in page.get_by_role("checkbox").all()[:2]:
            box.check()
        page.get_by_role("button", name="Acknowledge").click()
        expect(page.get_by_role("status")).to_contain_text("2 alerts are acknowledged")
        assert [state_of(own, number) for number in numbers[:2]] == ["acknowledged"] * 2
        page.get_by_role("link", name="bjarne can now publish npm:date-kit").click()
        page.get_by_role("link", name="Silence alerts like this…").click()
        page.get_by_label("Reason").fill("announced by the project")
        page.get_by_role("button", name="Silence", exact=True).click()
        expect(page.get_by_role("status")).to_contain_text("holds until")
        made = own.one(select(Silence).order_by(col(Silence.id).desc()))
        assert made.match["subject"] == "pkg:npm/date-kit"
        page.get_by_role("button", name=f"End now silence {made.id}").click()
        expect(page.get_by_role("status")).to_contain_text("is ended")
        assert visitor.wrong == []


def test_one_walks_from_a_project_to_the_domain_that_could_be_bought(visit: Any, company: Served) -> None:
    with visit(company, 390) as visitor:
        page = visitor.page
        visitor.go("/watchlist")
        page.locator("section.watch", has_text="shop").get_by_role("link", name="packages").click()
        page.get_by_label("Name").fill("date")
        page.get_by_role("button", name="Show").click()
        page.get_by_role("link", name="npm:date-kit").click()
        expect(page.get_by_label("npm:date-kit: its years as lanes")).to_be_visible()
        page.get_by_role("link", name="npm:~alice").first.click()
        page.locator(".facts").get_by_role("link", name="mira-design.net").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("mira-design.net")
        expect(page.locator(".facts")).to_contain_text("2026-11-29")
        page.get_by_role("link", name="Domains").first.click()
        expect(page.get_by_role("heading", name="2026-11")).to_be_visible()
        assert visitor.wrong == []


def test_the_weak_links_lead_from_the_picture_to_each_package(visit: Any, company: Served) -> None:
    with visit(company) as visitor:
        page = visitor.page
        visitor.go("/")
        page.locator("svg.weaklinks a", has_text="W1").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("W1: lapsed address domain")
        page.get_by_label("Of").select_option("maintainer")
        page.get_by_role("button", name="Show").click()
        page.get_by_role("link", name="npm:~dmitri").click()
        expect(page.locator(".signals")).to_contain_text("old-lantern.net is expired")
        assert visitor.wrong == []


def test_the_keyboard_alone_is_enough(visit: Any, own: Served) -> None:
    critical = number_of(own, "pkg:npm/tiny-router")
    with visit(own) as visitor:
        page = visitor.page
        visitor.go("/")
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator("main")).to_be_focused()
        page.keyboard.press("/")
        expect(page.get_by_role("searchbox")).to_be_focused()
        page.keyboard.type("tiny-router")
        page.keyboard.press("Enter")
        page.wait_for_url("**/search?q=tiny-router")
        tab_to(page, "npm:tiny-router 9.4.1 now runs code on install")
        page.keyboard.press("Enter")
        page.wait_for_url(f"**/alerts/{critical}")
        tab_to(page, "Acknowledge")
        page.keyboard.press("Enter")
        page.wait_for_url(f"**/alerts/{critical}?done=*")
        assert state_of(own, critical) == "acknowledged"
        tab_to(page, "Evidence")
        page.keyboard.press("Enter")
        expect(page.locator("details[open]")).to_have_count(1)
        assert visitor.wrong == []


def tab_to(page: Any, words: str) -> None:
    """Press Tab until what has these words is focused, and see that it shows it."""
    for _ in range(120):
        page.keyboard.press("Tab")
        focused = page.evaluate("(document.activeElement.innerText || '').trim()")
        if focused == words:
            outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline != "none", words
            return
    raise AssertionError(f"the keyboard does not reach {words!r}")


def test_an_open_page_shows_what_happens_meanwhile(visit: Any, own: Served) -> None:
    with visit(own) as visitor:
        page = visitor.page
        with page.expect_response("**/events"):
            visitor.go("/alerts")
        badge = page.locator("nav .badge")
        before = int(badge.inner_text().split()[0])
        own.scene.now += timedelta(minutes=1)
        own.scene.sees(with_a_stranger(own))
        expect(badge).to_have_text(f"{before + 1} open", timeout=15_000)
        expect(page.locator("table.alerts")).to_contain_text("stranger can now publish npm:calm-logger")
        assert visitor.wrong == []


def with_a_stranger(served: Served) -> Package:
    """One of the packages, which somebody new can publish."""
    with served.scene.store.reading() as session:
        target = ids_of(session, ["pkg:npm/calm-logger"])["pkg:npm/calm-logger"]
        stored = load_packages(session, [target])[target].package
    return replace(stored, maintainers=(*(stored.maintainers or ()), Account("stranger", "stranger@cheap-post.info")))


def test_with_tokens_one_signs_in_where_one_wanted_to_go(visit: Any, own: Served) -> None:
    own.ask_for_tokens()
    with visit(own, 390) as visitor:
        page = visitor.page
        visitor.go("/alerts/6")
        page.get_by_label("Token").fill("reader-reader-reader")
        page.get_by_role("button", name="Sign in").click()
        expect(page).to_have_url(f"{own.url}/alerts/6")
        expect(page.get_by_role("button", name="Acknowledge")).to_have_count(0)
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
        page.get_by_label("Token").fill("nora-nora-nora-nora")
        page.get_by_role("button", name="Sign in").click()
        visitor.go("/alerts/6")
        page.get_by_role("button", name="Acknowledge").click()
        assert own.one(select(Alert.acknowledged_by).where(Alert.id == 6)) == "nora"
        assert [text for text in visitor.wrong if "401" not in text] == []
