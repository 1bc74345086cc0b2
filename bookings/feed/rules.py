"""What of a booking stands in a calendar. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from bookings import ical

KINDS = ("full", "busy")
#: how far back and ahead a feed goes; what was called off is shown as such for as long as it goes back
BACK, AHEAD = timedelta(days=30), timedelta(days=365)
#: what began before is shown while it is not over, if it takes no longer than this
LONGEST = timedelta(days=60)
#: how often (minutes) programs are asked to look
REFRESH = 15
_BUSY = {"de": "Belegt"}


def entry(booking: Mapping[str, Any], *, kind: str, mine: bool, locale: str, base: str) -> ical.Entry:
    """The entry of a booking. `mine`: it is for the customer, who sees with whom; its staff see who comes."""
    facts = {
        "uid": ical.uid(str(booking["id"])),
        "sequence": booking["version"],
        "changed_at": booking["updated_at"],
        "created_at": booking["created_at"],
        "start_at": booking["start_at"],
        "end_at": booking["end_at"],
        "status": ical.status_of(booking["status"]),
    }
    if kind == "busy":
        return ical.Entry(**facts, summary=_BUSY.get(locale[:2].lower(), "Busy"))
    if booking["departed"]:
        # Whose it was needs no more than to recognise what goes; the rest is the new one's business.
        return ical.Entry(**facts, summary=booking["service"] or ", ".join(booking["resources"]))
    what = booking["service"] or booking["title"] or ", ".join(booking["resources"]) or "…"
    return ical.Entry(
        **facts,
        summary=what if mine else f"{what} ({booking['customer']})",
        description=_description(booking, mine),
        location=booking["location"] or "",
        url=f"{base}/bookings/{booking['id']}",
    )


def _description(booking: Mapping[str, Any], mine: bool) -> str:
    lines = [booking["title"] if booking["service"] else None, ", ".join(booking["resources"])]
    if not mine:
        lines.append(booking["customer"])
    if (booking["party_size"] or 1) > 1:
        lines.append(f"x {booking['party_size']}")
    return "\n".join(line for line in lines if line)
