"""Jobs: everything slow. A row first, a task second, with attempts, backoff, a lease, and dead letters to look after.

Owns the tables jobs and job_workers. States: waiting (scheduled while its time lies ahead), running, failed (waits for
its next attempt), done, dead, discarded. docs/jobs.md draws them. Knows no other domain: they register their handlers.
"""
