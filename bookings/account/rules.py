"""What makes a password acceptable (NIST SP 800-63B: length, not composition). Pure functions."""

from __future__ import annotations

import unicodedata

SHORTEST_PASSWORD, LONGEST_PASSWORD = 12, 128
ROLES = ("customer", "provider", "admin")


def normal(password: str) -> str:
    """The form in which a password is hashed: NFKC, so that every keyboard's spelling of it is the same."""
    return unicodedata.normalize("NFKC", password)


def is_email(password: str, email: str) -> bool:
    """Whether a password is no secret, because it is the e-mail address."""
    return bool(email) and normal(password).strip().lower() == email.lower()


def password_fault(password: str, email: str) -> str | None:
    """What is wrong with a new password, in a sentence; None when it is good."""
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        return f"The password must have {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters."
    if is_email(password, email):
        return "The password must not be the e-mail address."
    return None
