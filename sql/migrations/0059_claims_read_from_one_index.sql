-- migrate: no-transaction
-- allocations_by_start begins with the same columns.
DROP INDEX CONCURRENTLY IF EXISTS allocations_by_resource;
