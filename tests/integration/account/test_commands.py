"""scripts/create_admin.py and `python -m bookings token`, as an operator runs them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bookings.auth import Actor
from tests.factories import World
from tests.support.people import PASSWORD, Client, new_email

ROOT = Path(__file__).resolve().parents[3]


class Shell:
    """Runs Python programs of the repository with the app's settings."""

    def __init__(self, client: Client) -> None:
        settings = client.app.extensions["settings"]
        inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        self.env = inherited | {
            "APP_ENV": "test",
            "DATABASE_URL": settings.database_url,
            "REDIS_URL": settings.redis_url,
            "JWT_SECRET": settings.jwt_secret,
        }

    def run(self, *arguments: str, stdin: str = "", **env: str) -> subprocess.CompletedProcess[str]:
        """Run and wait."""
        command = [sys.executable, *arguments]
        return subprocess.run(
            command, cwd=ROOT, env=self.env | env, input=stdin, capture_output=True, text=True, timeout=60, check=False
        )

    def create_admin(self, *arguments: str, **rest: str) -> subprocess.CompletedProcess[str]:
        """Run scripts/create_admin.py."""
        return self.run("scripts/create_admin.py", *arguments, **rest)


@pytest.fixture
def shell(client: Client) -> Shell:
    """A shell with the app's settings."""
    return Shell(client)


def _refusal(result: subprocess.CompletedProcess[str]) -> str:
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1, result.stderr
    return result.stderr


@pytest.mark.slow
def test_an_admin_can_sign_in_at_once(shell: Shell, client: Client) -> None:
    email = new_email()
    result = shell.create_admin("--email", email.upper(), "--name", "Admin", "--password-stdin", stdin=PASSWORD + "\n")
    assert (result.returncode, result.stdout, result.stderr) == (0, f"{email} is an admin now.\n", "")
    assert client.login(email).get_json()["user"]["role"] == "admin"


@pytest.mark.slow
def test_a_password_can_be_made_up(shell: Shell, client: Client) -> None:
    email = new_email()
    lines = shell.create_admin("--email", email, "--generate").stdout.splitlines()
    assert client.login(email, lines[1].removeprefix("Password: ")).status_code == 200


@pytest.mark.slow
def test_running_again_changes_nothing(shell: Shell, client: Client) -> None:
    email = new_email()
    shell.create_admin("--email", email, "--password-stdin", stdin=PASSWORD)
    again = shell.create_admin("--email", email, "--password-stdin", stdin="a different, equally long one")
    assert (again.returncode, again.stdout) == (0, f"{email} is an admin already; nothing was changed.\n")
    assert client.login(email).status_code == 200


@pytest.mark.slow
def test_a_user_becomes_an_admin_only_when_asked(shell: Shell, client: Client) -> None:
    email = client.register()["user"]["email"]
    assert "add --promote" in _refusal(shell.create_admin("--email", email, "--generate"))
    assert client.login(email).get_json()["user"]["role"] == "customer"
    assert shell.create_admin("--email", email, "--promote").returncode == 0
    assert client.login(email).get_json()["user"]["role"] == "admin"


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments, stdin, sentence",
    [
        (["--email", "weak@example.com", "--password-stdin"], "short", "12 to 128 characters"),
        (["--email", "weak.but.long@example.com", "--password-stdin"], "weak.but.long@example.com", "e-mail address"),
        (["--email", "weak@example.com"], PASSWORD, "--password-stdin or --generate"),
        (["--email", "nobody", "--generate"], "", "is not an e-mail address"),
    ],
)
def test_refusals_are_one_sentence(shell: Shell, world: World, arguments: list[str], stdin: str, sentence: str) -> None:
    assert sentence in _refusal(shell.create_admin(*arguments, stdin=stdin))
    assert world.query("SELECT 1 FROM users WHERE email LIKE 'weak%%'") == []


@pytest.mark.slow
def test_an_unreachable_or_empty_database_is_said_in_one_sentence(shell: Shell, empty_database_url: str) -> None:
    arguments = ("--email", "a@example.com", "--generate")
    assert "scripts/migrate.py up" in _refusal(shell.create_admin(*arguments, DATABASE_URL=empty_database_url))
    nowhere = "postgresql://127.0.0.1:1/nowhere"
    assert "PostgreSQL answered" in _refusal(shell.create_admin(*arguments, DATABASE_URL=nowhere))
    assert "DATABASE_URL is not set" in _refusal(shell.create_admin(*arguments, DATABASE_URL=""))


@pytest.mark.slow
def test_a_token_for_development_is_all_that_is_printed(shell: Shell, client: Client, world: World) -> None:
    provider = world.user("provider")
    email = world.query("SELECT email FROM users WHERE id = %s", provider.id)[0]["email"]
    for user in (email.upper(), str(provider.id)):
        result = shell.run("-m", "bookings", "token", user)
        assert (result.returncode, result.stderr) == (0, "")
        actor, _ = client.app.extensions["tokens"].verify(result.stdout.strip())
        assert actor == Actor(provider.id, "provider")
    both = shell.run("-m", "bookings", "token", str(provider.id), str(world.user().id)).stdout.split()
    assert [client.app.extensions["tokens"].verify(one)[0].role for one in both] == ["provider", "customer"]


@pytest.mark.slow
def test_there_are_no_tokens_for_strangers_nor_in_production(shell: Shell, world: World) -> None:
    user = str(world.user().id)
    assert "There is no user" in _refusal(shell.run("-m", "bookings", "token", user, "nobody@example.com"))
    secret = "0123456789abcdefghijklmnopqrstuvwxyz"
    refused = shell.run("-m", "bookings", "token", user, APP_ENV="production", JWT_SECRET=secret)
    assert "not handed out in production" in _refusal(refused)
