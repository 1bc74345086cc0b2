"""Why a booking was refused, said so that the client can mend it. Runs only after a refusal, never on the way in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from bookings import queries
from bookings.auth import Actor
from bookings.booking.errors import NotForYou, SlotTaken
from bookings.db import Tx
from bookings.errors import Invalid
from bookings.fields import instant_text

_sql = queries.load("booking")


def explain(tx: Tx, actor: Actor, wish: Mapping[str, Any]) -> str | None:
    """Raise the error that explains why nothing was written.

    Returns the document instead when the booking is there after all: its first try was committed and only
    the answer was lost; None when the calendars of the resources must be asked first. Raises NotForYou, Invalid naming
    the wrong ids, or SlotTaken.
    """
    known = tx.one(_sql.explain_refusal, wish) or {}
    if known["done"] is not None:
        return str(known["done"])
    found = {UUID(resource["id"]): resource for resource in known["resources"] if resource["active"]}
    if not _permitted(actor, wish, list(found.values())):
        raise NotForYou(errors=[{"field": "userId", "message": NotForYou.title()}])
    wrong = [] if known["user_known"] else [("userId", "There is no such user.")]
    wrong += _wrong_ids(wish, found)
    if wrong:
        raise Invalid(wrong)
    if any(resource["scheduleVersion"] for resource in found.values()):
        return None
    raise with_alternatives(tx, SlotTaken(), wish)


def check_providers(tx: Tx, ids: Sequence[UUID]) -> None:
    """Raises Invalid when somebody of several who are named is no provider; what is of which kind never changes."""
    found = tx.all(_sql.providers, {"ids": list(ids)})
    if len(found) < len(set(ids)):
        raise Invalid([("providerIds", "Must all be resources of kind provider.")])


def _permitted(actor: Actor, wish: Mapping[str, Any], resources: list[dict[str, Any]]) -> bool:
    if actor.is_admin or str(wish["user_id"]) == str(actor.id):
        return True
    owners = {resource["ownerId"] for resource in resources}
    return str(actor.id) in owners and owners <= {str(actor.id), None}


def _wrong_ids(wish: Mapping[str, Any], found: dict[UUID, dict[str, Any]]) -> list[tuple[str, str]]:
    wrong = []
    names = {wish["provider_id"]: "providerId", wish["workspace_id"]: "workspaceId"}
    for text in wish["resource_ids"].strip("{}").split(","):
        id = UUID(text)
        field = names.get(id, "resourceId")
        if id not in found:
            wrong.append((field, "There is no such resource."))
        elif field != "resourceId" and found[id]["kind"] != field.removesuffix("Id"):
            wrong.append((field, f"Is a resource of kind {found[id]['kind']}; send it as resourceId."))
        elif wish["units"] > found[id]["capacity"]:
            wrong.append(("units", f"Only {found[id]['capacity']} can be claimed at one time."))
    return wrong


#: a booking of plain time
_PLAIN = {"buffer_before_minutes": 0, "buffer_after_minutes": 0, "session_places": None}


def with_alternatives(tx: Tx, refused: SlotTaken, wish: Mapping[str, Any]) -> SlotTaken:
    """The refusal, with the next starts at which the same wish would fit."""
    rows = tx.all(_sql.next_free, {**_PLAIN, **wish, "length": wish["end_at"] - wish["start_at"]})
    return SlotTaken(refused.detail, nextFree=[instant_text(row["candidate"]) for row in rows])
