"""The command ``replay``: what the watch would have seen."""

from __future__ import annotations

from pathlib import Path

import click

from config.problems import ConfigError
from config.settings import Settings
from monitor.cli.app import WRONG, Call, weaklink
from monitor.cli.output import iso, note, say, table, write_json
from monitor.replay import ReplayError, Score, replay, total


@weaklink.command("replay")
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.pass_context
def replay_(ctx: click.Context, folder: Path) -> None:
    """Run the recorded timelines in FOLDER through the pipeline, and score what would have been caught."""
    call: Call = ctx.obj
    settings = _settings(call)
    scores: list[Score] = []
    broken = False
    for file in sorted(folder.glob("*.json")):
        try:
            scores.append(replay(file, settings))
        except ReplayError as error:
            broken = True
            note(f"weaklink: {error}")
    totals = total(scores)
    if call.json:
        write_json(totals)
    else:
        table(
            ["timeline", "expected", "missed", "first grave alert", "false alarms"],
            [
                (
                    score.id,
                    ", ".join(score.expected) or "nothing",
                    ", ".join(score.missed),
                    f"{iso(score.first_alert['at'])} {score.first_alert['severity']}" if score.first_alert else "none",
                    len(score.false_alarms),
                )
                for score in scores
            ],
        )
        recall, precision = totals["recall"], totals["precision"]
        say(
            f"recall {recall:.0%}, " if recall is not None else "nothing was expected, ",
            "bold",
        )
        say(
            (f"precision {precision:.0%}, " if precision is not None else "")
            + f"{totals['high_alerts']} grave alerts in {totals['package_years']:.1f} package-years"
        )
    ctx.exit(WRONG if broken else 0)


def _settings(call: Call) -> Settings:
    """Thresholds and rules of the configuration in force; the defaults where there is none."""
    if call.config is None:
        try:
            return call.configuration().settings
        except ConfigError:
            return Settings()
    return call.configuration().settings
