"""The command ``study``: the six signals over a whole registry, or over what is watched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from config.clock import system_clock
from config.names import parse_package, short_form
from config.problems import ConfigError
from config.settings import Thresholds
from monitor.cli.app import INCOMPLETE, WRONG, Call, weaklink
from monitor.cli.output import cell, err, note, say, table, write_json
from monitor.study.published import SOURCES

if TYPE_CHECKING:
    from monitor.study.measures import Measure
    from monitor.study.report import Study

COLUMNS = {"study": "study 2022", "census": "npm 2026"}
"""What the columns of the published figures are called, by source."""
NEEDS = (
    "weaklink: the study needs Polars and Matplotlib; install weaklink with its extra: pip install 'weaklink[study]'"
)


@weaklink.command()
@click.argument("items", nargs=-1)
@click.option(
    "--input",
    "paths",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, allow_dash=True),
    help="A dump instead of what is watched: .jsonl, .ndjson, .json (also .gz), .parquet, a folder, or - .",
)
@click.option("--at", type=click.DateTime(["%Y-%m-%d"]), help="Study a dump as of this day (UTC). Default: today.")
@click.option(
    "--expired-domains",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="With --input: expired domains, a line each. Without them W1 is unknown.",
)
@click.option(
    "--output", type=click.Path(path_type=Path, dir_okay=False), help="Also write FILE.csv, .parquet or .json."
)
@click.option(
    "--plots", type=click.Path(path_type=Path, file_okay=False), help="Also draw plots, as PNG and SVG, here."
)
@click.pass_context
def study(
    ctx: click.Context,
    items: tuple[str, ...],
    paths: tuple[Path, ...],
    at: datetime | None,
    expired_domains: Path | None,
    output: Path | None,
    plots: Path | None,
) -> None:
    """Count the six weak links over what is watched, over ITEMS of it, or over a whole registry (--input)."""
    call: Call = ctx.obj
    if items and paths:
        raise click.UsageError("name either ITEMS, which are watched, or an --input")
    if not paths and (at or expired_domains):
        raise click.UsageError(
            "--at and --expired-domains belong to an --input; what is watched is studied as it is now"
        )
    try:
        from monitor.study.plots import draw
        from monitor.study.problems import BadInput
        from monitor.study.report import check_format, document, write
    except ModuleNotFoundError:
        note(NEEDS)
        ctx.exit(WRONG)
    try:
        if output is not None:
            check_format(output)
        found = _of_files(call, paths, at, expired_domains) if paths else _of_store(call, items)
    except BadInput as error:
        note(f"weaklink: {error}")
        ctx.exit(WRONG)
    if output is not None:
        write(found, output)
    drawn = draw(found, plots) if plots is not None else []
    if call.json:
        write_json(document(found))
    else:
        show(found, ", ".join(path.name for path in paths)[:60] if paths else "your dependencies")
    _tell_faults(found)
    for path in [*([output] if output else []), *drawn]:
        note(f"written: {path}")
    ctx.exit(INCOMPLETE if found.lost else 0)


def _of_files(call: Call, paths: tuple[Path, ...], at: datetime | None, expired_domains: Path | None) -> Study:
    from monitor.study.intake import inputs, read_domains
    from monitor.study.run import study_files
    from monitor.study.settle import Rules

    now = system_clock()
    expired = read_domains(expired_domains) if expired_domains else None
    files = inputs(paths)
    with _progress(sum(file.stat().st_size for file in files if file.is_file())) as advance:
        return study_files(
            files,
            now if at is None else at.replace(tzinfo=UTC),
            Rules(now=now, expired_domains=expired),
            _thresholds(call),
            advance,
        )


def _of_store(call: Call, items: tuple[str, ...]) -> Study:
    from monitor.study.run import study_records
    from monitor.study.watchlist import watched_records

    subjects = [parse_package(item) for item in items]
    configuration = call.configuration()
    store = call.store(configuration)
    with store.reading() as session:
        records, unseen = watched_records(session, subjects)
    store.close()
    if not records:
        note("weaklink: nothing is watched yet, or nothing was checked; weaklink check does")
    if unseen:
        names = ", ".join(short_form(subject) for subject in unseen[:5]) + (", …" if len(unseen) > 5 else "")
        note(f"weaklink: nothing is known yet of {len(unseen)} packages ({names}); weaklink check asks")
    return study_records(records, system_clock(), configuration.settings.thresholds)


def _thresholds(call: Call) -> Thresholds:
    """Those of the configuration in force; the defaults where there is none."""
    if call.config is None:
        try:
            return call.configuration().settings.thresholds
        except ConfigError:
            return Thresholds()
    return call.configuration().settings.thresholds


@contextmanager
def _progress(total: int) -> Iterator[Any]:
    """A bar on a terminal, nothing in a pipe."""
    columns = (TextColumn("reading"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task("reading", total=total or None)
        yield lambda size: bar.update(task, advance=size)


def show(study: Study, what: str) -> None:
    """The study for people."""
    counts = study.counts
    say(f"{what}: {counts.packages:,} packages, {counts.maintainers:,} maintainers, {study.at:%Y-%m-%d}", "bold")
    say()
    _show_shares([one for one in study.measures if "percent" in one.statistics])
    say()
    _show_distributions([one for one in study.measures if "p50" in one.statistics])
    say()
    _show_means({one.id: one for one in study.measures})
    say()
    say("? unknown   ~ not verified   p90: nine of ten are not greater", "dim")
    for source in SOURCES:
        say(f"{COLUMNS[source.key]}: {source.packages:,} packages, doi {source.doi}", "dim")
    for line in study.notes:
        say(f"note: {line}", "yellow")


def _show_shares(measures: Sequence[Measure]) -> None:
    unknown = ["unknown"] if any(one.unknown for one in measures) else []
    numbers = ["count", "share", *unknown, *COLUMNS.values()]
    table(
        ["", "what", *numbers],
        [
            (
                cell(one.signal, "bold"),
                one.words,
                _number(one.statistics["count"]),
                _percent(one.statistics["percent"]),
                *(cell(_number(one.unknown) if one.unknown else "", "yellow") for _ in unknown),
                *(_published(one, source, ("percent", "count")) for source in COLUMNS),
            )
            for one in measures
        ],
        numbers=numbers,
    )


def _show_distributions(measures: Sequence[Measure]) -> None:
    numbers = ["mean", "p50", "p90", "p99", "p99.9", "max"]
    table(
        ["", "how many", *numbers],
        [
            (cell(one.signal, "bold"), one.words, *(_number(one.statistics[name]) for name in numbers))
            for one in measures
        ],
        numbers=numbers,
    )


MEANS = (
    ("packages-on-expired-domains", "mean-dependents", "direct dependents, packages on expired domains"),
    ("maintainers-per-package", "top-1-mean", "maintainers, greatest 1 % of packages"),
    ("contributors-per-package", "top-1-mean", "contributors, greatest 1 % of packages"),
    ("packages-per-maintainer", "top-1-mean", "packages, greatest 1 % of maintainers"),
    ("packages-per-maintainer", "top-1-mean-dependents", "direct dependents of those"),
)


def _show_means(measures: Mapping[str, Measure]) -> None:
    table(
        ["", "mean of", "here", COLUMNS["study"]],
        [
            (
                cell(measures[measure].signal, "bold"),
                words,
                _number(measures[measure].statistics[statistic]),
                _published(measures[measure], "study", (statistic,)),
            )
            for measure, statistic, words in MEANS
        ],
        numbers=["here", COLUMNS["study"]],
    )


def _number(value: float | None) -> str:
    if value is None:
        return "?"
    if value == int(value) or value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _percent(value: float | None) -> str:
    return "?" if value is None else f"{value:.2f} %"


def _published(measure: Measure, source: str, statistics: Sequence[str]) -> str:
    """The first of these statistics that the source published."""
    for statistic in statistics:
        if (figure := measure.figure(statistic, source)) is not None:
            mark = "~" if figure.standing == "unverified" else ""
            return f"{mark}{figure.value:,g}{' %' * (statistic == 'percent')}"
    return ""


def _tell_faults(study: Study) -> None:
    for one in study.faults:
        places = ", ".join(
            str(place["file"]) + (f":{place['line']}" if place["line"] else "") for place in one["first"]
        )
        more = ", …" if one["count"] > len(one["first"]) else ""
        column = f" in {one['column']}" if one["column"] else ""
        reason = f" ({one['reason']})" if one["reason"] else ""
        note(f"weaklink: {one['count']:,} × {one['fault']}{column}: {one['what']}{reason}: {places}{more}")
