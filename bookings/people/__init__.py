"""People, seen from above every domain: managing them, what they did, what is held about them, and erasing it.

Owns no table: accounts are kept by bookings/account/. See docs/people.md.
"""
