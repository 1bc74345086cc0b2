"""Data that is damaged on purpose, to see that each check of sql/checks/ can see.

The damages of a domain are named queries beside its tests. What prevents them is taken away first, and everything is
undone after the look.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import psycopg

import check_data
from bookings import queries
from bookings.queries import Queries
from tests.support.databases import damage

_UNGUARDED = "SET session_replication_role = replica;"


def found(url: str) -> set[str]:
    """The checks that find something."""
    return {finding.check for finding in damage(url)}


def seen(url: str, damages: Queries, name: str, guards: str = "") -> set[str]:
    """The checks that find something after a damage. `guards`: statements that take constraints away."""
    with psycopg.connect(url) as connection:
        connection.execute((_UNGUARDED + guards).encode())
        assert connection.execute(getattr(damages, name)).rowcount != 0
        checks = {finding.check for finding in check_data.look(connection) if finding.rows}
        connection.rollback()
    return checks


def checks_of(*domains: str) -> set[str]:
    """All checks of these files of sql/checks/."""
    return {f"{domain}.{name}" for domain in domains for name in queries.load(domain, check_data.CHECKS).texts}


def each_has_its_damage(domain: str, damages: Queries, seen_by: Mapping[str, Collection[str]]) -> bool:
    """Whether every check of a domain sees some damage, and every damage says who sees it."""
    return checks_of(domain) <= set().union(*seen_by.values()) and set(seen_by) == set(damages.texts)
