"""Bookings in other programs' calendars: secret addresses to subscribe to, and single bookings as files.

Owns the table calendar_feeds. docs/scheduling.md, section "Calendars", says what is shown.
"""
