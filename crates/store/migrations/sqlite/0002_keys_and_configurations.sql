-- Public keys, ingest, encoder and storage configurations, revoked connection tokens. Columns are as in the tables before.

CREATE TABLE public_key (
    key INTEGER PRIMARY KEY,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    material TEXT NOT NULL,
    spki BLOB NOT NULL,
    fingerprint TEXT NOT NULL,
    tags TEXT NOT NULL,
    created INTEGER NOT NULL,
    UNIQUE (account, region, id),
    UNIQUE (account, region, spki)
) STRICT;
CREATE INDEX public_key_by_creation ON public_key (account, region, created, id);

CREATE TABLE encoder_configuration (
    key INTEGER PRIMARY KEY,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    framerate REAL NOT NULL,
    bitrate INTEGER NOT NULL,
    tags TEXT NOT NULL,
    created INTEGER NOT NULL,
    UNIQUE (account, region, id)
) STRICT;
CREATE INDEX encoder_configuration_by_creation ON encoder_configuration (account, region, created, id);

CREATE TABLE storage_configuration (
    key INTEGER PRIMARY KEY,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    bucket TEXT NOT NULL,
    tags TEXT NOT NULL,
    created INTEGER NOT NULL,
    UNIQUE (account, region, id)
) STRICT;
CREATE INDEX storage_configuration_by_creation ON storage_configuration (account, region, created, id);

-- To which storage configuration recordings of a stage go. The reference keeps that one from being deleted.
ALTER TABLE stage ADD COLUMN storage_configuration INTEGER REFERENCES storage_configuration (key);
CREATE INDEX stage_by_storage_configuration ON stage (storage_configuration) WHERE storage_configuration IS NOT NULL;

-- A deleted stage detaches what published to it.
CREATE TABLE ingest_configuration (
    key INTEGER PRIMARY KEY,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    protocol TEXT NOT NULL,
    insecure INTEGER NOT NULL CHECK (insecure IN (0, 1)),
    stage INTEGER REFERENCES stage (key) ON DELETE SET NULL,
    participant TEXT NOT NULL,
    stream_key TEXT NOT NULL,
    credentials TEXT NOT NULL,
    user_id TEXT NOT NULL,
    attributes TEXT NOT NULL,
    tags TEXT NOT NULL,
    created INTEGER NOT NULL,
    UNIQUE (account, region, id)
) STRICT;
CREATE INDEX ingest_configuration_by_creation ON ingest_configuration (account, region, created, id);
CREATE INDEX ingest_configuration_by_stage ON ingest_configuration (stage, created, id) WHERE stage IS NOT NULL;

CREATE TABLE revoked_connection_token (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    id TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (account, region, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX revoked_connection_token_by_time ON revoked_connection_token (at);
