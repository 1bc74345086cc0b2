"""The audit trail over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, g

from bookings.answer import Answer
from bookings.audit import service
from bookings.audit.schemas import AuditPage, ListQuery
from bookings.errors import Forbidden
from bookings.http import database, endpoint

blueprint = Blueprint("audit", __name__, url_prefix="/audit")


@blueprint.get("")
@endpoint(query=ListQuery, answers={200: AuditPage}, problems=(Forbidden,))
def list_(query: Mapping[str, Any]) -> Answer:
    """List who used a privilege, on what and how, newest first. For admins."""
    return Answer(service.listing(database(), actor=g.actor, query=query))
