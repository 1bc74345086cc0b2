"""What the verification of the storm can see of jobs, without a storm."""

from __future__ import annotations

import psycopg
import pytest

from tests.crash.verify import TAKEN_UP, left_jobs

LATE, SOON = TAKEN_UP.total_seconds() + 5, TAKEN_UP.total_seconds() - 5
RUNNING = """
    INSERT INTO jobs (id, kind, payload, state, attempts, run, max_attempts, worker_id, leased_until, started_at)
    VALUES (gen_random_uuid(), 'mail', '{}', 'running', 1, 1, 8, gen_random_uuid(),
            now() - make_interval(secs => %s), now() - interval '1 hour')"""
DUE = """
    INSERT INTO jobs (id, kind, payload, state, attempts, run, max_attempts, run_at, started_at, last_error)
    SELECT gen_random_uuid(), 'mail', '{}', state, attempts, attempts, 8, now() - make_interval(secs => %s),
           CASE WHEN attempts > 0 THEN now() END, CASE WHEN attempts > 0 THEN 'broken' END
      FROM (VALUES ('waiting', 0), ('failed', 1)) AS known (state, attempts)"""


@pytest.mark.parametrize(
    "made, since, said",
    [
        (RUNNING, LATE, ["was never taken over"]),
        (RUNNING, SOON, []),
        (RUNNING, -30, []),
        (DUE, LATE, ["is failed and nobody does it", "is waiting and nobody does it"]),
        (DUE, SOON, []),
        (DUE, -3600, []),
    ],
)
def test_jobs_that_nobody_takes_up_are_seen(module_database_url: str, made: str, since: float, said: list[str]) -> None:
    """A worker was killed with it, or it is due; what is leased, retried soon or planned is no concern."""
    with psycopg.connect(module_database_url) as connection:
        connection.execute(made.encode(), [since])
        found = sorted(left_jobs(connection))
        connection.rollback()
    assert len(found) == len(said)
    assert all(words in " ".join(found) for words in said)
