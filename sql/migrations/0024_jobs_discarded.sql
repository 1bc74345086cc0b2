-- Discarded jobs are few among many that are done; the list of them must not look through all.
CREATE INDEX jobs_discarded ON jobs (id) WHERE state = 'discarded';
