"""What operators and developers see from outside: /health, /ready, /metrics, /openapi.json, /docs and /redoc.

Owns no table and no event. It stands on top of all domains: it may look into each of them, and none knows of it.
"""
