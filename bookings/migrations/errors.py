"""The one kind of error an operator of migrations sees."""

from __future__ import annotations


class MigrationError(Exception):
    """A refusal or failure in one sentence that ends with the remedy; the command line prints it and exits with 1."""
