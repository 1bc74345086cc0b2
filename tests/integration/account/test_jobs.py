"""What the worker does for accounts."""

from __future__ import annotations

from huey import MemoryHuey

from bookings.account import jobs
from tests.factories import World
from tests.support.people import Client


def test_expired_sessions_are_forgotten_hourly(client: Client, world: World) -> None:
    user_id = client.register()["user"]["id"]
    world.query("UPDATE refresh_tokens SET expires_at = now()")
    huey = MemoryHuey(immediate=True)
    jobs.register(huey, client.app.extensions["database"])
    (task,) = huey._registry.periodic_tasks
    huey.execute(task)
    assert world.query("SELECT 1 FROM refresh_families WHERE user_id = %s", user_id) == []
