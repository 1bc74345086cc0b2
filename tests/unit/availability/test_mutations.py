"""The list of what the machine of slots has to notice still fits the code."""

from __future__ import annotations

import pytest

from tests.integration.availability.mutations import MUTATIONS, Mutation, broken


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda one: one.name)
def test_it_can_be_made(mutation: Mutation) -> None:
    assert mutation.new in broken(mutation)
