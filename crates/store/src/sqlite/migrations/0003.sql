-- Format 3: conflicts that wait for a person, and what people say about single changes.

-- Who modified the record, where its system says.
ALTER TABLE journal ADD COLUMN modified_by TEXT;
-- What a person said about this change: stored JSON; NULL for nothing.
ALTER TABLE journal ADD COLUMN amendment TEXT;

-- `open` waits for a person; the others are history.
ALTER TABLE conflicts ADD COLUMN state TEXT NOT NULL DEFAULT 'decided'
    CHECK (state IN ('open', 'decided', 'resolved', 'gone'));
ALTER TABLE conflicts ADD COLUMN kind TEXT NOT NULL DEFAULT 'fields'
    CHECK (kind IN ('fields', 'meeting', 'deletion'));
-- Stored JSON: who last changed the record of either side, and when.
ALTER TABLE conflicts ADD COLUMN touched TEXT;
-- Stored JSON: what a person decided.
ALTER TABLE conflicts ADD COLUMN decision TEXT;
ALTER TABLE conflicts ADD COLUMN ended_at INTEGER;
ALTER TABLE conflicts ADD COLUMN ended_how TEXT;

-- A pair has one open conflict at most.
CREATE UNIQUE INDEX conflicts_open ON conflicts (map, key) WHERE state = 'open';
CREATE INDEX conflicts_by_key ON conflicts (map, key);
-- For forgetting old ones.
CREATE INDEX conflicts_ended ON conflicts (ended_at) WHERE state <> 'open';
UPDATE conflicts SET ended_at = at;

-- Counts the deletions that the brake on mass deletions looks at.
CREATE INDEX journal_deletions ON journal (map, side) WHERE kind = 'delete' AND amendment IS NULL;
