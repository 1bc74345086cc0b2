"""What can go wrong with opening hours, closures and other calendars."""

from __future__ import annotations

from bookings.errors import Conflict


class UnreadableCalendar(Exception):
    """It is no iCalendar, or asks for too much; the message says which, without quoting it."""


class TooManyDates(Conflict):
    """No more than 1,000 dates of one calendar can have hours of their own.

    Delete those that are past, or say it in weekly hours.
    """

    code = "too-many-dates"


class BookingsInTheWay(Conflict):
    """There are bookings in that time.

    They are in `bookings`, at most 100 of them. Move or cancel them first; or send `keepBookings: true`: then they
    stay, and only nothing new can be booked.
    """

    code = "bookings-in-the-way"


class ClosureOfCalendar(Conflict):
    """This time is busy in another calendar; change it there, or remove the calendar here."""

    code = "closure-of-calendar"


class CalendarOfAddress(Conflict):
    """This calendar is read from its address; delete it, or send the file under another id."""

    code = "calendar-of-address"


class TooManyCalendars(Conflict):
    """A resource can have at most 20 other calendars; remove one first."""

    code = "too-many-calendars"
