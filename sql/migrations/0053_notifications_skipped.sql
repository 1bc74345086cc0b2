-- A mail that was of no use any more when its turn came (the account closed, the booking called off) was dead like one that
-- failed, so that those who look after failures had to tell them apart by their words. It is skipped from now on.
ALTER TABLE notifications
    DROP CONSTRAINT notifications_status_known,
    DROP CONSTRAINT notifications_failed_why,
    ADD CONSTRAINT notifications_status_known
        CHECK (status IN ('queued', 'sending', 'sent', 'failed', 'dead', 'skipped')) NOT VALID,
    ADD CONSTRAINT notifications_failed_why
        CHECK (status NOT IN ('failed', 'dead', 'skipped') OR last_error IS NOT NULL) NOT VALID;
