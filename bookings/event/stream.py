"""The Redis stream of events: a copy of the end of the published order, for everyone who listens.

The id of an entry is `<position>-0`, so a cursor means the same in Redis and in PostgreSQL and nothing is ever in it
twice. Every entry follows the one before it without a gap: whoever appends says which entry it follows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from redis import Redis, ResponseError

from bookings.event.service import Event

KEY = "bookings:events"

# Compare and append in one step, so that neither a second relay nor FLUSHALL can come in between.
# ARGV: the last id expected ('' for no stream), the length to keep, then id, type, topics, frame of each entry.
_APPEND = """
local last = ''
if redis.call('EXISTS', KEYS[1]) == 1 then
    local info = redis.call('XINFO', 'STREAM', KEYS[1])
    for i = 1, #info, 2 do
        if info[i] == 'last-generated-id' then last = info[i + 1] end
    end
end
if last == ARGV[1] then
    for i = 3, #ARGV, 4 do
        last = redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[2], ARGV[i],
            'type', ARGV[i + 1], 'topics', ARGV[i + 2], 'frame', ARGV[i + 3])
    end
end
return last
"""


class Stream:
    """The writing end. Every method raises RedisError when Redis does not answer."""

    def __init__(self, redis: Redis, length: int) -> None:
        self._redis = redis
        self._length = length
        self._append = redis.register_script(_APPEND)

    def append(self, last: int, events: Sequence[Event]) -> int:
        """Append events if the stream still ends with `last` (0: it does not exist); the position it ends with now.

        Nothing was appended when that is not the position of the last event given.
        """
        arguments: list[str | int] = [_id(last) if last else "", self._length]
        for event in events:
            arguments += (_id(event.position), event.type, " ".join(event.topics), event.frame)
        return _position(cast(str, self._append(keys=[KEY], args=arguments)))

    def end(self) -> int:
        """The position it ends with; 0 when there is no stream."""
        # No stream ends with -1, so nothing is appended.
        return self.append(-1, ())

    def discard(self) -> None:
        """Remove it, because it tells of another history than PostgreSQL."""
        self._redis.delete(KEY)


def read(redis: Redis, after: int, *, count: int, block: float) -> list[Event]:
    """The entries behind a position, waiting up to `block` seconds for the first. Raises RedisError."""
    answer = cast(Any, redis.xread({KEY: _id(after)}, count=count, block=int(block * 1000)))
    return [_event(id, fields) for _, entries in answer or () for id, fields in entries]


def end(redis: Redis) -> int:
    """The position it ends with; 0 when there is no stream. For those who only look. Raises RedisError."""
    try:
        info = cast(Any, redis.xinfo_stream(KEY))
    except ResponseError:  # nothing was published yet, or FLUSHALL was here
        return 0
    return _position(info["last-generated-id"])


def _event(id: str, fields: dict[str, str]) -> Event:
    return Event(_position(id), fields["type"], tuple(fields["topics"].split()), fields["frame"])


def _id(position: int) -> str:
    return f"{position}-0"


def _position(id: str) -> int:
    return int(id.partition("-")[0]) if id else 0
