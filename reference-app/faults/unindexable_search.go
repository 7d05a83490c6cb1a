package faults

// UnindexableSearch looks for a word in the middle of every message.
var UnindexableSearch = &Fault{
	Name: "unindexable-search",
	Doc: `mentions are searched in all messages with ILIKE

"How often was I mentioned?" is asked by every dashboard:

    select count(*) from messages where body ilike '%' || $1 || '%'

The pattern may match anywhere, so no index on the column can help: every message ever
sent is read, put into lower case and tried. It was instant with the hundred messages of
the demonstration, and grows with every message that anybody sends.

The fix is to note mentions when a message is sent, in a table with an index on the user;
or, where texts must be searched, full text search or trigrams:

    create index messages_body_idx on messages using gin (body gin_trgm_ops);`,
	Switch: func(s *Switches) { s.MentionsByPattern = true },
}
