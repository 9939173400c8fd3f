-- The stage to which deleted and expired sessions go until they are cleared. No account has the empty name.
INSERT INTO stage (account, region, id, name, tags, created, recording) VALUES ('', '', '', '', '{}', 0, '{}');
