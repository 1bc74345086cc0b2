-- An index is read alone only where VACUUM has seen the table's pages. By itself it comes when a fifth of the table is new:
-- of ten million claims that would be a year's, and the year's are those that are searched.
ALTER TABLE allocations SET (autovacuum_vacuum_insert_threshold = 5000, autovacuum_vacuum_insert_scale_factor = 0.002);
