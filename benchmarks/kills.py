"""How often a message comes twice when the daemon is killed: ``python -m benchmarks.kills [KILLS] [SEED]``.

``weaklink run`` sends a full outbox to a webhook on loopback that takes as long to answer as a real one, and is ended
by SIGKILL at a random moment of its work, over and over, until everything is told. Prints what was lost, what came
twice, and how often a kill repeated anything. Worst case: between kills it is always sending.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import threading
import time
from collections import Counter
from datetime import timedelta
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from random import Random

import msgspec
from aiohttp import web
from sqlmodel import col, func, select

from alerts.messages.content import Message
from alerts.model import Delivery, DeliveryState
from config.clock import system_clock
from monitor.cli import main as weaklink
from monitor.store.engine import Store
from monitor.store.upgrade import upgrade

CHANNELS = 8
ANSWERS_AFTER = (0.05, 0.4)
"""Seconds that the webhook takes: what chats and mail servers take."""
A_MONTH = 60
MONTH = 30 * 86400.0
_ready = get_context("forkserver")
_ready.set_forkserver_preload(["monitor.cli.sweeping", "alembic.command", "whois"])


class Webhook:
    """Takes messages in a thread of its own and counts them by their key."""

    def __init__(self, rng: Random) -> None:
        self.taken: Counter[str] = Counter()
        self._rng = rng
        self._port: list[int] = []
        self._up = threading.Event()
        threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True).start()
        self._up.wait()
        self.port = self._port[0]

    async def _serve(self) -> None:
        app = web.Application()
        app.router.add_post("/{channel}", self._take)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self._port.append(runner.addresses[0][1])
        self._up.set()
        await asyncio.Event().wait()

    async def _take(self, request: web.Request) -> web.Response:
        key = json.loads((await request.json())["message"])["key"]
        await asyncio.sleep(self._rng.uniform(*ANSWERS_AFTER))
        self.taken[key] += 1
        return web.Response()


def _daemon(config: str) -> None:
    os.chdir(Path(config).parent)
    os.environ["HOME"] = str(Path(config).parent)
    sys.argv = ["weaklink", "--config", config, "run"]
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # it logs what it is sent to do; here only the count matters
    weaklink()


def prepare(folder: Path, port: int, messages: int) -> Path:
    """A configuration, and an outbox that owes so many messages over all channels."""
    channels = "".join(
        f'[[channel]]\nname = "c{number}"\nurl = "json://127.0.0.1:{port}/c{number}"\nper_minute = 6000\n'
        for number in range(CHANNELS)
    )
    config = folder / "weaklink.toml"
    config.write_text(f'[web]\nlisten = ""\n[[watch]]\nname = "nothing"\nmaintainers = ["npm:~nobody"]\n{channels}')
    store, now = Store(f"sqlite:///{folder}/weaklink.db"), system_clock()
    upgrade(store, now)
    body = msgspec.json.encode(Message(kind="test", severity="high", title="told", text="told", at=now))
    with store.transaction() as session:
        session.add_all(
            Delivery(
                key=f"key-{number}",
                channel=f"c{number % CHANNELS}",
                kind="test",
                created_at=now,
                next_attempt_at=now - timedelta(seconds=1),
                message=body,
            )
            for number in range(messages)
        )
    store.close()
    return config


def start(config: Path) -> BaseProcess:
    process = _ready.Process(target=_daemon, args=(str(config),), daemon=True)
    process.start()
    return process


def owed(config: Path) -> int:
    store = Store(f"sqlite:///{config.parent}/weaklink.db")
    with store.reading() as session:
        count = session.exec(select(func.count()).where(col(Delivery.state) != DeliveryState.SENT)).one()
    store.close()
    return count


def main(kills: int, seed: int) -> None:
    rng = Random(seed)
    webhook = Webhook(rng)
    messages = kills * CHANNELS * 3
    with tempfile.TemporaryDirectory(prefix="weaklink-kills-") as folder:
        config = prepare(Path(folder), webhook.port, messages)
        killed, sending, sent = 0, 0.0, 0
        while killed < kills and owed(config):
            before = sum(webhook.taken.values())
            process = start(config)
            while sum(webhook.taken.values()) == before:
                time.sleep(0.01)
            began = time.monotonic()
            time.sleep(rng.uniform(0, 2))
            process.kill()
            process.join()
            sending += time.monotonic() - began
            sent += sum(webhook.taken.values()) - before
            killed += 1
        process = start(config)
        while owed(config):
            time.sleep(0.2)
        process.terminate()
        process.join(10)
    twice = sum(webhook.taken.values()) - len(webhook.taken)
    print(f"{killed} kills, {messages} messages on {CHANNELS} channels that are always sending")
    print(f"lost: {messages - len(webhook.taken)}")
    print(f"came twice, with the same key: {twice} ({twice / killed:.2f} a kill, of {CHANNELS} that could)")
    window = twice / killed / (sent / sending)
    print(f"a message can be repeated by a kill within {window:.2f} s; with {A_MONTH} messages a month, one kill at a")
    print(f"random moment repeats one with a chance of 1 in {MONTH / (A_MONTH * window):,.0f}")


if __name__ == "__main__":
    numbers = [int(argument) for argument in sys.argv[1:]]
    main(*(numbers + [40, 1][len(numbers) :]))
