-- Who used a privilege: what an admin or a provider changed that is somebody else's, from what to what. Written in the
-- transaction of the change, never altered afterwards.

CREATE TABLE audit_entries (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at           timestamptz NOT NULL,
    -- no foreign keys: the actor of jobs and scripts (the nil UUID) is no user, and subjects are of many kinds
    actor_id     uuid NOT NULL,
    -- the role they acted in, which may have changed since
    actor_role   text NOT NULL,
    request_id   text,
    action       text NOT NULL,
    subject_type text NOT NULL,
    subject_id   text NOT NULL,
    -- what changed, before and after; null when there was nothing before, or is nothing any more
    before       json,
    after        json
);
CREATE INDEX audit_entries_by_subject ON audit_entries (subject_type, subject_id, id);
CREATE INDEX audit_entries_by_actor ON audit_entries (actor_id, id);
CREATE INDEX audit_entries_by_action ON audit_entries (action, id);
CREATE INDEX audit_entries_by_request ON audit_entries (request_id, id);
CREATE INDEX audit_entries_by_time ON audit_entries USING brin (at);

CREATE TRIGGER audit_entries_append_only BEFORE UPDATE OR DELETE ON audit_entries
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
