"""Calendars for other programs, over HTTP."""

from __future__ import annotations

from datetime import UTC
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, current_app, g, request
from werkzeug.http import http_date

from bookings import ical
from bookings.answer import Answer
from bookings.errors import NotFound, TooManyRequests
from bookings.feed import service
from bookings.feed.errors import TooManyFeeds
from bookings.feed.schemas import FeedList, MadeFeed, NewFeed
from bookings.http import caller, database, described, endpoint
from bookings.rate_limit import Window

blueprint = Blueprint("feed", __name__)
public = Blueprint("calendar", __name__)
#: how often one feed may be read: programs ask every few minutes, and a leaked address must not become a lever
_READS, _SECONDS = 60, 60


@public.record_once
def _prepare(state: Any) -> None:
    state.app.extensions["feed_reads"] = Window(_READS, _SECONDS)


@blueprint.post("/calendar-feeds")
@endpoint(body=NewFeed, answers={201: MadeFeed}, problems=(NotFound, TooManyFeeds), replayable=False)
def create(body: dict[str, Any]) -> Answer:
    """A secret address for calendar programs: one's own bookings, or those of a resource. It is told only here."""
    settings = current_app.extensions["settings"]
    made = database().run(lambda tx: service.create(tx, settings=settings, caller=caller(), body=body))
    return Answer(made, 201, {"Cache-Control": "no-store"})


@blueprint.get("/calendar-feeds")
@endpoint(answers={200: FeedList})
def list_() -> Answer:
    """One's own calendar feeds."""
    return Answer(database().run(lambda tx: service.listing(tx, actor=g.actor)))


@blueprint.delete("/calendar-feeds/<uuid:feed_id>")
@endpoint(answers={204: None}, problems=(NotFound,))
def end(feed_id: UUID) -> Answer:
    """Revoke a feed: its address answers 404 from now on."""
    database().run(lambda tx: service.end(tx, actor=g.actor, feed_id=feed_id))
    return Answer("", 204)


@blueprint.get("/bookings/<uuid:booking_id>.ics")
@described({200: "text/calendar", 304: None}, problems=(NotFound,))
def booking(booking_id: UUID) -> Response:
    """One booking as a file for calendar programs."""
    settings = current_app.extensions["settings"]
    text, etag = service.single(database(), settings, actor=g.actor, booking_id=booking_id)
    known = request.if_none_match.contains_weak(etag)
    response = Response(status=304) if known else _calendar(text, f"booking-{booking_id}")
    response.headers["ETag"] = f'"{etag}"'
    return response


@public.get("/calendar/<token>.ics")
@described({200: "text/calendar", 304: None}, problems=(NotFound, TooManyRequests))
def read(token: str) -> Response:
    """A calendar feed. Whoever has the address may read it."""
    found = service.state(database(), token=token)
    left, ends_in = current_app.extensions["feed_reads"].count(found.id.int)
    if left < 0:
        raise TooManyRequests(ends_in)
    if _known(found):
        response = Response(status=304)
    else:
        response = _calendar(service.text(database(), current_app.extensions["settings"], found=found), "bookings")
    response.headers["ETag"] = f'"{found.etag}"'
    response.headers["Last-Modified"] = http_date(found.changed_at)
    response.headers["Cache-Control"] = "private, no-cache"
    # The address is the secret: no search engine shall keep it, no page shall hand it on.
    response.headers["X-Robots-Tag"] = "noindex"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def _known(found: service.State) -> bool:
    """Whether the program has this very text; If-Modified-Since counts only alone (RFC 9110, section 13.1.3)."""
    if request.if_none_match:
        return request.if_none_match.contains_weak(found.etag)
    since = request.if_modified_since
    return since is not None and found.changed_at.astimezone(UTC).replace(microsecond=0) <= since


def _calendar(text: bytes, name: str) -> Response:
    response = Response(text, content_type=ical.MEDIA_TYPE)
    response.headers["Content-Disposition"] = f'inline; filename="{name}.ics"'
    return response
