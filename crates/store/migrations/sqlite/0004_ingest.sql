-- Whether a stream of an ingest configuration is connected to its stage, and through which configuration a participant came in: its id,
-- since the configuration is of the account and region of the stage.

ALTER TABLE ingest_configuration ADD COLUMN active INTEGER NOT NULL DEFAULT 0;

CREATE INDEX ingest_configuration_by_state ON ingest_configuration (account, region, active, created, id);

ALTER TABLE participant ADD COLUMN ingest TEXT;
ALTER TABLE participant ADD COLUMN redundant INTEGER NOT NULL DEFAULT 0;
