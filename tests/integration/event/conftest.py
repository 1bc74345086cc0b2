"""Relays as real processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.support.databases import ROOT
from tests.support.preloaded import PreloadedProcess
from tests.support.servers import Process
from tests.support.service import COMMANDS, Service

StartRelay = Callable[[], Process]


@pytest.fixture
def start_relay(service: Service) -> Iterator[StartRelay]:
    """Start as many relays as a test wants; all are stopped after it."""
    relays: list[Process] = []

    def start() -> Process:
        log = service.folder / f"relay-{len(relays)}.log"
        env = service.env | {"STREAM_LENGTH": "1000"}
        relays.append(PreloadedProcess(COMMANDS["relay"], log, env=env, cwd=ROOT))
        return relays[-1]

    yield start
    for relay in relays:
        relay.stop()
