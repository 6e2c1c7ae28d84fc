"""The pages behind a real server, whose ``[web]`` settings a test changes while it runs."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import httpx

from config.settings import Settings, Web
from monitor.web.app import Pages
from monitor.web.site import Site
from tests.browser.scene import NOW, Scene

TOKENS = (
    {"name": "reader", "secret": "reader-reader-reader"},
    {"name": "nora", "secret": "nora-nora-nora-nora", "scopes": ("read", "act")},
)


class Loop:
    """An event loop in a thread of its own, so that a server answers while the test waits."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(30)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


class Served:
    """A scene on a port of its own; ``loop`` runs a coroutine in the loop of the server."""

    def __init__(self, scene: Scene, loop: Any) -> None:
        self.scene = scene
        self.web = Web(listen="127.0.0.1:0")
        self._loop = loop

        async def start() -> Pages:
            server = Pages(Site(scene.store, self.settings, lambda: NOW))
            await server.keep()
            return server

        self.server: Pages = loop.run(start())
        self.url = "http://127.0.0.1:{1}".format(*self.server.address or ("", 0))

    def settings(self) -> Settings:
        return self.scene.settings.model_copy(update={"web": self.web})

    def ask_for_tokens(self, **more: Any) -> None:
        self.web = Web.model_validate({"listen": "127.0.0.1:0", "token": TOKENS} | more)

    def client(self, **headers: str) -> httpx.Client:
        return httpx.Client(base_url=self.url, headers={"origin": self.url} | headers, timeout=20)

    def close(self) -> None:
        self._loop.run(self.server.close())

    def one(self, query: Any) -> Any:
        with self.scene.store.reading() as session:
            return session.exec(query).first()
