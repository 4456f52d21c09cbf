-- Format 1. Released: never edited, the next change is the next file.
--
-- Times of the engine's clock are nanoseconds since 1970, rows and images are the stored JSON of
-- a row, words (`pending`, `left`) are spelled as in configuration and output.

PRAGMA application_id = 1148544372;

-- Numbers of which there is one each: format, next_tick, last_journaled, last_settled.
CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Changes that have not ended. AUTOINCREMENT, because a place is never given out twice. The row
-- stands last, so that walking the queue does not read it.
CREATE TABLE journal (
    seq             INTEGER PRIMARY KEY AUTOINCREMENT,
    map             TEXT NOT NULL,
    side            TEXT NOT NULL CHECK (side IN ('left', 'right')),
    key             TEXT NOT NULL,
    record          TEXT NOT NULL,
    state           TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'parked')),
    until           INTEGER NOT NULL DEFAULT 0,
    attempts        INTEGER NOT NULL DEFAULT 0,
    journaled_at    INTEGER NOT NULL,
    tick            INTEGER NOT NULL,
    origin          TEXT NOT NULL CHECK (origin IN ('live', 'initial', 'sweep')),
    kind            TEXT NOT NULL CHECK (kind IN ('upsert', 'delete')),
    modified        TEXT,
    version_tag     TEXT,
    version_ordinal INTEGER,
    row             TEXT,
    CHECK ((kind = 'upsert') = (row IS NOT NULL))
) STRICT;

-- Covers the walk of the queue and the count of the audit.
CREATE INDEX journal_queue ON journal (map, state, seq, until, side);
CREATE INDEX journal_by_key ON journal (map, key);
CREATE INDEX journal_by_record ON journal (map, side, record);
CREATE INDEX journal_postponed ON journal (map, key, until) WHERE until > 0;

-- Why a change of state `parked` is parked.
CREATE TABLE parked (
    seq     INTEGER PRIMARY KEY REFERENCES journal (seq) ON DELETE CASCADE,
    reason  TEXT NOT NULL,
    code    TEXT NOT NULL,
    message TEXT NOT NULL,
    since   INTEGER NOT NULL
) STRICT;

-- What parked changes wait for.
CREATE TABLE waits (
    id    INTEGER PRIMARY KEY,
    seq   INTEGER NOT NULL REFERENCES parked (seq) ON DELETE CASCADE,
    token TEXT NOT NULL
) STRICT;

CREATE UNIQUE INDEX waits_by_seq ON waits (seq, token);
CREATE INDEX waits_by_token ON waits (token);

-- Creates whose outcome has to be looked up after a crash.
CREATE TABLE intents (
    seq     INTEGER PRIMARY KEY REFERENCES journal (seq) ON DELETE CASCADE,
    map     TEXT NOT NULL,
    to_side TEXT NOT NULL CHECK (to_side IN ('left', 'right')),
    row     TEXT NOT NULL,
    at      INTEGER NOT NULL
) STRICT;

-- Each half is the stored JSON of what is known of that side; its record stands in a column too,
-- for the indexes.
CREATE TABLE pairs (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    revision     INTEGER NOT NULL,
    map          TEXT NOT NULL,
    key          TEXT NOT NULL,
    state        TEXT NOT NULL CHECK (state IN ('linked', 'outside-filter', 'deleted')),
    bounces      INTEGER NOT NULL,
    settled_at   INTEGER NOT NULL,
    left_record  TEXT,
    right_record TEXT,
    left_half    TEXT NOT NULL,
    right_half   TEXT NOT NULL
) STRICT;

-- A tombstone holds neither its key nor its records against a new pair.
CREATE UNIQUE INDEX pairs_by_key ON pairs (map, key) WHERE state <> 'deleted';
CREATE UNIQUE INDEX pairs_by_left ON pairs (map, left_record) WHERE state <> 'deleted';
CREATE UNIQUE INDEX pairs_by_right ON pairs (map, right_record) WHERE state <> 'deleted';
CREATE INDEX tombstones_by_left ON pairs (map, left_record) WHERE state = 'deleted';
CREATE INDEX tombstones_by_right ON pairs (map, right_record) WHERE state = 'deleted';

-- Counts pairs without reading their halves.
CREATE INDEX pairs_by_state ON pairs (map, state);

-- The boxes that only grow; pending and parked are counted in the journal.
CREATE TABLE counters (
    map       TEXT NOT NULL,
    side      TEXT NOT NULL CHECK (side IN ('left', 'right')),
    captured  INTEGER NOT NULL,
    applied   INTEGER NOT NULL,
    coalesced INTEGER NOT NULL,
    echoed    INTEGER NOT NULL,
    filtered  INTEGER NOT NULL,
    discarded INTEGER NOT NULL,
    writes    INTEGER NOT NULL,
    PRIMARY KEY (map, side)
) STRICT, WITHOUT ROWID;

-- The story of each record, its last lines.
CREATE TABLE activity (
    id           INTEGER PRIMARY KEY,
    seq          INTEGER NOT NULL,
    map          TEXT NOT NULL,
    side         TEXT NOT NULL CHECK (side IN ('left', 'right')),
    key          TEXT NOT NULL,
    outcome      TEXT NOT NULL,
    detail       TEXT NOT NULL,
    journaled_at INTEGER NOT NULL,
    at           INTEGER NOT NULL
) STRICT;

CREATE INDEX activity_by_key ON activity (map, key);

CREATE TABLE conflicts (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    map    TEXT NOT NULL,
    key    TEXT NOT NULL,
    at     INTEGER NOT NULL,
    policy TEXT NOT NULL,
    fields TEXT NOT NULL
) STRICT;

CREATE INDEX conflicts_by_map ON conflicts (map);

CREATE TABLE cursors (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- AUTOINCREMENT, because a notice that came during a read must not take the number of one that
-- the read looks after.
CREATE TABLE notices (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    side       TEXT NOT NULL CHECK (side IN ('left', 'right')),
    table_name TEXT NOT NULL,
    record     TEXT,
    at         INTEGER NOT NULL
) STRICT;

CREATE INDEX notices_by_side ON notices (side);

-- Comparisons of key sets under way; newest_pair is the newest pair when one began.
CREATE TABLE sweeps (
    name        TEXT PRIMARY KEY,
    newest_pair INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE sweep_seen (
    sweep  TEXT NOT NULL REFERENCES sweeps (name) ON DELETE CASCADE,
    record TEXT NOT NULL,
    PRIMARY KEY (sweep, record)
) STRICT, WITHOUT ROWID;

CREATE TABLE map_status (
    map     TEXT PRIMARY KEY,
    state   TEXT NOT NULL,
    version TEXT NOT NULL,
    since   INTEGER NOT NULL,
    error   TEXT
) STRICT, WITHOUT ROWID;
