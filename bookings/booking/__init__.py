"""Bookings: the agreement to use somebody's time, a room or equipment.

Owns the tables bookings, booking_transitions, booking_history, allocations, holds, series, attendees, and the rows of
reminders.
Events: booking.created, .updated, .rescheduled, .confirmed, .declined, .cancelled, .checked-in, .completed, .no-show.
Events of holds: hold.created, .extended, .released, .lapsed, .booked (docs/scheduling.md).
States: docs/state-machine.md.
"""
