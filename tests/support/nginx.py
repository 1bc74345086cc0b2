"""A real nginx with the configuration that is deployed, in front of processes of ours."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.support.databases import ROOT
from tests.support.servers import Process, free_port, make_folder, wait_until

#: TEST_NGINX names another one than that of this machine
PROGRAM = (
    os.environ.get("TEST_NGINX") or shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
)
#: since when `resolve` is known
RESOLVES = (1, 27, 3)
CONFIGURATION = ROOT / "deploy" / "nginx" / "nginx.conf"


def version() -> tuple[int, ...]:
    """Return the version of the nginx that is here; of none: nothing."""
    if PROGRAM is None:
        return ()
    told = subprocess.run([PROGRAM, "-v"], capture_output=True, text=True, check=True).stderr
    return tuple(int(part) for part in told.partition("nginx/")[2].split()[0].split("."))


def configuration(
    port: int,
    folder: Path,
    web: Sequence[int],
    sockets: int = 1,
    spare: int | None = None,
    resolver: int | None = None,
) -> str:
    """Return the deployed configuration with ports and paths of this machine, and nothing else changed.

    With a `resolver`, the port of a DNS server, the names stay.
    """
    text = CONFIGURATION.read_text()
    if resolver is None:
        text = _servers(text, "web:8000", web, spare)
        text = _servers(text, "sockets:8001", [sockets])
    else:
        text = text.replace("server web:8000", f"server web:{web[0]}").replace(
            "server sockets:8001", "server sockets:1"
        )
        text = text.replace("resolver 127.0.0.11 valid=5s", f"resolver 127.0.0.1:{resolver} valid=1s")
    text = text.replace("error_log /dev/stderr crit;", f"error_log {folder}/error.log crit;")
    replacements = {
        "listen 80;": f"listen 127.0.0.1:{port};",
        "pid /tmp/nginx.pid;": f"pid {folder}/nginx.pid;",
        "access_log /dev/stdout": f"access_log {folder}/access.log",
        "error_log /dev/stderr warn;": f"error_log {folder}/error.log warn;",
        "worker_processes auto;": "worker_processes 1;",
    }
    for original, own in replacements.items():
        assert text.count(original) == 1, f"nginx.conf has changed: {original!r} is not there once"
        text = text.replace(original, own)
    # Debian compiles in folders below /var/lib that only root may write.
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    return text.replace("http {", "http {\n" + "".join(f"    {kind}_temp_path {folder}/{kind};\n" for kind in kinds), 1)


def _servers(text: str, name: str, ports: Sequence[int], spare: int | None = None) -> str:
    """Put servers of this machine in the place of the deployed one: without its `resolve`, having no names."""
    line = re.compile(rf"server {name}([^;]*);")
    assert len(line.findall(text)) == 1, f"nginx.conf has changed: {name} is not there once"
    spare_line = f"server 127.0.0.1:{spare} backup; " if spare else ""
    rest = line.findall(text)[0].replace(" resolve", "")
    return line.sub(spare_line + " ".join(f"server 127.0.0.1:{port}{rest};" for port in ports), text)


@contextlib.contextmanager
def nginx(
    web: int, sockets: int, spare: int | None = None, resolver: int | None = None, folder: Path | None = None
) -> Iterator[str]:
    """Run nginx in front of these ports of 127.0.0.1; yields its base URL. `spare` is asked when `web` failed.

    `folder` is where it writes access.log and error.log; `resolver` the port of the DNS server that knows where web is.
    """
    assert PROGRAM is not None
    folder, port = folder or make_folder(), free_port()
    file = folder / "nginx.conf"
    file.write_text(configuration(port, folder, [web], sockets, spare, resolver))
    command = [PROGRAM, "-e", str(folder / "error.log"), "-c", str(file), "-g", "daemon off;"]
    process = Process(command, folder / "nginx.log")

    def listens() -> bool:
        assert process.running, (folder / "nginx.log").read_text()
        with contextlib.closing(socket.socket()) as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    try:
        wait_until(listens, "nginx")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.stop()
