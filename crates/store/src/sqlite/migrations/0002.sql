-- Format 2: what people, alert rules and schema changes ordered of maps, the definition that a map's
-- pairs were made with, and the alerts that fired.

-- A map without an order runs. up_to is the last place in the journal that `queue` means.
CREATE TABLE orders (
    map    TEXT PRIMARY KEY,
    wanted TEXT NOT NULL CHECK (wanted IN ('run', 'pause', 'stop')),
    cause  TEXT NOT NULL CHECK (cause IN ('person', 'alert')),
    reason TEXT,
    queue  TEXT NOT NULL CHECK (queue IN ('catch-up', 'keep-parked', 'discard')),
    up_to  INTEGER NOT NULL,
    at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- text is the map file, columns the types of the columns that it reads, companies the scope. whole
-- is 0 while existing rows are still to be read for it.
CREATE TABLE definitions (
    map       TEXT PRIMARY KEY,
    version   TEXT NOT NULL,
    text      TEXT NOT NULL,
    columns   TEXT NOT NULL,
    companies TEXT NOT NULL,
    whole     INTEGER NOT NULL CHECK (whole IN (0, 1)),
    at        INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE alerts (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    at     INTEGER NOT NULL,
    rule   TEXT NOT NULL,
    action TEXT NOT NULL,
    map    TEXT,
    text   TEXT NOT NULL
) STRICT;
