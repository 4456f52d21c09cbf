-- Format 4: an intent for every write, by the key of its pair. It outlives its change: until
-- somebody has looked, nothing else tells Duet's own write from a person's edit.

CREATE TABLE intents_of_all_writes (
    map         TEXT NOT NULL,
    key         TEXT NOT NULL,
    seq         INTEGER NOT NULL,
    to_side     TEXT NOT NULL CHECK (to_side IN ('left', 'right')),
    -- The record whose change it is, on the other side.
    source      TEXT NOT NULL,
    kind        TEXT NOT NULL CHECK (kind IN ('create', 'update', 'delete')),
    -- The record that is written; NULL where its system names it.
    record      TEXT,
    -- The version that must still stand.
    version_tag TEXT,
    -- What is sent; NULL for a deletion.
    row         TEXT,
    at          INTEGER NOT NULL,
    PRIMARY KEY (map, key, seq),
    CHECK ((kind = 'delete') = (row IS NULL))
) STRICT, WITHOUT ROWID;

INSERT INTO intents_of_all_writes (map, key, seq, to_side, source, kind, row, at)
SELECT journal.map, journal.key, seq, to_side, journal.record, 'create', intents.row, at
FROM intents JOIN journal USING (seq);

DROP TABLE intents;
ALTER TABLE intents_of_all_writes RENAME TO intents;
