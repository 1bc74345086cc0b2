"""How often somebody may try a password: SIGN_IN_RATE_LIMIT for each address and each account, counted in Redis.

Closed when Redis does not answer: attempts that nobody counts would let passwords be guessed.
"""

from __future__ import annotations

import hashlib
import math
import time

from flask import current_app, g
from limits.storage import RedisStorage
from limits.strategies import MovingWindowRateLimiter
from redis import RedisError

from bookings import rate_limit, redis_client
from bookings.account.errors import SignInUnavailable
from bookings.config import Settings
from bookings.errors import TooManyRequests

#: how long Redis may take before the answer is 503
_PATIENCE = 0.2


class SignInLimit:
    """A moving window for each key, so that no burst fits across the edge of two windows."""

    def __init__(self, settings: Settings) -> None:
        self._item = rate_limit.read("SIGN_IN_RATE_LIMIT", settings.sign_in_rate_limit)
        pool = redis_client.connect(settings, timeout=_PATIENCE, decode=False).connection_pool
        storage = RedisStorage(settings.redis_url, connection_pool=pool, key_prefix="bookings:sign-in")
        self._limiter = MovingWindowRateLimiter(storage)

    def count(self, *keys: str) -> None:
        """Count an attempt against every key, until one is exhausted.

        Raises TooManyRequests, or SignInUnavailable when Redis does not answer.
        """
        if self._item is None:
            return
        try:
            for key in keys:
                self._count(hashlib.sha256(key.encode()).hexdigest()[:32])
        except RedisError as error:
            raise SignInUnavailable from error

    def _count(self, key: str) -> None:
        assert self._item is not None
        accepted = self._limiter.hit(self._item, key)
        reset, left = self._limiter.get_window_stats(self._item, key)
        ends_in = max(math.ceil(reset - time.time()), 1)
        # The tightest of several limits is the one to tell.
        if left <= g.get("sign_ins_left", left):
            g.sign_ins_left = left
            policy = rate_limit.policy_header("sign-in", self._item)
            g.rate_limit = (policy, rate_limit.state_header("sign-in", left, ends_in))
        if not accepted:
            raise TooManyRequests(ends_in)


def attempt(*, email: str | None = None) -> None:
    """Count an attempt from the present client, and on an account if one is named. Raises as SignInLimit.count."""
    keys = [f"address {rate_limit.client_address()}"] + ([f"account {email}"] if email else [])
    limit: SignInLimit = current_app.extensions["sign_in_limit"]
    limit.count(*keys)
