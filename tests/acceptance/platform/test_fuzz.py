"""Schemathesis reads /openapi.json and asks everything it can think of, in each role: no 5xx, no undocumented answer.

Every check but one is on; schemathesis.toml lists the few answers that no schema can announce, with reasons. A failure
names a seed: run again with FUZZ_SEED=<seed>. FUZZ_EXAMPLES asks for more examples an operation.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bookings.auth import Actor, Tokens
from bookings.config import Settings
from tests.factories import World
from tests.support.databases import ROOT
from tests.support.service import Service, ServiceOptions

SERVICE = ServiceOptions(processes=("web",), env={"SIGN_IN_RATE_LIMIT": "off", "RATE_LIMIT": "off"})
HERE = Path(__file__).parent
SEED = os.environ.get("FUZZ_SEED") or str(random.SystemRandom().randrange(2**32))
EXAMPLES = os.environ.get("FUZZ_EXAMPLES", "10")
SECONDS = 15

pytestmark = pytest.mark.fuzz


@pytest.fixture(scope="module")
def people(service: Service) -> Iterator[dict[str, Actor]]:
    """Somebody of each role."""
    world = World(service.database_url)
    yield {"admin": world.admin(), "provider": world.provider(), "customer": world.user()}
    world.close()


@pytest.mark.parametrize("role", ["admin", "provider", "customer"])
def test_every_answer_is_documented(service: Service, people: dict[str, Actor], role: str, tmp_path: Path) -> None:
    """All operations, valid and invalid input, single and in sequences."""
    token = Tokens(Settings.from_env(service.env)).issue(people[role])
    command = [str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(HERE / "schemathesis.toml")]
    command += ["run", f"{service.base_url}/openapi.json", "--url", service.base_url, "--checks", "all", "--no-color"]
    command += ["--header", f"Authorization: Bearer {token}", "--exclude-path", "/ws", "--warnings", "off"]
    # A cancelled booking stays readable: DELETE frees the time, it does not destroy what happened.
    command += ["--exclude-checks", "use_after_free"]
    # One worker: in CPython 3.11 two threads that parse source at once can break each other ("AST constructor recursion
    # depth mismatch"), and Hypothesis parses source.
    command += ["--seed", SEED, "--max-examples", EXAMPLES, "--max-time", str(SECONDS), "--workers", "1"]
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")},
        "PYTHONPATH": str(ROOT),
        "SCHEMATHESIS_HOOKS": "tests.acceptance.platform.fuzz_hooks",
        "FUZZ_WORLD": json.dumps({name: str(actor.id) for name, actor in people.items()}),
    }
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    print(f"FUZZ_SEED={SEED}", done.stdout[-1500:])
    assert done.returncode == 0, f"FUZZ_SEED={SEED}\n{done.stdout[-40000:]}{done.stderr[-2000:]}"
    assert '"exception"' not in service.log_text("web"), "the service met something that nobody foresaw"
