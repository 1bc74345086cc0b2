"""Speaking to a running service over HTTP, each time on a connection of its own."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

from tests.support.patience import REQUEST


def send(url: str, method: str, body: Any = None, *, token: str = "", **headers: str) -> tuple[int, bytes]:
    """One request, whatever becomes of it: status and body. Headers as keywords with underscores (If_Match)."""
    named = {"Content-Type": "application/json"} | {name.replace("_", "-"): value for name, value in headers.items()}
    if token:
        named["Authorization"] = f"Bearer {token}"
    content = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, content, named, method=method)
    try:
        with urllib.request.urlopen(request, timeout=REQUEST) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, refusal.read()
