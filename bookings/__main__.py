"""`python -m bookings …`: the processes beside gunicorn, and small tools for development."""

from __future__ import annotations

import argparse
import sys

from bookings import log
from bookings.config import ConfigurationError, Settings


def main(arguments: list[str] | None = None) -> int:
    """Run one subcommand; an operator's mistake becomes one sentence and exit code 1."""
    parser = argparse.ArgumentParser(prog="python -m bookings", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("worker", help="deliver reminders and run jobs (a Huey consumer)")
    commands.add_parser("relay", help="publish events in order; several may run, one is active")
    token = commands.add_parser("token", help="print access tokens for users, a line each, for development")
    token.add_argument("users", nargs="+", metavar="USER", help="e-mail address or id")
    skip = commands.add_parser("skip-event", help="leave out an event that a consumer cannot get past")
    skip.add_argument("consumer", help="its name, as in GET /jobs/health")
    skip.add_argument("position", type=int, help="the event's position: its failingPosition")
    options = parser.parse_args(arguments)
    try:
        settings = Settings.from_env()
        if options.command == "worker":
            from bookings.worker import run
        elif options.command == "relay":
            from bookings.event.relay import run
        elif options.command == "skip-event":
            from bookings.event.commands import skip_event

            log.configure(settings.log_level)
            return skip_event(settings, options.consumer, options.position)
        else:
            from bookings.account.commands import print_tokens

            return print_tokens(settings, options.users)
        log.configure(settings.log_level)
        return run(settings)
    except ConfigurationError as error:
        print(f"bookings: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
