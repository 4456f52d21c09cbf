-- Format 5: what the brake on mass deletions remembers of the deletions that it let pass, so that many
-- that come one by one are noticed, whenever the process began.

CREATE TABLE passed_deletions (
    map   TEXT NOT NULL,
    side  TEXT NOT NULL CHECK (side IN ('left', 'right')),
    at    INTEGER NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (map, side, at)
) STRICT, WITHOUT ROWID;
