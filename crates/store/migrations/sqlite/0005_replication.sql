-- What a participant's record says of replication: SOURCE or REPLICA, whether it goes on, and for a replica where it is
-- from. There is no reference to the other stage: each side outlives the other.
ALTER TABLE participant ADD COLUMN replication TEXT CHECK (replication IN ('SOURCE', 'REPLICA'));
ALTER TABLE participant ADD COLUMN replication_active INTEGER NOT NULL DEFAULT 0 CHECK (replication_active IN (0, 1));
ALTER TABLE participant ADD COLUMN source_stage TEXT;
ALTER TABLE participant ADD COLUMN source_session TEXT;

ALTER TABLE event ADD COLUMN replica INTEGER NOT NULL DEFAULT 0 CHECK (replica IN (0, 1));
ALTER TABLE event ADD COLUMN destination_stage TEXT;
ALTER TABLE event ADD COLUMN destination_session TEXT;

-- Replications by the session of their source.
CREATE TABLE replica (
    session INTEGER NOT NULL REFERENCES session (key) ON DELETE CASCADE,
    participant TEXT NOT NULL,
    destination_stage TEXT NOT NULL,
    destination_session TEXT NOT NULL,
    active INTEGER NOT NULL CHECK (active IN (0, 1)),
    PRIMARY KEY (session, participant, destination_stage)
) STRICT, WITHOUT ROWID;
