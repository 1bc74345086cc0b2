"""What a command answers, for HTTP and for sockets alike."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Answer:
    """JSON already serialised, so that the same bytes can be sent, stored and replayed."""

    body: str | bytes
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
