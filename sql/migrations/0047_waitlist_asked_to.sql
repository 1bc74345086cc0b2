-- A long line is asked in several rounds: the place up to which it was asked about an opening is kept with the opening,
-- so that the next round, of whichever worker, goes on behind it.
ALTER TABLE waitlist_openings ADD COLUMN asked_to bigint NOT NULL DEFAULT 0;
