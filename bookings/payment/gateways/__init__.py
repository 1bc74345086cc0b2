"""Gateways: where money really moves. One small protocol (`protocol.py`), three of them, and the care each call is
made with (`careful.py`)."""
