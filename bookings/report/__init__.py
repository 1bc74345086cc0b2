"""Reports: what happened in a period, made in a job from one snapshot, streamed to a file; and their schedules.

Owns the tables reports and report_schedules, and the files below REPORT_DIR.
Events, to whoever asked: report.progress, report.finished, report.failed.
"""
