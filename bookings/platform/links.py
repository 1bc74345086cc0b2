"""Links: what can be done with an object that has just been made."""

from __future__ import annotations

import re
from typing import Any

_OBJECT = re.compile(r"\{(\w+)\}")


def add(document: dict[str, Any]) -> None:
    """From the 201 of each `POST /things` to every operation below `/things/{thingId}`."""
    paths = document["paths"]
    for path, operations in paths.items():
        created = operations.get("post", {}).get("responses", {}).get("201")
        if created is not None and "Location" in created["headers"]:
            created["links"] = dict(_below(path, paths))


def _below(path: str, paths: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    found = []
    for other, operations in paths.items():
        parameter = _OBJECT.search(other)
        if parameter and other.startswith(f"{path}/{{"):
            for operation in operations.values():
                link = {"operationId": operation["operationId"], "parameters": {parameter[1]: "$response.body#/id"}}
                found.append((operation["operationId"], link))
    return found
