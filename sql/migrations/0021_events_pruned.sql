-- Up to where old events have been deleted, if the operator wants that (EVENT_RETENTION): checks must not miss them.
CREATE TABLE events_pruned (
    sole     boolean PRIMARY KEY DEFAULT true,
    position bigint NOT NULL,
    -- the latest fact that is gone; what happened after it is still there
    until    timestamptz NOT NULL,
    CONSTRAINT events_pruned_one_row CHECK (sole)
);
INSERT INTO events_pruned (position, until) VALUES (0, '-infinity');
