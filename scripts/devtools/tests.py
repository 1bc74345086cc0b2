"""`scripts/dev.py test`: every check in order, each with its time; ends with one closing line in pytest's form."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field

from devtools.environment import ROOT

# These need the machine for themselves: they measure time. Races only need to be few: two at once are still as close.
ALONE, RACES = "alone", "race and not alone"
SLOW = "crash or load or fuzz or slow"
# Set by tests/conftest.py on whatever asks for the service.
PROCESSES = "processes"
# Tests of this kind mostly wait, for a process to start or a lease to end: thrice as many as there are processors.
WORKERS = min(3 * max(os.cpu_count() or 2, 2), 12)
LEAST_COVERAGE = 90
# The words of pytest's closing line, in its order; the first of them make the run a failure.
OUTCOMES = ("failed", "passed", "skipped", "deselected", "xfailed", "xpassed", "warning", "error", "rerun")


@dataclass
class Checks:
    """The steps that ran, for the table at the end."""

    rows: list[tuple[str, str, float]] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)
    failed: bool = False

    def step(self, name: str, *command: str) -> str:
        """Run one command in .venv, showing what it prints; returns that, too."""
        print(f"\n--- {name}", flush=True)
        start = time.monotonic()
        code, output = _show([sys.executable, "-m", *command])
        passed = code == 0
        self.rows.append((name, "passed" if passed else "FAILED", time.monotonic() - start))
        self.failed |= not passed
        return output

    def pytest(self, name: str, *arguments: str, coverage: bool) -> None:
        """Run pytest once and add its outcomes to the sum."""
        runner = ["coverage", "run", "-m", "pytest"] if coverage else ["pytest"]
        output = self.step(name, *runner, *arguments)
        closing = re.findall(r"^=*\s*(\d+ \w+.*|no tests ran) in [\d.]+s", output, re.MULTILINE)
        for count, outcome in re.findall(r"(\d+) (\w+?)s?\b", closing[-1] if closing else "1 error"):
            self.outcomes[outcome] += int(count)

    def report(self) -> None:
        """Print the table, then one closing line in pytest's form over all its calls."""
        print("\n--- summary")
        for name, result, seconds in self.rows:
            print(f"{name:12} {result:7} {seconds:7.1f} s")
        total = sum(seconds for _, _, seconds in self.rows)
        words = [f"{self.outcomes[word]} {word}" for word in OUTCOMES if self.outcomes[word] and word != "deselected"]
        closing = f" {', '.join(words) or 'no tests ran'} in {total:.2f}s "
        print(f"{closing:=^80}", flush=True)


def run(*, quick: bool) -> int:
    """Run every check, also after one has failed; returns 0 when all passed."""
    checks = Checks()
    checks.step("lint", "ruff", "check", ".")
    checks.step("format", "ruff", "format", "--check", ".")
    checks.step("types", "mypy")
    _pytest(checks, quick=quick)
    checks.report()
    return 1 if checks.failed else 0


def _pytest(checks: Checks, *, quick: bool) -> None:
    """First what must be alone, then races, then everything else side by side; coverage counts that and subprocesses.

    In this order one process, not each of the workers, translates the test files of a fresh checkout to bytecode.
    """
    alone, races, others = f"({ALONE})", f"({RACES})", f"not ({ALONE} or {RACES})"
    if quick:
        alone, races = f"{alone} and not ({SLOW})", f"{races} and not ({SLOW})"
        others = f"{others} and not ({SLOW} or {PROCESSES})"
    else:
        checks.step("erase", "coverage", "erase")
    side_by_side = ("--dist", "loadfile", "--no-loadscope-reorder")
    rounds = os.environ.get("RACE_ROUNDS")
    os.environ["RACE_ROUNDS"] = rounds or ("5" if quick else "20")
    checks.pytest("alone", "-q", "-m", alone, coverage=False)
    os.environ["RACE_ROUNDS"] = rounds or "5"
    checks.pytest("races", "-q", "-n", "2", *side_by_side, "-m", races, coverage=False)
    checks.pytest("side by side", "-q", "-n", str(WORKERS), *side_by_side, "-m", others, coverage=not quick)
    if not quick:
        checks.step("combine", "coverage", "combine", "-q")
        checks.step("coverage", "coverage", "report", f"--fail-under={LEAST_COVERAGE}")


def _show(command: list[str]) -> tuple[int, str]:
    """Run a command from the top of the checkout, passing on what it prints as it comes."""
    # Where this is set every process, and there are hundreds, would translate the whole package to bytecode again.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert process.stdout is not None
    output = b""
    try:
        while chunk := os.read(process.stdout.fileno(), 65536):
            output += chunk
            sys.stdout.buffer.write(chunk)
            sys.stdout.buffer.flush()
    except KeyboardInterrupt:
        process.wait()  # Ctrl-C reached it, too: let it stop its servers
        raise
    return process.wait(), output.decode(errors="replace")
