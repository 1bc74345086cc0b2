"""The waitlist: customers who wait for a time of a service, and offers to the first in line when one becomes free.

Owns the tables waitlist_entries, waitlist_offers, waitlist_openings. An offer is a hold (bookings/booking/holds.py).
Consumer: waitlist. Events: waitlist.joined, .offered, .declined, .lapsed, .booked, .left, .ended. docs/scheduling.md
says more.
"""
