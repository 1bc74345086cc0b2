"""What is shown can be booked and what can be booked is shown: the service against a slow and obvious model of it.

`TRUTH_STEPS=10000 pytest tests/integration/availability/test_truth.py -s` looks longer.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.factories import World
from tests.integration.availability.house import House
from tests.integration.availability.machine import Truth, done
from tests.support.people import Client

STEPS = int(os.environ.get("TRUTH_STEPS", "400"))
STEPS_OF_ONE = 40


@pytest.fixture
def house(client: Client, world: World, monkeypatch: pytest.MonkeyPatch) -> House:
    """The service and its model."""
    return House(client, world, monkeypatch)


@pytest.mark.slow
@pytest.mark.timeout(60 + STEPS)
def test_service_and_model_never_differ(house: House) -> None:
    class Here(Truth):
        pass

    Here.house = house
    try:
        run_state_machine_as_test(
            Here,
            settings=settings(
                max_examples=max(1, STEPS // STEPS_OF_ONE),
                stateful_step_count=STEPS_OF_ONE,
                deadline=None,
                phases=[Phase.reuse, Phase.generate, *([Phase.shrink] if os.environ.get("TRUTH_SHRINK") else [])],
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        print(f"\n{sum(done.values())} steps: " + ", ".join(f"{what}: {count}" for what, count in done.most_common()))
