"""Payments: what is owed for a booking, what was taken, what was given back.

Owns the tables payments, payment_transitions, payment_operations, webhook_inbox and those of the test gateway.
Events: payment.received, .failed, .refunded. States: docs/payments.md.
"""
