"""What is shown can be booked and what can be booked is shown: the service against a slow and obvious model of it.

`TRUTH_STEPS=10000 pytest tests/integration/availability/test_truth.py -s` looks longer; TRUTH_SEED begins elsewhere,
TRUTH_SECONDS ends it earlier, TRUTH_SHRINK=1 makes what was found small.
"""

from __future__ import annotations

import os
from time import monotonic

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.factories import World
from tests.integration.availability.house import House
from tests.integration.availability.machine import Truth, done
from tests.support.people import Client

STEPS = int(os.environ.get("TRUTH_STEPS", "150"))
SEED = int(os.environ.get("TRUTH_SEED", "1"))
SECONDS = int(os.environ.get("TRUTH_SECONDS", "3600"))
STEPS_OF_ONE = 30
#: machines under one seed
MACHINES = 20


@pytest.fixture
def house(client: Client, world: World, monkeypatch: pytest.MonkeyPatch) -> House:
    """The service and its model."""
    return House(client, world, monkeypatch)


def steps() -> int:
    """What was done to both, without what only looked."""
    return sum(done.values()) - done["look"]


@pytest.mark.slow
@pytest.mark.timeout(60 + STEPS)
def test_service_and_model_never_differ(house: House) -> None:
    began, number = monotonic(), SEED
    try:
        while steps() < STEPS and monotonic() - began < SECONDS:
            run(house, number, min(MACHINES, 1 + (STEPS - steps()) // STEPS_OF_ONE))
            print(f"\nseed {number}: {steps()} steps in {monotonic() - began:.0f} s", end="", flush=True)
            number += 1
    finally:
        print(f"\nseeds {SEED} to {number}, {steps()} steps in {monotonic() - began:.0f} s")
        print(", ".join(f"{what}: {count}" for what, count in done.most_common()), flush=True)


def run(house: House, number: int, machines: int) -> None:
    """So many machines, drawn from a seed."""

    class Here(Truth):
        pass

    Here.house = house
    shrink = [Phase.shrink] if os.environ.get("TRUTH_SHRINK") else []
    run_state_machine_as_test(
        seed(number)(Here),
        settings=settings(
            max_examples=machines,
            stateful_step_count=STEPS_OF_ONE,
            deadline=None,
            derandomize=False,
            database=None,
            phases=[Phase.generate, *shrink],
            suppress_health_check=list(HealthCheck),
        ),
    )
