"""Makes reports in this process and prints how many rows they had and how much memory that took at most.

Arguments: the ids of the reports, the first a small one that loads all code. Prints a JSON list of [rows, KiB].
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from uuid import UUID

from bookings.config import Settings
from bookings.db import Database
from bookings.report import making, service


def main() -> None:
    """Make them one after the other."""
    settings = Settings.from_env()
    database = Database(settings)
    found = []
    for id in sys.argv[1:]:
        report = database.run(lambda tx, id=id: service.start(tx, report_id=UUID(id)))  # type: ignore[misc]
        assert report is not None
        _, _, rows, _ = making.make(database, settings, report, lambda percent: None)
        found.append([rows, most_memory()])
    database.close()
    print(json.dumps(found))


def most_memory() -> int:
    """The most this process has had at once, in KiB (getrusage would tell of its parent, too)."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found
    return int(found[1])


if __name__ == "__main__":
    main()
