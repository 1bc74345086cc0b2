"""The page behind the link that turns e-mails off, in the language of whose link it is."""

from __future__ import annotations

from uuid import UUID

from flask import Response

from bookings.account import service as account
from bookings.config import Settings
from bookings.db import Database, Tx
from bookings.errors import NotFound
from bookings.notification import rules, wording
from bookings.notification import unsubscribe as links

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"


def ask(database: Database, settings: Settings, token: str) -> Response:
    """The question, with a button. Raises NotFound for a token that is none."""
    user_id, _ = _meant(settings, token)
    with database.transaction() as tx:
        return _page(tx, settings, user_id, "page_question", asks=True)


def unsubscribe(database: Database, settings: Settings, token: str) -> Response:
    """Turn the mails off; again changes nothing. Raises NotFound for a token that is none."""
    user_id, cause = _meant(settings, token)

    def work(tx: Tx) -> Response:
        account.mute(tx, user_id=user_id, channel=rules.EMAIL, cause=cause)
        return _page(tx, settings, user_id, "page_done", asks=False)

    return database.run(work)


def _meant(settings: Settings, token: str) -> tuple[UUID, str]:
    meant = links.read(settings, token)
    if meant is None:
        raise NotFound("This link is not valid; copy it from the e-mail as a whole.")
    return meant


def _page(tx: Tx, settings: Settings, user_id: UUID, sentence: str, *, asks: bool) -> Response:
    known = account.preferences_of(tx, [user_id])
    if user_id not in known:
        raise NotFound
    language = rules.language_of(known[user_id].locale)
    labels = wording.labels_of(language, {"business": settings.business_name, "recipient": known[user_id].name})
    context = {"language": language, "labels": labels, "sentence": labels[sentence], "asks": asks}
    html = wording.page("unsubscribe.html.jinja", business=settings.business_name, **context)
    response = Response(html, content_type="text/html; charset=utf-8")
    response.headers["Content-Security-Policy"] = _POLICY
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
