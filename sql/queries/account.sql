-- Accounts: users and what keeps them signed in. Only bookings/account/ uses these.

-- fragment: causes
-- What we write to people about; bookings/account/rules.py has the same list, and a test compares them.
unnest('{booking_created, booking_confirmed, booking_declined, booking_cancelled, booking_rescheduled, booking_reassigned,
    booking_passed_on, booking_released, booking_attendees_changed,
    series_created, series_rescheduled, series_cancelled, reminder,
    payment_received, payment_failed, payment_refunded, review_request, waitlist_offer}'::text[]) AS cause

-- fragment: document
-- The JSON of a user `u`, as its owner and admins see it. Instants are UTC with Z.
(SELECT row_to_json(d)::text FROM (SELECT
    u.id,
    u.email,
    u.name,
    u.phone,
    u.time_zone AS "timeZone",
    u.locale,
    u.role,
    u.addresses,
    json_build_object(
        'email', (SELECT json_object_agg(cause, 'email:' || cause <> ALL (u.muted)) FROM {causes}),
        'inApp', (SELECT json_object_agg(cause, 'in_app:' || cause <> ALL (u.muted)) FROM {causes})) AS notifications,
    btrim(to_json(u.disabled_at AT TIME ZONE 'UTC')::text, '"') || 'Z' AS "disabledAt",
    btrim(to_json(u.erased_at AT TIME ZONE 'UTC')::text, '"') || 'Z' AS "erasedAt",
    u.version,
    btrim(to_json(u.created_at AT TIME ZONE 'UTC')::text, '"') || 'Z' AS "createdAt",
    btrim(to_json(u.updated_at AT TIME ZONE 'UTC')::text, '"') || 'Z' AS "updatedAt"
) AS d)

-- name: insert
-- A new user. The unique e-mail decides between two who register at once.
INSERT INTO users AS u (id, email, name, phone, time_zone, locale, role, password_hash, created_at, updated_at)
VALUES (%(id)s, %(email)s, %(name)s, %(phone)s, %(time_zone)s, %(locale)s, %(role)s, %(password_hash)s, %(now)s, %(now)s)
RETURNING u.id, u.role, u.version, {document} AS document

-- name: find
-- One user by id.
SELECT u.id, u.role, u.version, {document} AS document FROM users AS u WHERE u.id = %(id)s

-- name: find_by_email
-- One user by e-mail address (lower case), for tools.
SELECT u.id, u.role, u.version, u.disabled_at FROM users AS u WHERE u.email = %(email)s

-- name: credentials
-- What a sign-in is checked against, by e-mail address (lower case).
SELECT id, password_hash FROM users WHERE email = %(email)s

-- name: credentials_by_id
-- What a change of password is checked against.
SELECT email, password_hash FROM users WHERE id = %(id)s AND disabled_at IS NULL

-- name: lock_credentials
-- Sign-in, after the slow check: the password must still be the one that was checked, and stay so until the new
-- session is committed; otherwise a changed password would not shut out who is signing in with the old one.
SELECT u.id, u.role, u.version, u.disabled_at, {document} AS document
  FROM users AS u WHERE u.id = %(id)s AND u.password_hash = %(password_hash)s FOR SHARE

-- name: lock
-- A user about to change.
SELECT u.id, u.role, u.version, u.email, u.name, u.phone, u.time_zone, u.locale, u.addresses, u.muted, u.disabled_at,
       u.erased_at, {document} AS document
  FROM users AS u WHERE u.id = %(id)s FOR NO KEY UPDATE

-- name: change
-- Write the next version of a user. Compare-and-set: no row when it has moved on.
UPDATE users AS u SET
    email = %(email)s, name = %(name)s, phone = %(phone)s, time_zone = %(time_zone)s, locale = %(locale)s,
    addresses = %(addresses)s, muted = %(muted)s::text[], role = %(role)s, disabled_at = %(disabled_at)s,
    version = version + 1, updated_at = %(now)s
 WHERE id = %(id)s AND version = %(version)s
RETURNING u.version, {document} AS document

-- name: replace_password
-- Compare-and-set on the hash that was checked: no row when the password changed meanwhile.
UPDATE users AS u SET password_hash = %(new_hash)s
 WHERE id = %(id)s AND password_hash = %(old_hash)s AND disabled_at IS NULL
RETURNING u.id, u.role, u.version, {document} AS document

-- name: open_family
-- A sign-in on one device.
INSERT INTO refresh_families (id, user_id, created_at) VALUES (%(id)s, %(user_id)s, %(now)s)

-- name: keep_token
-- The newest token of a family.
INSERT INTO refresh_tokens (token_hash, family_id, created_at, expires_at)
VALUES (%(token_hash)s, %(family_id)s, %(now)s, %(expires_at)s)

-- name: revoke_reused
-- Comes before rotate: a token that was used when this looks has been stolen, from or by whoever shows it now, and its
-- family ends. One that is used between this and rotate was shown twice at once, by a client that does two things at a
-- time, and its family goes on.
UPDATE refresh_families AS f SET revoked_at = %(now)s
  FROM refresh_tokens AS t
 WHERE t.token_hash = %(old_hash)s AND t.used_at IS NOT NULL AND f.id = t.family_id AND f.revoked_at IS NULL
