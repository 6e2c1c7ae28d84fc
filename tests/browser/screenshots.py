"""Pictures of the pages, of the invented company: ``python -m tests.browser.screenshots FOLDER``."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from monitor.store.engine import Store
from monitor.store.upgrade import upgrade
from tests.browser.conftest import QUIET
from tests.browser.scene import NOW, build
from tests.browser.serving import Loop, Served

PICTURES = (
    ("overview", "/", 1180, 960, "light"),
    ("alert", "/alerts/6", 1180, 760, "dark"),
    ("package", "/packages/npm/tiny-router", 1180, 1240, "light"),
    ("narrow", "/", 390, 760, "dark"),
)


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    loop = Loop()
    with tempfile.TemporaryDirectory() as place, sync_playwright() as playwright:
        store = Store(f"sqlite:///{place}/weaklink.db")
        upgrade(store, NOW)
        served = Served(build(store), loop)
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=list(QUIET))
        for name, path, width, height, scheme in PICTURES:
            size = {"width": width, "height": height}
            page = browser.new_page(viewport=size, color_scheme=scheme)  # type: ignore[arg-type]
            page.goto(served.url + path)
            picture = folder / f"{name}.png"
            page.screenshot(path=picture)
            subprocess.run(["pngquant", "--force", "--strip", "--ext", ".png", "64", picture], check=True)
        browser.close()
        served.close()
        store.close()
    loop.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
