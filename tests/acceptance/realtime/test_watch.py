"""scripts/watch.py as people run it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bookings.auth import Actor
from tests.factories import World
from tests.integration.event import facts
from tests.support.databases import ROOT
from tests.support.servers import wait_until
from tests.support.service import Service, ServiceOptions

SERVICE = ServiceOptions(processes=("sockets", "relay"))


@contextmanager
def watching(
    service: Service, token: str, output: Path, *arguments: str
) -> Iterator[tuple[subprocess.Popen[bytes], Callable[[], str]]]:
    """The script, what it prints going to a file; and what it says beside that."""
    said = output.with_suffix(".err")
    command = [sys.executable, "scripts/watch.py", service.socket_url, *arguments]
    environment = {**os.environ, "BOOKINGS_TOKEN": token}
    with output.open("wb") as out, said.open("wb") as err:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=err)
    try:
        yield process, said.read_text
    finally:
        process.kill()
        process.wait()


def printed(output: Path) -> list[int]:
    """The facts it has printed."""
    return [json.loads(line)["data"]["n"] for line in output.read_text().splitlines()]


def test_it_prints_events_reconnects_and_ends_with_ctrl_c(
    service: Service, world: World, token: Callable[[Actor], str], tmp_path: Path
) -> None:
    me, output = world.user(), tmp_path / "events"
    topics = [f"user:{me.id}"]
    with watching(service, token(me), output) as (process, said):
        wait_until(lambda: "watching" in said(), "watch.py", 15)
        facts.write(service.database_url, 1, 3, topics=topics)
        wait_until(lambda: len(printed(output)) == 3, "three events", 10)
        service.processes["sockets"].stop()
        facts.write(service.database_url, 4, 6, topics=topics)
        service.start("sockets")
        wait_until(lambda: len(printed(output)) >= 6, "the events missed", 30)
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
        assert "Traceback" not in said()
    assert printed(output) == [1, 2, 3, 4, 5, 6]
    with watching(service, token(me), output, "--after", "3") as (_, said):
        wait_until(lambda: len(printed(output)) >= 3, "the events behind 3", 15)
    assert printed(output) == [4, 5, 6]


def test_a_refusal_is_one_sentence(
    service: Service, world: World, token: Callable[[Actor], str], tmp_path: Path
) -> None:
    for credentials, topics, sentence in (
        ("nonsense", "me", "The access token is not valid."),
        (token(world.user()), "all", "You may not subscribe to this topic."),
        ("", "me", "Give an access token"),
    ):
        with watching(service, credentials, tmp_path / "events", "--topics", topics) as (process, said):
            assert process.wait(15) == 1
            assert sentence in said()
            assert len(said().splitlines()) == 1
