-- The migrations' own table, and the catalogue of the schema as sql/schema.sql writes it down.
-- The catalogue queries expect search_path to hold nothing but the schema: names are then printed bare.

-- name: applied
-- What was run on this database, to be compared with the files.
SELECT version, name, checksum, applied_at, duration_ms FROM schema_migrations ORDER BY version

-- name: version
-- The version the database is at; 0 after `up` made the table and was stopped.
SELECT coalesce(max(version), 0) FROM schema_migrations

-- name: record
-- Claims the version: a rival runner's row makes this fail.
INSERT INTO schema_migrations (version, name, checksum, duration_ms)
VALUES (%(version)s, %(name)s, %(checksum)s, %(duration_ms)s)

-- name: record_duration
-- Known only once the file has run.
UPDATE schema_migrations SET duration_ms = %(duration_ms)s WHERE version = %(version)s

-- name: lock_holder
-- Whom the others wait for, by the number an operator can look up or terminate.
SELECT pid FROM pg_locks
WHERE locktype = 'advisory' AND granted AND objsubid = 1
  AND ((classid::bigint << 32) | objid::bigint) = %(key)s
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())

-- name: find_index
-- Whether an interrupted CREATE INDEX CONCURRENTLY left something, and whether it can be used.
SELECT n.nspname, i.indisvalid
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relname = %(name)s AND i.indrelid = to_regclass(%(table)s)

