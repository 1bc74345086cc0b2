"""What gunicorn serves: `gunicorn -c deploy/gunicorn/web.py wsgi:app`."""

from __future__ import annotations

import sys

from bookings import create_app
from bookings.config import ConfigurationError

try:
    app = create_app()
except ConfigurationError as error:
    sys.exit(f"bookings: {error}")
