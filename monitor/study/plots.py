"""Figures that could stand in a paper: each as PNG (300 dpi) and as SVG."""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate
from pathlib import Path
from typing import Any, Final

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter, PercentFormatter

from monitor.study.measures import TOP, Measure
from monitor.study.published import MAINTAINERS_OF_PACKAGES, Standing
from monitor.study.report import Study

# Okabe and Ito's colours, which people of every colour vision tell apart.
OURS, STUDY, CENSUS, MARK = "#0072B2", "#E69F00", "#999999", "#D55E00"
_STYLE: Final[Any] = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.axisbelow": True,
    "legend.frameon": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "weaklink",
    "savefig.dpi": 300,
    "figure.constrained_layout.use": True,
}
_DAYS: Final = 365.25


def draw(study: Study, folder: Path) -> list[Path]:
    """Draw every figure for which something is known; the files that were written."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    with rc_context(_STYLE):
        for name, (plot, size) in _PLOTS.items():
            figure = Figure(figsize=size)
            FigureCanvasAgg(figure)
            if not plot(figure, study):
                continue
            for suffix in ("png", "svg"):
                path = folder / f"{name}.{suffix}"
                # Without a date, the same study gives the same bytes.
                figure.savefig(path, metadata={"Date": None} if suffix == "svg" else {})
                written.append(path)
    return written


def _signals(figure: Figure, study: Study) -> bool:
    """Shares and means beside the published ones."""
    shares = [
        one
        for one in study.measures
        if one.statistics.get("percent") is not None
        and not one.id.startswith("too-many")
        and one.id not in {"no-maintainer", "one-maintainer"}
    ]
    means = [one for one in study.measures if one.statistics.get("top-1-mean") is not None]
    if not shares and not means:
        return False
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    left.set_xlabel("share (%)")
    left.set_title("Signals that hold")
    _bars(left, shares, "percent", lambda value: f"{value:.2f} %" if value < 10 else f"{value:.1f} %")
    right.set_xlabel("mean of the greatest 1 %")
    right.set_title("Extremes")
    _bars(right, means, "top-1-mean", lambda value: f"{value:.1f}")
    handles, labels = (left if shares else right).get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return True


def _bars(axes: Axes, measures: list[Measure], statistic: str, words: Callable[[float], str]) -> None:
    if not measures:
        axes.set_axis_off()
        return
    sources = (("here", OURS), ("study (2022)", STUDY), ("npm census (2026)", CENSUS))
    height = 0.26
    for row, one in enumerate(measures):
        told: list[tuple[float, str, str]] = [(one.statistics[statistic] or 0, "", OURS)]
        for source, colour in (("study", STUDY), ("census", CENSUS)):
            if (figure := one.figure(statistic, source)) is not None:
                doubt = " (unverified)" if figure.standing is Standing.UNVERIFIED else ""
                told.append((figure.value, doubt, colour))
        for index, (value, doubt, colour) in enumerate(told):
            y = row + (index - (len(told) - 1) / 2) * height
            axes.barh(y, value, height * 0.9, color=colour)
            text = words(value) + doubt
            axes.annotate(text, (value, y), (3, 0), textcoords="offset points", va="center", fontsize=7.5)
    for label, colour in sources:
        axes.barh([0], [0], color=colour, label=label)
    axes.set_yticks(range(len(measures)), [f"{one.signal}  {_label(one)}" for one in measures])
    axes.set_ylim(len(measures) - 0.5, -0.5)
    axes.margins(x=0.25 if len(measures) > 3 else 0.9)
    axes.tick_params(axis="y", length=0)


_LABELS: Final = {
    "maintainers-on-expired-domains": "maintainers on an\nexpired domain",
    "packages-on-expired-domains": "packages of such\nmaintainers",
    "install-scripts": "packages with an\ninstall script",
    "unmaintained": "unmaintained\npackages",
    "inactive-maintainers": "inactive\nmaintainers",
    "unmaintained-by-inactive": "unmaintained, all\nmaintainers inactive",
    "maintainers-per-package": "maintainers\nof a package",
    "contributors-per-package": "contributors\nof a package",
    "packages-per-maintainer": "packages of\na maintainer",
}


def _label(measure: Measure) -> str:
    return _LABELS.get(measure.id, measure.words)


def _maintainers(figure: Figure, study: Study) -> bool:
    """How many maintainers packages have, beside the census."""
    spread = study.counts.maintainers_per_package
    if not spread:
        return False
    axes = figure.subplots()
    most = max(MAINTAINERS_OF_PACKAGES)
    here = {
        number: 100 * (spread.at_least(number) - (0 if number == most else spread.at_least(number + 1))) / spread.size
        for number in MAINTAINERS_OF_PACKAGES
    }
    for shift, shares, colour, label in (
        (-0.21, here, OURS, "here"),
        (0.21, MAINTAINERS_OF_PACKAGES, CENSUS, "npm census (2026)"),
    ):
        bars = axes.bar([number + shift for number in shares], list(shares.values()), 0.4, color=colour, label=label)
        axes.bar_label(bars, [_share(share) for share in shares.values()], padding=2, fontsize=7.5)
    axes.set_xticks(list(here), [*(str(number) for number in here if number < most), f"{most}+"])
    axes.margins(y=0.08)
    axes.set_xlabel("maintainers of a package")
    axes.set_ylabel("packages (%)")
    axes.set_title(f"Maintainers per package (n = {spread.size:,})")
    axes.legend()
    return True


def _share(share: float) -> str:
    return "0" if not share else f"{share:.1f}" if share >= 0.1 else f"{share:.2g}"


def _portfolios(figure: Figure, study: Study) -> bool:
    """How many maintainers have at least so many packages, and who is in the top."""
    spread = study.counts.packages_per_maintainer
    if not spread:
        return False
    axes = figure.subplots()
    reached = list(accumulate(count for _, count in reversed(spread.bins)))
    axes.loglog([value for value, _ in reversed(spread.bins)], reached, ".", color=OURS, markersize=4)
    axes.set_xlim(axes.get_xlim())
    cut, mean = spread.percentile(100 - TOP), spread.top_mean(TOP)
    if cut is not None and mean is not None and spread.size >= 100:
        axes.axvspan(cut, axes.get_xlim()[1], color=MARK, alpha=0.08, lw=0)
        words = f"greatest 1 %: {cut:,} packages or more, {mean:,.1f} in the mean"
        words += _beside(study, "packages-per-maintainer", "top-1-mean", ",.1f")
        axes.axvline(cut, color=MARK, lw=1, label=words)
        figure.legend(loc="outside lower center", fontsize=7.5)
    axes.set_xlabel("packages x")
    axes.set_ylabel("maintainers with x packages or more")
    axes.set_title(f"Packages per maintainer (n = {spread.size:,})")
    axes.grid(which="major", alpha=0.25, lw=0.5)
    _plain_numbers(axes)
    return True


def _beside(study: Study, measure: str, statistic: str, format_: str) -> str:
    """What was published of a statistic, in parentheses."""
    (one,) = (one for one in study.measures if one.id == measure)
    found = []
    for source, name in (("study", "study 2022"), ("census", "npm census 2026")):
        if (figure := one.figure(statistic, source)) is not None:
            doubt = ", unverified" if figure.standing is Standing.UNVERIFIED else ""
            found.append(f"{name}: {figure.value:{format_}}{' %' * (statistic == 'percent')}{doubt}")
    return f" ({', '.join(found)})"


def _plain_numbers(axes: Axes) -> None:
    for axis, (low, high) in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
        axis.set_major_locator(LogLocator(subs=(1,) if high / low > 100 else (1, 2, 5)))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}" if value >= 1 else ""))
        axis.set_minor_formatter(NullFormatter())


def _ages(figure: Figure, study: Study) -> bool:
    """How long ago packages had their last release."""
    spread = study.counts.days_since_release
    if not spread:
        return False
    axes = figure.subplots()
    years = [days / _DAYS for days, _ in spread.bins]
    below = [100 * count / spread.size for count in accumulate(count for _, count in spread.bins)]
    axes.step([0, *years], [0, *below], where="post", color=OURS, lw=1.5)
    window = study.thresholds.inactive_after.days
    at = 100 - 100 * spread.at_least(window) / spread.size
    axes.axvspan(window / _DAYS, max(years[-1], window / _DAYS), color=MARK, alpha=0.08, lw=0)
    words = f"unmaintained after {window} days: {100 - at:.1f} %"
    words += _beside(study, "unmaintained", "percent", ".1f")
    axes.axvline(window / _DAYS, color=MARK, lw=1, label=words)
    figure.legend(loc="outside lower center", fontsize=7.5)
    axes.set_xlim(0)
    axes.set_ylim(0, 100)
    axes.yaxis.set_major_formatter(PercentFormatter())
    axes.xaxis.set_major_locator(FixedLocator(range(0, int(years[-1]) + 2, 1 if years[-1] < 14 else 2)))
    axes.grid(alpha=0.25, lw=0.5)
    axes.set_xlabel("years since the last release")
    axes.set_ylabel("packages released since")
    axes.set_title(f"Time since the last release (n = {spread.size:,})")
    return True


_PLOTS: Final[dict[str, tuple[Callable[[Figure, Study], bool], tuple[float, float]]]] = {
    "signals": (_signals, (7.2, 4.2)),
    "maintainers-per-package": (_maintainers, (5.2, 3.2)),
    "packages-per-maintainer": (_portfolios, (5.2, 3.6)),
    "time-since-release": (_ages, (5.2, 3.4)),
}
