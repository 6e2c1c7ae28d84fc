"""Edits are taken up while running; what is not valid changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from config.load import load
from config.reload import Reloaded, Reloader

SOON = 10.0


class Followed:
    """A reloader at work, and what it told."""

    def __init__(self, path: Path, look_every: float = 60.0) -> None:
        self.reloader = Reloader(load(path, env={}), env={}, debounce=0.05, look_every=look_every)
        self.told: asyncio.Queue[Reloaded] = asyncio.Queue()
        self.ready = asyncio.Event()

    async def run(self) -> None:
        self.reloader.trigger()  # its answer shows that the watch stands
        async for news in self.reloader.events():
            if self.ready.is_set():
                self.told.put_nowait(news)
            self.ready.set()

    async def next(self) -> Reloaded:
        async with asyncio.timeout(SOON):
            return await self.told.get()

    async def next_names(self) -> list[str]:
        news = await self.next()
        assert news.configuration is not None
        return [watch.name for watch in news.configuration.settings.watch]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "weaklink.toml"
    path.write_text('include = ["watch.d/*.toml"]\n[[watch]]\nname = "a"\n')
    return path


@pytest.fixture
async def followed(path: Path) -> AsyncIterator[Followed]:
    followed = Followed(path)
    task = asyncio.create_task(followed.run())
    async with asyncio.timeout(SOON):
        await followed.ready.wait()
    yield followed
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def save_by_rename(path: Path, text: str) -> None:
    fresh = path.with_suffix(".new")
    fresh.write_text(text)
    fresh.replace(path)


def content_of(path: Path) -> str:
    return path.read_text()


async def test_a_save_by_rename_is_taken_up(followed: Followed, path: Path) -> None:
    save_by_rename(path, '[[watch]]\nname = "b"\n')
    assert await followed.next_names() == ["b"]
    save_by_rename(path, '[[watch]]\nname = "c"\n')
    assert await followed.next_names() == ["c"]


async def test_an_invalid_edit_is_told_and_the_last_good_one_stays(followed: Followed, path: Path) -> None:
    good = followed.reloader.configuration
    save_by_rename(path, "x = 1\n")
    news = await followed.next()
    assert news.configuration is None
    assert news.error is not None
    assert "unknown key" in str(news.error)
    assert followed.reloader.configuration is good
    save_by_rename(path, '[[watch]]\nname = "mended"\n')
    assert await followed.next_names() == ["mended"]


async def test_files_that_come_change_and_go_below_include_are_taken_up(followed: Followed, path: Path) -> None:
    folder = path.parent / "watch.d"
    folder.mkdir()
    save_by_rename(folder / "t.toml", '[[watch]]\nname = "t"\n')
    assert await followed.next_names() == ["a", "t"]
    save_by_rename(folder / "t.toml", "broken")
    assert (await followed.next()).error is not None
    save_by_rename(folder / "t.toml", '[[watch]]\nname = "u"\n')
    assert await followed.next_names() == ["a", "u"]
    (folder / "t.toml").unlink()
    assert await followed.next_names() == ["a"]


async def test_what_happens_in_a_folder_of_manifests_is_told_and_nothing_is_reloaded(
    followed: Followed, path: Path
) -> None:
    lock = path.parent / "app" / "package-lock.json"
    lock.parent.mkdir()
    followed.reloader.watch_folders([lock.parent, path.parent / "later"])
    assert await followed.next() == Reloaded(stirred=True)  # the watch stands
    save_by_rename(lock, "1")
    assert await followed.next() == Reloaded(stirred=True)
    (path.parent / "later").mkdir()
    assert await followed.next() == Reloaded(stirred=True)
    with suppress(TimeoutError):  # until the watch stands in the folder that came
        async with asyncio.timeout(0.5):
            while True:
                await followed.told.get()
    save_by_rename(path.parent / "later" / "x", "1")
    assert await followed.next() == Reloaded(stirred=True)


async def test_folders_of_manifests_are_looked_at_now_and_then(path: Path) -> None:
    followed = Followed(path, look_every=0.05)
    task = asyncio.create_task(followed.run())
    await asyncio.wait_for(followed.ready.wait(), SOON)
    followed.reloader.watch_folders([path.parent / "nowhere"])
    for _ in range(3):
        assert await followed.next() == Reloaded(stirred=True)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_asking_reloads_even_what_did_not_change(followed: Followed) -> None:
    followed.reloader.trigger()
    assert await followed.next_names() == ["a"]


async def test_the_same_content_saved_again_is_no_news(followed: Followed, path: Path) -> None:
    save_by_rename(path, content_of(path))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await followed.told.get()


async def test_a_link_that_is_turned_to_another_file_is_taken_up(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "weaklink.toml").write_text(f'[[watch]]\nname = "{name}"\n')
    (tmp_path / "etc").mkdir()
    data = tmp_path / "etc" / "..data"
    data.symlink_to(tmp_path / "one")
    path = tmp_path / "etc" / "weaklink.toml"
    path.symlink_to("..data/weaklink.toml")
    followed = Followed(path)
    task = asyncio.create_task(followed.run())
    await asyncio.wait_for(followed.ready.wait(), SOON)
    turned = tmp_path / "etc" / "..new"
    turned.symlink_to(tmp_path / "two")
    turned.replace(data)
    assert await followed.next_names() == ["two"]
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_where_nothing_can_be_watched_a_look_finds_the_edit(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(28, "inotify watch limit reached")

    monkeypatch.setattr("config.reload.awatch", refuse)
    followed = Followed(path, look_every=0.05)
    task = asyncio.create_task(followed.run())
    await asyncio.wait_for(followed.ready.wait(), SOON)
    save_by_rename(path, '[[watch]]\nname = "b"\n')
    assert await followed.next_names() == ["b"]
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_cancelling_ends_at_once_and_leaves_nothing_running(path: Path) -> None:
    followed = Followed(path)
    before = asyncio.all_tasks()
    task = asyncio.create_task(followed.run())
    await asyncio.wait_for(followed.ready.wait(), SOON)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        async with asyncio.timeout(2):
            await task
    assert asyncio.all_tasks() == before


async def test_an_edit_between_the_start_and_the_first_look_is_taken_up(path: Path) -> None:
    reloader = Reloader(load(path, env={}), env={}, debounce=0.05)
    save_by_rename(path, '[[watch]]\nname = "b"\n')
    events = reloader.events()
    async with asyncio.timeout(SOON):
        news = await anext(events)
    await events.aclose()  # type: ignore[attr-defined]
    assert news.configuration is not None
    assert [watch.name for watch in news.configuration.settings.watch] == ["b"]
