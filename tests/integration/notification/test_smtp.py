"""Handing mails to a real server, in every mood it may have."""

from __future__ import annotations

import socket
import subprocess
import threading
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bookings.config import Settings
from bookings.notification import mail, smtp
from bookings.notification.smtp import Postponed, Refused
from tests.support.mail import MailServer
from tests.support.patience import soon
from tests.support.servers import free_port
from tests.unit.notification.examples import NOTICE_ID, SETTINGS, notice, reader

MAIL = mail.message(SETTINGS, notice(), reader(), "https://book.example.com/unsubscribe/x")
WRITTEN = MAIL.as_bytes()  # fixes the boundaries between its parts


@pytest.fixture(autouse=True)
def friendly(server: MailServer) -> None:
    """Each test begins with an empty mailbox and a server that takes everything."""
    server.mood()
    server.empty()


def settings(port: int, **changes: object) -> Settings:
    """How to reach a server."""
    return replace(SETTINGS, smtp_port=port, smtp_timeout=timedelta(seconds=1), **changes)  # type: ignore[arg-type]


def test_a_mail_arrives_as_it_was_written(server: MailServer) -> None:
    smtp.send(settings(server.port), MAIL)
    (message,) = server.mails()
    assert message["X-Envelope-To"] == "aenne@example.com"
    assert message["Message-ID"] == f"<{NOTICE_ID}@example.com>"
    del message["X-Envelope-To"]
    assert message.as_bytes().replace(b"\r\n", b"\n") == WRITTEN.replace(b"\r\n", b"\n")


@pytest.mark.parametrize("mood", ["mailbox unknown", "mail refused"])
def test_what_will_never_work(server: MailServer, mood: str) -> None:
    server.mood(mood)
    with pytest.raises(Refused, match=r"^55[04] 5\.[17]\.1 "):
        smtp.send(settings(server.port), MAIL)
    assert server.mails() == []


@pytest.mark.parametrize("mood", ["mailbox busy", "mail postponed", "sender refused"])
def test_what_may_work_later(server: MailServer, mood: str) -> None:
    """A refused sender is the operator's to mend: no mail is lost by it."""
    server.mood(mood)
    with pytest.raises(Postponed, match=r"^(451|452|553) "):
        smtp.send(settings(server.port), MAIL)
    assert server.mails() == []


@pytest.mark.slow
@pytest.mark.parametrize("mood", ["stalls at QUIT", "is rude at QUIT"])
def test_what_was_taken_is_taken_whatever_comes_then(server: MailServer, mood: str) -> None:
    server.mood(mood)
    smtp.send(settings(server.port), MAIL)
    assert len(server.mails()) == 1


@pytest.mark.slow
@pytest.mark.parametrize("mood", ["stalls at MAIL", "stalls at DATA", "keeps and stalls"])
def test_a_server_that_says_nothing(server: MailServer, mood: str) -> None:
    server.mood(mood)
    began = time.monotonic()
    with pytest.raises(Postponed, match="timed out"):
        smtp.send(settings(server.port), MAIL)
    assert time.monotonic() - began < soon(5)


def test_a_server_that_goes_away_after_the_last_dot(server: MailServer) -> None:
    """Nobody can know whether it has the mail. It is sent again; the Message-ID says that it is the same."""
    server.mood("drops the connection after keeping")
    with pytest.raises(Postponed):
        smtp.send(settings(server.port), MAIL)
    server.mood("drops the connection before keeping")
    with pytest.raises(Postponed):
        smtp.send(settings(server.port), MAIL)
    server.mood()
    smtp.send(settings(server.port), MAIL)
    first, second = server.mails()
    assert first["Message-ID"] == second["Message-ID"]


def test_a_server_that_is_not_there() -> None:
    with pytest.raises(Postponed, match="ConnectionRefusedError"):
        smtp.send(settings(free_port()), MAIL)
    with pytest.raises(Postponed):
        smtp.send(settings(25, smtp_host="mail.invalid"), MAIL)


@pytest.mark.parametrize("greeting", [b"", b"554 no\r\n", b"HTTP/1.1 200 OK\r\n\r\n", b"\xff\xfe\r\n"])
def test_something_else_listens_there(greeting: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(greeting)
                time.sleep(0.2)

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(Postponed):
            smtp.send(settings(listener.getsockname()[1]), MAIL)
        thread.join()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 with its key, which nobody trusts unless told to."""
    file = tmp_path_factory.mktemp("tls") / "both.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    names = ["-addext", "subjectAltName=IP:127.0.0.1"]
    try:
        subprocess.run(
            [*command, *names, "-keyout", str(file), "-out", str(file) + ".crt"], check=True, capture_output=True
        )
    except FileNotFoundError:
        pytest.skip("openssl is not installed")
    file.write_text(file.read_text() + Path(f"{file}.crt").read_text())
    return file


@pytest.mark.slow
@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_encrypted_and_signed_in(tls: str, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = MailServer(certificate=str(certificate), tls=tls, password=True)
    known = settings(server.port, smtp_tls=tls, smtp_username="bookings", smtp_password="secret")
    try:
        with pytest.raises(Postponed, match="CERTIFICATE_VERIFY_FAILED"):
            smtp.send(known, MAIL)
        monkeypatch.setenv("SSL_CERT_FILE", f"{certificate}.crt")
        with pytest.raises(Postponed, match=r"^535 "):
            smtp.send(replace(known, smtp_password="wrong"), MAIL)
        assert server.mails() == []
        smtp.send(known, MAIL)
        assert len(server.mails()) == 1
    finally:
        server.stop()


def test_no_password_goes_over_a_line_that_should_be_encrypted(server: MailServer) -> None:
    """A server (or someone between) that offers no STARTTLS gets nothing."""
    with pytest.raises(Postponed, match="STARTTLS"):
        smtp.send(settings(server.port, smtp_tls="starttls", smtp_username="bookings", smtp_password="secret"), MAIL)
    assert server.mails() == []
