"""The logs of all processes, as an operator's collector sees them."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from datetime import UTC, datetime
from uuid import uuid4

from bookings.config import Settings
from bookings.notification import unsubscribe
from tests.conftest import StartService
from tests.support.service import ServiceOptions

SECRET = "Tr0ub4dor-and-3-more-words"


def test_every_line_of_every_process_is_json(start_service: StartService) -> None:
    """From the first line to the last, with time, level, logger and message, and without secrets."""
    service = start_service(ServiceOptions(env={"LOG_LEVEL": "DEBUG"}))
    body = json.dumps({"email": "person@example.org", "password": SECRET, "name": "Somebody"}).encode()
    headers = {"Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(f"{service.base_url}/auth/register", body, headers)) as answer:
        session = json.load(answer)
    wrong = urllib.request.Request(f"{service.base_url}/me", headers={"Authorization": f"Bearer {SECRET}"})
    try:
        urllib.request.urlopen(wrong)
    except urllib.error.HTTPError as refused:
        refused.close()
    urllib.request.urlopen(f"{service.base_url}/health?password={SECRET}").close()
    link = unsubscribe.link(Settings.from_env(service.env), uuid4(), "reminder").rpartition("/")[2]
    for token in (link, link.removeprefix("bku_")):
        try:
            urllib.request.urlopen(f"{service.base_url}/unsubscribe/{token}")
        except urllib.error.HTTPError as nobody:
            nobody.close()
    service.stop()
    for name in service.processes:
        text = service.log_text(name)
        for line in text.splitlines():
            assert line.startswith("{"), f"{name} wrote to its log past the logging:\n{text[-3000:]}"
            document = json.loads(line)
            assert document.keys() >= {"time", "level", "logger", "message"}, line
            assert datetime.fromisoformat(document["time"]).tzinfo == UTC
        for secret in (
            SECRET,
            session["accessToken"],
            session["refreshToken"],
            service.env["JWT_SECRET"],
            *link.split("."),
        ):
            assert secret not in text, f"{name} has logged a secret"
    assert '"path":"/auth/register","status":201' in service.log_text("web")
