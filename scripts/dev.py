#!/usr/bin/env python3
"""Run Bookings on this machine: everything it needs is installed into .venv and kept under .data.

    python3 scripts/dev.py up          start everything, show the logs, stop with Ctrl-C
    python3 scripts/dev.py test        run every check

Only Python 3.11 or newer with its venv module is needed. A set of processes uses five ports: web PORT, sockets PORT+1,
PostgreSQL PORT+2, Valkey PORT+3, mail PORT+4; --port moves the whole set, so that several can run side by side.
If DATABASE_URL, REDIS_URL or SMTP_HOST is set, that server is used and none is embedded. The embedded mail server keeps
every mail as a file and sends none.
"""

import argparse
import signal
import sys

if sys.version_info < (3, 11):  # noqa: UP036 (said before an older Python meets what it cannot read)
    sys.exit(f"Bookings needs Python 3.11 or newer and this is {sys.version.split()[0]}; run this with python3.11.")

from devtools import environment
from devtools.embedded import SetupError


def parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    top = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    port = argparse.ArgumentParser(add_help=False)
    port.add_argument("--port", type=_port, default=8000, help="the first of the set's five ports (default 8000)")

    up = commands.add_parser("up", parents=[port], help="start everything; again: say that it runs")
    up.add_argument("--detach", "-d", action="store_true", help="return when it is ready, instead of showing the logs")
    down = commands.add_parser("down", parents=[port], help="stop everything")
    down.add_argument("--wipe", action="store_true", help="forget the data, the logs and the secrets, too")
    restart = commands.add_parser("restart", parents=[port], help="restart one process, or the service's own four")
    restart.add_argument("name", nargs="?", help="postgres, redis, mail, web, sockets, worker or relay")
    status = commands.add_parser("status", parents=[port], help="processes, addresses and fresh tokens")
    status.add_argument("--json", action="store_true", help="the same for scripts")
    logs = commands.add_parser("logs", parents=[port], help="the end of the logs")
    logs.add_argument("names", nargs="*", metavar="name", help="of these processes only")
    logs.add_argument("--follow", "-f", action="store_true", help="and what is added, until Ctrl-C")
    test = commands.add_parser("test", help="lint, types and all tests, on databases of their own")
    test.add_argument("--quick", action="store_true", help="races and what needs no process of the service")
    return top


def _port(text: str) -> int:
    port = int(text)
    if not 1024 <= port <= 65531:
        raise argparse.ArgumentTypeError("choose a port from 1024 to 65531")
    return port


def run(arguments: argparse.Namespace) -> int:
    """Carry out one command, inside .venv."""
    from devtools import commands, tests  # they need what .venv has

    actions = {
        "up": lambda: commands.up(arguments.port, detach=arguments.detach),
        "down": lambda: commands.down(arguments.port, wipe=arguments.wipe),
        "restart": lambda: commands.restart(arguments.port, arguments.name),
        "status": lambda: commands.status(arguments.port, as_json=arguments.json),
        "logs": lambda: commands.show_logs(arguments.port, arguments.names, follow=arguments.follow),
        "test": lambda: tests.run(quick=arguments.quick),
    }
    return actions[arguments.command]()


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def main() -> int:
    """Read the command line and run it; what goes wrong on this machine is said in one sentence."""
    arguments = parser().parse_args()
    for name in (signal.SIGTERM, signal.SIGHUP):  # a closed terminal stops what Ctrl-C would stop
        signal.signal(name, _interrupt)
    try:
        environment.enter()
        return run(arguments)
    except SetupError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # `dev.py logs | head`
        return 0


if __name__ == "__main__":
    sys.exit(main())
