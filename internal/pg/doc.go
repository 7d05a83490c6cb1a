// Package pg finds, starts and stops a private PostgreSQL, and makes the databases that runs and tests work in.
//
// [Find] looks for server binaries on this machine; [Ensure] downloads them when there are none. [Start] runs a server
// on them: a cached one, whose template databases make the second run start in seconds, or a throwaway one.
// [OpenServer] is for a server that somebody else runs. [Cluster] and foreign server share [Server], which creates
// and drops databases: [Server.NewDatabase] is all that a run needs, on either. Tests take [ForTest].
//
// # How the private server is kept private
//
// Programs of the same user connect through a Unix socket in a directory that only the server's account may enter;
// there no password is asked for. Over TCP the server listens on 127.0.0.1 alone, where every account of the machine
// may knock, so a password (random, one per cluster, scram-sha-256) is needed. It is in the TCP connection string and
// in a file that only the server's account can read, and is never printed.
//
// initdb and postgres refuse to run as root. Started by root they run as the user "postgres" if there is one, else as
// "nobody", and everything they own lives where that user can get at it (/var/cache/scalecheck, or a temporary
// directory).
//
// # How it ends
//
// The server has a process group of its own, since Ctrl-C in a terminal goes to the whole foreground group, and the
// server must outlive the last thing that scalecheck wants to ask it. [Cluster.Stop] stops it. If scalecheck dies
// without getting there (SIGKILL, out of memory), a watchdog does it: see watchdog.go. What even the watchdog missed
// is found at the next start, under the lock of the cached directory, and stopped then.
//
// The package does not measure and knows no schema. It changes nothing on a foreign server but the databases that it
// created there itself.
package pg
