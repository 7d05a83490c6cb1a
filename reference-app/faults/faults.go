// Package faults is the reference app's diseases: anti-patterns that real
// applications have, each with a switch that brings it in and the healthy code on
// the switch's other side.
//
// A fault is a value in [All], one file each. It breaks the database (statements
// run once against a freshly seeded one, see [Apply]), the app (a field of
// [Switches], handed to the module concerned), the server below them ([Settings]),
// or several of these. The package says what is wrong and what is right; what a tool
// should find is that tool's business.
package faults

import (
	"context"
	"fmt"
	"maps"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Fault is one anti-pattern.
type Fault struct {
	// Name is how users ask for it.
	Name string
	// Doc is its description: a title line, a blank line, what the anti-pattern
	// is, what it does to users, and the fix.
	Doc string
	// Server holds settings with which the whole server is to be started. They are
	// for a server that serves nobody else: see [Settings].
	Server map[string]string
	// Database holds the statements that bring it into a healthy database.
	Database []string
	// Switch turns it on in the app; nil if the database or its server alone is ill.
	Switch func(*Switches)
}

// Switches are the app's bad sides. The zero value is the healthy app.
type Switches struct {
	// ProgressPerItem makes the dashboard ask for progress item by item.
	ProgressPerItem bool
	// MailInline makes registration wait for the mail provider.
	MailInline bool
	// OneGrader leaves all grading to a single worker.
	OneGrader bool
	// CountViewsInOneRow makes every item view update one row.
	CountViewsInOneRow bool
	// OneViewAtATime makes every item view take the same advisory lock.
	OneViewAtATime bool
	// LockedArchive has a script lock the notifications while it copies them.
	LockedArchive bool
	// CountInAnyOrder makes every item view update two counters in random order.
	CountInAnyOrder bool
	// LicenceInTransaction makes item views ask a licence server in a transaction.
	LicenceInTransaction bool
	// FewConnectionsFarAway leaves the web side four connections to a database in
	// another region.
	FewConnectionsFarAway bool
	// ReceiptBySentence makes item views commit once for each sentence.
	ReceiptBySentence bool
	// ShortConnections makes the web side close connections after a few statements.
	ShortConnections bool
	// ContactInline makes registration wait for a CRM that limits its clients.
	ContactInline bool
	// OneReadingPerUser makes item views replace the user's reading.
	OneReadingPerUser bool
	// ArchivedByParameter makes the inbox ask for what is not archived.
	ArchivedByParameter bool
	// CountReviews puts the number of messages to be reviewed on the dashboard.
	CountReviews bool
	// FeedByOffset puts an activity feed on the dashboard.
	FeedByOffset bool
	// MentionsByPattern puts the number of mentions on the dashboard.
	MentionsByPattern bool
	// RankAlive puts the user's ranks on the dashboard.
	RankAlive bool
	// PopularTogether puts the popular courses on the dashboard, cached for a while.
	PopularTogether bool
	// ActivityFromEvents puts everybody's activity on the notifications page.
	ActivityFromEvents bool
	// WholeCourses makes the dashboard load courses with all their columns.
	WholeCourses bool
	// FlagsEachTime makes every request read its tenant's flags several times.
	FlagsEachTime bool
	// FigureByFigure puts figures about the user on the dashboard, each read by a
	// statement of its own from a database in another region.
	FigureByFigure bool
	// SeatsSerializable makes item views count seats in serializable transactions.
	SeatsSerializable bool
	// WithdrawnKeepConnections makes views of withdrawn items forget to release
	// their connection.
	WithdrawnKeepConnections bool
	// ForgottenReport puts the number of users who are here on the dashboard, with a
	// transaction open since the morning.
	ForgottenReport bool
	// LogWords makes item views log each word that was shown.
	LogWords bool
	// KindsWithoutMemory puts the numbers of all notifications on the dashboard, with
	// a neighbour who needs the memory.
	KindsWithoutMemory bool
}

// All faults, in the order in which they are described.
var All = []*Fault{
	MissingIndex,
	NPlusOne,
	SyncEmail,
	QueueBacklog,
	HotRow,
	AdvisoryLock,
	TableLock,
	Deadlock,
	CallInTransaction,
	SmallPool,
	PerRowCommit,
	ConnectionChurn,
	ThrottledCRM,
	FKIndex,
	StaleStats,
	GenericPlan,
	DisabledIndexScan,
	JIT,
	DeepOffset,
	UnindexableSearch,
	DiskSpill,
	AnalyticsInOLTP,
	OverFetching,
	CacheAbsent,
	CacheStampede,
	RoundTrips,
	Serialization,
	PoolLeak,
	OldSnapshot,
	CheckpointStorm,
	WorkingSet,
}

// Naive names the faults that a first version written in a hurry has all at once.
var Naive = []string{
	MissingIndex.Name,
	NPlusOne.Name,
	SyncEmail.Name,
	QueueBacklog.Name,
	HotRow.Name,
}

// Lookup returns the faults with the given names, in that order.
func Lookup(names []string) ([]*Fault, error) {
	byName := make(map[string]*Fault, len(All))
	known := make([]string, len(All))
	for i, f := range All {
		byName[f.Name] = f
		known[i] = f.Name
	}
	found := make([]*Fault, len(names))
	for i, name := range names {
		f, ok := byName[name]
		if !ok {
			return nil, fmt.Errorf("unknown fault %q: want one of %s", name, strings.Join(known, ", "))
		}
		found[i] = f
	}
	return found, nil
}

// On returns the switches that the faults turn on.
func On(fs []*Fault) Switches {
	var s Switches
	for _, f := range fs {
		if f.Switch != nil {
			f.Switch(&s)
		}
	}
	return s
}

// Settings returns the settings that the faults need the server to be started with.
// A server that is started without them is healthy again.
func Settings(fs []*Fault) map[string]string {
	all := map[string]string{}
	for _, f := range fs {
		maps.Copy(all, f.Server)
	}
	return all
}

// set is the statement that changes a setting for all sessions of the database.
func set(name, value string) string {
	return fmt.Sprintf("do $$ begin execute format('alter database %%I set %s = %%L', current_database(), '%s'); end $$", name, value)
}

// Apply runs the faults' statements against the database at dsn, all or none. The
// database must be healthy: it is meant for a clone that is dropped afterwards.
func Apply(ctx context.Context, dsn string, fs []*Fault) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return fmt.Errorf("apply faults: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		for _, f := range fs {
			for _, sql := range f.Database {
				if _, err := tx.Exec(ctx, sql); err != nil {
					return fmt.Errorf("apply fault %s: %w", f.Name, err)
				}
			}
		}
		return nil
	})
}
