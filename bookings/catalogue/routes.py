"""Services and their categories over HTTP. Everybody may read them; changing them is for admins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from flask import Blueprint, current_app

from bookings import http
from bookings.answer import Answer
from bookings.catalogue import addresses, categories, listing, service
from bookings.catalogue.category_schemas import Category, CategoryChange, CategoryList, NewCategory
from bookings.catalogue.errors import CategoryInUse, SlugTaken
from bookings.catalogue.schemas import (
    FewQuery,
    NewService,
    Pricing,
    PricingQuery,
    Service,
    ServiceChange,
    ServiceList,
    ServiceListQuery,
    ServicePage,
)
from bookings.errors import Forbidden, Invalid, NotFound, PreconditionFailed
from bookings.http import caller, database, endpoint

#: for everybody
public = Blueprint("services", __name__)
#: for whoever is signed in; the commands let only admins through
blueprint = Blueprint("catalogue", __name__)
_CHANGE = (NotFound, Forbidden, PreconditionFailed)
addresses.teach(public)
addresses.teach(blueprint)


@public.get("/services")
@endpoint(query=ServiceListQuery, answers={200: ServicePage})
def list_(query: Mapping[str, Any]) -> Answer:
    """Find what can be booked."""
    return listing.listing(database(), query=query)


@public.get("/services/featured")
@endpoint(query=FewQuery, answers={200: ServiceList})
def featured(query: Mapping[str, Any]) -> Answer:
    """What the business puts in the window, by name."""
    return listing.few(database(), which="featured", limit=query["limit"])


@public.get("/services/popular")
@endpoint(query=FewQuery, answers={200: ServiceList})
def popular(query: Mapping[str, Any]) -> Answer:
    """What was booked most often lately, among the latest 2,000 bookings of services."""
    return listing.few(database(), which="popular", limit=query["limit"])


@public.get("/services/<named:service_id>")
@endpoint(answers={200: Service}, problems=(NotFound,))
def get(service_id: str) -> Answer:
    """One service by its id or slug, also when it is archived."""
    return http.versioned(*service.get(database(), named=service_id))


@public.get("/services/<named:service_id>/pricing")
@endpoint(query=PricingQuery, answers={200: Pricing}, problems=(NotFound, Invalid))
def pricing(service_id: str, query: Mapping[str, Any]) -> Answer:
    """What it costs for a duration, a day and a party."""
    settings = current_app.extensions["settings"]
    return Answer(http.dump(service.pricing(database(), settings=settings, named=service_id, query=query)))


@blueprint.post("/services")
@endpoint(body=NewService, answers={201: Service}, problems=(Forbidden, SlugTaken))
def create(body: dict[str, Any]) -> Answer:
    """Offer a new service. For admins."""
    return http.run(lambda tx: service.create(tx, caller=caller(), body=body))


@blueprint.patch("/services/<named:service_id>")
@endpoint(body=ServiceChange, answers={200: Service}, problems=(*_CHANGE, SlugTaken), conditional=True)
def change(service_id: str, body: dict[str, Any]) -> Answer:
    """Change a service, or offer an archived one again. Bookings keep what was agreed. For admins."""
    versions = http.expected_versions()
    return http.run(lambda tx: service.change(tx, caller=caller(), named=service_id, body=body, versions=versions))


@blueprint.delete("/services/<named:service_id>")
@endpoint(answers={200: Service}, problems=_CHANGE, conditional=True)
def archive(service_id: str) -> Answer:
    """Withdraw a service: it leaves the lists and takes no bookings, and stays readable. For admins."""
    versions = http.expected_versions()
    return http.run(lambda tx: service.archive(tx, caller=caller(), named=service_id, versions=versions))


@public.get("/categories")
@endpoint(answers={200: CategoryList})
def list_categories() -> Answer:
    """All categories, in their order."""
    return categories.listing(database())


@public.get("/categories/<uuid:category_id>")
@endpoint(answers={200: Category}, problems=(NotFound,))
def get_category(category_id: UUID) -> Answer:
    """One category."""
    return http.versioned(*categories.get(database(), category_id=category_id))


@blueprint.post("/categories")
@endpoint(body=NewCategory, answers={201: Category}, problems=(Forbidden, SlugTaken))
def create_category(body: dict[str, Any]) -> Answer:
    """A new category. For admins."""
    return http.run(lambda tx: categories.create(tx, caller=caller(), body=body))


@blueprint.patch("/categories/<uuid:category_id>")
@endpoint(body=CategoryChange, answers={200: Category}, problems=(*_CHANGE, SlugTaken), conditional=True)
def change_category(category_id: UUID, body: dict[str, Any]) -> Answer:
    """Change a category. For admins."""
    versions = http.expected_versions()
    return http.run(
        lambda tx: categories.change(tx, caller=caller(), category_id=category_id, body=body, versions=versions)
    )


@blueprint.delete("/categories/<uuid:category_id>")
@endpoint(answers={204: None}, problems=(*_CHANGE, CategoryInUse), conditional=True)
def delete_category(category_id: UUID) -> Answer:
    """Remove a category that no service has. For admins."""
    versions = http.expected_versions()
    return http.run(lambda tx: categories.delete(tx, caller=caller(), category_id=category_id, versions=versions))
