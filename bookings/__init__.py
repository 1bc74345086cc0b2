"""Bookings: takes bookings for people's time, rooms and equipment, and keeps three promises.

No double booking; nothing acknowledged is lost; everyone hears of it in order. docs/architecture.md says how.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

# Whatever of this package somebody imports, this file comes first: it must cost nothing.
if TYPE_CHECKING:
    from flask import Blueprint, Flask

    from bookings.config import Settings


def create_app(settings: Settings | None = None) -> Flask:
    """The web application, for gunicorn and for tests. Raises ConfigurationError for a missing or wrong setting."""
    from bookings import problems, rate_limit, requests
    from bookings.auth import Tokens
    from bookings.config import Settings
    from bookings.db import Database
    from bookings.event.nudge import Nudge
    from bookings.http import BODY_LIMIT
    from bookings.redis_client import connect
    from bookings.web import Service

    settings = settings or Settings.from_env()
    app = Service(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = BODY_LIMIT
    app.extensions["settings"] = settings
    app.extensions["database"] = Database(settings)
    app.extensions["redis"] = connect(settings)
    app.extensions["nudge"] = Nudge(settings)
    app.extensions["tokens"] = Tokens(settings)
    requests.register(app)
    problems.register(app)
    for blueprint, guard in routes():
        app.register_blueprint(blueprint)
        app.before_request_funcs.setdefault(blueprint.name, []).append(guard)
    rate_limit.register(app)
    return app


def routes() -> list[tuple[Blueprint, Callable[[], None]]]:
    """Every blueprint with the guard that stands before all its routes."""
    from bookings import problems
    from bookings.account import routes as account
    from bookings.admin.job_routes import blueprint as jobs
    from bookings.admin.overview import blueprint as overview
    from bookings.audit.routes import blueprint as audit
    from bookings.auth import admins, public, signed_in
    from bookings.availability.blueprints import blueprints as availability
    from bookings.availability.slot_routes import blueprint as slot
    from bookings.booking.routes import blueprint as booking
    from bookings.catalogue import routes as catalogue
    from bookings.catalogue import view_routes as directory
    from bookings.notification import routes as notification
    from bookings.payment import routes as payment
    from bookings.people.leaving import blueprint as leaving
    from bookings.people.routes import blueprint as people
    from bookings.platform.routes import blueprint as platform
    from bookings.realtime import routes as realtime
    from bookings.realtime.handshake import handshake
    from bookings.report.routes import blueprint as report
    from bookings.resource.routes import blueprint as resource
    from bookings.review import routes as review

    return [
        (platform, public),
        (problems.blueprint, public),
        (account.public, public),
        (account.blueprint, signed_in),
        (overview, admins),
        (people, signed_in),
        (leaving, signed_in),
        (audit, signed_in),
        (jobs, admins),
        (resource, signed_in),
        (catalogue.public, public),
        (catalogue.blueprint, signed_in),
        (directory.public, public),
        (directory.blueprint, signed_in),
        *((one, signed_in) for one in availability),
        (slot, public),
        (booking, signed_in),
        *_keeping_time(),
        (payment.of_bookings, signed_in),
        (payment.blueprint, signed_in),
        (payment.webhooks, public),
        (review.public, public),
        (review.blueprint, signed_in),
        (report, signed_in),
        (notification.public, public),
        (notification.blueprint, signed_in),
        (realtime.tickets, signed_in),
        (realtime.blueprint, handshake),
    ]


def _keeping_time() -> list[tuple[Blueprint, Callable[[], None]]]:
    """Around bookings: times kept, waited for, repeated, shared, and read by calendar programs."""
    from bookings.auth import public, signed_in
    from bookings.booking import session_routes as session
    from bookings.booking.hold_routes import blueprint as hold
    from bookings.booking.series_routes import blueprint as series
    from bookings.feed import routes as feed
    from bookings.waitlist.routes import blueprint as waitlist

    own = (hold, waitlist, series, session.blueprint, session.of_bookings, feed.blueprint)
    return [*((each, signed_in) for each in own), (feed.public, public)]
