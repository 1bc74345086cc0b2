"""Schemathesis reads /openapi.json and asks everything it can think of, in each role: no 5xx, no undocumented answer.

Each operation is fuzzed by the least of the roles that may use it; that others are refused in documented words is what
test_role_matrix.py asks. Every check but one is on; schemathesis.toml lists the few answers that no schema can
announce, with reasons. Each run asks the same, so that it judges the change and not the dice: FUZZ_SEED=random (or
another number) asks for something new, FUZZ_EXAMPLES for more examples an operation, FUZZ_ALIKE=1 for everything that
is wrong in a way that was asked before (fuzz_hooks.py).
"""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from bookings.auth import Actor, Tokens
from bookings.config import Settings
from tests.acceptance.platform.role_matrix import ROLES, ROWS, Row
from tests.factories import World
from tests.support.databases import ROOT
from tests.support.patience import REQUEST
from tests.support.service import Service, ServiceOptions

SERVICE = ServiceOptions(processes=("web",), env={"SIGN_IN_RATE_LIMIT": "off", "RATE_LIMIT": "off"})
HERE = Path(__file__).parent
CONFIGURATION = HERE / "schemathesis.toml"
_WISH = os.environ.get("FUZZ_SEED", "1")
SEED = str(random.SystemRandom().randrange(2**32)) if _WISH == "random" else _WISH
EXAMPLES = os.environ.get("FUZZ_EXAMPLES", "4")
#: the least first
FUZZERS = ("customer", "provider", "admin")
#: a status by which a role is told that an operation is not for it
_NOT_FOR_YOU = (401, 403, 404)
#: Schemathesis or Hypothesis stumbled, not the service
_OWN_TROUBLE = re.compile(r"Runtime Error|Internal Error|Test Execution Error|SystemError|Network Error")

# How long it takes is the machine's business: what is asked is always the same.
pytestmark = [pytest.mark.fuzz, pytest.mark.timeout(1200)]


def fuzzer(row: Row) -> str:
    """The least role that an operation is for."""
    return next((role for role in FUZZERS if row.statuses[ROLES.index(role)] not in _NOT_FOR_YOU), "admin")


def configuration(role: str, folder: Path) -> Path:
    """schemathesis.toml, in which what others fuzz is left to them."""
    others = [f"{row.method} {row.path}" for row in ROWS if fuzzer(row) != role]
    lines = [CONFIGURATION.read_text(), "[[operations]]", f"include-name = {json.dumps(others)}", "enabled = false"]
    file = folder / "schemathesis.toml"
    # The phase of examples mixes documented values with made up ones: coverage asks the former, fuzzing the latter.
    first = ["[generation]", f"max-examples = {EXAMPLES}", "[phases.examples]", "enabled = false", ""]
    file.write_text("\n".join(first + lines))
    return file


@pytest.fixture(scope="module")
def people(service: Service) -> Iterator[dict[str, Actor]]:
    """Somebody of each role."""
    world = World(service.database_url)
    yield {"admin": world.admin(), "provider": world.provider(), "customer": world.user()}
    world.close()


@pytest.fixture(scope="module")
def operations(service: Service) -> set[str]:
    """All operations of the service but the socket, and the document that Schemathesis begins with."""
    with urllib.request.urlopen(f"{service.base_url}/openapi.json", timeout=REQUEST) as answer:
        paths = json.load(answer)["paths"]
    found = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    return found - {"GET /ws", "GET /openapi.json"}


def test_each_operation_has_its_fuzzer(operations: set[str]) -> None:
    """The rows of the role matrix say who; none is missing."""
    assert operations <= {f"{row.method} {row.path}" for row in ROWS}
    assert {fuzzer(row) for row in ROWS} == set(FUZZERS)


@pytest.mark.parametrize("role", FUZZERS)
def test_every_answer_is_documented(
    service: Service, people: dict[str, Actor], operations: set[str], role: str, tmp_path: Path
) -> None:
    """All operations, valid and invalid input, single and in sequences."""
    token = Tokens(Settings.from_env(service.env)).issue(people[role])
    command = [str(Path(sys.executable).with_name("schemathesis"))]
    command += ["--config-file", str(configuration(role, tmp_path)), "run", f"{service.base_url}/openapi.json"]
    command += ["--url", service.base_url, "--checks", "all", "--no-color", "--request-timeout", str(REQUEST)]
    command += ["--header", f"Authorization: Bearer {token}", "--exclude-path", "/ws", "--warnings", "off"]
    # A cancelled booking stays readable: DELETE frees the time, it does not destroy what happened.
    command += ["--exclude-checks", "use_after_free", "--suppress-health-check", "all", "--seed", SEED]
    # One worker: in CPython 3.11 two threads that parse source at once can break each other ("AST constructor recursion
    # depth mismatch"), and Hypothesis parses source.
    command += ["--workers", "1", "--generation-database", "none"]
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "SCHEMATHESIS_HOOKS": "tests.acceptance.platform.fuzz_hooks",
        "FUZZ_WORLD": json.dumps({name: str(actor.id) for name, actor in people.items()}),
        "FUZZ_ASKED": str(tmp_path / "asked.json"),
    }
    done = _run(command, environment, tmp_path)
    print(f"FUZZ_SEED={SEED}", done.stdout[-1500:])
    assert done.returncode == 0, f"FUZZ_SEED={SEED}\n{done.stdout[-40000:]}{done.stderr[-2000:]}"
    assert '"exception"' not in service.log_text("web"), "the service met something that nobody foresaw"
    asked = json.loads((tmp_path / "asked.json").read_text())
    print(f"{sum(asked.values())} requests, of which of the fewest:", sorted(asked.items(), key=lambda one: one[1])[:9])
    own = {f"{row.method} {row.path}" for row in ROWS if fuzzer(row) == role}
    assert (operations & own) - asked.keys() == set(), "not asked"


def _run(command: list[str], environment: dict[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run it; once more when it stumbled over itself and has found nothing."""
    for _ in range(2):
        done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode == 0 or "= FAILURES =" in done.stdout or not _OWN_TROUBLE.search(done.stdout + done.stderr):
            break
    return done
