"""What the OpenAPI document says in words."""

from __future__ import annotations

SECURITY = "An access token from `POST /auth/login`, valid for 15 minutes; get the next one from `POST /auth/refresh`."

ABOUT = """\
Takes bookings for people's time, rooms and equipment, and never books anything twice.

**Instants** are RFC 3339 text; answers are in UTC with `Z`. A time without an offset is refused.
**Unknown fields** are refused, so that a misspelt one cannot be ignored. Bodies may have 64 KiB, if an
operation does not say more.

**Problems** are `application/problem+json` (RFC 9457) with a stable `code`; `type` leads to its explanation.

**Sending again.** A `POST` with an `Idempotency-Key` may be sent again after a lost answer: it is answered as the first
time (`Idempotent-Replayed: true`), not done again. The same key with another body is refused (422).

**Versions.** An object's `ETag` is its version. `If-Match` on a change refuses to overwrite what somebody else has
changed meanwhile (412, with the present object); `If-None-Match` on a read saves the answer (304).

**Whose.** What belongs to somebody else answers 404, as if it did not exist.

**Limits.** `RateLimit` tells what is left; 429 comes with `Retry-After`.

**Events.** A WebSocket at `/ws` (on the sockets process) tells what happens, in order, in frames
`{"event": "booking.created", "data": {…}, "id": "42", "timestamp": "2027-03-01T09:00:00Z"}`.
Send the access token as `Authorization` header or, from a browser, get a ticket: `POST /ws/tickets`.
`{"event": "subscribe", "data": {"after": "41"}}` brings what came after an id first, then live events. Bookings can be
made and changed over the socket, too; docs/sockets.md of the service defines every frame.
"""
