"""The pages of a large watch beside a static page of the same size: ``python -m benchmarks.web [FILE] [SECONDS]``.

FILE is a database of ``benchmarks.large_store``; without it one is made. wrk asks a server in a process of its own, one
request at a time for the time that a page takes, and eight at a time for the throughput beside the static page. The
static page is served by the same server from memory, so that the ratio is what asking, making and escaping costs.
"""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

from starlette.types import Receive, Scope, Send

from benchmarks.large_store import NOW, build
from config.settings import Settings, Web
from monitor.store.engine import Store
from monitor.web.app import Pages
from monitor.web.site import Site

PAGES = (
    "/",
    "/alerts",
    "/alerts?state=all",
    "/alerts?watch=project-3&state=all",
    "/alerts/5990",
    "/changes",
    "/changes?since=all&severity=high",
    "/changes?since=all&watch=project-3&kind=publisher-changed",
    "/signals",
    "/signals?watch=project-3",
    "/packages",
    "/packages?page=40",
    "/packages?watch=project-3&q=package-1",
    "/packages/npm/package-1",
    "/packages/npm/package-77",
    "/maintainers",
    "/maintainers/npm/person-1",
    "/domains",
    "/domains/mail-1.org",
    "/watchlist",
    "/health",
    "/deliveries",
    "/silences",
    "/search?q=package-77",
    "/search?q=mail-1",
)
_SCRIPT = 'done = function(s, l, r) io.write(string.format("P95 %d\\n", l:percentile(95))) end\n'


def serve(file: str) -> None:
    """The pages on a free port, which is printed; ``/static/plain/N`` is a page of N bytes."""

    async def run() -> None:
        store = Store(f"sqlite:///{file}")
        settings = Settings(web=Web(listen="127.0.0.1:0"))
        server = Pages(Site(store, lambda: settings, lambda: NOW))
        pages = server.app

        async def beside(scope: Scope, receive: Receive, send: Send) -> None:
            if not scope["path"].startswith("/static/plain/"):
                await pages(scope, receive, send)
                return
            body = b"x" * int(scope["path"].rpartition("/")[2])
            headers = [(b"content-type", b"text/html"), (b"content-length", str(len(body)).encode())]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": body})

        server.app = beside
        await server.keep()
        print((server.address or ("", 0))[1], flush=True)
        await asyncio.Event().wait()

    asyncio.run(run())


def wrk(url: str, connections: int, seconds: int, script: Path) -> tuple[float, float]:
    """Milliseconds at the 95th percentile, and requests a second."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "20s", "-s", str(script), url]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "Non-2xx" not in said, f"{url}: {said}"
    latency, rate = re.search(r"P95 (\d+)", said), re.search(r"Requests/sec:\s+([\d.]+)", said)
    assert latency is not None
    assert rate is not None
    return int(latency[1]) / 1000, float(rate[1])


def measure(file: Path, seconds: int) -> None:
    server = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.web", "serve", str(file)], stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    script = file.parent / f"p95-{os.getpid()}.lua"
    script.write_text(_SCRIPT)
    try:
        url = f"http://127.0.0.1:{server.stdout.readline().strip()}"
        print(f"{'page':58} {'kB':>6} {'p95 ms':>8} {'req/s':>8} {'static':>8} {'ratio':>7}")
        slowest: tuple[float, Any] = (0, "")
        for page in PAGES:
            size = len(urllib.request.urlopen(url + page).read())
            p95, _ = wrk(url + page, 1, seconds, script)
            _, rate = wrk(url + page, 8, seconds, script)
            _, static = wrk(f"{url}/static/plain/{size}", 8, seconds, script)
            print(f"{page:58} {size / 1000:6.1f} {p95:8.1f} {rate:8.1f} {static:8.0f} {static / rate:7.1f}", flush=True)
            slowest = max(slowest, (p95, page))
        print(f"slowest: {slowest[1]} with {slowest[0]:.1f} ms at the 95th percentile")
    finally:
        script.unlink()
        server.terminate()
        server.wait(10)


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        serve(sys.argv[2])
    elif len(sys.argv) > 1:
        measure(Path(sys.argv[1]).resolve(), int(sys.argv[2]) if len(sys.argv) > 2 else 3)
    else:
        with tempfile.TemporaryDirectory() as folder:
            made = Path(folder) / "large.db"
            begun = time.monotonic()
            store = Store(f"sqlite:///{made}")
            build(store)
            store.close()
            print(f"{made.stat().st_size / 1e6:,.0f} MB in {time.monotonic() - begun:.0f} s")
            measure(made, 3)
