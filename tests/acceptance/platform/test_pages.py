"""/docs and /redoc in a real browser: both render, from this host alone."""

from __future__ import annotations

import http.server
import json
import shutil
import subprocess
import threading
import urllib.request
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from tests.support.service import Service, ServiceOptions

SERVICE = ServiceOptions(processes=("web",))
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",  # or it refuses to run as root
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-logging=stderr",
    "--virtual-time-budget=20000",
    "--window-size=1400,9000",  # ReDoc renders what is in sight
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
)


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    """Serves files and says nothing."""

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@dataclass(frozen=True)
class Seen:
    """What a browser made of a page."""

    dom: str
    console: str
    requested: set[str]


def browse(url: str, folder: Path) -> Seen:
    """Render a page in headless Chromium and note every request it made."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    net_log = folder / "net.json"
    command = [CHROMIUM, *FLAGS, f"--user-data-dir={folder / 'profile'}", f"--log-net-log={net_log}"]
    done = subprocess.run([*command, "--dump-dom", url], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    asked = [event["params"] for event in json.loads(net_log.read_text())["events"] if "params" in event]
    # The browser asks for things of its own, too (updates, the time): those have no page as their initiator.
    origin = url.rsplit("/", 1)[0]
    return Seen(done.stdout, done.stderr, {one["url"] for one in asked if one.get("initiator") == origin})


def test_a_request_to_another_host_would_be_seen(tmp_path: Path) -> None:
    """The test below can fail: a page that does ask another host is found out."""
    (tmp_path / "page.html").write_text('<script src="http://cdn.example/library.js"></script>')
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(tmp_path))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        seen = browse(f"http://127.0.0.1:{server.server_address[1]}/page.html", tmp_path)
        server.shutdown()
    assert "http://cdn.example/library.js" in seen.requested


@pytest.mark.parametrize(
    "page,sentence",
    [("docs", "Book a provider, a workspace or any resource, or several together"), ("redoc", "/users/{userId}/role")],
)
def test_page_renders_from_this_host_alone(service: Service, tmp_path: Path, page: str, sentence: str) -> None:
    """The operations stand in the rendered page, no request left for another host, nor was one needed."""
    for attempt in (
        "first",
        "second",
        "third",
    ):  # on a busy machine the browser's time can be up before the page is done
        (tmp_path / attempt).mkdir()
        seen = browse(f"{service.base_url}/{page}", tmp_path / attempt)
        if sentence in seen.dom:
            break
    assert sentence in seen.dom
    strangers = {url for url in seen.requested if not url.startswith(service.base_url + "/")}
    assert not strangers
    assert f"{service.base_url}/openapi.json" in seen.requested
    refused = [line for line in seen.console.splitlines() if "Content Security Policy" in line]
    assert all("img-src" in line for line in refused), refused  # ReDoc's logo, which would come from its makers
    assert page == "redoc" or not refused


@pytest.mark.parametrize("page", ["docs", "redoc"])
def test_page_carries_a_policy_that_lets_nothing_else_in(service: Service, page: str) -> None:
    """Even if a page were made to name another host, the browser would not go there."""
    with urllib.request.urlopen(f"{service.base_url}/{page}") as answer:
        policy = answer.headers["Content-Security-Policy"]
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
