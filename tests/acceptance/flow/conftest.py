"""The house of a module: all processes, a mail server, the test gateway, and clocks that run fast."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import check_data
from tests.acceptance.flow.house import House
from tests.conftest import StartService
from tests.support.mail import MailServer
from tests.support.service import ServiceOptions


@pytest.fixture(scope="module")
def house(start_service: StartService) -> Iterator[House]:
    """In the end nothing may have been lost or done twice: the data checks must be green."""
    mails = MailServer()
    settings = {
        "PAYMENT_GATEWAY": "test",
        "PAYMENT_TTL": "20s",
        "PAYMENT_TIMEOUT": "1s",
        "REMINDER_LEAD": "10s",
        "REVIEW_REQUEST_AFTER": "0s",
        "JOB_LEASE": "3s",
        "JOB_RETRY_BASE": "1s",
        "JOB_RETRY_LIMIT": "60s",  # eight tries outlast a mail server that is away for a whole walk
        "SMTP_HOST": "127.0.0.1",
        "SMTP_PORT": str(mails.port),
        "SMTP_TLS": "none",
        "SMTP_TIMEOUT": "2s",
        "MAIL_FROM": "bookings@example.com",
    }
    service = start_service(ServiceOptions(env=settings))
    house = House(service, mails)
    yield house
    house.close()
    mails.stop()
    assert [finding for finding in check_data.findings(service.database_url) if finding.rows] == []
