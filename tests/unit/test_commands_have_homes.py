"""Every command is found in the module that is imported for it, and no other is imported."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import click

from monitor.cli.app import HOMES, weaklink

CLI = Path(__file__).parents[2] / "monitor" / "cli"


def test_every_command_has_its_home() -> None:
    for file in CLI.glob("*.py"):
        import_module(f"monitor.cli.{file.stem}")
    found = {
        name: (command.callback.__module__ if command.callback else "").rpartition(".")[2]
        for name, command in weaklink.commands.items()
    }
    assert found == HOMES


def test_what_is_no_command_is_none() -> None:
    with click.Context(weaklink) as context:
        assert weaklink.get_command(context, "no-such-command") is None
        assert weaklink.list_commands(context) == sorted(HOMES)
