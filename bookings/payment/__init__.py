"""Payments: what is owed for a booking, what was taken, what was given back.

Owns the tables of the test gateway. docs/payments.md.
"""
