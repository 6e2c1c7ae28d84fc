"""Debian's Chromium, driven by Playwright, on pages that a server of our own serves."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from monitor.store.engine import Store
from monitor.store.upgrade import upgrade
from tests.browser.hostile import build as build_hostile
from tests.browser.scene import NOW, build
from tests.browser.serving import Loop, Served

ROOT = Path(__file__).parents[2]
AXE = Path("tests/browser/node_modules/axe-core/axe.min.js")
QUIET = (
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-domain-reliability",
    "--disable-sync",
    "--no-first-run",
)


@pytest.fixture(scope="session")
def axe() -> str:
    """The source of axe-core."""
    if not (ROOT / AXE).exists():
        subprocess.run(["make", "--silent", str(AXE)], cwd=ROOT, check=True, timeout=300)
    return (ROOT / AXE).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """For a module at most: Playwright runs an event loop in this thread, beside which no asynchronous test runs."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=list(QUIET))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def loop() -> Iterator[Loop]:
    found = Loop()
    yield found
    found.close()


def _served(folder: Path, loop: Loop, scene: Any) -> Iterator[Served]:
    store = Store(f"sqlite:///{folder}/weaklink.db")
    upgrade(store, NOW)
    found = Served(scene(store), loop)
    yield found
    found.close()
    store.close()


@pytest.fixture(scope="session")
def company(tmp_path_factory: pytest.TempPathFactory, loop: Loop) -> Iterator[Served]:
    """The invented company, for tests that only look."""
    yield from _served(tmp_path_factory.mktemp("company"), loop, build)


@pytest.fixture
def own(tmp_path: Path, loop: Loop) -> Iterator[Served]:
    """The same for a test that changes it."""
    yield from _served(tmp_path, loop, build)


@pytest.fixture(scope="session")
def attacked(tmp_path_factory: pytest.TempPathFactory, loop: Loop) -> Iterator[Served]:
    """A watch in which every text that a stranger can choose is hostile."""
    yield from _served(tmp_path_factory.mktemp("attacked"), loop, build_hostile)


class Visitor:
    """A browser window on the pages, and all that went wrong in it."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        self.wrong: list[str] = []
        page.on("console", lambda said: self.wrong.append(said.text) if said.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: self.wrong.append(str(error)))
        page.on("dialog", lambda dialog: self.wrong.append(f"dialog: {dialog.message}"))
        page.on("request", self._asked)

    def _asked(self, request: Any) -> None:
        if not request.url.startswith(f"{self.url}/"):
            self.wrong.append(f"asked {request.url}")

    def go(self, path: str) -> None:
        self.page.goto(self.url + path)

    def wider_than_the_window(self) -> int:
        """Pixels by which the page is wider than its window."""
        found: int = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        return found


Open = Any


@pytest.fixture
def visit(chromium: Browser) -> Any:
    """Opens a window: ``with visit(served, width=390, scheme="dark") as visitor``."""

    @contextmanager
    def opened(served: Served, width: int = 1440, scheme: Any = "light", scripts: bool = True) -> Iterator[Visitor]:
        context = chromium.new_context(
            viewport={"width": width, "height": 900 if width > 500 else 844},
            color_scheme=scheme,
            java_script_enabled=scripts,
        )
        context.set_default_timeout(20_000)
        try:
            yield Visitor(context.new_page(), served.url)
        finally:
            context.close()

    return opened
