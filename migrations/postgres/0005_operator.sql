-- Who may use the operator's endpoints with an access token: 0 player, 1 operator.
ALTER TABLE login_account ADD COLUMN role bigint NOT NULL DEFAULT 0;

-- What operators did, newest first, among many more logins.
CREATE INDEX login_event_actions ON login_event (event_id) WHERE kind >= 7;
