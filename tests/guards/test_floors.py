"""Domains stand on floors and import only downward, through each other's public modules.

What must travel upward goes as an event.
"""

from __future__ import annotations

import re
from graphlib import CycleError, TopologicalSorter

import pytest

from tests.guards.source import imports, modules, own_modules

#: lowest first; the files at the top of the package, and migrations, are the ground all of them stand on
FLOORS = (
    ("audit", "job"),
    ("event", "account", "resource"),
    ("catalogue",),
    ("availability",),
    ("booking",),
    ("payment", "notification", "review", "waitlist", "webhook", "feed"),
    ("report", "admin", "people", "realtime"),
    ("platform",),
)
FLOOR = {domain: number for number, domains in enumerate(FLOORS, 1) for domain in domains}
#: these put the processes together and may know everybody
ASSEMBLY = {"bookings", "bookings.__main__", "bookings.worker", "bookings.housekeeping"}
#: what one domain may use of another
PUBLIC = {"service", "schemas", "errors", "rules"}
#: and what else is offered on purpose
OFFERED = {
    "bookings.event.consumer",  # what domains register to follow events
    "bookings.account.directory",  # managing the accounts of others, over HTTP by people
    "bookings.account.invitations",
    "bookings.account.routes",  # asking for the password again
    "bookings.event.nudge",  # wakes the relay after a commit
    "bookings.job.care",  # jobs as admins and metrics see them
    "bookings.availability.assignment",  # choosing, by whoever claims
    "bookings.availability.moves",  # whether a booking may be moved, asked by a search, too
    "bookings.availability.matching",  # different resources for several needs
    "bookings.availability.picture",  # what was read, to be judged
    "bookings.availability.layers",  # what business, service and resource say
    "bookings.availability.slots",  # the one judgement of what is free
    "bookings.booking.holds",  # what the waitlist offers is a hold
    "bookings.availability.hours",  # wall-clock times as instants
    "bookings.availability.opening",  # open time, for figures
    "bookings.booking.listing",  # lists of bookings, over sockets too
    "bookings.event.stream",  # the reading end of the published order
    "bookings.realtime.hub",  # counts for metrics
}


def domain_of(module: str) -> str | None:
    """`booking` of `bookings.booking.rules`; None for the ground."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in FLOOR else None


def test_every_package_has_a_floor() -> None:
    """A new domain must say where it stands."""
    packages = {name.split(".")[1] for name, file in modules().items() if file.name == "__init__.py" and "." in name}
    assert packages - {"migrations"} <= FLOOR.keys()


def complaint(module: str, target: str) -> str | None:
    """What is wrong with one module importing another."""
    own, other = domain_of(module), domain_of(target)
    if other is None or other == own:
        return None
    if own is None or FLOOR[other] >= FLOOR[own]:
        return f"{module}: {target} does not stand below"
    if target.rpartition(".")[2] not in PUBLIC and target not in OFFERED:
        return f"{module}: {target} is not public"
    return None


def test_imports_go_down() -> None:
    """The ground imports no domain; a domain only its own modules, the ground, and the public modules below it."""
    pairs = [(name, target) for name, file in modules().items() for target in own_modules(imports(file))]
    found = [complaint(name, target) for name, target in pairs if name not in ASSEMBLY]
    assert not [one for one in found if one]


@pytest.mark.parametrize(
    "module,target",
    [
        ("bookings.db", "bookings.booking.service"),
        ("bookings.event.service", "bookings.booking.rules"),
        ("bookings.account.service", "bookings.resource.service"),
        ("bookings.booking.service", "bookings.resource.passwords"),
    ],
)
def test_the_guard_above_can_see(module: str, target: str) -> None:
    """Ground to domain, upward, sideways, and into somebody's private rooms."""
    assert complaint(module, target)


def test_no_import_circle() -> None:
    """Whatever is imported while a module is imported can be imported before it."""
    graph = {name: own_modules(imports(file, at_start=True)) - {name} for name, file in modules().items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"imported in a circle: {' → '.join(error.args[1])}")


@pytest.mark.parametrize("module", [name for name in modules() if name.endswith(".rules")])
def test_rules_know_neither_flask_nor_psycopg(module: str) -> None:
    """Rules are pure: neither they nor anything they import touches HTTP or the database."""
    seen: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        seen.add(name)
        found = set(imports(modules()[name]))
        foreign = sorted(one for one in found if re.match(r"(flask|werkzeug|psycopg|psycopg_pool|redis)\b", one))
        assert not foreign, f"{module} reaches {foreign} through {name}"
        waiting += own_modules(iter(found)) - seen - {"bookings"}
