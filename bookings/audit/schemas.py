"""The shapes of the audit trail."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from bookings.fields import Input, Instant, Text
from bookings.paging import size


class ListQuery(Input):
    """Which entries, newest first. Filters are joined by "and"."""

    actorId = fields.UUID(metadata={"description": "Who did it; jobs and scripts are the nil UUID."})
    action = Text(longest=100, shortest=1, metadata={"description": "Such as `user.role` or `booking.decline`."})
    subjectType = Text(longest=50, shortest=1, metadata={"description": "Such as `user`, `booking`, `resource`."})
    subjectId = Text(longest=100, shortest=1, metadata={"description": "Together with subjectType."})
    requestId = Text(longest=64, shortest=1)
    from_ = Instant(data_key="from", metadata={"description": "At or after."})
    to = Instant(metadata={"description": "Before."})
    cursor = fields.Integer(
        validate=validate.Range(1, 2**63 - 1), metadata={"description": "nextCursor of the page before."}
    )
    limit = size(20)

    @validates_schema
    def _id_belongs_to_a_type(self, data: dict[str, Any], **_: Any) -> None:
        if "subjectId" in data and "subjectType" not in data:
            raise ValidationError("Say of which type subjectId is.", "subjectType")


class AuditEntry(Schema):
    """One use of a privilege. SQL writes it (sql/queries/audit.sql, `shown`)."""

    id = fields.Integer(required=True, strict=True)
    at = Instant(required=True)
    actorId = fields.UUID(required=True)
    actorRole = fields.String(required=True)
    requestId = fields.String(required=True, allow_none=True)
    action = fields.String(required=True)
    subjectType = fields.String(required=True)
    subjectId = fields.String(required=True)
    before = fields.Dict(required=True, allow_none=True, metadata={"description": "What it was, of what changed."})
    after = fields.Dict(required=True, allow_none=True, metadata={"description": "What it became."})


class AuditPage(Schema):
    """One page of entries, newest first."""

    items = fields.List(fields.Nested(AuditEntry), required=True)
    limit = fields.Integer(required=True)
    nextCursor = fields.Integer(
        required=True, allow_none=True, metadata={"description": "Where the next page begins; null on the last."}
    )
