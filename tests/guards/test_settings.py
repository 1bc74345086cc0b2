"""Settings: read in one place, and each one explained where people look."""

from __future__ import annotations

import ast
import re
from dataclasses import fields

from bookings.config import Settings
from tests.guards.source import ROOT, nodes, package_files, short

NAMES = {field.name.upper() for field in fields(Settings)}
NEEDED = {"DATABASE_URL": "x", "REDIS_URL": "x", "JWT_SECRET": "0123456789abcdefghijklmnopqrstuvwxyz"}
#: not ours, but something that reads the environment by itself wants them set
FOREIGN = {"PROMETHEUS_MULTIPROC_DIR"}
#: what Docker Compose and docker-compose.yml read; the service does not
COMPOSE = {"COMPOSE_PROFILES", "POSTGRES_PASSWORD", "CONTAINER_DATABASE_URL", "HTTP_PORT"}


def test_only_config_reads_the_environment() -> None:
    """Everything else is given Settings. (Writing a variable for a library is not reading.)"""
    for file in package_files():
        if short(file) == "bookings/config.py":
            continue
        written = {
            target.value
            for node in nodes(file)
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Subscript)
        }
        for node in nodes(file):
            if not isinstance(node, ast.Attribute) or node.attr not in ("environ", "getenv") or node in written:
                continue
            assert ast.unparse(node).startswith(("request.", "asked.", "state.")), (
                f"{short(file)}:{node.lineno} reads the environment; add a setting to bookings/config.py"
            )


def test_env_example_has_every_setting_once() -> None:
    """`.env.example` explains each setting, in use or commented out."""
    names = re.findall(r"^#? ?([A-Z][A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.M)
    assert sorted(names) == sorted(NAMES | FOREIGN | COMPOSE)


def test_env_example_has_what_compose_asks_for() -> None:
    """No variable of docker-compose.yml is left to be guessed."""
    names = set(re.findall(r"\$\{([A-Z_]+)", (ROOT / "docker-compose.yml").read_text()))
    assert names - NAMES == COMPOSE - {"COMPOSE_PROFILES"}


def test_the_docs_have_every_setting_once() -> None:
    """The table in docs/settings.md has a row for each setting, with its default."""
    rows = re.findall(r"^\| `([A-Z0-9_]+)` \| (.+?) \|", (ROOT / "docs" / "settings.md").read_text(), re.M)
    assert sorted(name for name, _ in rows) == sorted(NAMES | FOREIGN)


def test_env_example_is_a_valid_environment() -> None:
    """Copied as it stands, it starts the service in development."""
    text = (ROOT / ".env.example").read_text()
    settings = Settings.from_env(dict(re.findall(r"^([A-Z][A-Z0-9_]+)=(.*)$", text, re.M)))
    assert settings.app_env == "development"


def test_docs_give_the_true_defaults() -> None:
    """The defaults in docs/settings.md are those of the code."""
    rows = dict(re.findall(r"^\| `([A-Z0-9_]+)` \| (.+?) \|", (ROOT / "docs" / "settings.md").read_text(), re.M))
    for field in fields(Settings):
        told = rows[field.name.upper()].strip().strip("`")
        if told == "required":
            assert field.default == ""
            continue
        given = {field.name.upper(): "" if told == "none" else told}
        assert getattr(Settings.from_env(NEEDED | given), field.name) == field.default, field.name
