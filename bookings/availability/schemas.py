"""What answers of other domains tell of assignment, too."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from bookings.availability.assignment import STRATEGIES


class AssignmentTold(Schema):
    """Who is chosen of those who are free, and why."""

    strategy = fields.String(required=True, validate=validate.OneOf(STRATEGIES))
    chosen = fields.UUID(required=True, allow_none=True)
    because = fields.String(required=True)
