"""The shapes of jobs and their health, as admins see them."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from bookings.fields import Input, Instant, Text, Words
from bookings.job.care import STATES
from bookings.paging import CursorPage, CursorQuery, size


class JobQuery(CursorQuery):
    """Which jobs, the newest first."""

    rows = "jobs"

    kind = Text(longest=100, shortest=1)
    state = Words(STATES, metadata={"description": "One or several, such as `failed,dead`."})
    cursor = fields.UUID(metadata={"description": "nextCursor of the last page."})
    limit = size(20)


class Job(Schema):
    """A job. SQL writes it (sql/queries/job.sql, `document`)."""

    id = fields.UUID(required=True)
    kind = fields.String(required=True)
    key = fields.String(
        required=True, allow_none=True, metadata={"description": "Of a kind and key at most one is still to be done."}
    )
    state = fields.String(required=True, validate=validate.OneOf(STATES))
    payload = fields.Dict(required=True)
    attempts = fields.Integer(required=True, strict=True)
    maxAttempts = fields.Integer(required=True, strict=True)
    progress = fields.Integer(required=True, strict=True, metadata={"description": "0 to 100."})
    lastError = fields.String(required=True, allow_none=True)
    workerId = fields.UUID(required=True, allow_none=True, metadata={"description": "Who has it; while it runs."})
    runAt = Instant(required=True, metadata={"description": "Not before; of a failed one its next attempt."})
    createdAt = Instant(required=True)
    startedAt = Instant(required=True, allow_none=True, metadata={"description": "Of the last attempt."})
    finishedAt = Instant(required=True, allow_none=True)


class JobPage(CursorPage):
    """One page of jobs, the newest first."""

    items = fields.List(fields.Nested(Job), required=True)
    nextCursor = fields.UUID(required=True, allow_none=True)


class CleanupQuery(Input):
    """What is old enough to be forgotten."""

    maxAge = fields.String(
        validate=validate.Regexp(r"^[0-9]{1,6}[smhd]$", error="Must be a length of time such as 90s, 10m, 24h or 7d."),
        metadata={"description": "Ended longer ago: `90s`, `24h`, `7d`; JOB_RETENTION if not given.", "example": "7d"},
    )


class Deleted(Schema):
    """Jobs that were deleted, by the state they had."""

    done = fields.Integer(required=True)
    discarded = fields.Integer(required=True)


class Cleanup(Schema):
    """What a cleanup deleted."""

    deleted = fields.Nested(Deleted, required=True)
    more = fields.Boolean(required=True, metadata={"description": "There may be more as old; call again."})


class QueueCounts(Schema):
    """Jobs by state."""

    scheduled = fields.Integer(required=True)
    waiting = fields.Integer(required=True)
    running = fields.Integer(required=True)
    failed = fields.Integer(required=True, metadata={"description": "Waiting for their next attempt."})
    dead = fields.Integer(required=True)
    done = fields.Integer(required=True)
    discarded = fields.Integer(required=True)


class KindCounts(QueueCounts):
    """Jobs of one kind by state."""

    kind = fields.String(required=True)


class QueueStats(Schema):
    """How much there is to do, and was done. Of ended jobs the last 10,000 are counted."""

    total = fields.Nested(QueueCounts, required=True)
    kinds = fields.List(fields.Nested(KindCounts), required=True)
    exact = fields.Boolean(required=True, metadata={"description": "Everything was counted."})


class WorkerHealth(Schema):
    """A worker process by its last sign of life."""

    id = fields.UUID(required=True)
    host = fields.String(required=True)
    pid = fields.Integer(required=True)
    alive = fields.Boolean(required=True)
    running = fields.Integer(required=True, metadata={"description": "Jobs it had in hand."})
    kinds = fields.List(fields.String(), required=True, metadata={"description": "What it can do."})
    startedAt = Instant(required=True)
    seenAt = Instant(required=True)


class KindHealth(Schema):
    """One kind of job."""

    kind = fields.String(required=True)
    status = fields.String(required=True, validate=validate.OneOf(("ok", "late", "no-worker", "dead-letters")))
    oldestDueSeconds = fields.Float(required=True, metadata={"description": "Due for so long and not started."})
    waiting = fields.Integer(required=True)
    running = fields.Integer(required=True)
    failed = fields.Integer(required=True)
    dead = fields.Integer(required=True)


class ConsumerHealth(Schema):
    """One consumer of events."""

    name = fields.String(required=True)
    status = fields.String(required=True, validate=validate.OneOf(("ok", "late", "failing")))
    position = fields.Integer(required=True)
    behind = fields.Integer(required=True, metadata={"description": "Events behind its position, of any type."})
    lagSeconds = fields.Float(required=True)
    failingPosition = fields.Integer(required=True, allow_none=True, metadata={"description": "It cannot get past it."})
    failures = fields.Integer(required=True)
    lastError = fields.String(required=True, allow_none=True)
    retryAt = Instant(required=True, allow_none=True)


class QueueHealth(Schema):
    """Redis, which only makes jobs start sooner."""

    ok = fields.Boolean(required=True)
    pending = fields.Integer(required=True, allow_none=True)
    scheduled = fields.Integer(required=True, allow_none=True)


class JobHealth(Schema):
    """Is the work getting done?"""

    status = fields.String(required=True, validate=validate.OneOf(("ok", "degraded", "down")))
    workers = fields.List(fields.Nested(WorkerHealth), required=True)
    kinds = fields.List(fields.Nested(KindHealth), required=True)
    consumers = fields.List(fields.Nested(ConsumerHealth), required=True)
    queue = fields.Nested(QueueHealth, required=True)


class MetricsQuery(Input):
    """Over which time."""

    minutes = fields.Integer(load_default=60, validate=validate.Range(1, 7 * 24 * 60))


class Spread(Schema):
    """Seconds that half, 95 % and 99 % of the jobs took at most."""

    p50 = fields.Float(required=True)
    p95 = fields.Float(required=True)
    p99 = fields.Float(required=True)


class KindPace(Schema):
    """How the jobs of one kind went."""

    kind = fields.String(required=True)
    done = fields.Integer(required=True)
    meanAttempts = fields.Float(required=True)
    waitedSeconds = fields.Nested(Spread, required=True)
    ranSeconds = fields.Nested(Spread, required=True)


class JobMetrics(Schema):
    """How the last jobs went that were done in this time, at most 10,000 of them."""

    minutes = fields.Integer(required=True)
    kinds = fields.List(fields.Nested(KindPace), required=True)
