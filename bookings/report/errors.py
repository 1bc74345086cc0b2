"""What can go wrong with a report."""

from __future__ import annotations

from bookings.errors import Conflict, Forbidden, Unavailable


class ReportNotReady(Conflict):
    """The report has not been made yet, or could not be made.

    `reportStatus` and `progress` say where it stands.
    """

    code = "report-not-ready"


class ReportFileMissing(Unavailable):
    """The report's file is not where this process looks.

    Web processes and workers need the same REPORT_DIR. The operator finds more in the log.
    """

    code = "report-file-missing"


class ReportNotForYou(Forbidden):
    """This report is for admins.

    Providers may have reports of their own resources: bookings, utilisation, cancellations, lead-time and customers.
    """

    code = "report-not-for-you"


class TooManySchedules(Conflict):
    """You have as many schedules as anybody may; change or delete one."""

    code = "too-many-schedules"


class TooManyReports(Conflict):
    """As many of your reports wait to be made as may wait at once.

    Ask again when some of them are finished, or delete one.
    """

    code = "too-many-reports"
