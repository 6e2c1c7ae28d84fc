"""The table of signals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from monitor.signals import w1_domain, w2_script, w3_silence, w4_maintainers, w5_contributors, w6_portfolio
from monitor.signals.model import Signal

SIGNALS: Final[Mapping[str, Signal]] = {
    module.SIGNAL.id: module.SIGNAL
    for module in (w1_domain, w2_script, w3_silence, w4_maintainers, w5_contributors, w6_portfolio)
}
