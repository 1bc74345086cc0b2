#!/usr/bin/env python3
"""Create an admin: asks for the password, reads it from standard input, or makes one up and prints it.

Needs only DATABASE_URL. Running it again for an admin who exists changes nothing.
"""

from __future__ import annotations

import argparse
import getpass
import secrets
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import psycopg
from marshmallow import ValidationError

from bookings.account import service
from bookings.account.passwords import hash_password
from bookings.account.rules import password_fault
from bookings.account.schemas import EmailAddress
from bookings.config import ConfigurationError, database_url
from bookings.db import Tx


class Refused(Exception):
    """The admin is not created; the message is one sentence with the remedy."""


def main(arguments: list[str] | None = None) -> int:
    """Create the admin; 0 when there is one afterwards, 1 with one sentence otherwise."""
    options = _parser().parse_args(arguments)
    try:
        email = EmailAddress().deserialize(options.email)
        with psycopg.connect(database_url(), connect_timeout=5) as connection:
            return _run(Tx(connection), email, options)
    except ValidationError:
        return _refuse(f"{options.email!r} is not an e-mail address; give one such as admin@example.com.")
    except (Refused, ConfigurationError) as error:
        return _refuse(str(error))
    except psycopg.errors.UndefinedTable:
        return _refuse("The database has no tables yet; run scripts/migrate.py up first.")
    except psycopg.Error as error:
        return _refuse(f"PostgreSQL answered {' '.join(str(error).split())!r}: see to that and run again.")
    except KeyboardInterrupt:
        return _refuse("Interrupted; nothing was changed.")


def _run(tx: Tx, email: str, options: argparse.Namespace) -> int:
    known = service.find_by_email(tx, email=email)
    if known is None:
        return _create(tx, email, options)
    if known["role"] == "admin":
        print(f"{email} is an admin already; nothing was changed.")
        return 0
    if not options.promote:
        raise Refused(f"{email} is a {known['role']}; add --promote to make them an admin.")
    service.promote(tx, user_id=known["id"])
    print(f"{email} is an admin now, from the next sign-in or refresh; the password is as before.")
    return 0


def _create(tx: Tx, email: str, options: argparse.Namespace) -> int:
    password = _password(options)
    if fault := password_fault(password, email):
        raise Refused(f"{fault} Choose another, or use --generate.")
    service.create_admin(tx, email=email, name=options.name, password_hash=hash_password(password))
    print(f"{email} is an admin now.")
    if options.generate:
        print(f"Password: {password}")
    return 0


def _password(options: argparse.Namespace) -> str:
    if options.generate:
        return secrets.token_urlsafe(18)
    if options.password_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise Refused("There is no terminal to ask for the password on; use --password-stdin or --generate.")
    password = getpass.getpass("Password: ")
    if getpass.getpass("Again: ") != password:
        raise Refused("The two passwords differ; run again.")
    return password


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--email", required=True, help="what they sign in with")
    parser.add_argument("--name", default="Admin", type=_name, help="what others see (default: %(default)s)")
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--password-stdin", action="store_true", help="read the password from standard input")
    source.add_argument("--generate", action="store_true", help="make a password up and print it once")
    parser.add_argument("--promote", action="store_true", help="make a user who exists an admin")
    return parser


def _name(text: str) -> str:
    if not 1 <= len(text.strip()) <= 200:
        raise argparse.ArgumentTypeError("must have 1 to 200 characters")
    return text.strip()


def _refuse(sentence: str) -> int:
    print(f"create_admin: {sentence}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
