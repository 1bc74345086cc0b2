"""Split SQL text into statements the way psql does, so that a file can be judged before the server sees it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bookings.migrations.errors import MigrationError

Statement = list[str]

_TOKEN = re.compile(
    r"""
      (?P<skip>    \s+ | --[^\n]* )
    | (?P<comment> /\* )
    | (?P<string>  [eE]'(?:[^'\\]|\\.|'')*' | '(?:[^']|'')*' )
    | (?P<name>    "(?:[^"]|"")*" )
    | (?P<dollar>  (?P<tag>\$(?:[^\W\d]\w*)?\$).*?(?P=tag) )
    | (?P<word>    [^\W\d][\w$]* )
    | (?P<other>   [^'"] )
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMENT_EDGE = re.compile(r"/\*|\*/")


def split(sql: str) -> list[Statement]:
    """Return each statement of `sql` as its list of tokens, without comments, blank statements and semicolons.

    Semicolons in strings, quoted names, dollar quotes, comments, parentheses and BEGIN ATOMIC … END do not count.
    Raises MigrationError when a string, quoted name or comment never ends.
    """
    found: list[Statement] = [[]]
    parentheses = atomic = 0
    for piece in _tokens(sql):
        if piece == ";" and parentheses <= 0 and atomic == 0:
            found.append([])
            continue
        parentheses += (piece == "(") - (piece == ")")
        atomic += _atomic_step(piece.upper(), found[-1], atomic)
        found[-1].append(piece)
    return [statement for statement in found if statement]


def _atomic_step(word: str, before: Statement, depth: int) -> int:
    """How `word` changes the nesting of an SQL-standard function body, where CASE … END nests too."""
    if word == "ATOMIC" and before and before[-1].upper() == "BEGIN":
        return 1
    if depth == 0:
        return 0
    return (word == "CASE") - (word == "END")


def _tokens(sql: str) -> Iterator[str]:
    position = 0
    while position < len(sql):
        match = _TOKEN.match(sql, position)
        if match is None:
            line = sql.count("\n", 0, position) + 1
            raise MigrationError(f"line {line} opens a quote that never ends: close it.")
        position = match.end()
        if match.lastgroup == "comment":
            position = _end_of_comment(sql, match.start())
        elif match.lastgroup != "skip":
            yield match.group()


def _end_of_comment(sql: str, start: int) -> int:
    """Comments nest in PostgreSQL, which no regular expression can follow."""
    depth = 0
    for edge in _COMMENT_EDGE.finditer(sql, start):
        depth += 1 if edge.group() == "/*" else -1
        if depth == 0:
            return edge.end()
    line = sql.count("\n", 0, start) + 1
    raise MigrationError(f"line {line} opens a comment that never ends: close it.")
