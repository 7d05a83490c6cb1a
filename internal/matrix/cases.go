package matrix

import (
	"strconv"
	"time"
)

// Steps of the load: as long as those of scalecheck run without options, fifteen
// seconds each, but three instead of four, so that the matrix is through in a
// night.
const Steps = 3

// Load is what every case's scalecheck run is given. It has as many users as the scenario
// says; with half of them, faults kept the objectives on a quick machine.
var Load = []string{"--steps", strconv.Itoa(Steps), "--duration", strconv.Itoa(15*Steps) + "s"}

// Cases are all faults of the bundled app, each alone, and the controls.
var Cases = []Case{
	{
		Name: "missing-index", About: "the query whose index is gone",
		Want: blame(Culprit{
			Cause: "missing-index", Bounds: []string{"cpu"}, Kind: "query", Subject: "notifications",
			Statement: "notifications",
		}),
	},
	{
		Name: "n-plus-one", About: "the dashboard and its repeated query",
		Want: blame(Culprit{
			Cause: "n-plus-one", Bounds: []string{"cpu", "network"}, Kind: "endpoint",
			Subject: "/api/v1/me/dashboard", Statement: "progress",
		}),
	},
	{
		Name: "sync-email", Beyond: true, About: "smtp, endpoint register",
		Want: blame(syncEmail),
	},
	{
		Name: "queue-backlog", Beyond: true, About: "the grading jobs",
		Want: blame(Culprit{
			Cause: "queue-backlog", Bounds: []string{"workers"}, Kind: "job", Subject: "grade_submission",
		}),
	},
	{
		Name: "hot-row", About: "the counter's table and who holds it",
		Want: blame(hotRow),
	},
	{
		Name: "advisory-lock", About: "the item views and their lock",
		Want: blame(Culprit{
			Cause: "lock-contention", Bounds: []string{"lock"}, Kind: "endpoint", Subject: "/api/v1/items",
			Statement: "pg_advisory_xact_lock", Station: "locks",
		}),
	},
	{
		Name: "table-lock", About: "the locked table and the script that locks it",
		Want: blame(Culprit{
			Cause: "lock-contention", Bounds: []string{"lock"}, Kind: "table",
			Subject: "notifications archive-script", Station: "locks",
		}),
	},
	{
		Name: "deadlock", About: "the item views that lock in random order",
		Want: blame(Culprit{
			Cause: "transaction-conflicts", Bounds: []string{"lock"}, Kind: "endpoint",
			Subject: "/api/v1/items", Statement: "activity_counters", Station: "locks",
		}),
	},
	{
		Name: "call-in-transaction", About: "the item views that hold a connection",
		Want: blame(Culprit{
			Cause: "idle-in-transaction", Bounds: []string{"pool"}, Kind: "endpoint", Subject: "/api/v1/items",
			Station: "idle in transaction",
		}),
	},
	{
		Name: "small-pool", About: "the web pool",
		Want: blame(Culprit{
			Cause: "small-pool", Bounds: []string{"pool"}, Kind: "station", Subject: "web",
			Station: "connection pool",
		}),
	},
	{
		Name: "per-row-commit", About: "the item views that commit row by row",
		Want: blame(Culprit{
			Cause: "commit-bound", Bounds: []string{"io"}, Kind: "endpoint", Subject: "/api/v1/items",
			Statement: "reading_receipts", Station: "commit",
		}),
	},
	{
		Name: "connection-churn", About: "the connections that are opened",
		Want: blame(Culprit{
			Cause: "connection-churn", Bounds: []string{"cpu", "pool"}, Kind: "station",
			Subject: "connections",
		}),
	},
	{
		Name: "throttled-crm", Beyond: true, About: "the CRM, endpoint register",
		Want: blame(Culprit{
			Cause: "blocking-side-effect", Bounds: []string{"external"}, Kind: "dependency",
			Subject: "127.0.0.1", Endpoint: "/api/v1/register",
		}),
	},
	{
		Name: "fk-index", About: "the delete, and the table that it reads for the foreign key",
		Want: blame(Culprit{
			Cause: "missing-index", Bounds: []string{"cpu"}, Kind: "query", Subject: "reading_events",
			Statement: "delete from readings",
		}),
	},
	{
		Name: "stale-stats", About: "the query on the table that was not analyzed",
		Want: blame(Culprit{
			Cause: "index-unused", Bounds: []string{"cpu"}, Kind: "query", Subject: "message_reviews",
			Statement: "message_reviews",
		}),
	},
	{
		Name: "generic-plan", About: "the query whose index is partial",
		Want: blame(Culprit{
			Cause: "index-unused", Bounds: []string{"cpu"}, Kind: "query", Subject: "notifications",
			Statement: "from notifications",
		}),
	},
	{
		Name: "disabled-index-scan", About: "the setting",
		Want: blame(Culprit{
			Cause: "index-unused", Bounds: []string{"cpu"}, Kind: "query", Subject: "enable_indexscan",
		}),
	},
	{
		Name: "jit-on-short-queries", About: "the setting",
		Want: blame(Culprit{
			Cause: "jit-overhead", Bounds: []string{"cpu"}, Kind: "query", Subject: "jit",
		}),
	},
	{
		Name: "deep-offset", About: "the feed's query",
		Want: blame(Culprit{
			Cause: "deep-offset", Bounds: []string{"cpu"}, Kind: "query", Subject: "activity_events",
			Statement: "offset",
		}),
	},
	{
		Name: "unindexable-search", About: "the search for mentions",
		Want: blame(Culprit{
			Cause: "unindexable-search", Bounds: []string{"cpu"}, Kind: "query", Subject: "messages",
			Statement: "ilike",
		}),
	},
	{
		Name: "disk-spill", About: "the ranking",
		Want: blame(Culprit{
			Cause: "disk-spill", Bounds: []string{"cpu", "io"}, Kind: "query", Subject: "grades",
			Statement: "rank()",
		}),
	},
	{
		Name: "analytics-in-oltp", About: "the aggregate of the notifications page",
		Want: blame(Culprit{
			Cause: "analytics-in-oltp", Bounds: []string{"cpu"}, Kind: "query", Subject: "activity_events",
			Endpoint: "/api/v1/notifications", Statement: "count(distinct user_id)",
		}),
	},
	{
		Name: "over-fetching", About: "the dashboard's whole courses",
		Want: blame(Culprit{
			Cause: "over-fetching", Bounds: []string{"cpu", "network"}, Kind: "query", Subject: "courses",
			Endpoint: "/api/v1/me/dashboard", Statement: "from courses", Station: "network",
		}),
	},
	{
		Name: "cache-absent", About: "the flags that all endpoints read",
		Want: blame(Culprit{
			Cause: "cache-absent", Bounds: []string{"cpu", "network"}, Kind: "query", Subject: "tenant_flags",
			Statement: "tenant_flags",
		}),
	},
	{
		Name: "cache-stampede", About: "the statement that fills the cache",
		Want: blame(Culprit{
			Cause: "cache-stampede", Bounds: []string{"cpu"}, Kind: "query", Subject: "activity_events",
			Endpoint: "/api/v1/me/dashboard", Statement: "as visits",
		}),
	},
	{
		Name: "round-trips", About: "the dashboard that asks figure by figure",
		Want: blame(Culprit{
			Cause: "round-trips", Bounds: []string{"network"}, Kind: "endpoint", Subject: "/api/v1/me/dashboard",
			Station: "network",
		}),
	},
	{
		Name: "serialization", About: "the item views that are refused and tried again",
		Want: blame(Culprit{
			Cause: "transaction-conflicts", Bounds: []string{"lock"}, Kind: "endpoint", Subject: "/api/v1/items",
			Station: "locks",
		}),
	},
	{
		Name: "pool-leak", About: "the web pool, which loses connections",
		Want: blame(Culprit{
			Cause: "pool-leak", Bounds: []string{"pool"}, Kind: "station", Subject: "web",
			Station: "connection pool",
		}),
	},
	{
		Name: "old-snapshot", About: "the table of dead rows, and the session that keeps them",
		Want: blame(Culprit{
			Cause: "old-snapshot", Bounds: []string{"cpu"}, Kind: "table",
			Subject: "presence a session of reporting-tool", Statement: "from presence",
		}),
	},
	{
		Name: "checkpoint-storm", About: "the checkpoints that the log asks for",
		// Views write twelve megabytes of log a second, checkpoints six of pages.
		Cannot: needsSlowDisk("to write and flush a megabyte", writeMegabyte, time.Second/18),
		Want: blame(Culprit{
			Cause: "checkpoint-storm", Bounds: []string{"io"}, Kind: "station", Subject: "checkpoints",
			Statement: "shown_words",
		}),
	},
	{
		Name: "working-set", About: "the table that is read from the disk",
		// A dashboard reads 250 pages one after the other, within 300 ms or not.
		Cannot: needsSlowDisk("to read a page", readPage, 300*time.Millisecond/250),
		Want: blame(Culprit{
			Cause: "working-set", Bounds: []string{"memory"}, Kind: "table", Subject: "notifications",
			Endpoint: "/api/v1/me/dashboard", Statement: "from notifications",
		}),
	},
	{
		Name: "none", About: "nothing",
		Want: Want{Status: "pass"},
	},
	{
		Name: "none-light", Args: []string{"--fault", "none", "--users", "240"}, About: "nothing, with four tenths of the users",
		Want: Want{Status: "pass"},
	},
	{
		Name: "generator-bound", Args: []string{"--fault", "none", "--max-rate", "40"},
		About: "the generator, which may send half of what the users ask for",
		Want:  Want{Status: "inconclusive", Reason: "late (p99)"},
	},
	{
		Name: "short", Args: []string{"--fault", "missing-index", "--steps", "1", "--duration", "8s"},
		About: "nothing: five seconds are too few",
		Want:  Want{Status: "inconclusive", Reason: "s of load were measured"},
	},
	{
		Name: "reset", Args: []string{"--fault", "missing-index"}, Beside: reset,
		About: "nothing: somebody resets the statistics of the statements",
		Want:  Want{Status: "inconclusive", Reason: "somebody reset pg_stat_statements"},
	},
	{
		Name: "cpu-hog", Args: []string{"--fault", "none"}, Beside: hog, Noisy: true,
		About: "the neighbours who take the processors",
		Want:  Want{Status: "inconclusive", Reason: "other processes used"},
	},
	{
		// One step, the highest: at the first one that misses an objective only one of
		// the two may be felt.
		Name: "two-faults", Args: []string{"--fault", "hot-row", "--fault", "sync-email", "--steps", "1", "--duration", "30s"},
		About: "the counter's table, and smtp",
		Want:  blame(hotRow, syncEmail),
	},
}

// Culprits of more than one case.
var (
	hotRow = Culprit{
		Cause: "lock-contention", Bounds: []string{"lock"}, Kind: "table", Subject: "counter",
		Statement: "counter", Station: "locks",
	}
	syncEmail = Culprit{
		Cause: "blocking-side-effect", Bounds: []string{"external"}, Kind: "dependency", Subject: "smtp",
		Endpoint: "/api/v1/register",
	}
)

func blame(cs ...Culprit) Want { return Want{Status: "fail", Culprits: cs} }
