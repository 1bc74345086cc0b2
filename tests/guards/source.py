"""The source of this repository as the guards read it: files and syntax trees, without running anything."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "bookings"


@cache
def package_files() -> tuple[Path, ...]:
    """Every Python file of the package."""
    return tuple(sorted(PACKAGE.rglob("*.py")))


@cache
def all_files() -> tuple[Path, ...]:
    """Every Python file that somebody maintains."""
    folders = ("bookings", "scripts", "tests", "deploy")
    return tuple(sorted([*(file for folder in folders for file in (ROOT / folder).rglob("*.py")), ROOT / "wsgi.py"]))


@cache
def tree(file: Path) -> ast.Module:
    """A file's syntax tree."""
    return ast.parse(file.read_text(), str(file))


@cache
def nodes(file: Path) -> tuple[ast.AST, ...]:
    """All nodes of a file's syntax tree; finding them takes longer than most guards."""
    return tuple(ast.walk(tree(file)))


def short(file: Path) -> str:
    """A path as people write it."""
    return file.relative_to(ROOT).as_posix()


def module_name(file: Path) -> str:
    """`bookings/booking/rules.py` as `bookings.booking.rules`, a package's `__init__.py` as the package."""
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def modules() -> dict[str, Path]:
    """The package's modules by name."""
    return {module_name(file): file for file in package_files()}


def imports(file: Path, *, at_start: bool = False) -> Iterator[str]:
    """The full names that a file imports: modules, and what is taken from them.

    With `at_start` only what is imported when the file is: not inside functions, not for type checking.
    """
    for node in _statements(tree(file)) if at_start else nodes(file):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def own_modules(names: Iterator[str]) -> set[str]:
    """The modules of this package among imported names (`bookings.clock.now` counts as `bookings.clock`)."""
    known = modules()
    found = {name if name in known else name.rpartition(".")[0] for name in names if name.startswith("bookings")}
    return found & known.keys()


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) or _is_type_checking(child):
            continue
        yield child
        yield from _statements(child)


def _is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
