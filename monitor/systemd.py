"""What the service manager is told: ready, reloading, stopping, and that the work still advances."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import timedelta

import sdnotify


class ServiceManager:
    """systemd's notification socket; says nothing where there is none."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._notifier = sdnotify.SystemdNotifier() if environment.get("NOTIFY_SOCKET") else None
        watchdog = environment.get("WATCHDOG_USEC", "")
        self.watchdog = timedelta(microseconds=int(watchdog)) if watchdog.isdigit() else None
        """Within this time the manager wants to hear that the daemon is alive; None: it does not ask."""

    def ready(self, status: str) -> None:
        self._tell(f"READY=1\nSTATUS={status}")

    def status(self, status: str) -> None:
        self._tell(f"STATUS={status}")

    def takes(self, longer: timedelta) -> None:
        """The start takes at least so much longer from now on."""
        self._tell(f"EXTEND_TIMEOUT_USEC={longer // timedelta(microseconds=1)}")

    def stopping(self) -> None:
        self._tell("STOPPING=1")

    def alive(self) -> None:
        self._tell("WATCHDOG=1")

    def _tell(self, message: str) -> None:
        if self._notifier is not None:
            self._notifier.notify(message)