-- fragment: relations
-- Our own tables and views: in this schema, not made by an extension, not the runner's.
our_relations AS (
    SELECT c.* FROM pg_class c
    WHERE c.relnamespace = current_schema()::regnamespace
      AND c.relname <> 'schema_migrations'
      AND NOT EXISTS (SELECT FROM pg_depend d
                      WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
)

-- name: extensions
-- Only those that our own objects need: others (pg_stat_statements, ...) are the operator's business.
SELECT DISTINCT e.extname, format('CREATE EXTENSION IF NOT EXISTS %%I;', e.extname) AS definition
FROM pg_depend ours
JOIN pg_depend member ON member.classid = ours.refclassid AND member.objid = ours.refobjid AND member.deptype = 'e'
JOIN pg_extension e ON e.oid = member.refobjid
WHERE e.extname <> 'plpgsql'
  AND NOT EXISTS (SELECT FROM pg_depend d
                  WHERE d.classid = ours.classid AND d.objid = ours.objid AND d.deptype = 'e')
ORDER BY e.extname

-- name: types
-- Enumerations, domains, composite and range types.
SELECT definition FROM (
    SELECT t.oid, format('CREATE TYPE %%I AS ENUM (%%s);', t.typname,
        (SELECT string_agg(quote_literal(enumlabel), ', ' ORDER BY enumsortorder)
         FROM pg_enum WHERE enumtypid = t.oid)) AS definition
    FROM pg_type t WHERE t.typtype = 'e' AND t.typnamespace = current_schema()::regnamespace
    UNION ALL
    SELECT t.oid, format('CREATE DOMAIN %%I AS %%s%%s%%s%%s;', t.typname, format_type(t.typbasetype, t.typtypmod),
        ' DEFAULT ' || t.typdefault, CASE WHEN t.typnotnull THEN ' NOT NULL' END,
        (SELECT string_agg(format(' CONSTRAINT %%I %%s', conname, pg_get_constraintdef(oid, true)), '' ORDER BY conname)
         FROM pg_constraint WHERE contypid = t.oid AND contype = 'c'))
    FROM pg_type t WHERE t.typtype = 'd' AND t.typnamespace = current_schema()::regnamespace
    UNION ALL
    SELECT t.oid, format('CREATE TYPE %%I AS (%%s);', t.typname,
        (SELECT string_agg(format('%%I %%s', attname, format_type(atttypid, atttypmod)), ', ' ORDER BY attnum)
         FROM pg_attribute WHERE attrelid = t.typrelid AND attnum > 0 AND NOT attisdropped))
    FROM pg_type t JOIN pg_class c ON c.oid = t.typrelid AND c.relkind = 'c'
    WHERE t.typnamespace = current_schema()::regnamespace
    UNION ALL
    SELECT t.oid, format('CREATE TYPE %%I AS RANGE (SUBTYPE = %%s);', t.typname, format_type(r.rngsubtype, NULL))
    FROM pg_type t JOIN pg_range r ON r.rngtypid = t.oid WHERE t.typnamespace = current_schema()::regnamespace
) AS all_types
WHERE NOT EXISTS (SELECT FROM pg_depend d
                  WHERE d.classid = 'pg_type'::regclass AND d.objid = all_types.oid AND d.deptype = 'e')
ORDER BY definition COLLATE "C"

-- name: sequences
-- Sequences in their own right; those of identity columns come with their column.
WITH {relations}
SELECT format('CREATE SEQUENCE %%I AS %%s INCREMENT BY %%s MINVALUE %%s MAXVALUE %%s START WITH %%s CACHE %%s%%s;', c.relname,
    format_type(s.seqtypid, NULL), s.seqincrement, s.seqmin, s.seqmax, s.seqstart, s.seqcache,
    CASE WHEN s.seqcycle THEN ' CYCLE' END) AS definition
FROM our_relations c JOIN pg_sequence s ON s.seqrelid = c.oid
WHERE NOT EXISTS (SELECT FROM pg_depend d
                  WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'i')
ORDER BY c.relname

-- name: functions
-- Functions and procedures, but for a range type's own. One that speaks of a table's type can only be made after the table.
SELECT rtrim(regexp_replace(pg_get_functiondef(p.oid),
        '^(CREATE OR REPLACE (FUNCTION|PROCEDURE) )' || quote_ident(current_schema()) || '\.', '\1'), E'\n') || ';'
    AS definition,
    EXISTS (SELECT FROM pg_depend d LEFT JOIN pg_type t ON d.refclassid = 'pg_type'::regclass AND t.oid = d.refobjid
            WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid
              AND (d.refclassid = 'pg_class'::regclass OR t.typrelid <> 0)) AS after_tables
FROM pg_proc p
WHERE p.pronamespace = current_schema()::regnamespace AND p.prokind IN ('f', 'p', 'w')
  AND NOT EXISTS (SELECT FROM pg_depend d
                  WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype IN ('e', 'i'))
ORDER BY p.proname, pg_get_function_identity_arguments(p.oid) COLLATE "C"

-- name: tables
-- Everything about a table that stands between its parentheses and just behind them.
WITH {relations}, lines AS (
    SELECT a.attrelid AS relation, 1 AS kind, a.attnum AS place, a.attname AS name,
        format('%%I %%s', a.attname, format_type(a.atttypid, a.atttypmod))
        || coalesce((SELECT format(' COLLATE %%I', collname) FROM pg_collation
                     WHERE oid = a.attcollation AND a.attcollation <> t.typcollation), '')
        || CASE WHEN a.attidentity = 'a' THEN ' GENERATED ALWAYS AS IDENTITY'
                WHEN a.attidentity = 'd' THEN ' GENERATED BY DEFAULT AS IDENTITY'
                WHEN a.attgenerated <> '' THEN format(' GENERATED ALWAYS AS (%%s)%%s', pg_get_expr(e.adbin, e.adrelid, true),
                                                      CASE a.attgenerated WHEN 's' THEN ' STORED' END)
                WHEN e.adbin IS NOT NULL THEN ' DEFAULT ' || pg_get_expr(e.adbin, e.adrelid, true)
                ELSE '' END
        || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END AS line
    FROM pg_attribute a
    JOIN pg_type t ON t.oid = a.atttypid
    LEFT JOIN pg_attrdef e ON e.adrelid = a.attrelid AND e.adnum = a.attnum
    WHERE a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT conrelid, CASE contype WHEN 'p' THEN 2 ELSE 3 END, 0, conname,
        format('CONSTRAINT %%I %%s', conname, pg_get_constraintdef(oid, true))
    FROM pg_constraint WHERE contype IN ('p', 'u', 'c', 'x') AND conislocal
)
SELECT c.relname AS table_name,
    format('CREATE %%sTABLE %%I%%s%%s%%s%%s;', CASE c.relpersistence WHEN 'u' THEN 'UNLOGGED ' END, c.relname,
        (SELECT format(' PARTITION OF %%s', inhparent::regclass) FROM pg_inherits WHERE inhrelid = c.oid),
        (SELECT E' (\n' || string_agg('    ' || line, E',\n' ORDER BY kind, place, name) || E'\n)' FROM lines
         WHERE relation = c.oid AND NOT (c.relispartition AND kind = 1)),
        ' ' || pg_get_expr(c.relpartbound, c.oid),
        ' PARTITION BY ' || pg_get_partkeydef(c.oid))
    || CASE WHEN c.reloptions IS NOT NULL
            THEN format(E'\nALTER TABLE %%I SET (%%s);', c.relname, array_to_string(c.reloptions, ', ')) ELSE '' END
    || CASE WHEN c.relrowsecurity THEN format(E'\nALTER TABLE %%I ENABLE ROW LEVEL SECURITY;', c.relname) ELSE '' END
    || CASE WHEN c.relforcerowsecurity THEN format(E'\nALTER TABLE %%I FORCE ROW LEVEL SECURITY;', c.relname) ELSE '' END
    AS definition
FROM our_relations c
WHERE c.relkind IN ('r', 'p')
ORDER BY c.relispartition, c.relname

-- name: indexes
-- Indexes that no constraint brings along. An invalid one is marked, so that `verify` sees it.
WITH {relations}
SELECT c.relname AS table_name, pg_get_indexdef(i.indexrelid, 0, true) || ';'
    || CASE WHEN i.indisvalid THEN '' ELSE ' -- INVALID' END AS definition
FROM pg_index i
JOIN our_relations c ON c.oid = i.indrelid
JOIN pg_class x ON x.oid = i.indexrelid
WHERE NOT x.relispartition
  AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = i.indexrelid AND contype IN ('p', 'u', 'x'))
