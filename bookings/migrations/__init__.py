"""Forward-only SQL migrations: files in sql/migrations, the table schema_migrations, and the runner between them.

Owns the table schema_migrations and the file sql/schema.sql. docs/migrations.md is the operator's page.
"""

from __future__ import annotations

from bookings.migrations.errors import MigrationError
from bookings.migrations.files import expected_version
from bookings.migrations.ledger import applied_version
from bookings.migrations.runner import upgrade

__all__ = ["MigrationError", "applied_version", "expected_version", "upgrade"]
