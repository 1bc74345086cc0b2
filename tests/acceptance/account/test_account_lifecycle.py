"""An account's life against the real processes, over the network."""

from __future__ import annotations

import http.client
import json
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import psutil

from bookings.config import PASSWORD_MEMORY
from tests.support.patience import REQUEST, soon
from tests.support.service import Service, ServiceOptions

SERVICE = ServiceOptions(
    processes=("web",),
    env={"SIGN_IN_RATE_LIMIT": "1000/minute", "WEB_WORKERS": "1", "PASSWORD_MEMORY": str(PASSWORD_MEMORY)},
)
PASSWORD = "correct horse battery staple"


def _call(service: Service, method: str, path: str, body: Any = None, token: str | None = None) -> tuple[int, Any]:
    connection = http.client.HTTPConnection(urlsplit(service.base_url).netloc, timeout=REQUEST)
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    try:
        connection.request(method, path, json.dumps(body) if body is not None else None, headers)
        answer = connection.getresponse()
        text = answer.read()
        return answer.status, json.loads(text) if text else None
    finally:
        connection.close()


def _register(service: Service, email: str) -> dict[str, Any]:
    body = {"email": email, "password": PASSWORD, "name": "Somebody"}
    status, session = _call(service, "POST", "/auth/register", body)
    assert status == 201, session
    return dict(session)


def test_from_registering_to_signing_out(service: Service) -> None:
    first = _register(service, "life@example.com")
    assert _call(service, "GET", "/me", token=first["accessToken"]) == (200, first["user"])
    status, second = _call(service, "POST", "/auth/refresh", {"refreshToken": first["refreshToken"]})
    assert status == 200
    login = {"email": "life@example.com", "password": PASSWORD}
    status, third = _call(service, "POST", "/auth/login", login)
    assert status == 200
    assert _call(service, "POST", "/auth/refresh", {"refreshToken": first["refreshToken"]})[0] == 401
    assert _call(service, "POST", "/auth/refresh", {"refreshToken": second["refreshToken"]})[0] == 401
    assert _call(service, "POST", "/auth/logout", {"refreshToken": third["refreshToken"]}) == (204, None)
    assert _call(service, "POST", "/auth/refresh", {"refreshToken": third["refreshToken"]})[0] == 401


def test_an_operator_makes_an_admin_who_makes_a_provider_bookable(service: Service) -> None:
    service.run("scripts/create_admin.py", "--email", "boss@example.com", "--generate")
    admin = service.token("boss@example.com")
    user = _register(service, "coach@example.com")["user"]
    assert _call(service, "PATCH", f"/users/{user['id']}/role", {"role": "provider"}, admin)[0] == 200
    status, resource = _call(service, "POST", "/resources", {"kind": "provider", "userId": user["id"]}, admin)
    assert (status, resource["id"]) == (201, user["id"])


def test_a_hundred_sign_ins_at_once_leave_memory_and_other_routes_alone(service: Service) -> None:
    session = _register(service, "busy@example.com")
    login = {"email": "busy@example.com", "password": PASSWORD}
    (worker,) = service.children("web")
    before, peak, slow = psutil.Process(worker).memory_info().rss, 0, 0.0
    with ThreadPoolExecutor(100) as pool:
        attempts = [pool.submit(_call, service, "POST", "/auth/login", login) for _ in range(100)]
        while not all(attempt.done() for attempt in attempts):
            peak = max(peak, psutil.Process(worker).memory_info().rss)
            began = time.monotonic()
            assert _call(service, "GET", "/me", token=session["accessToken"])[0] == 200
            slow = max(slow, time.monotonic() - began)
    statuses = Counter(attempt.result()[0] for attempt in attempts)
    assert statuses.keys() <= {200, 429}
    assert statuses[200] >= 4
    assert statuses[429] >= 50
    assert peak - before < 200 * 2**20
    assert slow < soon(5)
