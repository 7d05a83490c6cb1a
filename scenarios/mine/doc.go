// Package mine makes a scenario of what really happened: access logs of the
// usual web servers and HAR recordings go in, a behaviour model comes out,
// beside figures that say how faithful it is.
//
// A Miner reads the inputs as a stream. Requests are put together to sessions;
// a session that has been idle for long enough is closed and kept in a reservoir
// of bounded size (see Limits), with the shape of its requests but none of its
// texts: identifiers are kept as numbers or hashes, cookies, users and addresses
// only as hashes and only while the session is open. Miner.Log ends the reading
// and returns a Log: endpoints with templated paths, and sessions of them.
//
// Fit makes a Model of a Log: personas, the skeletons of their sessions or a
// graph, think times, popularity, arrivals. Judge holds sessions drawn from a
// model against recorded ones it has not seen. Write writes the scenario file.
//
// The package opens no file and no connection. It does not invent what a log
// can't know: bodies, credentials and identifiers that are no numbers are marked
// in the scenario file, and the file is refused until somebody fills them in.
package mine
