"""Resources over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from flask import Blueprint

from bookings import http
from bookings.answer import Answer
from bookings.db import Tx
from bookings.errors import Forbidden, NotFound, PreconditionFailed
from bookings.http import caller, database, endpoint
from bookings.resource import service
from bookings.resource.errors import CapacityClaimed, ProviderExists
from bookings.resource.schemas import ListQuery, NewResource, Resource, ResourceChange, ResourcePage

blueprint = Blueprint("resource", __name__, url_prefix="/resources")


@blueprint.post("")
@endpoint(body=NewResource, answers={201: Resource}, problems=(Forbidden, ProviderExists))
def create(body: dict[str, Any]) -> Answer:
    """Make a provider, a workspace or equipment bookable. For admins."""

    def work(tx: Tx) -> Answer:
        document, version, id = service.create(tx, caller=caller(), body=body)
        return http.versioned(document, version, 201, location=f"/resources/{id}")

    return http.run(work)


@blueprint.get("")
@endpoint(query=ListQuery, answers={200: ResourcePage})
def list_(query: Mapping[str, Any]) -> Answer:
    """List what can be booked, by name."""
    return Answer(service.listing(database(), query=query))


@blueprint.get("/<uuid:resource_id>")
@endpoint(answers={200: Resource, 304: None}, problems=(NotFound,))
def get(resource_id: UUID) -> Answer:
    """One resource, with its version as ETag."""
    return http.unless_known(*service.get(database(), resource_id=resource_id))


@blueprint.patch("/<uuid:resource_id>")
@endpoint(
    body=ResourceChange,
    answers={200: Resource},
    problems=(NotFound, Forbidden, PreconditionFailed, CapacityClaimed),
    conditional=True,
)
def change(resource_id: UUID, body: dict[str, Any]) -> Answer:
    """Change a resource. Owners may describe what is theirs; capacity, owner and activity are for admins."""
    versions = http.expected_versions()
    return http.run(
        lambda tx: http.versioned(
            *service.change(tx, caller=caller(), resource_id=resource_id, body=body, versions=versions)
        )
    )