ORDER BY c.relname, x.relname

-- name: triggers
-- Triggers made by hand; those of foreign keys are PostgreSQL's own.
WITH {relations}
SELECT c.relname AS table_name, pg_get_triggerdef(t.oid, true) || ';'
    || CASE t.tgenabled WHEN 'D' THEN format(E'\nALTER TABLE %%I DISABLE TRIGGER %%I;', c.relname, t.tgname)
                        WHEN 'A' THEN format(E'\nALTER TABLE %%I ENABLE ALWAYS TRIGGER %%I;', c.relname, t.tgname)
                        WHEN 'R' THEN format(E'\nALTER TABLE %%I ENABLE REPLICA TRIGGER %%I;', c.relname, t.tgname)
                        ELSE '' END AS definition
FROM pg_trigger t JOIN our_relations c ON c.oid = t.tgrelid
WHERE NOT t.tgisinternal AND t.tgparentid = 0
ORDER BY c.relname, t.tgname

-- name: policies
-- Row-level security, should a table have it.
SELECT tablename AS table_name, format('CREATE POLICY %%I ON %%I AS %%s FOR %%s TO %%s%%s%%s;', policyname, tablename, permissive,
    cmd, array_to_string(roles, ', '), ' USING (' || qual || ')', ' WITH CHECK (' || with_check || ')') AS definition
FROM pg_policies WHERE schemaname = current_schema()
ORDER BY tablename, policyname

-- name: foreign_keys
-- After all tables, because they may point anywhere.
WITH {relations}
SELECT format('ALTER TABLE %%I ADD CONSTRAINT %%I %%s;', c.relname, k.conname, pg_get_constraintdef(k.oid, true)) AS definition
FROM pg_constraint k JOIN our_relations c ON c.oid = k.conrelid
WHERE k.contype = 'f' AND k.conparentid = 0
ORDER BY c.relname, k.conname

-- name: sequence_owners
-- A sequence of a serial column goes when the column goes.
WITH {relations}
SELECT format('ALTER SEQUENCE %%I OWNED BY %%I.%%I;', c.relname, t.relname, a.attname) AS definition
FROM our_relations c
JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'a'
    AND d.refclassid = 'pg_class'::regclass
JOIN pg_class t ON t.oid = d.refobjid
JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
WHERE c.relkind = 'S'
ORDER BY c.relname

-- name: views
-- In the order they were made, because one may read another.
WITH {relations}
SELECT format(E'CREATE %%sVIEW %%I%%s AS\n%%s', CASE c.relkind WHEN 'm' THEN 'MATERIALIZED ' END, c.relname,
    ' WITH (' || array_to_string(c.reloptions, ', ') || ')', pg_get_viewdef(c.oid, true)) AS definition
FROM our_relations c
WHERE c.relkind IN ('v', 'm')
ORDER BY c.oid

-- name: statistics
-- Extended statistics, which the planner relies on.
SELECT replace(pg_get_statisticsobjdef(oid), quote_ident(current_schema()) || '.', '') || ';' AS definition
FROM pg_statistic_ext
WHERE stxnamespace = current_schema()::regnamespace
ORDER BY stxname

-- name: comments
-- What COMMENT ON said of any of the above.
WITH described AS (
    SELECT o.type, o.identity, d.description
    FROM pg_description d, pg_identify_object(d.classoid, d.objoid, d.objsubid) o
    WHERE d.objoid >= 16384
      AND NOT EXISTS (SELECT FROM pg_depend e
                      WHERE e.classid = d.classoid AND e.objid = d.objoid AND e.deptype = 'e')
)
SELECT format('COMMENT ON %%s %%s IS %%L;',
    upper(regexp_replace(type, '^.*(column|constraint|type)$', '\1')),
    replace(regexp_replace(identity, ' on ', CASE type WHEN 'domain constraint' THEN ' ON DOMAIN ' ELSE ' ON ' END),
            quote_ident(current_schema()) || '.', ''), description) AS definition
FROM described
WHERE identity LIKE '%%' || quote_ident(current_schema()) || '.%%' AND type <> 'extension'
ORDER BY identity COLLATE "C", type COLLATE "C"
