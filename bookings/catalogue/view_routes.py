"""Workspaces and providers over HTTP. Everybody may look; admins change workspaces, providers themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from flask import Blueprint

from bookings import http
from bookings.answer import Answer
from bookings.catalogue import views
from bookings.catalogue.view_schemas import (
    NewWorkspace,
    ProviderChange,
    ProviderListQuery,
    View,
    ViewPage,
    WorkspaceChange,
    WorkspaceListQuery,
)
from bookings.errors import Forbidden, NotFound, PreconditionFailed
from bookings.http import caller, database, endpoint
from bookings.resource.errors import CapacityClaimed

#: for everybody
public = Blueprint("directory", __name__)
#: for whoever is signed in; the commands know who may change what
blueprint = Blueprint("directory_changes", __name__)
_CHANGE = (NotFound, Forbidden, PreconditionFailed)


@public.get("/workspaces")
@endpoint(query=WorkspaceListQuery, answers={200: ViewPage})
def list_workspaces(query: Mapping[str, Any]) -> Answer:
    """Find a place."""
    return views.listing(database(), kind="workspace", query=query)


@public.get("/workspaces/<uuid:workspace_id>")
@endpoint(answers={200: View}, problems=(NotFound,))
def get_workspace(workspace_id: UUID) -> Answer:
    """One workspace, with what is offered there."""
    return views.get(database(), kind="workspace", id=workspace_id)


@public.get("/providers")
@endpoint(query=ProviderListQuery, answers={200: ViewPage})
def list_providers(query: Mapping[str, Any]) -> Answer:
    """Find somebody."""
    return views.listing(database(), kind="provider", query=query)


@public.get("/providers/<uuid:provider_id>")
@endpoint(answers={200: View}, problems=(NotFound,))
def get_provider(provider_id: UUID) -> Answer:
    """One provider, with what they offer."""
    return views.get(database(), kind="provider", id=provider_id)


@blueprint.post("/workspaces")
@endpoint(body=NewWorkspace, answers={201: View}, problems=(Forbidden,))
def create_workspace(body: dict[str, Any]) -> Answer:
    """Make a place bookable. For admins."""
    return http.run(lambda tx: views.create_workspace(tx, caller=caller(), body=body))


@blueprint.patch("/workspaces/<uuid:workspace_id>")
@endpoint(body=WorkspaceChange, answers={200: View}, problems=(*_CHANGE, CapacityClaimed), conditional=True)
def change_workspace(workspace_id: UUID, body: dict[str, Any]) -> Answer:
    """Change a workspace. For admins; whoever owns it may describe it."""
    return _change("workspace", workspace_id, body)


@blueprint.delete("/workspaces/<uuid:workspace_id>")
@endpoint(answers={200: View}, problems=_CHANGE, conditional=True)
def deactivate_workspace(workspace_id: UUID) -> Answer:
    """Take a workspace out of the lists: it gets no new bookings and keeps those it has. For admins."""
    return _change("workspace", workspace_id, {"active": False})


@blueprint.patch("/providers/<uuid:provider_id>")
@endpoint(body=ProviderChange, answers={200: View}, problems=_CHANGE, conditional=True)
def change_provider(provider_id: UUID, body: dict[str, Any]) -> Answer:
    """Say who you are. For the provider and admins."""
    return _change("provider", provider_id, body)


def _change(kind: str, id: UUID, body: dict[str, Any]) -> Answer:
    versions = http.expected_versions()
    return http.run(lambda tx: views.change(tx, caller=caller(), kind=kind, id=id, body=body, versions=versions))
