"""The pages for people who read the API. Scripts come from the installed package offapi: no CDN, nothing copied here.

Addresses in the pages are relative, so that they also work behind a proxy that adds a prefix.
"""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path

from flask import Response, request, send_file

from bookings.errors import NotFound

_OWN = Path(__file__).parent / "pages"
_BUNDLED = {
    "swagger-ui.css": "swagger_style.css",
    "swagger-ui.js": "swagger_bundle.js",
    "redoc.js": "redoc.js",
}
_MEDIA_TYPES = {".js": "text/javascript", ".css": "text/css"}
#: Everything from here. The bundles write style elements; ReDoc searches in a worker that it makes from a blob.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)


def page(name: str) -> Response:
    """One of our two pages, under a policy that lets nothing else in."""
    response = fixed((_OWN / name).read_bytes(), "text/html; charset=utf-8")
    response.headers["Content-Security-Policy"] = _POLICY
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def asset(name: str) -> Response:
    """A script or style of the pages. Raises NotFound."""
    path = _bundle() / _BUNDLED[name] if name in _BUNDLED else _OWN / name
    if name not in _BUNDLED and name not in ("start.js", "page.css"):
        raise NotFound
    response = send_file(path, mimetype=_MEDIA_TYPES[path.suffix], conditional=True, max_age=3600)
    response.headers["Cache-Control"] = "public, max-age=3600"
    return response


def fixed(body: bytes, media_type: str) -> Response:
    """Something that is the same for everyone until the next release."""
    response = Response(body, content_type=media_type)
    response.set_etag(hashlib.sha256(body).hexdigest()[:16])
    response.headers["Cache-Control"] = "public, no-cache"
    response.make_conditional(request)
    return response


def _bundle() -> Path:
    """Where offapi keeps its files; importing it would read them all into memory."""
    found = importlib.util.find_spec("offapi")
    if found is None or found.origin is None:
        raise NotFound("The pages need the package offapi; the operator installs it with this service.")
    return Path(found.origin).parent
