"""deploy/nginx/nginx.conf in a real nginx, in front of the real processes and of servers that misbehave."""

from __future__ import annotations

import contextlib
import http.client
import http.server
import json
import socket
import struct
import threading
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from tests.support.nginx import PROGRAM, RESOLVES, nginx, version
from tests.support.patience import REQUEST, soon
from tests.support.servers import free_port, make_folder, wait_until
from tests.support.service import Service, ServiceOptions

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="nginx is not installed: run apt-get install nginx-light")
SERVICE = ServiceOptions(env={"TRUSTED_PROXIES": "1"}, processes=("web", "sockets"))


@pytest.fixture(scope="module")
def proxy(service: Service) -> Iterator[str]:
    """The address of an nginx in front of the service."""
    with nginx(service.web_port, service.sockets_port) as url:
        yield url


def ask(
    base: str, method: str, path: str, body: bytes | None = None, **headers: str
) -> tuple[int, http.client.HTTPMessage, bytes]:
    """Send one request; returns status, headers and body."""
    connection = http.client.HTTPConnection(urlsplit(base).netloc, timeout=REQUEST)
    with contextlib.closing(connection):
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()


def problem(answer: tuple[int, http.client.HTTPMessage, bytes]) -> dict[str, object]:
    """Check that an answer is a problem document (RFC 9457) of its own status; returns it."""
    status, headers, body = answer
    assert headers["Content-Type"].split(";")[0] == "application/problem+json"
    document: dict[str, object] = json.loads(body)
    assert document["status"] == status
    assert {"type", "title", "detail", "code", "requestId"} <= document.keys()
    assert document["requestId"] == headers["X-Request-Id"]
    return document


def test_health_is_passed_on(proxy: str) -> None:
    assert ask(proxy, "GET", "/health")[0] == 200


def test_api_prefix_is_stripped_and_the_request_id_comes_back(proxy: str) -> None:
    answer = ask(proxy, "GET", "/api/bookings", X_Request_Id="from-the-client")
    assert answer[0] == 401
    assert problem(answer)["requestId"] == "from-the-client"


def test_an_unacceptable_request_id_is_replaced(proxy: str) -> None:
    assert "<" not in str(problem(ask(proxy, "GET", "/api/bookings", X_Request_Id="<script>"))["requestId"])


def test_location_headers_keep_the_prefix(proxy: str, service: Service) -> None:
    service.run("scripts/seed.py")
    body = {"kind": "workspace", "name": "Through the proxy", "timeZone": "Europe/Berlin", "capacity": 1}
    headers = {"Content_Type": "application/json", "Authorization": f"Bearer {service.token('admin@example.com')}"}
    status, answer, text = ask(proxy, "POST", "/api/resources", json.dumps(body).encode(), **headers)
    assert status == 201, text
    assert answer["Location"].startswith("/api/resources/")
    assert ask(proxy, "GET", answer["Location"], Authorization=headers["Authorization"])[0] == 200


@pytest.mark.parametrize("path", ["/", "/bookings", "/api/metrics", "/nothing"])
def test_what_is_not_public_is_not_found(proxy: str, path: str) -> None:
    assert problem(ask(proxy, "GET", path))["code"] == "not-found"


def test_a_body_over_64_kib_is_refused_by_nginx_in_the_shape_of_the_service(proxy: str, service: Service) -> None:
    answer = ask(proxy, "POST", "/api/auth/login", b" " * (64 * 1024 + 1), X_Request_Id="too-large")
    assert problem(answer)["code"] == "body-too-large"
    assert "too-large" not in service.log_text("web"), "it reached the service, which refuses it, too"


def test_a_notice_of_a_gateway_may_have_a_mebibyte(proxy: str) -> None:
    path = "/api/webhooks/payments/manual"
    for size, code in ((1024 * 1024, "notice-refused"), (1024 * 1024 + 1, "body-too-large")):
        assert problem(ask(proxy, "POST", path, b" " * size))["code"] == code


