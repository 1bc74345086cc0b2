"""Events: facts written with what made them true, put into one order and published.

Owns the tables outbox and events and the Redis stream `bookings:events`. Any domain writes a row into outbox inside its
own statement, commits, and rings: `app.extensions["nudge"] = Nudge(settings)` (bookings.event.nudge), then `.ring()`.
The relay (`python -m bookings relay`) does the rest. docs/events.md tells the whole way.
"""
