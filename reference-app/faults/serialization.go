package faults

// Serialization checks a rule about many rows in serializable transactions.
var Serialization = &Fault{
	Name: "serialization",
	Doc: `item views count seats in serializable transactions

A course is licensed for so many readers at a time. Each view counts the seats that are
taken and takes one for its user, in a SERIALIZABLE transaction, so that two cannot take
the last one. The database is in the next zone, a millisecond away, so that a transaction
of eight statements is open for ten. The table is small, PostgreSQL reads it as a whole,
and so whoever takes a seat changes what every other view has just read, of whatever
course: of two that overlap one is refused (40001) and tried again, after three tenths of
a second, then twice as long. Alone nobody is ever refused. With each user there are more
that overlap, all attempts count again, and nothing waits for a lock: the database looks
idle.

The fix is to lock what the rule is about and no more: select … from course_licences
where course_id = $1 for update, in a READ COMMITTED transaction that counts afterwards,
so that views of the same course take turns for a millisecond. Where serializable
transactions stay, they are short, read by index, and try again at once.`,
	Database: []string{
		`create table course_licences (course_id bigint primary key, seats int not null)`,
		`insert into course_licences select id, 10000 from courses`,
		`create table course_seats (user_id bigint primary key, course_id bigint not null, until timestamptz not null)`,
		`analyze course_licences, course_seats`,
	},
	Switch: func(s *Switches) { s.SeatsSerializable = true },
}
