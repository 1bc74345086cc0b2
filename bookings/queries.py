"""The loader of named SQL: `sql/queries/<domain>.sql` becomes an object with one attribute a query. What fills more
than a file goes on in `<domain>.<subject>.sql`, and may use the fragments of the first.

A file is a series of blocks. Each starts with `-- name: <name>` (a query) or `-- fragment: <name>` (text that later
blocks include as `{name}`, those of other files as `{domain.name}`), followed by at least one comment line that says
why it is there.
"""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import LiteralString

DIRECTORY = Path(__file__).resolve().parent.parent / "sql" / "queries"
_HEADER = re.compile(r"^-- (name|fragment): ([a-z][a-z0-9_]*)$")
_INCLUDE = re.compile(r"\{(?:([a-z_]+)\.)?([a-z][a-z0-9_]*)\}")


class QueryFileError(Exception):
    """A file of queries breaks the rules above; start-up stops here instead of at the first request."""


class Queries:
    """The queries of one domain, as attributes. Each begins with a comment that names it in logs and statistics."""

    def __init__(self, domain: str, texts: dict[str, LiteralString]) -> None:
        self.domain = domain
        self.texts = texts

    def __getattr__(self, name: str) -> LiteralString:
        try:
            return self.texts[name]
        except KeyError:
            raise AttributeError(f"sql/queries/{self.domain}.sql has no query {name!r}") from None


def load(domain: str, directory: Path = DIRECTORY) -> Queries:
    """Read the queries of one domain. Raises QueryFileError when a block is nameless, doubled, empty or unexplained."""
    texts, _ = _read(domain, directory)
    return Queries(domain, {name: f"/* {domain}.{name} */ {text}" for name, text in texts.items()})


# Some sixty modules load the same few domains, and domains include each other's fragments.
@functools.cache
def _read(domain: str, directory: Path) -> tuple[dict[str, str], dict[str, str]]:
    texts: dict[str, str] = {}
    fragments: dict[str, str] = {}
    for path in (directory / f"{domain}.sql", *sorted(directory.glob(f"{domain}.*.sql"))):
        for kind, name, body in _blocks(path):
            if name in texts or name in fragments:
                raise QueryFileError(f"{path.name}: {name} is defined twice")
            (fragments if kind == "fragment" else texts)[name] = _include(body, fragments, path, name)
    return texts, fragments


def _blocks(path: Path) -> list[tuple[str, str, str]]:
    blocks: list[tuple[str, str, list[str]]] = []
    for line in path.read_text().splitlines():
        header = _HEADER.match(line)
        if header:
            blocks.append((header[1], header[2], []))
        elif line.startswith(("-- name", "-- fragment", "--name")):
            raise QueryFileError(f"{path.name}: cannot read the header {line!r}")
        elif blocks:
            blocks[-1][2].append(line)
        elif line.strip() and not line.startswith("--"):
            raise QueryFileError(f"{path.name}: {line!r} stands before the first name")
    return [(kind, name, _body(lines, path, name)) for kind, name, lines in blocks]


def _body(lines: list[str], path: Path, name: str) -> str:
    if not lines or not lines[0].startswith("-- "):
        raise QueryFileError(f"{path.name}: {name} needs a comment line that says why it is there")
    statement = "\n".join(line for line in lines if not line.lstrip().startswith("--")).strip().rstrip(";")
    if not statement:
        raise QueryFileError(f"{path.name}: {name} is empty")
    return statement


def _include(body: str, fragments: dict[str, str], path: Path, name: str) -> str:
    def text_of(match: re.Match[str]) -> str:
        known = _read(match[1], _home_of(match[1], path.parent))[1] if match[1] else fragments
        try:
            return known[match[2]]
        except KeyError:
            raise QueryFileError(f"{path.name}: {name} includes the unknown fragment {match[0]}") from None

    return _INCLUDE.sub(text_of, body)


def _home_of(domain: str, directory: Path) -> Path:
    """Where a domain's fragments are: beside the file that includes them, or with the service's own queries."""
    return directory if (directory / f"{domain}.sql").exists() else DIRECTORY
