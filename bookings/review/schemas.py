"""The shapes of reviews, in and out."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate

from bookings.fields import Input, Instant, Text
from bookings.paging import CursorPage, CursorQuery
from bookings.review.rules import STATES


def _rating(**kwargs: Any) -> fields.Integer:
    return fields.Integer(
        strict=True, validate=validate.Range(1, 5), metadata={"description": "Stars: 1 is worst, 5 is best."}, **kwargs
    )


class NewReview(Input):
    """What its customer says of a booking that took place."""

    bookingId = fields.UUID(required=True)
    rating = _rating(required=True)
    text = Text(longest=4000, load_default=None, allow_none=True)


class ReviewChange(Input):
    """What its author may change for a while."""

    rating = _rating()
    text = Text(longest=4000, allow_none=True)


class ReviewReply(Input):
    """What the provider says to it, for everybody to read."""

    text = Text(longest=2000, shortest=1, required=True)


class Hiding(Input):
    """Why nobody is to see a review; its author is told."""

    reason = Text(longest=500, shortest=1, required=True)


class Unhiding(Input):
    """Why it may be seen again; for the audit trail."""

    reason = Text(longest=500, load_default=None, allow_none=True)


class PublicReviewQuery(CursorQuery):
    """Which of the reviews, newest first."""

    rows = "reviews"

    rating = fields.Integer(validate=validate.Range(1, 5), metadata={"description": "Those with so many stars."})


class ReviewQuery(PublicReviewQuery):
    """Which reviews, newest first: a customer's own, those of what a provider provides, everything for an admin."""

    mine = fields.Boolean(
        load_default=False,
        truthy={"true", ""},
        falsy={"false"},
        metadata={"description": "Only what the caller has written."},
    )
    state = fields.String(validate=validate.OneOf(STATES))
    serviceId = fields.UUID()
    providerId = fields.UUID()


class ReviewAuthor(Schema):
    """Who wrote it, as far as others may know."""

    name = fields.String(
        required=True, allow_none=True, metadata={"description": "First name and initial; null once erased."}
    )


class GivenReply(Schema):
    """What the provider said to it."""

    text = fields.String(required=True)
    repliedAt = Instant(required=True)


class Review(Schema):
    """A review. SQL writes it (sql/queries/review.sql, `document`).

    Its author, staff and admins also see `bookingId`, `authorId`, `state`, `hiddenReason` and `updatedAt`.
    """

    id = fields.UUID(required=True)
    serviceId = fields.UUID(required=True, allow_none=True)
    providerId = fields.UUID(required=True, allow_none=True)
    workspaceId = fields.UUID(required=True, allow_none=True)
    rating = fields.Integer(required=True, strict=True, validate=validate.Range(1, 5))
    text = fields.String(required=True, allow_none=True)
    author = fields.Nested(ReviewAuthor, required=True)
    reply = fields.Nested(GivenReply, required=True, allow_none=True)
    version = fields.Integer(required=True, strict=True)
    createdAt = Instant(required=True)
    editedAt = Instant(required=True, allow_none=True)
    bookingId = fields.UUID()
    authorId = fields.UUID()
    state = fields.String(
        validate=validate.OneOf(STATES),
        metadata={"description": "hidden: by an admin. withdrawn: its booking did not take place after all."},
    )
    hiddenReason = fields.String(allow_none=True)
    updatedAt = Instant()


class Stars(Schema):
    """How many reviews give so many stars."""

    one = fields.Integer(required=True, strict=True, data_key="1")
    two = fields.Integer(required=True, strict=True, data_key="2")
    three = fields.Integer(required=True, strict=True, data_key="3")
    four = fields.Integer(required=True, strict=True, data_key="4")
    five = fields.Integer(required=True, strict=True, data_key="5")


class Rating(Schema):
    """How something is rated by the reviews that are shown."""

    average = fields.Float(
        required=True, allow_none=True, metadata={"description": "To two decimals; null without reviews."}
    )
    count = fields.Integer(required=True, strict=True)
    distribution = fields.Nested(Stars, required=True)


class ReviewPage(CursorPage):
    """One page of reviews."""

    items = fields.List(fields.Nested(Review), required=True)


class RatedReviewPage(ReviewPage):
    """One page of the reviews of something, and how it is rated by all of them."""

    rating = fields.Nested(Rating, required=True)
