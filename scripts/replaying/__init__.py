"""The parts of scripts/replay.py: reading the file, talking to the API, replaying, comparing."""
