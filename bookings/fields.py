"""Marshmallow fields and the base of all input schemas."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from marshmallow import RAISE, Schema, ValidationError, fields, validate

#: NUL, which PostgreSQL cannot store, and the other control characters but tab and newlines
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
#: of instants: a little less than Python's calendar has, so that zones, buffers and margins do not lead out of it
FIRST_YEAR, LAST_YEAR = 10, 9990
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?([Zz]|[+-]\d\d:\d\d)")


class Input(Schema):
    """Base of what clients send: unknown fields are refused, not ignored."""

    class Meta:
        unknown = RAISE

    error_messages = {  # noqa: RUF012 -- marshmallow declares it as an instance variable
        "unknown": "Unknown field.",
        "type": "Must be a JSON object.",
    }


class Instant(fields.Field[datetime]):
    """A point in time as RFC 3339 text with an offset; loads as an aware datetime in UTC."""

    def _serialize(self, value: datetime | None, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else instant_text(value)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> datetime:
        if not isinstance(value, str):
            raise ValidationError("Must be text such as 2027-03-01T09:00:00Z (RFC 3339).")
        try:
            parsed = datetime.fromisoformat(value.upper())  # RFC 3339 allows t and z, too
        except ValueError:
            raise ValidationError("Must be a date and time such as 2027-03-01T09:00:00Z (RFC 3339).") from None
        if parsed.tzinfo is None:
            raise ValidationError("Must say its offset from UTC, such as 2027-03-01T09:00:00Z or …+01:00 (RFC 3339).")
        if not _RFC3339.fullmatch(value):
            raise ValidationError("Must be a date and time such as 2027-03-01T09:00:00Z (RFC 3339).")
        if not FIRST_YEAR <= parsed.year <= LAST_YEAR:
            raise ValidationError(f"Is outside the years {FIRST_YEAR} to {LAST_YEAR}.")
        return parsed.astimezone(UTC)


def instant_text(value: datetime) -> str:
    """An aware datetime as RFC 3339 text in UTC with Z, as PostgreSQL writes it in documents."""
    text = value.astimezone(UTC).isoformat().removesuffix("+00:00")
    return (text.rstrip("0") if "." in text else text) + "Z"


class Ids(fields.List[UUID]):
    """Ids in a query, separated by commas; nobody twice."""

    def __init__(self, *, most: int, **kwargs: Any) -> None:
        super().__init__(fields.UUID(), validate=validate.Length(1, most), **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> list[Any]:
        ids = super()._deserialize(value.split(","), attr, data, **kwargs)
        if len(set(ids)) < len(ids):
            raise ValidationError("Names somebody twice.")
        return ids


class Flag(fields.Boolean):
    """JSON's true or false, and nothing that only resembles them (1 equals True in Python)."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> bool:
        if not isinstance(value, bool):
            raise ValidationError("Must be true or false.")
        return value


class Text(fields.String):
    """Text of bounded length without control characters; surrounding space is taken off."""

    def __init__(self, *, longest: int, shortest: int = 0, **kwargs: Any) -> None:
        super().__init__(validate=validate.Length(min=shortest or None, max=longest), **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs).strip()
        if CONTROL.search(text):
            raise ValidationError("Must not contain control characters.")
        return text


class TimeZone(fields.String):
    """The name of an IANA time zone, such as Europe/Berlin."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        name = super()._deserialize(value, attr, data, **kwargs)
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValidationError("Must be an IANA time zone such as Europe/Berlin.") from None
        return name


class Words(fields.Field[tuple[str, ...]]):
    """A comma-separated list of known words, for queries such as `status=pending,confirmed`."""

    def __init__(self, known: tuple[str, ...], **kwargs: Any) -> None:
        self.known = known
        super().__init__(**kwargs)

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> tuple[str, ...]:
        words = tuple(str(value).split(","))
        if not set(words) <= set(self.known):
            raise ValidationError(f"Must be one or several of: {', '.join(self.known)}.")
        return words