RETURNING f.id, f.user_id

-- name: rotate
-- Use a token up and keep its successor. Of two who show it at once the row lock lets one through; the other finds it
-- used. No row: it cannot be used, for whatever reason.
WITH used AS (
    UPDATE refresh_tokens AS t SET used_at = %(now)s
      FROM refresh_families AS f JOIN users AS owner ON owner.id = f.user_id
     WHERE t.token_hash = %(old_hash)s AND t.used_at IS NULL AND t.expires_at > %(now)s
       AND f.id = t.family_id AND f.revoked_at IS NULL AND owner.disabled_at IS NULL
    RETURNING t.family_id, f.user_id
), kept AS (
    INSERT INTO refresh_tokens (token_hash, family_id, created_at, expires_at)
    SELECT %(new_hash)s, family_id, %(now)s, %(expires_at)s FROM used
)
SELECT u.id, u.role, u.version, {document} AS document FROM used JOIN users AS u ON u.id = used.user_id

-- name: revoke_family_of
-- Sign-out on one device, by any token the family ever had.
UPDATE refresh_families SET revoked_at = %(now)s
 WHERE id = (SELECT family_id FROM refresh_tokens WHERE token_hash = %(token_hash)s) AND revoked_at IS NULL

-- name: revoke_families_of_user
-- Sign-out everywhere.
UPDATE refresh_families SET revoked_at = %(now)s WHERE user_id = %(user_id)s AND revoked_at IS NULL

-- name: forget_expired
-- Housekeeping: families none of whose tokens could be used any more.
DELETE FROM refresh_families AS f
 WHERE NOT EXISTS (SELECT FROM refresh_tokens WHERE family_id = f.id AND expires_at > %(now)s)

-- name: preferences
-- Whom a notification is for: language, zone, address and what they switched off.
SELECT id, email, name, locale, time_zone, muted, disabled_at IS NOT NULL AS disabled, erased_at IS NOT NULL AS erased
  FROM users WHERE id = ANY (%(ids)s::uuid[])

-- name: invite
-- A token with which the user may choose a password; it takes the place of an older one.
INSERT INTO invitations (user_id, token_hash, invited_by, created_at, expires_at)
VALUES (%(user_id)s, %(token_hash)s, %(invited_by)s, %(now)s, %(expires_at)s)
ON CONFLICT (user_id) DO UPDATE SET token_hash = excluded.token_hash, invited_by = excluded.invited_by,
    created_at = excluded.created_at, expires_at = excluded.expires_at

-- name: invited
-- Whose token it is, before the slow hash: the address must not be the password.
SELECT u.email FROM invitations AS i JOIN users AS u ON u.id = i.user_id
 WHERE i.token_hash = %(token_hash)s AND i.expires_at > %(now)s AND u.disabled_at IS NULL

-- name: accept
-- Use a token up and set the password. Of two who show it at once the row lock lets one through.
WITH used AS (
    DELETE FROM invitations WHERE token_hash = %(token_hash)s AND expires_at > %(now)s RETURNING user_id
)
UPDATE users AS u SET password_hash = %(password_hash)s FROM used
 WHERE u.id = used.user_id AND u.disabled_at IS NULL
RETURNING u.id, u.role, u.version, {document} AS document

-- name: withdraw_invitation
-- A disabled user gets in by no door.
DELETE FROM invitations WHERE user_id = %(user_id)s

-- name: forget_invitations
-- Housekeeping: those whose time is over.
DELETE FROM invitations WHERE expires_at <= %(now)s

-- name: plan_anew
-- The filters of the next list select from almost nobody to everybody: one plan does not suit them all.
SELECT set_config('plan_cache_mode', 'force_custom_plan', true)

-- fragment: chosen
-- The filters of the list. Planned anew each time, those that are null vanish.
(%(role)s::text IS NULL OR u.role = %(role)s)
   AND (%(disabled)s::boolean IS NULL OR (u.disabled_at IS NOT NULL) = %(disabled)s)
   AND (%(pattern)s::text IS NULL OR ' ' || lower(u.name) || ' ' || u.email LIKE %(pattern)s)

-- name: list
-- One page of users, by name, behind a cursor.
SELECT {document} AS document, u.name, u.id FROM users AS u
 WHERE {chosen} AND (u.name, u.id) > (%(after_name)s::text, %(after_id)s::uuid)
 ORDER BY u.name, u.id LIMIT %(limit)s::bigint OFFSET %(offset)s::bigint

-- name: total
-- How many there are, counted no further than the bound.
SELECT count(*) AS total FROM (SELECT FROM users AS u WHERE {chosen} LIMIT %(total_bound)s::bigint) AS counted

-- name: erase
-- An account nobody is in any more: it keeps its id, its role and its bookings.
UPDATE users AS u SET email = 'erased-' || u.id || '@erased.invalid', name = 'Erased', phone = NULL, time_zone = 'UTC',
       locale = 'en', addresses = '[]', muted = '{}', password_hash = NULL, disabled_at = coalesce(u.disabled_at, %(now)s),
       erased_at = %(now)s, version = u.version + 1, updated_at = %(now)s
 WHERE u.id = %(id)s
