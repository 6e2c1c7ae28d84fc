"""A database that cannot be used: one clear line, and nothing that was stored is lost."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlmodel import SQLModel

from alerts.reading import alerts_json
from config.load import load
from monitor.store import engine
from monitor.store.backups import backup, dated, thin_out
from monitor.store.engine import Store, StoreError
from monitor.store.lock import alone, life
from monitor.store.packages import dependants
from monitor.store.tables import Meta
from monitor.store.upgrade import migrations, newest, upgrade

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def sqlite(file: Path) -> Store:
    return Store(f"sqlite:///{file}")


def remember(store: Store, value: str) -> None:
    with store.transaction() as session:
        session.merge(Meta(name="x", value=value))


def remembered(store: Store) -> str:
    with store.reading() as session:
        return session.get_one(Meta, "x").value


@pytest.fixture
def file(tmp_path: Path) -> Path:
    found = tmp_path / "weaklink.db"
    store = sqlite(found)
    upgrade(store, NOW)
    remember(store, "kept")
    store.close()
    return found


def test_the_migrations_make_what_the_models_say(store: Store) -> None:
    with store.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        assert compare_metadata(context, SQLModel.metadata) == []


def test_a_database_of_the_first_schema_is_upgraded_with_its_alerts(tmp_path: Path) -> None:
    old = sqlite(tmp_path / "weaklink.db")
    with old.engine.begin() as connection:
        config = migrations()
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.exec_driver_sql(
            "INSERT INTO alert (fingerprint, cause, subject, title, severity, state, opened_at, updated_at, "
            "acknowledged_by, revision, reason, watches) VALUES ('f', 'c', 's', 'an old one', 3, 'open', "
            "'2026-11-01T00:00:00.000000+00:00', '2026-11-01T00:00:00.000000+00:00', '', 1, '', '[]')"
        )
    assert "the old database is kept as weaklink.db.before-" in upgrade(old, NOW)
    with old.reading() as session:
        (alert,) = alerts_json(session, "open")
    assert (alert["title"], alert["silence"], alert["resolved_by"]) == ("an old one", None, None)
    assert upgrade(old, NOW) == ""


def test_who_depends_on_what_is_learnt_from_an_older_database(tmp_path: Path) -> None:
    old = sqlite(tmp_path / "weaklink.db")
    then = "2026-11-01T00:00:00.000000+00:00"
    with old.engine.begin() as connection:
        config = migrations()
        config.attributes["connection"] = connection
        command.upgrade(config, "0005")
        for number, name in enumerate(("shop", "cart"), 1):
            connection.exec_driver_sql(
                "INSERT INTO target (id, subject, sort, source, listed, added_at, failures, error, etag, "
                "last_modified, digest, revision, awaited, stale) "
                "VALUES (?, ?, 'package', 'npm', 1, ?, 0, '', '', '', '', '', '', '')",
                (number, f"pkg:npm/{name}", then),
            )
        connection.exec_driver_sql("INSERT INTO value VALUES (x'01', ?)", (b'{"left-pad":"^1.0.0","a\\u0000b":"*"}',))
        for target, version in ((1, "1.0.0"), (1, "1.1.0"), (2, "1.0.0")):
            connection.exec_driver_sql(
                "INSERT INTO release (target_id, version, publisher, first_seen, body, common, dependencies) "
                "VALUES (?, ?, '', ?, x'7b7d', x'02', x'01')",
                (target, version, then),
            )
    upgrade(old, NOW)
    with old.reading() as session:
        assert dependants(session, ["pkg:npm/left-pad", "pkg:npm/ab", "pkg:npm/shop"]) == {
            "pkg:npm/left-pad": 2,
            "pkg:npm/ab": 2,
        }


def test_of_dated_copies_the_newest_are_kept_and_other_files_stay(file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    (folder / "mine.db").write_text("mine")
    store = sqlite(file)
    for hour in range(5):
        backup(store, folder / dated(NOW.replace(hour=hour)))
    store.close()
    assert [one.name for one in thin_out(folder, 2)] == [f"weaklink-20261120T0{hour}0000Z.db" for hour in range(3)]
    assert sorted(one.name for one in folder.iterdir()) == [
        "mine.db",
        "weaklink-20261120T030000Z.db",
        "weaklink-20261120T040000Z.db",
    ]
    copy = sqlite(folder / "weaklink-20261120T040000Z.db")
    assert remembered(copy) == "kept", "what was copied can be used in its place"


def test_an_upgrade_of_what_is_new_does_nothing(store: Store) -> None:
    assert upgrade(store, NOW) == ""


def test_a_newer_database_is_refused_and_left_alone(file: Path) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    before = file.read_bytes()
    with pytest.raises(StoreError, match="newer weaklink"):
        upgrade(sqlite(file), NOW)
    assert file.read_bytes() == before


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("not a database, but somebody's notes\n" * 100)
    with pytest.raises(StoreError, match="no SQLite database"):
        upgrade(sqlite(file), NOW)
    assert file.read_text().startswith("not a database")


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be opened"):
        upgrade(sqlite(tmp_path / "nowhere" / "weaklink.db"), NOW)


def test_a_locked_database_says_so_and_loses_nothing(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "BUSY_TIMEOUT", 0.1)
    store = sqlite(file)
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="another program holds the database"):
        remember(store, "lost")
    other.execute("ROLLBACK")
    other.close()
    assert remembered(store) == "kept"
    remember(store, "later")
    assert remembered(store) == "later"


def test_a_full_disk_says_so_and_loses_nothing(file: Path) -> None:
    store = sqlite(file)
    with store.engine.connect() as connection:
        # SQLite refuses to grow past this number of pages with the same error as a full disk.
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")
    with pytest.raises(StoreError, match="disk is full"):
        remember(store, "x" * 1_000_000)
    assert remembered(store) == "kept"


def test_a_read_only_database_says_so(file: Path) -> None:
    store = sqlite(file)
    with store.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA query_only=ON")
    with pytest.raises(StoreError, match="cannot be written"):
        remember(store, "lost")


def test_a_password_is_in_no_error() -> None:
    with pytest.raises(StoreError) as raised:
        upgrade(Store("postgresql://weaklink:very-secret@127.0.0.1:1/weaklink"), NOW)
    assert "very-secret" not in str(raised.value)


def test_another_kind_of_database_is_refused() -> None:
    with pytest.raises(StoreError, match="sqlite or postgresql"):
        Store("mysql://root@localhost/x")


def test_a_backup_while_in_use_can_be_opened_and_holds_everything(file: Path, tmp_path: Path) -> None:
    store = sqlite(file)
    copy = tmp_path / "copy.db"
    with store.transaction() as session:
        session.merge(Meta(name="x", value="not yet committed"))
        backup(store, copy)
    restored = sqlite(copy)
    assert upgrade(restored, NOW) == ""
    assert remembered(restored) == "kept"
    with pytest.raises(StoreError, match="exists already"):
        backup(store, copy)


def test_a_backup_is_of_the_database_whatever_its_folder_is_called(tmp_path: Path) -> None:
    folder = tmp_path / "50%41 off? #1"
    folder.mkdir()
    (folder / "weaklink.toml").touch()
    store = Store(load(folder / "weaklink.toml", env={}).settings.database.url)
    upgrade(store, NOW)
    assert (folder / "weaklink.db").exists()
    backup(store, tmp_path / "copy.db")
    assert upgrade(sqlite(tmp_path / "copy.db"), NOW) == "", "it is whole"


def test_a_transaction_that_raises_leaves_nothing(store: Store) -> None:
    remember(store, "kept")

    def breaks() -> None:
        with store.transaction() as session:
            session.merge(Meta(name="x", value="lost"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        breaks()
    assert remembered(store) == "kept"


def test_the_newest_schema_has_a_name() -> None:
    assert newest().isdigit()


def test_whether_a_daemon_lives_is_known_by_its_lock_not_by_what_it_wrote_last(file: Path) -> None:
    store = sqlite(file)
    assert life(store, NOW, NOW).running is False, "it wrote a moment ago, and is dead"
    with alone(store):
        assert life(store, NOW, NOW).running is True
        assert life(store, NOW, datetime.now(UTC)).silent_since is None, "it has only just begun"
        later = datetime.now(UTC) + timedelta(minutes=3)
        assert life(store, NOW, later).silent_since is not None
        with pytest.raises(StoreError, match="another weaklink run"), alone(store):
            raise AssertionError("two daemons on one database")
    assert life(store, NOW, NOW).running is False


def test_a_daemon_of_a_database_server_is_known_by_what_it_wrote_last() -> None:
    store = Store("postgresql://127.0.0.1:1/weaklink")
    assert life(store, NOW, NOW + timedelta(minutes=1)).running
    assert not life(store, NOW, NOW + timedelta(minutes=3)).running


def test_a_database_that_is_held_by_a_writer_is_read_and_found_up_to_date(file: Path) -> None:
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    store = sqlite(file)
    assert upgrade(store, NOW) == ""
    assert remembered(store) == "kept"
    other.close()
