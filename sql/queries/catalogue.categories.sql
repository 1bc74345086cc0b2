-- Categories, which services stand in. Only bookings/catalogue/ uses these.

-- fragment: category_document
-- The JSON of a category `c`. Instants are UTC with Z.
(SELECT row_to_json(d)::text FROM (SELECT
    c.id,
    c.slug,
    c.name,
    c.description,
    c.position,
    (SELECT count(*) FROM services WHERE category_id = c.id AND archived_at IS NULL) AS "serviceCount",
    c.version,
    btrim(to_json(c.created_at AT TIME ZONE 'UTC')::text, '"') || 'Z' AS "createdAt",
    btrim(to_json(c.updated_at AT TIME ZONE 'UTC')::text, '"') || 'Z' AS "updatedAt"
) AS d)

-- name: categories
-- All categories. Nobody has more headings than a page can show.
SELECT {category_document} FROM categories AS c ORDER BY c.position, c.name, c.id LIMIT 500

-- name: find_category
-- One category.
SELECT {category_document}, c.version FROM categories AS c WHERE c.id = %(id)s::uuid

-- name: lock_category
-- A category about to change.
SELECT {category_document}::json AS document FROM categories AS c WHERE c.id = %(id)s FOR UPDATE

-- name: insert_category
-- A new category.
INSERT INTO categories AS c (id, slug, name, description, position, created_at, updated_at)
VALUES (%(id)s, %(slug)s, %(name)s, %(description)s, %(position)s, %(now)s, %(now)s)

-- name: change_category
-- The next version of a category; it is locked.
UPDATE categories SET slug = %(slug)s, name = %(name)s, description = %(description)s, position = %(position)s,
       version = version + 1, updated_at = %(now)s
 WHERE id = %(id)s

-- name: delete_category
-- A category goes for good unless a service, archived ones included, refers to it.
DELETE FROM categories WHERE id = %(id)s
