"""`scripts/dev.py test`: every check in order, each with its time; ends with one closing line in pytest's form."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

from devtools.environment import ROOT

# These need the machine for themselves: they measure time. Races only need to be few: two at once are still as close.
ALONE, RACES = "alone", "(race and not alone)"
SLOW = "crash or load or fuzz or slow or exhaustive"
# Set by tests/conftest.py on whatever asks for the service.
PROCESSES = "processes"
# The only folders where tests of the first two kinds are (tests/conftest.py insists): reading all files takes seconds.
TIMED = ("tests/race", "tests/acceptance/realtime")
PROCESSORS = max(os.cpu_count() or 2, 2)
# Tests that start processes mostly wait, for one to start or a lease to end; the others hardly ever wait.
WORKERS, QUICK_WORKERS = min(3 * PROCESSORS, 12), min(PROCESSORS + 1, 12)
LEAST_COVERAGE = 90
# The words of pytest's closing line, in its order; the first of them make the run a failure.
OUTCOMES = ("failed", "passed", "skipped", "deselected", "xfailed", "xpassed", "warning", "error", "rerun")


@dataclass
class Checks:
    """The steps that ran, for the table at the end."""

    rows: list[tuple[str, str, float]] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)
    failed: bool = False
    began: float = field(default_factory=time.monotonic)

    def step(self, name: str, *command: str) -> str:
        """Run one command in .venv, showing what it prints; returns that, too."""
        print(f"\n--- {name}", flush=True)
        start = time.monotonic()
        code, output = _show([sys.executable, "-m", *command])
        self._note(name, code, time.monotonic() - start)
        return output

    @contextmanager
    def beside(self, name: str, *command: str) -> Iterator[None]:
        """Run one command in .venv beside what the `with` block runs, which comes first where both want a processor."""
        with ThreadPoolExecutor(1) as thread:
            running = thread.submit(_run_quietly, [sys.executable, "-m", *command])
            yield
            code, output, seconds = running.result()
        print(f"\n--- {name}\n{output}", end="", flush=True)
        self._note(name, code, seconds)

    def _note(self, name: str, code: int, seconds: float) -> None:
        """Keep how a step ended."""
        self.rows.append((name, "FAILED" if code else "passed", seconds))
        self.failed |= code != 0

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
        total = time.monotonic() - self.began
        words = [f"{self.outcomes[word]} {word}" for word in OUTCOMES if self.outcomes[word] and word != "deselected"]
        closing = f" {', '.join(words) or 'no tests ran'} in {total:.2f}s "
        print(f"{closing:=^80}", flush=True)


def run(*, quick: bool) -> int:
    """Run every check, also after one has failed; returns 0 when all passed."""
    checks = Checks()
    checks.step("lint", "ruff", "check", ".")
    checks.step("format", "ruff", "format", "--check", ".")
    _pytest(checks, quick=quick)
    checks.report()
    return 1 if checks.failed else 0


def _pytest(checks: Checks, *, quick: bool) -> None:
    """First what must be alone, then races, then everything else side by side, which coverage counts; types beside it.

    In this order one process, not each of the workers, translates the test files of a fresh checkout to bytecode.
    """
    rounds = os.environ.get("RACE_ROUNDS")
    if quick:
        os.environ["RACE_ROUNDS"] = rounds or "1"
        # Races, too, are judged by how busy they find the machine, as everywhere but when they are alone.
        which = f"not ({SLOW}) and ({ALONE} or {RACES} or not {PROCESSES})"
        with checks.beside("types", "mypy"):
            _side_by_side(checks, "side by side", QUICK_WORKERS, which, "--unchecked")
        return
    checks.step("erase", "coverage", "erase")
    os.environ["RACE_ROUNDS"] = rounds or "20"
    checks.pytest("alone", "-q", "-m", ALONE, *TIMED, coverage=False)
    os.environ["RACE_ROUNDS"] = rounds or "3"
    _side_by_side(checks, "races", 2, RACES, *TIMED)
    with checks.beside("types", "mypy"):
        _side_by_side(checks, "side by side", WORKERS, f"not ({ALONE} or {RACES})", coverage=True)
    checks.step("combine", "coverage", "combine", "-q")
    checks.step("coverage", "coverage", "report", f"--fail-under={LEAST_COVERAGE}")


def _side_by_side(checks: Checks, name: str, workers: int, which: str, *more: str, coverage: bool = False) -> None:
    """Run the tests of these marks on so many workers, each file on one of them."""
    arguments = ("-q", "-n", str(workers), "--dist", "loadfile", "--no-loadscope-reorder", "-m", which, *more)
    checks.pytest(name, *arguments, coverage=coverage)


def _environment() -> dict[str, str]:
    """Ours, but for what keeps Python from writing bytecode: hundreds of processes would each translate everything."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def _run_quietly(command: list[str]) -> tuple[int, str, float]:
    """Run a command from the top of the checkout when nothing else wants to: its exit code, output and seconds."""
    start = time.monotonic()
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        os.setpriority(os.PRIO_PROCESS, process.pid, 10)
        output, _ = process.communicate()
    return process.returncode, output, time.monotonic() - start


def _show(command: list[str]) -> tuple[int, str]:
    """Run a command from the top of the checkout, passing on what it prints as it comes."""
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
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
