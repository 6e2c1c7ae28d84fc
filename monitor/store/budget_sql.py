"""The statements of ``monitor.store.budgets``: each is one transaction, and knows the time by itself."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from monitor.sources.politeness import FIRST_PAUSE, LONGEST_PAUSE, TRIP_AFTER

LOOK_AHEAD: Final = 0.25
"""Seconds ahead for which turns are taken."""
TRY_TIME: Final = timedelta(seconds=30)
"""How long one process has to try whether a host is back, before another may."""
GONE_AFTER: Final = timedelta(seconds=15)
"""A process that did not ask a host for so long leaves its share of connections to the others."""

_NOW: Final = "(SELECT clock_timestamp() AS now)"
BEGIN: Final = f"""
INSERT INTO host_budget (host, next_at, failures, pause, error)
SELECT %(host)s, now, 0, {FIRST_PAUSE.total_seconds()}, '' FROM {_NOW} AS t
ON CONFLICT DO NOTHING RETURNING 1
"""
TAKE: Final = f"""
WITH asked AS MATERIALIZED {_NOW},
taken AS (
    UPDATE host_budget AS h SET
        next_at = greatest(h.next_at, now - make_interval(secs => %(burst)s))
            + make_interval(secs => %(interval)s) * CASE WHEN h.down_since IS NULL THEN %(wanted)s ELSE 1 END,
        tried_until = CASE WHEN h.down_since IS NULL THEN NULL ELSE now + interval '{TRY_TIME.total_seconds()} s' END
    FROM asked
    WHERE h.host = %(host)s
        AND h.next_at <= now + interval '{LOOK_AHEAD} s'
        AND greatest(h.slowed_until, h.closed_until, h.tried_until, '-infinity') <= now
    RETURNING h.next_at, CASE WHEN h.down_since IS NULL THEN %(wanted)s ELSE 1 END AS granted
)
SELECT
    extract(epoch FROM taken.next_at - now)::float8 - %(interval)s * taken.granted AS first,
    taken.granted,
    extract(epoch FROM h.next_at - now)::float8 AS ahead,
    coalesce(extract(epoch FROM h.slowed_until - now), 0)::float8 AS slowed,
    coalesce(extract(epoch FROM h.closed_until - now), 0)::float8 AS closed,
    coalesce(extract(epoch FROM h.tried_until - now), 0)::float8 AS tried,
    extract(epoch FROM now - h.down_since)::float8 AS down,
    h.failures, h.error
FROM host_budget AS h CROSS JOIN asked LEFT JOIN taken ON true
WHERE h.host = %(host)s
"""
_TRIPS: Final = f"""
failures + 1 >= {TRIP_AFTER} AND coalesce(closed_until, '-infinity') <= now - make_interval(secs => %(passed)s)
"""
FAILED: Final = f"""
UPDATE host_budget SET
    failures = failures + 1,
    error = %(error)s,
    down_since = CASE WHEN failures + 1 >= {TRIP_AFTER} THEN coalesce(down_since, now) END,
    closed_until = CASE WHEN {_TRIPS} THEN now + make_interval(secs => pause) ELSE closed_until END,
    pause = CASE WHEN {_TRIPS} THEN least(pause * 2, {LONGEST_PAUSE.total_seconds()}) ELSE pause END,
    tried_until = NULL
FROM {_NOW} AS t WHERE host = %(host)s RETURNING 1
"""
SUCCEEDED: Final = f"""
UPDATE host_budget SET
    failures = 0, error = '', down_since = NULL, closed_until = NULL, tried_until = NULL,
    pause = {FIRST_PAUSE.total_seconds()}
WHERE host = %(host)s RETURNING 1
"""
SLOWED: Final = f"""
UPDATE host_budget SET
    slowed_until = greatest(slowed_until, now + make_interval(secs => %(wait)s - %(passed)s)),
    error = 'asked us to wait', tried_until = NULL
FROM {_NOW} AS t WHERE host = %(host)s RETURNING 1
"""
GIVEN_UP: Final = "UPDATE host_budget SET tried_until = NULL WHERE host = %(host)s RETURNING 1"
SEEN: Final = f"""
WITH asked AS MATERIALIZED {_NOW},
gone AS (
    DELETE FROM host_user WHERE ctid IN (
        SELECT ctid FROM host_user WHERE seen_at < clock_timestamp() - interval '1 hour' FOR UPDATE SKIP LOCKED
    )
),
seen AS (
    INSERT INTO host_user (host, process, seen_at) SELECT %(host)s, %(process)s, now FROM asked
    ON CONFLICT (host, process) DO UPDATE SET seen_at = excluded.seen_at
)
SELECT count(*) AS others FROM host_user CROSS JOIN asked
WHERE host = %(host)s AND process <> %(process)s AND seen_at > now - interval '{GONE_AFTER.total_seconds()} s'
"""
