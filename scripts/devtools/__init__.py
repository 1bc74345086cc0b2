"""Helpers of scripts/dev.py; the tests use `embedded` too. Only the standard library is imported here."""