def test_half_sent_headers_are_given_five_seconds(proxy: str) -> None:
    with socket.create_connection(("127.0.0.1", urlsplit(proxy).port or 0), timeout=REQUEST) as slow:
        start = time.monotonic()
        slow.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n")
        with contextlib.suppress(ConnectionResetError):
            while slow.recv(4096):
                pass
        assert 4 < time.monotonic() - start < soon(9)


def test_sockets_are_upgraded_without_compression(proxy: str, service: Service) -> None:
    service.run("scripts/seed.py")
    token = service.token("customer@example.com")
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec_WebSocket_Version": "13",
        "Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec_WebSocket_Extensions": "permessage-deflate",
        "Authorization": f"Bearer {token}",
    }
    connection = http.client.HTTPConnection(urlsplit(proxy).netloc, timeout=REQUEST)
    with contextlib.closing(connection):
        connection.request("GET", "/ws", headers={name.replace("_", "-"): value for name, value in upgrade.items()})
        answer = connection.getresponse()
        assert answer.status == 101
        assert answer.headers["Sec-WebSocket-Accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        assert answer.headers["Sec-WebSocket-Extensions"] is None


def test_what_a_client_claims_is_not_passed_on() -> None:
    """Neither an address of its choice nor compression, which the service refuses by itself, too."""
    claims = {
        "X_Forwarded_For": "10.1.1.1",
        "X_Forwarded_Proto": "https",
        "Sec_WebSocket_Extensions": "permessage-deflate",
    }
    with breaking_server() as (broken, received), nginx(free_port(), broken) as url:
        ask(url, "GET", "/ws", None, Connection="Upgrade", Upgrade="websocket", **claims)
    request = received[0].decode().lower()
    assert "x-forwarded-for: 127.0.0.1\r\n" in request
    assert "x-forwarded-proto: http\r\n" in request
    assert "upgrade: websocket\r\n" in request
    assert "sec-websocket-extensions" not in request


@pytest.mark.crash
def test_a_dead_service_answers_a_problem_and_comes_back(proxy: str, service: Service) -> None:
    service.kill("web")
    answer = ask(proxy, "GET", "/api/bookings")
    assert problem(answer)["code"] == "unavailable"
    assert (answer[0], answer[1]["Retry-After"]) == (503, "1")
    service.start("web")
    time.sleep(1)
    assert ask(proxy, "GET", "/health")[0] == 200


def test_what_nobody_answered_is_logged_without_its_secret() -> None:
    """Here alone: the service never saw it. The error log writes request lines as they are, so it has none of these."""
    folder = make_folder()
    secrets = ["bkc_0123456789abcdef", "bku_0123456789abcdef", "bkt_0123456789abcdef", "0123456789abcdef"]
    paths = [
        "/api/calendar/bkc_0123456789abcdef.ics",
        "/api/unsubscribe/bku_0123456789abcdef",
        "/ws?ticket=bkt_0123456789abcdef",
    ]
    with breaking_server() as (broken, _), nginx(free_port(), broken, folder=folder) as url:
        for path in [*paths, "/calendar/bkc_0123456789abcdef.ics", "/api/bookings"]:
            assert problem(ask(url, "GET", path))["status"] in (404, 503)
    lines = [json.loads(line) for line in (folder / "access.log").read_text().splitlines()]
    assert [(line["path"], line["status"]) for line in lines] == [
        ("/api/calendar/[redacted]", 503),
        ("/api/unsubscribe/[redacted]", 503),
        ("/ws", 503),
        ("/calendar/[redacted]", 404),
        ("/api/bookings", 503),
    ]
    errors = (folder / "error.log").read_text()
    assert "/api/bookings" in errors
    assert not [secret for secret in secrets if secret in errors]


@pytest.mark.slow
def test_what_the_service_answered_is_logged_by_it_alone() -> None:
    folder = make_folder()
    with good_server() as (good, _), nginx(good, free_port(), folder=folder) as url:
        for path in ("/api/calendar/bkc_0123456789abcdef.ics", "/api/bookings", "/health"):
            assert ask(url, "GET", path)[0] == 200
    assert (folder / "access.log").read_text() == ""


def test_calendars_and_links_of_mails_reach_the_service_as_everything_else(proxy: str) -> None:
    """They have locations of their own, for the logs alone."""
    answers = [ask(proxy, "GET", path) for path in ("/api/calendar/nothing.ics", "/api/unsubscribe/nothing")]
    assert [problem(answer)["code"] for answer in answers] == ["not-found", "not-found"]
    assert "API is under" not in str([problem(answer)["detail"] for answer in answers])
    with breaking_server() as (broken, received), nginx(broken, free_port()) as url:
        ask(url, "GET", "/api/calendar/nothing.ics", X_Forwarded_For="10.1.1.1")
    request = received[0].decode().lower()
    assert request.startswith("get /calendar/nothing.ics http/1.1\r\n")
    assert {"x-forwarded-prefix: /api", "x-forwarded-for: 127.0.0.1"} <= set(request.split("\r\n"))


@pytest.mark.skipif(version() < RESOLVES, reason="needs nginx 1.27.3, as the deployed one; TEST_NGINX may name it")
def test_a_service_that_comes_back_at_another_address_is_found() -> None:
    """As a container that was made anew; nginx is not restarted."""
    with (
        good_server() as (port, _),
        good_server("127.0.0.2", port) as (_, methods),
        names({"web": "127.0.0.1"}) as (resolver, addresses),
        nginx(port, free_port(), resolver=resolver) as url,
    ):
        wait_until(lambda: ask(url, "GET", "/health")[0] == 200, "the first address")
        assert methods == []
        addresses["web"] = "127.0.0.2"
        wait_until(lambda: ask(url, "GET", "/health")[0] == 200 and bool(methods), "the second address")


@contextlib.contextmanager
def names(addresses: dict[str, str]) -> Iterator[tuple[int, dict[str, str]]]:
    """A DNS server (RFC 1035) that knows these IPv4 addresses; yields its port and the addresses, which may change."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(0.1)
        ended = threading.Event()

        def serve() -> None:
            while not ended.is_set():
                with contextlib.suppress(TimeoutError):
                    query, client = server.recvfrom(512)
                    end = query.index(0, 12) + 5  # the name, its type and class
                    address = addresses.get(query[13 : 13 + query[12]].decode())
                    head = query[:2] + struct.pack(">HHHHH", 0x8180 if address else 0x8183, 1, bool(address), 0, 0)
                    found = struct.pack(">HHHIH", 0xC00C, 1, 1, 1, 4) + socket.inet_aton(address) if address else b""
                    server.sendto(head + query[12:end] + found, client)

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1], addresses
        ended.set()
        thread.join()


@contextlib.contextmanager
def breaking_server() -> Iterator[tuple[int, list[bytes]]]:
    """A server that reads a request and then breaks the connection, as one that is killed; yields port and requests."""
    requests: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                requests.append(connection.recv(65536))
                connection.close()

    thread = threading.Thread(target=serve)
    thread.start()
    yield listener.getsockname()[1], requests
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()


@contextlib.contextmanager
def good_server(address: str = "127.0.0.1", port: int = 0) -> Iterator[tuple[int, list[str]]]:
    """A server that answers 200; yields its port and the methods it was asked with."""
    methods: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            methods.append(self.command)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer((address, port), Handler)
    threading.Thread(target=server.serve_forever).start()
    yield server.server_address[1], methods
    server.shutdown()
    server.server_close()


@pytest.mark.slow
@pytest.mark.parametrize("method, expected", [("GET", 200), ("POST", 503)])
def test_only_a_harmless_request_is_repeated_on_another_server(method: str, expected: int) -> None:
    """A POST that may have been carried out must not be sent twice; the client repeats it with its Idempotency-Key."""
    with (
        breaking_server() as (broken, received),
        good_server() as (good, methods),
        nginx(broken, free_port(), spare=good) as url,
    ):
        status, _, _ = ask(url, method, "/api/bookings", b"{}" if method == "POST" else None)
    assert status == expected
    assert len(received) == 1
    assert methods == (["GET"] if method == "GET" else [])
