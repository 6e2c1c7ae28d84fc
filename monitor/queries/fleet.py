"""The processes on one PostgreSQL database: who leads, who works, and what waits for them."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import text
from sqlmodel import Session, col, select

from monitor.store.engine import QUEUES
from monitor.store.tables import WorkerRow
from monitor.store.terms import leader

ALIVE_FOR: Final = 15
"""Seconds without a sign of life after which a worker's work is taken over."""


def fleet(session: Session) -> dict[str, Any]:
    """``leader``, ``workers`` and ``queues`` of ``status``; on SQLite there are none."""
    term = leader(session)
    if term is None:
        return {"leader": None, "workers": [], "queues": []}
    now = session.execute(text("SELECT now()")).scalar_one()  # by which they were seen
    return {
        "leader": {"name": term.name, "since": term.since, "term": term.number},
        "workers": [
            {
                "name": row.name,
                "since": row.started_at,
                "seen": row.seen_at,
                "alive": (now - row.seen_at).total_seconds() < ALIVE_FOR,
                "doing": row.doing,
                "done": row.done,
                "configured_as_leader": row.configuration == term.configuration,
            }
            for row in session.exec(select(WorkerRow).order_by(col(WorkerRow.name)))
        ],
        "queues": _queues(session),
    }


def _queues(session: Session) -> list[dict[str, Any]]:
    """Jobs, and the targets in them, that wait in each queue and that are being done."""
    if session.scalar(text("SELECT to_regclass(:name)"), {"name": f"{QUEUES}.procrastinate_jobs"}) is None:
        return []
    return [dict(row._mapping) for row in session.execute(_QUEUES)]


_QUEUES: Final = text(
    f"""
    SELECT
        names.queue,
        count(*) FILTER (WHERE job.status = 'todo') AS waiting,
        count(*) FILTER (WHERE job.status = 'doing') AS doing,
        coalesce(sum(jsonb_array_length(job.args -> 'targets')), 0)::bigint AS targets,
        min(event.at) FILTER (WHERE job.status = 'todo') AS oldest
    FROM unnest(ARRAY['check-domain', 'check-npm', 'check-pypi', 'deliveries']) AS names (queue)
    LEFT JOIN {QUEUES}.procrastinate_jobs AS job ON job.queue_name = names.queue AND job.status IN ('todo', 'doing')
    LEFT JOIN {QUEUES}.procrastinate_events AS event ON event.job_id = job.id AND event.type = 'deferred'
    GROUP BY names.queue
    ORDER BY names.queue
    """
)
