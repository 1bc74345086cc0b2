"""bookings/web.py: what the application leaves out of Flask, and that nothing is missing."""

from __future__ import annotations

from unittest.mock import Mock

import pytest
from werkzeug.routing import Map, Rule

from bookings.web import Address

PATTERN = "/bookings/<uuid:booking>/history/<int:page>"
VALUES = {"booking": "01a2011f-7ce8-751f-92b8-7447f51da86e", "page": 3}


def test_addresses_are_built_as_by_werkzeug() -> None:
    for values in (VALUES, VALUES | {"more": "a b"}):
        one, other = (
            Map([kind(PATTERN, endpoint="history")]).bind("localhost").build("history", values)
            for kind in (Address, Rule)
        )
        assert one == other


def test_nothing_is_made_ready_for_building_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is most of what making the application costs."""
    made = Mock(wraps=Rule._compile_builder)
    monkeypatch.setattr(Rule, "_compile_builder", lambda rule, *unknown: made(rule, *unknown))
    addresses = Map([Address(PATTERN, endpoint="history")]).bind("localhost")
    assert addresses.match(f"/bookings/{VALUES['booking']}/history/3")[0] == "history"
    assert not made.called
    addresses.build("history", VALUES)
    assert made.called
