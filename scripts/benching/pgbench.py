"""The limit below all floors: the service's own SQL, sent by pgbench."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

from benching import servers
from bookings import queries
from devtools.embedded import SetupError

_sql = queries.load("booking")
_ID = "('00000000-0000-7000-800{space}-' || lpad(to_hex({n}::bigint), 12, '0'))::uuid"
_USER = _ID.format(space=1, n=":user")
_PROVIDER = _ID.format(space=2, n=":provider")
_START = "(date_trunc('day', now()) + :day::bigint * interval '1 day' + :slot::bigint * interval '30 minutes')"

_VALUES = {
    "get": {"id": _ID.format(space=3, n=":booking"), "is_admin": "true", "actor_id": "NULL"},
    "list": {
        "user_id": _USER,
        "resource_id": "NULL",
        "statuses": "'{pending,confirmed,checked_in,completed,no_show,cancelled,declined}'",
        "from": "now()",
        "to": "'infinity'",
        "after_start": "'-infinity'",
        "after_id": "'00000000-0000-0000-0000-000000000000'",
        "limit": "10",
        "offset": "0",
        "total_bound": "1001",
    },
    "create": {
        "id": _ID.format(space=4, n=":serial"),
        "user_id": _USER,
        "actor_id": _USER,
        "provider_id": _PROVIDER,
        "workspace_id": "NULL",
        "resource_ids": f"ARRAY[{_PROVIDER}]",
        "schedule_versions": "'{0}'",
        "must_confirm": "false",
        "policy": "NULL",
        "start_at": _START,
        "end_at": f"({_START} + interval '30 minutes')",
        "units": "1",
        "title": "'Bench'",
        "description": "NULL",
        "location": "NULL",
        "notes": "NULL",
        "now": "now()",
        "leads": "'{600 seconds}'",
        "topics": f"ARRAY['user:' || {_USER}, 'resource:' || {_PROVIDER}]",
        "request_id": "'pgbench'",
    },
}
# Each client keeps to providers of its own and counts its slots, so that nothing it asks for is taken.
_SETTING = {
    "get": "\\set booking random(0, :bookings - 1)\n",
    "list": "\\set user random(1, 1000)\n",
    "create": (
        "\\set k :k + 1\n\\set user random(1, 1000)\n\\set provider 1 + :client_id * 6 + :k % 6\n"
        "\\set slot :k / 6\n\\set serial (:number * 1000 + :client_id) * 1000000000 + :k\n"
    ),
}


def run(bench: servers.Bench, kind: str, connections: int, seconds: int, bookings: int, number: int) -> dict[str, Any]:
    """Run one query as fast as the server can; its rate a second."""
    query = re.sub(r"%\((\w+)\)s", lambda match: _VALUES[kind][match[1]], _sql.texts[f"{_NAMES[kind]}"])
    script = Path(bench.env["PROMETHEUS_MULTIPROC_DIR"]).parent / f"pgbench-{kind}.sql"
    script.write_text(_SETTING[kind] + query.replace("%%", "%") + ";\n")
    variables = {"bookings": bookings, "k": 0, "number": number, "day": 2500 + number * 100}
    command = [str(bench.programs / "pgbench"), "-n", "-M", "prepared", f"-c{connections}", "-j2", f"-T{seconds}"]
    command += [f"-D{name}={value}" for name, value in variables.items()] + ["-f", str(script), bench.database_url]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    rate = re.search(r"tps = ([\d.]+)", done.stdout)
    if done.returncode or not rate:
        raise SetupError(f"pgbench {kind} failed: {done.stderr.strip()[-300:]}")
    return {"rate": float(rate[1])}


_NAMES = {"get": "get", "list": "list_of_user_ascending", "create": "create_own"}
