"""House rules that a linter does not know."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tests.guards.source import ROOT, all_files, nodes, package_files, short, tree

LONGEST_FILE = 400
LONGEST_FUNCTION = 60
BROAD = {"Exception", "BaseException"}


def test_files_and_functions_stay_small() -> None:
    """Files up to 400 lines, functions up to 60: what grows past that wants a name of its own."""
    grown = [f"{short(file)} ({lines} lines)" for file, lines in _lengths() if lines > LONGEST_FILE]
    for file in all_files():
        for node in nodes(file):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > LONGEST_FUNCTION:
                    grown.append(f"{short(file)}: {node.name} ({length} lines)")
    assert not grown


def _lengths() -> list[tuple[Path, int]]:
    return [(file, len(file.read_text().splitlines())) for file in all_files()]


def test_nothing_is_swallowed() -> None:
    """No broad except that does nothing."""
    found = [
        f"{short(file)}:{node.lineno}"
        for file in all_files()
        for node in nodes(file)
        if isinstance(node, ast.ExceptHandler) and _is_broad(node) and _is_silent(node)
    ]
    assert not found


def _is_broad(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    return any(isinstance(name, ast.Name) and name.id in BROAD for name in ast.walk(handler.type))


def _is_silent(handler: ast.ExceptHandler) -> bool:
    return all(isinstance(line, ast.Pass | ast.Continue) or _is_docstring(line) for line in handler.body)


def test_modules_say_what_they_are() -> None:
    """Each module of the package has a docstring and defers annotations."""
    silent = [short(file) for file in package_files() if not ast.get_docstring(tree(file))]
    assert not silent
    eager = [short(file) for file in package_files() if len(tree(file).body) > 1 and not _defers(tree(file))]
    assert not eager, "from __future__ import annotations"


def _defers(module: ast.Module) -> bool:
    return any(isinstance(node, ast.ImportFrom) and node.module == "__future__" for node in module.body)


def test_the_clock_has_one_source() -> None:
    """Rules and services take "now" from bookings/clock.py, so that tests can travel."""
    asks = re.compile(r"datetime\.(now|utcnow|today)\(|date\.today\(")
    free = {"bookings/clock.py", "bookings/log.py"}  # a log line is about real time
    found = [short(file) for file in package_files() if short(file) not in free and asks.search(file.read_text())]
    assert not found


def test_nothing_in_the_repository_names_this_machine() -> None:
    """No path of a machine, no secret, in anything that is committed as text."""
    machine = re.compile(r"/(work|root|home/\w+)/")
    for file in [*all_files(), *(ROOT / "docs").rglob("*.md"), ROOT / "setup.cfg", ROOT / ".env.example"]:
        found = machine.search(file.read_text())
        assert not found, f"{short(file)} holds {found[0]!r}" if found else ""


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
