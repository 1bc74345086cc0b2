-- The audit trail. Only bookings/audit/ uses these.

-- name: record
-- One use of a privilege, in the transaction of the change itself.
INSERT INTO audit_entries (at, actor_id, actor_role, request_id, action, subject_type, subject_id, before, after)
VALUES (%(at)s, %(actor_id)s, %(actor_role)s, %(request_id)s, %(action)s, %(subject_type)s, %(subject_id)s,
        %(before)s, %(after)s)

-- fragment: shown
-- An entry as it is answered; its id leads the next page.
SELECT a.id, row_to_json(d)::text AS document FROM audit_entries AS a, LATERAL (SELECT
    a.id,
    btrim(to_json(a.at AT TIME ZONE 'UTC')::text, '"') || 'Z' AS at,
    a.actor_id AS "actorId",
    a.actor_role AS "actorRole",
    a.request_id AS "requestId",
    a.action,
    a.subject_type AS "subjectType",
    a.subject_id AS "subjectId",
    a.before,
    a.after) AS d

-- fragment: chosen
-- Behind the cursor and through the filters that no index leads, newest first.
a.id < %(before_id)s::bigint
   AND (%(actor_id)s::uuid IS NULL OR a.actor_id = %(actor_id)s)
   AND (%(action)s::text IS NULL OR a.action = %(action)s)
   AND (%(subject_type)s::text IS NULL OR a.subject_type = %(subject_type)s)
   AND (%(subject_id)s::text IS NULL OR a.subject_id = %(subject_id)s)
   AND (%(request_id)s::text IS NULL OR a.request_id = %(request_id)s)
   AND (%(from)s::timestamptz IS NULL OR a.at >= %(from)s) AND (%(to)s::timestamptz IS NULL OR a.at < %(to)s)
 ORDER BY a.id DESC LIMIT %(limit)s::bigint

-- name: list_of_subject
-- What was done to one thing. The equality outside the filters leads to the index, whichever plan is kept.
{shown} WHERE a.subject_type = %(subject_type)s::text AND a.subject_id = %(subject_id)s::text AND {chosen}

-- name: list_of_request
-- What one request did.
{shown} WHERE a.request_id = %(request_id)s::text AND {chosen}

-- name: list_of_actor
-- What one person did.
{shown} WHERE a.actor_id = %(actor_id)s::uuid AND {chosen}

-- name: list_of_action
-- Every use of one privilege.
{shown} WHERE a.action = %(action)s::text AND {chosen}

-- name: list_of_all
-- Everything.
{shown} WHERE {chosen}
