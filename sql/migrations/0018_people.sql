-- Managing people: finding them among a million, inviting them, and never being left without an admin.

CREATE EXTENSION IF NOT EXISTS pg_trgm;

-- The list of users, by name: all, of one role, the disabled ones.
CREATE INDEX users_by_name ON users (name, id);
CREATE INDEX users_by_role ON users (role, name, id);
CREATE INDEX users_disabled ON users (name, id) WHERE disabled_at IS NOT NULL;
-- Any three letters in a row of name or address, or the beginning of a word; the same text stands in the query.
CREATE INDEX users_search ON users USING gin ((' ' || lower(name) || ' ' || email) gin_trgm_ops);

-- Who may choose a password without knowing the old one: once, until then. A newer invitation replaces an older one.
CREATE TABLE invitations (
    user_id    uuid PRIMARY KEY CONSTRAINT invitations_user_known REFERENCES users (id),
    -- SHA-256: a copy of this table lets nobody in
    token_hash bytea NOT NULL CONSTRAINT invitations_token_unique UNIQUE,
    invited_by uuid NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);

-- Two admins who remove each other at once would leave nobody. The lock lets one look after the other has committed.
CREATE FUNCTION users_keep_an_admin() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('users_keep_an_admin', 0));
    IF NOT EXISTS (SELECT FROM users WHERE role = 'admin' AND disabled_at IS NULL) THEN
        RAISE EXCEPTION 'user % is the last admin', OLD.id
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'users_an_admin_left';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER users_an_admin_left AFTER UPDATE OF role, disabled_at ON users FOR EACH ROW
    WHEN (OLD.role = 'admin' AND OLD.disabled_at IS NULL AND (NEW.role <> 'admin' OR NEW.disabled_at IS NOT NULL))
    EXECUTE FUNCTION users_keep_an_admin();
