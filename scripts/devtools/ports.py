"""Whether a port can be had, and who has it."""

from __future__ import annotations

import contextlib
import socket

import psutil

from devtools.embedded import SetupError


def check(port: int, *, instead: int) -> None:
    """Raise SetupError when somebody listens on `port`, naming whom, and what to give as --port `instead`."""
    with contextlib.closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise SetupError(
                f"Port {port} is in use{_holder(port)}; stop that, or choose other ports with --port {instead}."
            ) from None


def _holder(port: int) -> str:
    """Name the program that listens on a port, as far as we may know."""
    with contextlib.suppress(psutil.Error, OSError):
        for connection in psutil.net_connections("inet"):
            if connection.status == psutil.CONN_LISTEN and connection.pid and connection.laddr[1:] == (port,):
                return f" by {psutil.Process(connection.pid).name()} (process {connection.pid})"
    return ""
