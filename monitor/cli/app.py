"""``weaklink``: options that every command shares, and the one place where errors become a line and an exit code."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import click

from config.edit import EditRefused
from config.load import Configuration, find, load
from config.log import log_of
from config.manifests.reading import Reading
from config.names import BadName
from config.problems import ConfigError
from config.secrets import hide, secrets_of
from monitor.changes.kinds import KINDS
from monitor.cli.output import note
from monitor.logs.setup import form_in_use
from monitor.store.engine import Store, StoreError
from monitor.store.upgrade import upgrade

log = log_of("command")

FINE, FOUND, WRONG, INCOMPLETE = 0, 1, 2, 3
"""Exit codes (design, 7)."""


@dataclass
class Call:
    """What the options before the command said."""

    config: Path | None
    json: bool

    def path(self) -> Path:
        return self.config if self.config is not None else find()

    def configuration(self) -> Configuration:
        configuration = load(self.path(), kinds=frozenset(KINDS))
        hide(secrets_of(configuration))
        return configuration

    def store(self, configuration: Configuration) -> Store:
        """The database of a configuration, made or upgraded first where that is needed."""
        from config.clock import system_clock

        store = Store(configuration.settings.database.url)
        done = upgrade(store, system_clock())
        if done and form_in_use():
            log.info("database brought up to date", done=done)
        elif done and sys.stderr.isatty():
            note(done)
        return store


def warn(reading: Reading) -> None:
    """Say on standard error which manifests cannot be read, and which entries lead to nothing."""
    for line in (*(one.error for one in reading.broken), *reading.notes):
        note(f"weaklink: {line}")


HOMES: Final = {
    "alerts": "telling",
    "changes": "looking",
    "check": "sweeping",
    "config": "asking",
    "db": "database",
    "domains": "looking",
    "export": "exporting",
    "init": "asking",
    "notify": "channels",
    "replay": "replaying",
    "risk": "signalling",
    "route": "channels",
    "run": "sweeping",
    "show": "looking",
    "signals": "signalling",
    "silence": "telling",
    "status": "looking",
    "study": "studying",
    "watch": "watching",
    "why": "watching",
    "worker": "working",
}
"""The module of each command: only that of the command that was asked for is imported, so that it answers sooner."""


class Commands(click.Group):
    """Errors that a person can mend are told in their own words, without a traceback."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(HOMES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in HOMES:
            import_module(f"monitor.cli.{HOMES[cmd_name]}")
        return super().get_command(ctx, cmd_name)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (ConfigError, StoreError, BadName, EditRefused) as error:
            for line in str(error).splitlines():
                _complain(line)
            ctx.exit(WRONG)
        except OSError as error:
            place = f"{error.filename}: " if error.filename else ""
            _complain(f"{place}{error.strerror or error}")
            ctx.exit(WRONG)


def _complain(problem: str) -> None:
    if form_in_use() == "json":
        log.error("weaklink cannot go on", problem=problem)
    else:
        note(f"weaklink: {problem}")


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="weaklink", message="weaklink %(version)s")
@click.option("--config", type=click.Path(path_type=Path), help="Default: ./weaklink.toml, then /etc/weaklink/.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
@click.pass_context
def weaklink(ctx: click.Context, config: Path | None, as_json: bool) -> None:
    """Watches the weak links of your software supply chain and tells the right people in time."""
    ctx.obj = Call(config=config, json=as_json)


def main() -> None:
    weaklink()
