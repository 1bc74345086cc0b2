"""A running localstripe, and the payer's browser beside it."""

from __future__ import annotations

import sys
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.support.patience import REQUEST
from tests.support.servers import Process, free_port, make_folder, wait_until

SECRET_KEY, WEBHOOK_SECRET = "sk_test_abcdef0123456789", "whsec_for_tests"
DECLINED = "4000000000000341"


class LocalStripe:
    """A running localstripe, and the payer's browser, which speaks to it without us."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://localhost:{self.port}"
        program = str(Path(__file__).with_name("fuller_localstripe.py"))
        command = [sys.executable, program, "--port", str(self.port), "--from-scratch"]
        self.process = Process(command, make_folder() / "localstripe.log")
        wait_until(self._answers, "localstripe")

    def _answers(self) -> bool:
        try:
            self.call("GET", "/v1/payment_intents")
        except (urllib.error.URLError, ConnectionError):
            return False
        return True

    def call(self, method: str, path: str, **fields: Any) -> dict[str, Any]:
        data = urllib.parse.urlencode(fields).encode() if method == "POST" else None
        request = urllib.request.Request(
            self.url + path, data, {"Authorization": f"Bearer {SECRET_KEY}"}, method=method
        )
        with urllib.request.urlopen(request, timeout=REQUEST) as answer:
            return dict(orjson.loads(answer.read() or b"{}"))

    def enter_card(self, ref: str, number: str = "4242424242424242") -> None:
        """The payer enters a card and confirms."""
        card = {"card[number]": number, "card[exp_month]": 12, "card[exp_year]": 2040, "card[cvc]": 123}
        method = self.call("POST", "/v1/payment_methods", type="card", **card)
        self.call("POST", f"/v1/payment_intents/{ref}", payment_method=method["id"])
        if number == DECLINED:
            with pytest.raises(urllib.error.HTTPError, match="402"):
                self.call("POST", f"/v1/payment_intents/{ref}/confirm")
        else:
            self.call("POST", f"/v1/payment_intents/{ref}/confirm")

    def call_back(self, url: str) -> None:
        """From now on, sign and send notices there."""
        self.call("POST", "/_config/webhooks/ours", url=url, secret=WEBHOOK_SECRET)
