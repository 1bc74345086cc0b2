"""The routes of this domain, all for whoever is signed in: hours, closures, other calendars."""

from __future__ import annotations

from bookings.availability.calendar_routes import blueprint as calendar
from bookings.availability.closure_routes import blueprint as closure
from bookings.availability.schedule_routes import blueprint as schedule

blueprints = (schedule, closure, calendar)
