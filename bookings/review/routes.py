"""Reviews over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from flask import Blueprint, current_app, g

from bookings import http
from bookings.answer import Answer
from bookings.db import Tx
from bookings.errors import Conflict, Forbidden, NotFound
from bookings.http import caller, database, endpoint
from bookings.review import listing, service
from bookings.review.errors import (
    AlreadyReviewed,
    AuthorOnly,
    CustomerOnly,
    NotCompleted,
    ReplyNotForYou,
    ReviewWindowClosed,
)
from bookings.review.schemas import (
    Hiding,
    NewReview,
    PublicReviewQuery,
    RatedReviewPage,
    Review,
    ReviewChange,
    ReviewPage,
    ReviewQuery,
    ReviewReply,
    Unhiding,
)

#: what anybody may read
public = Blueprint("published-reviews", __name__, url_prefix="/reviews")
#: for whoever is signed in
blueprint = Blueprint("review", __name__, url_prefix="/reviews")


@public.get("/services/<uuid:service_id>")
@endpoint(query=PublicReviewQuery, answers={200: RatedReviewPage}, problems=(NotFound,))
def of_service(service_id: UUID, query: Mapping[str, Any]) -> Answer:
    """What is said of a service, newest first, and how it is rated."""
    return listing.of(database(), "service", subject_id=service_id, query=query)


@public.get("/providers/<uuid:provider_id>")
@endpoint(query=PublicReviewQuery, answers={200: RatedReviewPage}, problems=(NotFound,))
def of_provider(provider_id: UUID, query: Mapping[str, Any]) -> Answer:
    """What is said of a provider, newest first, and how they are rated."""
    return listing.of(database(), "provider", subject_id=provider_id, query=query)


@blueprint.post("")
@endpoint(
    body=NewReview,
    answers={201: Review},
    problems=(NotFound, CustomerOnly, NotCompleted, AlreadyReviewed, ReviewWindowClosed),
)
def create(body: dict[str, Any]) -> Answer:
    """Review a booking that took place, once. For its customer."""
    settings = current_app.extensions["settings"]
    return http.run(lambda tx: service.create(tx, settings=settings, caller=caller(), body=body))


@blueprint.get("")
@endpoint(query=ReviewQuery, answers={200: ReviewPage})
def list_(query: Mapping[str, Any]) -> Answer:
    """List reviews: a customer's own, those of what a provider provides, everything for an admin."""
    return listing.for_actor(database(), actor=g.actor, query=query)


@blueprint.get("/<uuid:review_id>")
@endpoint(answers={200: Review, 304: None}, problems=(NotFound,))
def get(review_id: UUID) -> Answer:
    """One review, with its version as ETag. One that is not shown only for those who have to do with it."""
    return http.unless_known(*service.get(database(), actor=g.actor, review_id=review_id))


@blueprint.patch("/<uuid:review_id>")
@endpoint(
    body=ReviewChange,
    answers={200: Review},
    problems=(NotFound, AuthorOnly, ReviewWindowClosed, Conflict),
    conditional=True,
)
def change(review_id: UUID, body: dict[str, Any]) -> Answer:
    """Change rating or text, for a while. For its author."""
    settings, versions = current_app.extensions["settings"], http.expected_versions()
    return http.run(
        lambda tx: service.change(
            tx, settings=settings, caller=caller(), review_id=review_id, body=body, versions=versions
        )
    )


@blueprint.delete("/<uuid:review_id>")
@endpoint(answers={204: None}, problems=(NotFound, AuthorOnly, Conflict), conditional=True)
def delete(review_id: UUID) -> Answer:
    """Remove a review for ever. For its author and admins; the booking cannot be reviewed again."""
    versions = http.expected_versions()

    def work(tx: Tx) -> Answer:
        service.delete(tx, caller=caller(), review_id=review_id, versions=versions)
        return Answer("", 204)

    return http.run(work)


@blueprint.put("/<uuid:review_id>/reply")
@endpoint(body=ReviewReply, answers={200: Review}, problems=(NotFound, ReplyNotForYou, Conflict), conditional=True)
def reply(review_id: UUID, body: dict[str, Any]) -> Answer:
    """Reply for everybody to read, or change the reply. For whoever provides what was booked, and admins."""
    return _reply(review_id, body["text"])


@blueprint.delete("/<uuid:review_id>/reply")
@endpoint(answers={200: Review}, problems=(NotFound, ReplyNotForYou, Conflict), conditional=True)
def remove_reply(review_id: UUID) -> Answer:
    """Take the reply back."""
    return _reply(review_id, None)


def _reply(review_id: UUID, text: str | None) -> Answer:
    versions = http.expected_versions()
    return http.run(lambda tx: service.reply(tx, caller=caller(), review_id=review_id, text=text, versions=versions))


@blueprint.post("/<uuid:review_id>/hide")
@endpoint(body=Hiding, answers={200: Review}, problems=(NotFound, Forbidden, Conflict), conditional=True)
def hide(review_id: UUID, body: dict[str, Any]) -> Answer:
    """Take a review out of sight and out of the average. For admins."""
    versions = http.expected_versions()
    return http.run(
        lambda tx: service.hide(tx, caller=caller(), review_id=review_id, reason=body["reason"], versions=versions)
    )


@blueprint.post("/<uuid:review_id>/unhide")
@endpoint(body=Unhiding, answers={200: Review}, problems=(NotFound, Forbidden, Conflict), conditional=True)
def unhide(review_id: UUID, body: dict[str, Any]) -> Answer:
    """Show a hidden review again. For admins."""
    versions = http.expected_versions()
    return http.run(
        lambda tx: service.unhide(tx, caller=caller(), review_id=review_id, reason=body["reason"], versions=versions)
    )
