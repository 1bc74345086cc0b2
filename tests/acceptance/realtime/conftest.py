"""The service with people in it, and sockets of theirs."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import pytest

from bookings.auth import Actor, Tokens
from bookings.config import Settings
from tests.acceptance.realtime.client import Client
from tests.factories import World
from tests.support.service import Service

Connect = Callable[[Actor], Client]


@pytest.fixture(scope="module")
def world(service: Service) -> Iterator[World]:
    """People and things in the service's database."""
    with contextlib.closing(World(service.database_url)) as made:
        yield made


@pytest.fixture
def token(service: Service) -> Callable[[Actor], str]:
    """Tokens as sign-in issues them."""
    return Tokens(Settings.from_env(service.env)).issue


@pytest.fixture
def connect(service: Service, token: Callable[[Actor], str]) -> Iterator[Connect]:
    """Open sockets; all are gone after the test."""
    with contextlib.ExitStack() as stack:
        yield lambda actor: stack.enter_context(Client(service.socket_url, token(actor)))
