"""When something can be booked: opening hours, rules in three layers (business, service, resource), closures, and the
slots that follow from them and from what is claimed already.

Tables: schedules, schedule_days, closures. Slots are computed, never stored. docs/scheduling.md explains the rules.
"""
