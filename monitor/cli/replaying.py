"""The command ``replay``: what the watch would have seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from config.problems import ConfigError
from config.settings import Settings
from monitor.cli.app import WRONG, Call, weaklink
from monitor.cli.output import cell, err, note, say, severity_cell, table, write_json
from monitor.replay.run import READERS, files_of, replayed
from monitor.replay.score import Score, total
from monitor.replay.timelines import ReplayError
from monitor.spans import iso, span


@weaklink.command("replay")
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option(
    "--from",
    "sort",
    type=click.Choice(list(READERS)),
    default="timelines",
    show_default=True,
    help="What the files are: timelines, facts of incidents, or documents of a registry to be cut into histories.",
)
@click.option("--write", "out", type=click.Path(path_type=Path, file_okay=False), help="Keep the timelines here, too.")
@click.pass_context
def replay_(ctx: click.Context, folder: Path, sort: str, out: Path | None) -> None:
    """Run the recorded timelines in FOLDER through the pipeline, and score what would have been caught."""
    call: Call = ctx.obj
    settings = _settings(call)
    if out is not None:
        if out.resolve() == folder.resolve():
            raise click.BadParameter("is the folder that is read; name another one", param_hint="--write")
        out.mkdir(parents=True, exist_ok=True)
    scores, broken = _all(files_of(folder), sort, settings, out)
    for error in broken:
        note(f"weaklink: {error}")
    if call.json:
        write_json(total(scores))
    elif scores:
        _show(scores)
    elif not broken:
        note(f"weaklink: {folder}: has no *.json file")
    ctx.exit(WRONG if broken or not scores else 0)


def _all(
    files: Sequence[Path], sort: str, settings: Settings, out: Path | None
) -> tuple[list[Score], list[ReplayError]]:
    scores, broken = [], []
    columns = (TextColumn("replaying"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        for result in bar.track(replayed(files, sort, settings, out), total=len(files)):
            if isinstance(result, ReplayError):
                broken.append(result)
            else:
                scores.append(result)
    return scores, broken


def _settings(call: Call) -> Settings:
    """Thresholds and rules of the configuration in force; the defaults where there is none."""
    if call.config is None:
        try:
            return call.configuration().settings
        except ConfigError:
            return Settings()
    return call.configuration().settings


def _show(scores: Sequence[Score]) -> None:
    table(["timeline", "kinds seen", "first grave alert", "", "when", "false"], map(_row, scores))
    say()
    _kinds(scores)
    for score in scores:
        if score.missed:
            say(f"missed       {score.id}: {', '.join(score.missed)}", "red")
    for score in scores:
        for alarm in score.false_alarms:
            say(f"false alarm  {score.id}: {iso(alarm.at)} {alarm.severity}, {alarm.title}", "yellow")
    _totals(scores)


def _row(score: Score) -> tuple[Any, ...]:
    first = score.first_alert
    seen = len(score.expected) - len(score.missed)
    return (
        score.id,
        f"{seen} of {len(score.expected)}" if score.expected else cell("nothing to see", "dim"),
        f"{first.at:%Y-%m-%d %H:%M}" if first else cell("none", "dim"),
        severity_cell(first.severity) if first else "",
        _when(score),
        len(score.false_alarms) or "",
    )


def _when(score: Score) -> Any:
    """How soon a grave alert followed the first observation that showed something."""
    if score.shown_at is None:
        return cell("never shown", "bold red") if score.expected else ""
    if score.in_time:
        return cell("at once", "green")
    right = [one for one in score.grave if one not in score.false_alarms]
    return cell(f"after {span(right[0].at - score.shown_at)}", "yellow") if right else cell("never", "bold red")


def _kinds(scores: Sequence[Score]) -> None:
    """Recall by kind, where anything was expected."""
    wanted = Counter(kind for score in scores for kind in score.expected)
    missed = Counter(kind for score in scores for kind in score.missed)
    if wanted:
        rows = [(kind, f"{many - missed[kind]} of {many}") for kind, many in sorted(wanted.items())]
        table(["expected kind", "seen"], rows)
        say()


def _totals(scores: Sequence[Score]) -> None:
    totals = total(scores)
    told = [score for score in scores if score.expected]
    if told:
        caught = sum(score.in_time for score in told)
        say(f"{caught} of {len(told)} with something to see raised a grave alert at once", "bold")
    recall, precision, rate = totals["recall"], totals["precision"], totals["high_alerts_per_package_year"]
    words = [f"recall {recall:.0%} of the expected kinds"] if recall is not None else []
    words += [f"precision {precision:.0%} of the grave alerts"] if precision is not None and told else []
    words += [f"{totals['high_alerts']} grave alerts in {totals['package_years']:.1f} package-years"]
    words[-1] += f" ({rate:.3f} a package-year)" if rate is not None else ""
    say("; ".join(words))
