"""The shapes of accounts, in and out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from bookings.account.rules import (
    CAUSES,
    CHANNELS,
    COUNTRIES,
    LONGEST_PASSWORD,
    MOST_ADDRESSES,
    ROLES,
    SHORTEST_PASSWORD,
    is_email,
)
from bookings.fields import Flag, Input, Instant, Text, TimeZone


class Pattern(validate.Regexp):
    """Text that matches as a whole: `$` alone lets a newline through at the end."""

    def __call__(self, value: Any) -> Any:
        if self.regex.fullmatch(value) is None:
            raise ValidationError(self.error)
        return value


#: as browsers check <input type=email> (HTML standard, "valid e-mail address"): ASCII only
_EMAIL = Pattern(
    r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
    r"(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$",
    error="Must be an e-mail address.",
)
_PHONE = Pattern(r"^\+?[0-9][0-9 ().-]{2,30}$", error="Must be a phone number such as +49 30 123456.")
_LOCALE = Pattern(
    r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$", error="Must be a language tag such as de or pt-BR (BCP 47)."
)


class EmailAddress(fields.String):
    """An e-mail address of at most 254 characters (RFC 5321); loads in lower case."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(validate=[validate.Length(max=254), _EMAIL], metadata={"format": "email"}, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        return super()._deserialize(value, attr, data, **kwargs).strip().lower()


class NewPassword(fields.String):
    """A password that somebody chooses. Length counts, composition does not (NIST SP 800-63B)."""

    def __init__(self) -> None:
        super().__init__(
            required=True,
            validate=validate.Length(SHORTEST_PASSWORD, LONGEST_PASSWORD),
            metadata={"format": "password", "description": "Anything, except the e-mail address."},
        )


class KnownPassword(fields.String):
    """A password that somebody claims to have set; the bound keeps the cost of checking it bounded."""

    def __init__(self) -> None:
        super().__init__(required=True, validate=validate.Length(1, 1024), metadata={"format": "password"})


class Registration(Input):
    """Who wants to sign in. Everybody starts as a customer: there is no role to choose."""

    email = EmailAddress(required=True)
    password = NewPassword()
    name = Text(longest=200, shortest=1, required=True)
    phone = fields.String(load_default=None, allow_none=True, validate=_PHONE)
    timeZone = TimeZone(load_default="UTC")
    locale = fields.String(load_default="en", validate=_LOCALE)

    @validates_schema(skip_on_field_errors=False)
    def _password_is_secret(self, data: dict[str, Any], **_: Any) -> None:
        if is_email(data.get("password", ""), data.get("email", "")):
            raise ValidationError("Must not be the e-mail address.", "password")


class SignIn(Input):
    """E-mail address and password."""

    email = EmailAddress(required=True)
    password = KnownPassword()


class InvitedPassword(Input):
    """The token of an invitation, and the password that shall be."""

    token = fields.String(required=True, validate=validate.Length(1, 200))
    newPassword = NewPassword()


class RefreshToken(Input):
    """The newest refresh token of a session."""

    refreshToken = fields.String(required=True, validate=validate.Length(1, 200))


class Country(fields.String):
    """A country as ISO 3166-1 alpha-2; loads in upper case."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        code = super()._deserialize(value, attr, data, **kwargs).upper()
        if code not in COUNTRIES:
            raise ValidationError("Must be a country of ISO 3166-1 such as DE.")
        return code


class Address(Input):
    """Where somebody lives, or is billed."""

    label = Text(longest=50, load_default=None, allow_none=True, metadata={"description": "Such as Home."})
    street = Text(longest=200, shortest=1, required=True)
    postalCode = Text(longest=20, load_default=None, allow_none=True)
    city = Text(longest=100, shortest=1, required=True)
    region = Text(longest=100, load_default=None, allow_none=True)
    country = Country(
        required=True, metadata={"format": "iso-3166-1-alpha-2", "description": "ISO 3166-1 alpha-2, such as DE."}
    )


#: one channel: whether each cause is told there
Causes = Input.from_dict({cause: Flag() for cause in CAUSES}, name="Causes")
#: what a user hears of, and where
Notifications = Input.from_dict({name: fields.Nested(Causes) for name in CHANNELS.values()}, name="Notifications")


class ProfileChange(Input):
    """What people may change about themselves."""

    name = Text(longest=200, shortest=1)
    phone = fields.String(allow_none=True, validate=_PHONE)
    timeZone = TimeZone()
    locale = fields.String(validate=_LOCALE)
    addresses = fields.List(
        fields.Nested(Address), validate=validate.Length(max=MOST_ADDRESSES), metadata={"description": "All of them."}
    )
    notifications = fields.Nested(
        Notifications, metadata={"description": "What is named is switched; the rest stays as it is."}
    )


class PasswordChange(Input):
    """The present password proves that it is not just somebody at an unlocked screen."""

    currentPassword = KnownPassword()
    newPassword = NewPassword()


class RoleChange(Input):
    """The role a user shall have."""

    role = fields.String(required=True, validate=validate.OneOf(ROLES))


class User(Schema):
    """A user, as they and admins see it. SQL writes it (sql/queries/account.sql, `document`)."""

    id = fields.UUID(required=True)
    email = fields.String(required=True)
    name = fields.String(required=True)
    phone = fields.String(required=True, allow_none=True)
    timeZone = fields.String(required=True)
    locale = fields.String(required=True)
    role = fields.String(required=True, validate=validate.OneOf(ROLES))
    addresses = fields.List(fields.Nested(Address), required=True)
    notifications = fields.Nested(Notifications, required=True)
    disabledAt = Instant(required=True, allow_none=True)
    erasedAt = Instant(required=True, allow_none=True, metadata={"description": "Nothing personal is left since."})
    version = fields.Integer(required=True, strict=True)
    createdAt = Instant(required=True)
    updatedAt = Instant(required=True)


class Session(Schema):
    """A user who is signed in. The refresh token works once and is answered by the next one."""

    user = fields.Nested(User, required=True)
    accessToken = fields.String(required=True)
    refreshToken = fields.String(required=True)
    tokenType = fields.String(required=True, validate=validate.Equal("Bearer"))
    expiresIn = fields.Integer(
        required=True, strict=True, metadata={"description": "Seconds until the access token expires."}
    )
