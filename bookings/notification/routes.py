"""Notifications over HTTP: one's own, all of them for admins, and the link that turns e-mails off."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, current_app, g

from bookings import http
from bookings.answer import Answer
from bookings.config import Settings
from bookings.errors import Forbidden, NotFound
from bookings.http import caller, database, described, dump, endpoint
from bookings.notification import inbox, office, pages
from bookings.notification.errors import NotDead, NotMail
from bookings.notification.schemas import (
    Failure,
    InboxQuery,
    Notification,
    NotificationPage,
    NotificationRow,
    NotificationRowPage,
    Read,
    Retried,
    RetryAll,
    RowsQuery,
    Unread,
)

blueprint = Blueprint("notification", __name__)
#: for whoever holds a link from one of our mails
public = Blueprint("unsubscribe", __name__, url_prefix="/unsubscribe")


@blueprint.get("/notifications")
@endpoint(query=InboxQuery, answers={200: NotificationPage})
def list_(query: Mapping[str, Any]) -> Answer:
    """What you were told, newest first, in your language."""
    return Answer(dump(inbox.listing(database(), _settings(), actor=g.actor, query=query)))


@blueprint.get("/notifications/unread-count")
@endpoint(answers={200: Unread})
def unread_count() -> Answer:
    """How many of them you have not read."""
    return Answer(dump(inbox.unread_count(database(), actor=g.actor)))


@blueprint.get("/notifications/<uuid:notification_id>")
@endpoint(answers={200: Notification}, problems=(NotFound,))
def get(notification_id: UUID) -> Answer:
    """One of them."""
    return Answer(dump(inbox.get(database(), _settings(), actor=g.actor, notification_id=notification_id)))


@blueprint.post("/notifications/<uuid:notification_id>/read")
@endpoint(answers={200: Notification}, problems=(NotFound,))
def read(notification_id: UUID) -> Answer:
    """Mark one as read. The first time counts."""
    actor, settings = g.actor, _settings()
    return http.run(lambda tx: Answer(dump(inbox.read(tx, settings, actor=actor, notification_id=notification_id))))


@blueprint.post("/notifications/read-all")
@endpoint(answers={200: Read})
def read_all() -> Answer:
    """Mark all as read."""
    actor = g.actor
    return http.run(lambda tx: Answer(dump(inbox.read_all(tx, actor=actor))))


@blueprint.post("/notifications/<uuid:notification_id>/delivered")
@endpoint(answers={200: NotificationRow}, problems=(Forbidden, NotFound, NotMail))
def delivered(notification_id: UUID) -> Answer:
    """Report that an e-mail has arrived. For admins, in whose name a mail service reports what its webhook was told."""
    who = caller()
    return http.run(lambda tx: Answer(office.delivered(tx, caller=who, notification_id=notification_id)))


@blueprint.post("/notifications/<uuid:notification_id>/failed")
@endpoint(body=Failure, answers={200: NotificationRow}, problems=(Forbidden, NotFound, NotMail))
def failed(notification_id: UUID, body: dict[str, Any]) -> Answer:
    """Report that an e-mail came back, also after it was sent: it becomes a dead letter. For admins."""
    who = caller()
    return http.run(lambda tx: Answer(office.failed(tx, caller=who, notification_id=notification_id, body=body)))


@blueprint.get("/admin/notifications")
@endpoint(query=RowsQuery, answers={200: NotificationRowPage}, problems=(Forbidden,))
def rows(query: Mapping[str, Any]) -> Answer:
    """All notifications and what became of them, newest first; `status=dead` lists the dead letters. For admins."""
    return Answer(office.listing(database(), actor=g.actor, query=query))


@blueprint.get("/admin/notifications/<uuid:notification_id>")
@endpoint(answers={200: NotificationRow}, problems=(Forbidden, NotFound))
def row(notification_id: UUID) -> Answer:
    """What became of one. For admins."""
    return Answer(office.get(database(), actor=g.actor, notification_id=notification_id))


@blueprint.post("/admin/notifications/<uuid:notification_id>/retry")
@endpoint(answers={200: NotificationRow}, problems=(Forbidden, NotFound, NotDead))
def retry(notification_id: UUID) -> Answer:
    """Send a dead letter, or a mail that was skipped, after all, if it is of any use now. For admins."""
    who = caller()
    return http.run(lambda tx: Answer(office.retry(tx, caller=who, notification_id=notification_id)))


@blueprint.post("/admin/notifications/retry")
@endpoint(body=RetryAll, answers={200: Retried}, problems=(Forbidden,))
def retry_all(body: dict[str, Any]) -> Answer:
    """Send the oldest dead letters after all, a thousand at a time. For admins."""
    who = caller()
    return http.run(lambda tx: Answer(dump(office.retry_all(tx, caller=who, body=body))))


@public.get("/<token>")
@described(answers={200: "text/html"}, problems=(NotFound,))
def ask(token: str) -> Response:
    """Ask whether to turn such e-mails off. Looking changes nothing: programs that check mails follow links, too."""
    return pages.ask(database(), _settings(), token)


@public.post("/<token>")
@described(answers={200: "text/html"}, problems=(NotFound,))
def unsubscribe(token: str) -> Response:
    """Turn off such e-mails: the one click of a mail program (RFC 8058), or the button of the page."""
    return pages.unsubscribe(database(), _settings(), token)


def _settings() -> Settings:
    found: Settings = current_app.extensions["settings"]
    return found
