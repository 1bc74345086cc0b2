-- What must be true of accounts. Every row returned is a bug.

-- name: erased_is_not_empty
-- An erased account holds nothing personal, and nobody can sign in to it.
SELECT u.id FROM users AS u
 WHERE u.erased_at IS NOT NULL
   AND (u.name <> 'Erased' OR u.email <> 'erased-' || u.id || '@erased.invalid' OR u.disabled_at IS NULL
        OR num_nonnulls(u.phone, u.password_hash) > 0 OR u.addresses <> '[]' OR u.muted <> '{}')
