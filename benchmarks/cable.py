"""A cable between a process and PostgreSQL's socket, which can be cut without either end being told."""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import suppress
from pathlib import Path


class Cable:
    """Carries bytes both ways from a socket in ``folder`` to that of the server in ``there``."""

    def __init__(self, there: Path) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="cable"))  # a socket's path must be short
        self._there = next(there.glob(".s.PGSQL.*[0-9]"))
        self._whole = asyncio.Event()
        self._whole.set()

    async def start(self) -> asyncio.Server:
        return await asyncio.start_unix_server(self._serve, self.folder / self._there.name)

    def cut(self) -> None:
        self._whole.clear()

    def mend(self) -> None:
        self._whole.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there_reader, there_writer = await asyncio.open_unix_connection(self._there)
        except OSError:  # the server is being started again
            writer.close()
            return
        with suppress(ConnectionError):
            await asyncio.gather(self._carry(reader, there_writer), self._carry(there_reader, writer))

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while block := await reader.read(65536):
                await self._whole.wait()
                writer.write(block)
        finally:
            writer.close()
