"""What daemons and workers need of code, imported once before they are forked."""

import alembic.command
import whois

import monitor.cli.sweeping
import monitor.cli.working
import monitor.engine.elected
from alerts.deliver import check_channel_url

__all__ = ["alembic", "monitor", "whois"]

check_channel_url("json://127.0.0.1")  # the first one makes Apprise import its hundred services
