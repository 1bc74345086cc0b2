"""The shapes of people, as those who manage them send and see them."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from bookings.account.rules import ROLES
from bookings.account.schemas import EmailAddress, KnownPassword, Notifications, ProfileChange, Registration, User
from bookings.fields import Input, Instant, Text
from bookings.money import Money
from bookings.paging import CursorPage, CursorQuery, size


class ListQuery(CursorQuery):
    """Which users, by name."""

    rows = "users"

    role = fields.String(validate=validate.OneOf(ROLES))
    disabled = fields.Boolean(truthy={"true"}, falsy={"false"})
    q = Text(
        longest=200,
        shortest=1,
        metadata={"description": "Part of name or e-mail address, in any case; one or two letters begin a word."},
    )
    limit = size(20)
    cursor = Text(longest=500, metadata={"description": "nextCursor of the page before; instead of page."})


class NewUser(Registration):
    """Somebody who chooses a password later, with the invitation that is answered."""

    class Meta(Registration.Meta):
        exclude = ("password",)

    role = fields.String(load_default="customer", validate=validate.OneOf(ROLES))


class UserChange(ProfileChange):
    """What is to change; what is left out stays. `email` is for admins."""

    email = EmailAddress()


class WholeProfile(UserChange):
    """A whole profile: what is left out becomes empty, or as it is for somebody new."""

    name = Text(longest=200, shortest=1, required=True)


class Disabling(Input):
    """Why, for the audit trail."""

    reason = Text(longest=500, load_default=None, allow_none=True)


class Nothing(Input):
    """An empty body."""


class InvitationToken(Schema):
    """Hand it over: with it the user chooses a password (`POST /auth/password`). It is told once."""

    token = fields.String(required=True)
    expiresAt = Instant(required=True)


class CreatedUser(User):
    """The new user, and the invitation with which they choose a password."""

    invitation = fields.Nested(InvitationToken, required=True)


class Person(Schema):
    """A user: everything for admins and the person, what is needed to serve them for a provider they booked."""

    id = fields.UUID(required=True)
    email = fields.String(required=True)
    name = fields.String(required=True)
    phone = fields.String(required=True, allow_none=True)
    timeZone = fields.String(required=True)
    locale = fields.String(required=True)
    version = fields.Integer(required=True, strict=True)
    role = fields.String(validate=validate.OneOf(ROLES))
    addresses = User().fields["addresses"]
    notifications = fields.Nested(Notifications)
    disabledAt = Instant(allow_none=True)
    erasedAt = Instant(allow_none=True)
    createdAt = Instant()
    updatedAt = Instant()


class UserPage(CursorPage):
    """One page of users."""

    items = fields.List(fields.Nested(User), required=True)


class Stats(Schema):
    """What somebody did here. SQL writes it (sql/queries/people.sql, `stats`)."""

    userId = fields.UUID(required=True)
    bookings = fields.Integer(required=True)
    byStatus = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)
    noShows = fields.Integer(required=True)
    noShowRate = fields.Float(
        required=True, allow_none=True, metadata={"description": "Of what took place or should have; null: nothing."}
    )
    spend = fields.List(
        fields.Nested(Money), required=True, metadata={"description": "Paid and not given back, for each currency."}
    )
    firstStartAt = Instant(required=True, allow_none=True)
    lastStartAt = Instant(required=True, allow_none=True)


class Leaving(Input):
    """The password proves that it is not just somebody at an unlocked screen."""

    password = KnownPassword()


class Erasing(Input):
    """Why, for the audit trail."""

    reason = Text(longest=500, load_default=None, allow_none=True)


class Erasure(Schema):
    """The account is empty and closed; a job takes the person's words out of what else is kept."""

    userId = fields.UUID(required=True)
    cancelledBookings = fields.Integer(required=True)


class Export(Schema):
    """Everything held about a person, as it is stored."""

    exportedAt = Instant(required=True)
    profile = fields.Nested(User, required=True)
    bookings = fields.List(fields.Dict(), required=True)
    events = fields.List(fields.Dict(), required=True)
    holds = fields.List(fields.Dict(), required=True)
    waitlist = fields.List(fields.Dict(), required=True)
    payments = fields.List(fields.Dict(), required=True)
    reviews = fields.List(fields.Dict(), required=True)
    notifications = fields.List(fields.Dict(), required=True)
    sessions = fields.List(fields.Dict(), required=True)
    answers = fields.List(fields.Dict(), required=True)
    resources = fields.List(fields.Dict(), required=True)
    reports = fields.List(fields.Dict(), required=True)
    calendarFeeds = fields.List(fields.Dict(), required=True)
    audit = fields.List(fields.Dict(), required=True)
