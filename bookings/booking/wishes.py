"""What every new booking starts from, with a service or without."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from bookings import idempotency
from bookings.auth import Caller
from bookings.booking import rules
from bookings.config import Settings
from bookings.errors import Invalid
from bookings.ids import new_id
from bookings.prepared import array

DETAILS = ("title", "description", "location", "notes")


def wish(
    settings: Settings, caller: Caller, body: Mapping[str, Any], key: idempotency.Key | None, now: datetime
) -> dict[str, Any]:
    """Parameters that all statements take that write a new booking; what it claims is still missing."""
    user_id = body.get("userId") or caller.actor.id
    return {
        "id": new_id(),
        "user_id": user_id,
        "actor_id": caller.actor.id,
        "actor_role": caller.actor.role,
        # a customer books anything for themselves, an admin for anyone; a provider for others only what they own
        "unrestricted": caller.actor.is_admin or user_id == caller.actor.id,
        "start_at": body["startAt"],
        **{name: body[name] for name in DETAILS},
        "now": now,
        "leads": leads(settings),
        "request_id": caller.request_id,
        "key": key.text if key else None,
        "fingerprint": key.fingerprint if key else None,
    }


def named(body: Mapping[str, Any]) -> list[Any]:
    """The resources that a request names, each once."""
    ids = [body.get("providerId"), *(body.get("providerIds") or ()), body.get("resourceId"), body.get("workspaceId")]
    return list(dict.fromkeys(id for id in ids if id))


def claims(
    user_id: Any, resource_ids: Sequence[str], units: int, versions: Sequence[int] | None = None
) -> dict[str, Any]:
    """Parameters that say what it claims, and who may therefore hear of it; `versions` of the calendars by which it was
    judged, 0 where nobody has asked any."""
    return {
        "resource_ids": array(resource_ids),
        "schedule_versions": array([str(one) for one in versions or [0] * len(resource_ids)]),
        "units": units,
        "topics": array(topics(user_id, resource_ids)),
    }


def topics(user_id: Any, resource_ids: Sequence[Any]) -> list[str]:
    """Who may hear of a booking: its customer and whoever owns what it claims."""
    return [f"user:{user_id}", *(f"resource:{id}" for id in resource_ids)]


def leads(settings: Settings) -> str:
    """REMINDER_LEAD as a PostgreSQL array of intervals."""
    return array([f"{int(lead.total_seconds())} seconds" for lead in settings.reminder_lead])


def check_time(start_at: datetime, end_at: datetime, now: datetime, settings: Settings) -> None:
    """Raise Invalid for a time that cannot be booked."""
    wrong = list(
        rules.time_errors(
            start_at, end_at, now=now, longest=settings.max_booking_length, ahead=settings.max_booking_ahead
        )
    )
    if wrong:
        raise Invalid(wrong)
