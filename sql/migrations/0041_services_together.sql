-- A service that all who deliver it give together: claimed together, or not at all.
ALTER TABLE services ADD COLUMN collective boolean NOT NULL DEFAULT false;
