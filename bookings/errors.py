"""What can go wrong, in the words of the field. Every domain's errors derive from a kind here; `problems.py` alone
knows which HTTP status a kind becomes.

The first line of a class's docstring is the problem's title; the whole docstring is its page under /problems/<code>.
"""

from __future__ import annotations

from typing import Any, ClassVar


class DomainError(Exception):
    """The request cannot be carried out."""

    code: ClassVar[str] = "unprocessable"
    #: names of database constraints whose violation means this error
    constraints: ClassVar[tuple[str, ...]] = ()

    by_code: ClassVar[dict[str, type[DomainError]]] = {}
    by_constraint: ClassVar[dict[str, type[DomainError]]] = {}

    def __init__(self, detail: str | None = None, **extra: Any) -> None:
        super().__init__(detail or self.title())
        self.detail = detail or self.title()
        #: further members of the problem document, in camelCase
        self.extra = extra

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        DomainError.by_code[cls.code] = cls
        for name in cls.__dict__.get("constraints", ()):
            DomainError.by_constraint[name] = cls

    @classmethod
    def title(cls) -> str:
        return (cls.__doc__ or "").strip().splitlines()[0]


class NotFound(DomainError):
    """There is no such thing, or it is not yours to see."""

    code = "not-found"


class UnsupportedMediaType(DomainError):
    """This cannot be sent in this form; the documentation of the route names its media type."""

    code = "unsupported-media-type"


class Unauthorized(DomainError):
    """The request needs valid credentials.

    Send `Authorization: Bearer <access token>`. Tokens last 15 minutes; get a new one from `POST /auth/refresh`.
    """

    code = "unauthorized"


class Forbidden(DomainError):
    """Your role does not allow this."""

    code = "forbidden"


class Conflict(DomainError):
    """The request contradicts the present state."""

    code = "conflict"


class PreconditionFailed(DomainError):
    """The object has changed since the version named in If-Match.

    The present object is in the member `current`; its version in the header `ETag` (RFC 9110, section 13).
    """

    code = "precondition-failed"

    def __init__(self, current: Any, version: int) -> None:
        super().__init__(current=current)
        self.version = version


class Invalid(DomainError):
    """Some of the input is wrong.

    Every wrong field is named in `errors`, each with a message.
    """

    code = "invalid"

    def __init__(self, errors: list[tuple[str, str]], detail: str | None = None) -> None:
        super().__init__(detail, errors=[{"field": field, "message": message} for field, message in errors])


class NotStorable(DomainError):
    """A value cannot be stored.

    Something in the request is out of the range that the database can hold, or contains what it cannot, such as NUL.
    """

    code = "not-storable"


class BadRequest(DomainError):
    """The request cannot be read."""

    code = "bad-request"


class TooManyRequests(DomainError):
    """Too many requests in a short time; wait as long as Retry-After says."""

    code = "too-many-requests"

    def __init__(self, retry_after: int) -> None:
        super().__init__()
        self.retry_after = retry_after


class Unavailable(DomainError):
    """The service cannot answer just now; try again in a moment."""

    code = "unavailable"
    #: seconds, for Retry-After
    retry_after: int = 1


class IdempotencyKeyReused(DomainError):
    """This Idempotency-Key was used before with another request."""

    code = "idempotency-key-reused"


class DatabaseUnavailable(Unavailable):
    """The database cannot be reached or is overloaded; try again in a moment."""

    code = "database-unavailable"
