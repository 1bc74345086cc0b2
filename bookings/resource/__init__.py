"""Resources: what can be booked, somebody's time, a room, a piece of equipment.

Owns the table resources. A provider's resource carries the id of the provider's user.
"""
