-- Entitlement of sockets.

-- name: owned_resources
-- Whose calendar may be followed: the resources an actor owns, all of them or those among some.
SELECT id FROM resources
 WHERE owner_id = %(actor_id)s AND (%(among)s::uuid[] IS NULL OR id = ANY (%(among)s::uuid[]))
