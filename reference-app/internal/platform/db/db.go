// Package db opens connection pools that report on themselves.
//
// Each pool publishes OpenTelemetry's db.client.connection metrics under its
// name. Waiting and use are timed at the pool's own acquire and release events,
// so what they say is what requests lived through.
package db

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// Queryer is what pools and transactions have in common, for statements that run
// in either.
type Queryer interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// Options describe a pool.
type Options struct {
	Name     string // the pool's name in metrics
	AppName  string // application_name, by which the database tells the pools apart
	MaxConns int32
	// Distance is how long a round trip to the server takes beyond what it takes here.
	Distance time.Duration
	// Uses is after how many uses a connection is closed; 0: never.
	Uses int
}

// Open connects a pool to the database at dsn. The caller closes it.
func Open(ctx context.Context, dsn string, o Options, meter metric.Meter) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("open %s pool: %w", o.Name, err)
	}
	config.MaxConns = o.MaxConns
	// All connections are opened at once and stay open. A pool that grows does so
	// when the load does, which is the worst moment to start backends.
	config.MinConns = o.MaxConns
	if o.Uses > 0 {
		config.MinConns = 0
		config.AfterRelease = func(c *pgx.Conn) bool { return used(c) < o.Uses }
	}
	if o.Distance > 0 {
		config.ConnConfig.DialFunc = dialFar(config.ConnConfig.DialFunc, o.Distance)
	}
	config.ConnConfig.RuntimeParams["application_name"] = o.AppName
	tracer, err := newTracer(o.Name, meter)
	if err != nil {
		return nil, fmt.Errorf("open %s pool: %w", o.Name, err)
	}
	config.ConnConfig.Tracer = tracer
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("open %s pool: %w", o.Name, err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("open %s pool: %w", o.Name, err)
	}
	if err := tracer.observe(pool, meter); err != nil {
		pool.Close()
		return nil, fmt.Errorf("open %s pool: %w", o.Name, err)
	}
	return pool, nil
}

// Close closes the pool. It waits for connections that are on their way back; one
// that is still out after a second, when nobody works any more, was forgotten by
// whoever took it and ends with the process.
func Close(pool *pgxpool.Pool) {
	closed := make(chan struct{})
	go func() {
		pool.Close()
		close(closed)
	}()
	select {
	case <-closed:
	case <-time.After(time.Second):
	}
}

// used counts a connection's uses.
func used(c *pgx.Conn) int {
	const key = "uses"
	data := c.PgConn().CustomData()
	n, _ := data[key].(int)
	data[key] = n + 1
	return n + 1
}

// bounds in seconds: an idle pool hands out connections in microseconds, a
// starved one in seconds.
var bounds = metric.WithExplicitBucketBoundaries(
	0.00001, 0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

// tracer times what happens to one pool's connections. pgxpool finds it as the
// connections' tracer; it ignores queries.
type tracer struct {
	pool              metric.MeasurementOption
	name              attribute.KeyValue
	wait, use, create metric.Float64Histogram

	mu      sync.Mutex
	pending int64
}

func newTracer(name string, meter metric.Meter) (*tracer, error) {
	t := &tracer{name: attribute.String("db.client.connection.pool.name", name)}
	t.pool = metric.WithAttributeSet(attribute.NewSet(t.name))
	var err error
	if t.wait, err = meter.Float64Histogram("db.client.connection.wait_time", metric.WithUnit("s"), bounds,
		metric.WithDescription("The time it took to obtain an open connection from the pool.")); err != nil {
		return nil, err
	}
	if t.use, err = meter.Float64Histogram("db.client.connection.use_time", metric.WithUnit("s"), bounds,
		metric.WithDescription("The time between borrowing a connection and returning it to the pool.")); err != nil {
		return nil, err
	}
	if t.create, err = meter.Float64Histogram("db.client.connection.create_time", metric.WithUnit("s"), bounds,
		metric.WithDescription("The time it took to create a new connection.")); err != nil {
		return nil, err
	}
	return t, nil
}

// observe publishes the pool's gauges, read when somebody asks for them.
func (t *tracer) observe(pool *pgxpool.Pool, meter metric.Meter) error {
	idle := metric.WithAttributes(t.name, attribute.String("db.client.connection.state", "idle"))
	used := metric.WithAttributes(t.name, attribute.String("db.client.connection.state", "used"))
	count, err := meter.Int64ObservableUpDownCounter("db.client.connection.count", metric.WithUnit("{connection}"),
		metric.WithDescription("The number of connections that are currently in state described by the state attribute."))
	if err != nil {
		return err
	}
	limit, err := meter.Int64ObservableUpDownCounter("db.client.connection.max", metric.WithUnit("{connection}"),
		metric.WithDescription("The maximum number of open connections allowed."))
	if err != nil {
		return err
	}
	pending, err := meter.Int64ObservableUpDownCounter("db.client.connection.pending_requests", metric.WithUnit("{request}"),
		metric.WithDescription("The number of current pending requests for an open connection."))
	if err != nil {
		return err
	}
	_, err = meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		stat := pool.Stat()
		o.ObserveInt64(count, int64(stat.IdleConns()), idle)
		o.ObserveInt64(count, int64(stat.AcquiredConns()), used)
		o.ObserveInt64(limit, int64(stat.MaxConns()), t.pool)
		t.mu.Lock()
		n := t.pending
		t.mu.Unlock()
		o.ObserveInt64(pending, n, t.pool)
		return nil
	}, count, limit, pending)
	return err
}

type acquireStart struct{}

func (t *tracer) TraceAcquireStart(ctx context.Context, _ *pgxpool.Pool, _ pgxpool.TraceAcquireStartData) context.Context {
	t.mu.Lock()
	t.pending++
	t.mu.Unlock()
	return context.WithValue(ctx, acquireStart{}, time.Now())
}

// acquiredAt is where a connection remembers since when it is in use.
const acquiredAt = "acquired_at"

func (t *tracer) TraceAcquireEnd(ctx context.Context, _ *pgxpool.Pool, data pgxpool.TraceAcquireEndData) {
	t.mu.Lock()
	t.pending--
	t.mu.Unlock()
	now := time.Now()
	if start, ok := ctx.Value(acquireStart{}).(time.Time); ok {
		// Those who gave up waited, too.
		t.wait.Record(ctx, now.Sub(start).Seconds(), t.pool)
	}
	if data.Err == nil {
		data.Conn.PgConn().CustomData()[acquiredAt] = now
	}
}

func (t *tracer) TraceRelease(_ *pgxpool.Pool, data pgxpool.TraceReleaseData) {
	if at, ok := data.Conn.PgConn().CustomData()[acquiredAt].(time.Time); ok {
		t.use.Record(context.Background(), time.Since(at).Seconds(), t.pool)
	}
}

type connectStart struct{}

func (t *tracer) TraceConnectStart(ctx context.Context, _ pgx.TraceConnectStartData) context.Context {
	return context.WithValue(ctx, connectStart{}, time.Now())
}

func (t *tracer) TraceConnectEnd(ctx context.Context, data pgx.TraceConnectEndData) {
	if start, ok := ctx.Value(connectStart{}).(time.Time); ok && data.Err == nil {
		t.create.Record(ctx, time.Since(start).Seconds(), t.pool)
	}
}

// TraceQueryStart is there because pgx takes nothing without it for a tracer.
func (t *tracer) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return ctx
}

// TraceQueryEnd does nothing; see [tracer.TraceQueryStart].
func (t *tracer) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}
