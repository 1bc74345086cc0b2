"""localstripe with the two things it lacks and we rely on: idempotency keys, and how much of a charge was captured.

Run as a program: `python tests/integration/payment/fuller_localstripe.py --port 8420 --from-scratch`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from localstripe import resources, server

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_answered: dict[str, tuple[int, bytes]] = {}


@web.middleware
async def once_for_each_key(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The same key is answered as the first time, and nothing is done again."""
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return await handler(request)
    if key not in _answered:
        answer = await handler(request)
        assert isinstance(answer, web.Response)
        assert isinstance(answer.body, bytes)
        _answered[key] = (answer.status, answer.body)
    status, body = _answered[key]
    return web.Response(status=status, body=body, content_type="application/json")


_capture = resources.Charge._capture


def _remember(self: Any, amount: Any, on_success: Any = None) -> None:
    self._taken = int(amount or self.amount)
    _capture(self, amount, on_success)


def _amount_captured(self: Any) -> int:
    return getattr(self, "_taken", self.amount) if self.captured and self.status == "succeeded" else 0


resources.Charge._capture = _remember
resources.Charge.amount_captured = property(_amount_captured)
server.app.middlewares.append(once_for_each_key)

if __name__ == "__main__":
    server.start()
