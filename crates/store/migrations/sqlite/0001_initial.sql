-- Times are nanoseconds since 1970 UTC. JSON columns hold what is only ever read and written whole.

CREATE TABLE stage (
    key INTEGER PRIMARY KEY,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    tags TEXT NOT NULL,
    created INTEGER NOT NULL,
    active_session TEXT,
    recording TEXT NOT NULL,
    UNIQUE (account, region, id)
) STRICT;
CREATE INDEX stage_by_creation ON stage (account, region, created, id);

CREATE TABLE session (
    key INTEGER PRIMARY KEY,
    stage INTEGER NOT NULL REFERENCES stage (key) ON DELETE CASCADE,
    id TEXT NOT NULL,
    start INTEGER NOT NULL,
    ended INTEGER,
    UNIQUE (stage, id)
) STRICT;
CREATE INDEX session_by_start ON session (stage, start, id);
CREATE INDEX session_live ON session (key) WHERE ended IS NULL;
CREATE INDEX session_by_end ON session (ended) WHERE ended IS NOT NULL;

CREATE TABLE participant (
    session INTEGER NOT NULL REFERENCES session (key) ON DELETE CASCADE,
    id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    attributes TEXT NOT NULL,
    state TEXT NOT NULL,
    first_join INTEGER NOT NULL,
    published INTEGER NOT NULL CHECK (published IN (0, 1)),
    publishing INTEGER NOT NULL CHECK (publishing IN (0, 1)),
    protocol TEXT NOT NULL,
    client TEXT NOT NULL,
    PRIMARY KEY (session, id)
) STRICT;
CREATE INDEX participant_by_join ON participant (session, first_join, id);
CREATE INDEX participant_by_user ON participant (session, user_id, first_join, id);
CREATE INDEX participant_by_id ON participant (id, session);

-- A participant that never joined can have events (JOIN_ERROR), so there is no reference to its record.
CREATE TABLE event (
    session INTEGER NOT NULL REFERENCES session (key) ON DELETE CASCADE,
    sequence INTEGER NOT NULL,
    participant TEXT NOT NULL,
    time INTEGER NOT NULL,
    name TEXT NOT NULL,
    remote TEXT,
    error TEXT,
    PRIMARY KEY (session, sequence)
) STRICT, WITHOUT ROWID;
CREATE INDEX event_by_participant ON event (session, participant, sequence);

CREATE TABLE ban (
    stage INTEGER NOT NULL REFERENCES stage (key) ON DELETE CASCADE,
    participant TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (stage, participant)
) STRICT, WITHOUT ROWID;

CREATE TABLE secret (
    name TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- One row: the last sign of life of the process.
CREATE TABLE life (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    seen INTEGER
) STRICT;
INSERT INTO life (one, seen) VALUES (1, NULL);

-- The stage to which deleted and expired sessions go until they are cleared. No account has the empty name.
INSERT INTO stage (account, region, id, name, tags, created, recording) VALUES ('', '', '', '', '{}', 0, '{}');
