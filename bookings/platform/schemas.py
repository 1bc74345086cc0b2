"""The shapes of what operators see."""

from __future__ import annotations

from marshmallow import Schema, fields


class Health(Schema):
    """The process answers."""

    status = fields.String(required=True, metadata={"example": "ok"})


class Part(Schema):
    """One thing that the process depends on."""

    ok = fields.Boolean(required=True)
    required = fields.Boolean(required=True, metadata={"description": "Whether requests need it."})
    ms = fields.Float(metadata={"description": "How long it took to answer."})
    error = fields.String(metadata={"description": "What is wrong, and the remedy."})
    version = fields.Integer(metadata={"description": "The database's schema version."})
    expected = fields.Integer(metadata={"description": "The schema version this code needs at least."})


class Readiness(Schema):
    """Whether requests should be sent to this process."""

    status = fields.String(required=True, metadata={"example": "ready"})
    parts = fields.Dict(keys=fields.String(), values=fields.Nested(Part), required=True)
