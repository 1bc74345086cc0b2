"""Administration: what admins see of all domains at once, and what they decide about jobs.

Owns no table. job_*.py is about jobs and the consumers of events.
"""
