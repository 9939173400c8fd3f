-- Which token took whose place: JSON of both, for TOKEN_EXCHANGED only.

ALTER TABLE event ADD COLUMN exchange TEXT;
