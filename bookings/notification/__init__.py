"""Notifications: what is sent to people. Today reminders, to the log; mail comes behind the same seam.

Owns the table notifications and the delivery of reminders (their rows are written with the booking).
Event: booking.reminder.
"""
