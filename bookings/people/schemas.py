"""The shapes of people, as those who manage them send and see them."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from bookings.account.rules import ROLES
from bookings.account.schemas import EmailAddress, ProfileChange, Registration, User
from bookings.fields import Input, Instant, Text

LIMIT = 100
#: offset paging ends here; the cursor goes on at constant cost
DEEPEST = 10_000


class ListQuery(Input):
    """Which users, by name."""

    role = fields.String(validate=validate.OneOf(ROLES))
    disabled = fields.Boolean(truthy={"true"}, falsy={"false"})
    q = Text(
        longest=200,
        shortest=1,
        metadata={"description": "Part of name or e-mail address, in any case; one or two letters begin a word."},
    )
    page = fields.Integer(load_default=1, validate=validate.Range(min=1, max=DEEPEST))
    limit = fields.Integer(load_default=20, validate=validate.Range(1, LIMIT))
    cursor = Text(longest=500, metadata={"description": "nextCursor of the page before; instead of page."})

    @validates_schema
    def _not_too_deep(self, data: dict[str, Any], **_: Any) -> None:
        if data["page"] * data["limit"] > DEEPEST:
            raise ValidationError(f"Ends after {DEEPEST} users; go on with cursor.", "page")


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
    notifications = User().fields["notifications"]
    disabledAt = Instant(allow_none=True)
    erasedAt = Instant(allow_none=True)
    createdAt = Instant()
    updatedAt = Instant()


class UserPage(Schema):
    """One page of users."""

    items = fields.List(fields.Nested(User), required=True)
    page = fields.Integer(required=True, allow_none=True)
    limit = fields.Integer(required=True)
    total = fields.Integer(required=True, metadata={"description": "Exact up to 1,000; see totalIsExact."})
    totalIsExact = fields.Boolean(required=True)
    nextCursor = fields.String(required=True, allow_none=True)
