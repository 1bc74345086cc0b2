"""Reviews: what customers say of bookings that took place, what providers reply, and the stars that makes.

Owns the tables reviews and review_totals.
Events: review.created, .updated, .deleted, .hidden, .unhidden, .replied, .reply-removed, .withdrawn, .restored.
"""
