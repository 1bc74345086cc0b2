"""Seed data: a town of clinics, salons and co-working spaces, the same for the same seed."""
