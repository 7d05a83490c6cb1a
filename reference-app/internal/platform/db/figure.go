package db

// A Figure is a number that a module knows about a user.
type Figure struct {
	Name string
	// SQL returns one row of one bigint for the user $1.
	SQL string
}
