#!/usr/bin/env python3
"""Print events as they happen, one JSON object a line; after an interruption it goes on where it was.

Without arguments it watches the development set that `scripts/dev.py up` started, as its admin.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

try:
    import websocket
except ImportError:
    sys.exit("watch: The library websocket-client is missing; run this as .venv/bin/python scripts/watch.py.")

ROOT = Path(__file__).resolve().parent.parent
LONGEST_PAUSE = 10.0
#: the server pings every 25 seconds; a connection that is silent for much longer is dead
SILENCE = 60.0


class WatchError(Exception):
    """It cannot go on; the message is one sentence with the remedy."""


class Expired(WatchError):
    """The token is not valid any more."""


class Watch:
    """One client. `last` is the id of the last event printed, from where the next connection goes on.

    `renew` gives a fresh token when the one in use has expired; None when there is no other.
    """

    def __init__(
        self, url: str, token: str, topics: list[str] | None, last: str | None, renew: Callable[[], str] | None = None
    ) -> None:
        self.url, self.token, self.topics, self.last, self.renew = url, token, topics, last, renew

    def forever(self) -> None:
        """Print events and reconnect until interrupted. Raises WatchError when the server refuses for good."""
        pause = 0.5
        while True:
            began = time.monotonic()
            try:
                self.once()
            except Expired:
                if self.renew is None or time.monotonic() - began < 1:
                    raise
                self.token = self.renew()
                continue
            except (OSError, websocket.WebSocketException) as error:
                _say(f"{str(error) or type(error).__name__}; connecting again in {pause:.1f} s")
            pause = 0.5 if time.monotonic() - began > LONGEST_PAUSE else min(pause * 2, LONGEST_PAUSE)
            time.sleep(pause)

    def once(self) -> None:
        """Print the events of one connection. Raises WatchError, OSError, WebSocketException when it ends."""
        headers = {"Authorization": f"Bearer {self.token}"}
        try:
            socket = websocket.create_connection(self.url, header=headers, timeout=SILENCE)
        except websocket.WebSocketBadStatusException as refused:
            if refused.status_code not in (400, 401, 403, 404):
                raise
            raise (Expired if refused.status_code == 401 else WatchError)(_refusal(refused)) from None
        with contextlib.closing(socket):
            self._subscribe(socket)
            while True:
                self._take(self._receive(socket))

    def _subscribe(self, socket: websocket.WebSocket) -> None:
        data: dict[str, Any] = {}
        if self.topics:
            data["topics"] = self.topics
        if self.last is not None:
            data["after"] = self.last
        socket.send(json.dumps({"event": "subscribe", "data": data}))
        answer = self._receive(socket)
        if answer["event"] == "error":
            raise WatchError(f"The server refuses to subscribe: {answer['data'].get('detail')}")
        self.last = answer["data"]["position"]
        _say(f"watching {', '.join(answer['data']['topics'])} behind event {self.last}")

    def _take(self, frame: dict[str, Any]) -> None:
        if frame["event"] == "resync":
            self.last = frame["data"]["position"]
            _say("events were missed that the server does not repeat; read them over HTTP")
        elif "id" in frame:
            print(json.dumps(frame, ensure_ascii=False), flush=True)
            self.last = frame["id"]

    def _receive(self, socket: websocket.WebSocket) -> dict[str, Any]:
        while True:
            # Pings must be seen here, because they are what shows that a silent connection lives.
            opcode, data = socket.recv_data(control_frame=True)
            if opcode == websocket.ABNF.OPCODE_CLOSE:
                code, reason = int.from_bytes(data[:2], "big"), bytes(data[2:]).decode()
                if code == 4401:
                    raise Expired(f"The server closed: {reason}")
                raise websocket.WebSocketConnectionClosedException(f"the server closed with {code}: {reason}")
            if opcode == websocket.ABNF.OPCODE_TEXT:
                frame: dict[str, Any] = json.loads(data)
                return frame


def main(arguments: list[str] | None = None) -> int:
    """Watch until Ctrl-C; an error is one sentence and exit code 1."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", nargs="?", help="for instance ws://127.0.0.1:8001/ws")
    parser.add_argument("--token", help="an access token; also read from BOOKINGS_TOKEN, which keeps it out of `ps`")
    parser.add_argument("--topics", help="comma-separated: me, user:<id>, resource:<id>, all; default: what is yours")
    parser.add_argument("--after", metavar="ID", help="begin behind this event instead of now")
    parser.add_argument("--port", type=int, default=8000, help="which development set (default 8000)")
    try:
        _watch(parser.parse_args(arguments)).forever()
    except WatchError as error:
        print(f"watch: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0
    return 0


def _watch(options: argparse.Namespace) -> Watch:
    topics = options.topics.split(",") if options.topics else None
    token = options.token or os.environ.get("BOOKINGS_TOKEN")
    if options.url is None:
        status = _development_set(options.port)
        if token:
            return Watch(status["socketUrl"], token, topics, options.after)

        def renew() -> str:
            return str(_development_set(options.port)["tokens"]["admin"])

        return Watch(status["socketUrl"], status["tokens"]["admin"], topics or ["all"], options.after, renew)
    if not token:
        raise WatchError("Give an access token with --token or in BOOKINGS_TOKEN.")
    return Watch(options.url, token, topics, options.after)


def _development_set(port: int) -> dict[str, Any]:
    command = [sys.executable, str(ROOT / "scripts" / "dev.py"), "status", "--json", "--port", str(port)]
    asked = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        status: dict[str, Any] = json.loads(asked.stdout)
        if status["tokens"]["admin"]:
            return status
    except (ValueError, KeyError):
        pass
    raise WatchError("No development set is running; start one with scripts/dev.py up, or give a URL.")


def _refusal(refused: websocket.WebSocketBadStatusException) -> str:
    try:
        return f"The server refuses: {json.loads(refused.resp_body or b'')['detail']}"
    except (ValueError, KeyError, TypeError):
        return f"The server refuses with status {refused.status_code}."


def _say(text: str) -> None:
    print(f"watch: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
