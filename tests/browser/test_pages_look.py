"""Every page in Chromium, wide and narrow, light and dark: for everybody to read, and asking nobody else."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.hostile import BIDI, TEXTS
from tests.browser.serving import Served

PAGES = (
    "/",
    "/alerts",
    "/alerts/6",
    "/silences?match=kind=deprecated",
    "/changes",
    "/signals",
    "/signals?signal=W1",
    "/packages",
    "/packages/npm/tiny-router",
    "/packages/npm/old-guard",
    "/packages/pypi/quick-forms",
    "/maintainers",
    "/maintainers/npm/dmitri",
    "/domains",
    "/domains/old-lantern.net",
    "/watchlist",
    "/health",
    "/deliveries",
    "/search?q=router",
    "/nothing-here",
)
LOOKS = [(1440, "light"), (1440, "dark"), (390, "light"), (390, "dark")]


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_every_page_is_accessible_fits_its_window_and_asks_nobody_else(
    visit: Any, company: Served, axe: str, width: int, scheme: str
) -> None:
    with visit(company, width, scheme) as visitor:
        for path in PAGES:
            visitor.go(path)
            assert visitor.wider_than_the_window() <= 0, path
            visitor.page.evaluate(axe)
            found = visitor.page.evaluate("axe.run({resultTypes: ['violations']})")
            told = [
                (one["id"], one["help"], [node["target"] for node in one["nodes"][:3]]) for one in found["violations"]
            ]
            assert told == [], path
            expected = [text for text in visitor.wrong if path == "/nothing-here" and "404" in text]
            assert visitor.wrong == expected, path
            visitor.wrong.clear()


def pages_of(visitor: Any) -> list[str]:
    """Every page of ours that the pages link to, lists first."""
    found = ["/", "/alerts?state=all", "/changes?since=all", "/signals", "/packages", "/maintainers", "/domains"]
    found += ["/watchlist", "/health", "/deliveries", "/silences?ended=yes"]
    links: dict[str, None] = {}
    for path in found:
        visitor.go(path)
        hrefs = visitor.page.eval_on_selector_all(
            "main a[href]", "links => links.map(link => link.getAttribute('href'))"
        )
        links |= dict.fromkeys(href for href in hrefs if href.startswith("/"))
    kinds: dict[str, int] = {}
    for link in links:
        kind = link.split("?")[0].split("/")[1]
        kinds[kind] = kinds.get(kind, 0) + 1
        if kinds[kind] <= 6:
            found.append(link)
    return list(dict.fromkeys(found))


@pytest.mark.parametrize("width", [1440, 390])
def test_what_strangers_write_is_shown_and_does_nothing(visit: Any, attacked: Served, width: int) -> None:
    with visit(attacked, width) as visitor:
        pages = pages_of(visitor)
        assert len(pages) > 25
        for path in pages:
            visitor.go(path)
            assert visitor.page.evaluate("window.hacked") is None, path
            assert visitor.wrong == [], path
            assert visitor.wider_than_the_window() <= 0, path
            text = visitor.page.inner_text("body")
            assert not set(text) & set(BIDI), path
            assert "49" not in text.split(), path
            for attribute in ("onerror", "onclick", "style"):
                assert visitor.page.locator(f"[{attribute}]").count() == 0, path
        visitor.go("/packages/npm/attacked")
        text = visitor.page.inner_text("body")
        assert "<script>window.hacked=1</script>" in text
        assert "⟨U+202E⟩" in text
        assert len(text) < 200_000


def test_a_hostile_search_is_only_looked_for(visit: Any, attacked: Served) -> None:
    with visit(attacked) as visitor:
        for text in TEXTS[:7]:
            visitor.go("/search")
            visitor.page.fill("[data-find]", text)
            visitor.page.keyboard.press("Enter")
            visitor.page.wait_for_url("**/search?q=*")
            assert visitor.page.evaluate("window.hacked") is None
        assert visitor.wrong == []
