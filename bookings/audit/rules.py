"""What may stand in an audit entry. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

REMOVED = "[removed]"
#: the longest text kept of one value: an entry says what changed, it is no archive
LONGEST = 2000
_SECRET_NAME = re.compile(
    r"passw|secret|token|hash|api_?key|credential|authorization|signature|private|cookie|card_?number|cvc|\bpan\b",
    re.IGNORECASE,
)
#: our own tokens, password hashes in PHC or crypt format, JWTs, keys of payment gateways, PEM blocks
_SECRET_TEXT = re.compile(
    r"bk[a-z]_[\w-]{16}|\$(argon2|scrypt|2[aby]|5|6)[\w]*\$|eyJ[\w-]{8,}\.[\w-]{8,}\.|(sk|rk|whsec)_\w{8}|-----BEGIN "
)


def harmless(value: Any, name: str = "") -> Any:
    """The value without anything secret: what has a secret's name or looks like one is replaced by `[removed]`.

    Callers pass no secrets; this is the second line, for the caller who passes a whole row.
    """
    if _SECRET_NAME.search(name) and value is not None:
        return REMOVED
    if isinstance(value, Mapping):
        return {str(key): harmless(item, str(key)) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [harmless(item) for item in value]
    if isinstance(value, bytes | bytearray | memoryview):
        return REMOVED
    if isinstance(value, str):
        return REMOVED if _SECRET_TEXT.search(value) else value[:LONGEST]
    return value


def changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Of two states only what differs: (before, after)."""
    names = [name for name in after if before.get(name) != after[name]]
    return {name: before.get(name) for name in names}, {name: after[name] for name in names}
