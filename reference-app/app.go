package referenceapp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/scalecheck/scalecheck/reference-app/faults"
	"github.com/scalecheck/scalecheck/reference-app/internal/analytics"
	"github.com/scalecheck/scalecheck/reference-app/internal/assess"
	"github.com/scalecheck/scalecheck/reference-app/internal/audit"
	"github.com/scalecheck/scalecheck/reference-app/internal/catalog"
	"github.com/scalecheck/scalecheck/reference-app/internal/content"
	"github.com/scalecheck/scalecheck/reference-app/internal/dashboard"
	"github.com/scalecheck/scalecheck/reference-app/internal/enrol"
	"github.com/scalecheck/scalecheck/reference-app/internal/forum"
	"github.com/scalecheck/scalecheck/reference-app/internal/identity"
	"github.com/scalecheck/scalecheck/reference-app/internal/integrate"
	"github.com/scalecheck/scalecheck/reference-app/internal/jobs"
	"github.com/scalecheck/scalecheck/reference-app/internal/messaging"
	"github.com/scalecheck/scalecheck/reference-app/internal/notify"
	"github.com/scalecheck/scalecheck/reference-app/internal/outside"
	"github.com/scalecheck/scalecheck/reference-app/internal/platform/accesslog"
	"github.com/scalecheck/scalecheck/reference-app/internal/platform/db"
	"github.com/scalecheck/scalecheck/reference-app/internal/platform/mail"
	"github.com/scalecheck/scalecheck/reference-app/internal/platform/peer"
	"github.com/scalecheck/scalecheck/reference-app/internal/platform/telemetry"
	"github.com/scalecheck/scalecheck/reference-app/internal/platform/web"
	"github.com/scalecheck/scalecheck/reference-app/internal/search"
	"github.com/scalecheck/scalecheck/reference-app/internal/tenancy"
)

// Config is what an app needs to be told.
type Config struct {
	// DatabaseURL is the DSN of a seeded database.
	DatabaseURL string
	// JobsURL is the DSN of the same database for the job workers, where they have
	// a role of their own; empty: DatabaseURL.
	JobsURL string
	// Listen is the address to serve on, such as "127.0.0.1:0".
	Listen string
	// Faults are names from [faults.All]. Those that break the database must have
	// been applied to it.
	Faults []string
	// Logger may be nil: the app is then silent.
	Logger *slog.Logger
	// AccessLog, if not nil, gets a line for each request: in the combined format
	// with the request time in seconds behind it, or with AccessLogJSON as a JSON
	// object. It is written to until the app is closed.
	AccessLog     io.Writer
	AccessLogJSON bool
}

// settings are what nobody needs to be told, but tests like to change.
type settings struct {
	webConns, workerConns      int32
	distance                   time.Duration // of the database from the web side
	uses                       int           // of a web connection before it is closed; 0: any number
	patience                   time.Duration // of a request before it is given up; 0: any time
	staff                      jobs.Staff
	smtp, plagiarism, contacts outside.Behaviour
	licences                   outside.Behaviour
}

func defaults() settings {
	return settings{
		// Two cores cannot use more than this; it is also what keeps a slow
		// endpoint from taking the whole database with it.
		webConns:    20,
		workerConns: 10,
		// Jobs mostly wait for others: mail 0.4 s, grading 0.35 s. These numbers
		// keep up with some fifty of each a second.
		staff: jobs.Staff{Mail: 20, Grading: 20, Default: 10},
		// Measured at large providers: a mail takes a few hundred milliseconds
		// from connecting to the final 250, an API call in another region less.
		smtp:       outside.Behaviour{Latency: 400 * time.Millisecond},
		plagiarism: outside.Behaviour{Latency: 600 * time.Millisecond, PerSecond: 100},
		contacts:   outside.Behaviour{Latency: 150 * time.Millisecond, PerSecond: 50},
		licences:   outside.Behaviour{Latency: 250 * time.Millisecond},
	}
}

// App is a running app.
type App struct {
	url      string
	server   *http.Server
	sink     *outside.SMTPSink
	peer     *outside.Peer
	clients  []*peer.Client
	archive  *outside.Archive
	report   *outside.Reporting
	beside   *outside.Neighbour
	web      *pgxpool.Pool
	worker   *pgxpool.Pool
	recorder *analytics.Recorder
	runner   *jobs.Runner
	access   *accesslog.Log // nil: none is wanted

	close    sync.Once
	closeErr error
	serveErr error         // why the server stopped; read after stopped
	stopped  chan struct{} // the server has
}

// Start starts the web server, the job workers and the outside world they talk
// to, and returns when /healthz answers. ctx bounds the start only: the app runs
// until it is closed.
func Start(ctx context.Context, c Config) (*App, error) {
	fs, err := faults.Lookup(c.Faults)
	if err != nil {
		return nil, err
	}
	return start(ctx, c, faults.On(fs), defaults())
}

func start(ctx context.Context, c Config, on faults.Switches, s settings) (_ *App, err error) {
	log := c.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if on.OneGrader {
		s.staff.Grading = 1
	}
	if on.FewConnectionsFarAway {
		s.webConns, s.distance = 4, 20*time.Millisecond
	}
	if on.FigureByFigure {
		s.webConns, s.distance = 2*s.webConns, 12*time.Millisecond
	}
	if on.SeatsSerializable || on.CountInAnyOrder {
		s.distance = time.Millisecond
	}
	if on.ShortConnections {
		s.uses = 2
	}
	if on.LicenceInTransaction {
		s.webConns = min(s.webConns, 6)
	}
	if on.WithdrawnKeepConnections {
		s.patience = 2 * time.Second
	}
	if on.ContactInline {
		s.contacts.PerSecond = 2
	}
	a := &App{stopped: make(chan struct{})}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("start reference app: %w", err), a.Close(context.WithoutCancel(ctx)))
		}
	}()

	metrics, err := telemetry.New()
	if err != nil {
		return nil, err
	}
	if a.sink, err = outside.StartSMTP(s.smtp); err != nil {
		return nil, err
	}
	if a.peer, err = outside.StartPeer(s.plagiarism, s.contacts, s.licences); err != nil {
		return nil, err
	}
	a.web, err = db.Open(ctx, c.DatabaseURL, db.Options{
		Name: "web", AppName: "scalecheck-app", MaxConns: s.webConns, Distance: s.distance, Uses: s.uses,
	}, metrics.Meter)
	if err != nil {
		return nil, err
	}
	a.worker, err = db.Open(ctx, cmp.Or(c.JobsURL, c.DatabaseURL), db.Options{Name: "worker", AppName: "scalecheck-worker", MaxConns: s.workerConns}, metrics.Meter)
	if err != nil {
		return nil, err
	}
	mailer, err := mail.NewClient(a.sink.Addr(), metrics.Meter)
	if err != nil {
		return nil, err
	}
	enqueuer, err := jobs.NewEnqueuer(a.web, log)
	if err != nil {
		return nil, err
	}
	a.recorder = analytics.NewRecorder(a.worker, log)

	if on.LockedArchive {
		if a.archive, err = outside.StartArchive(ctx, c.DatabaseURL); err != nil {
			return nil, err
		}
	}

	if on.KindsWithoutMemory {
		if a.beside, err = outside.StartNeighbour(ctx, c.DatabaseURL); err != nil {
			return nil, err
		}
	}
	presence := identity.Presence{Pool: a.web}
	if on.ForgottenReport {
		if a.report, err = outside.StartReporting(ctx, c.DatabaseURL); err != nil {
			return nil, err
		}
		if err := presence.Replay(ctx); err != nil {
			return nil, err
		}
	}

	// Third parties.
	crm := peer.NewClient(a.peer.URL(), metrics.Provider)
	plagiarism := peer.NewClient(a.peer.URL(), metrics.Provider)
	licences := peer.NewClient(a.peer.URL(), metrics.Provider)
	a.clients = []*peer.Client{crm, plagiarism, licences}

	// The web side.
	sessions := identity.NewSessions()
	accounts := identity.Options{MailInline: on.MailInline}
	if on.ContactInline {
		accounts.CRM = crm
	}
	people := identity.New(a.web, enqueuer, mailer, sessions, accounts)
	courses := catalog.New(a.web, catalog.Options{WholeCourses: on.WholeCourses})
	activity := analytics.New(a.web)
	conversations := messaging.New(a.web, people)
	enrolments := enrol.New(a.web, enqueuer, courses)
	views := content.Options{
		ProgressPerItem:    on.ProgressPerItem,
		CountViewsInOneRow: on.CountViewsInOneRow,
		OneViewAtATime:     on.OneViewAtATime,
		CountInAnyOrder:    on.CountInAnyOrder,
		ReceiptBySentence:  on.ReceiptBySentence,
		OneReadingPerUser:  on.OneReadingPerUser,
		SeatsSerializable:  on.SeatsSerializable,
		LogWords:           on.LogWords,

		WithdrawnKeepConnections: on.WithdrawnKeepConnections,
	}
	if on.LicenceInTransaction {
		views.Licences = licences
	}
	items := content.New(a.web, enrolments, a.recorder, views)
	assignments := assess.New(a.web, enqueuer, enrolments, people, a.recorder)
	news := notify.Options{ArchivedByParameter: on.ArchivedByParameter}
	if on.ActivityFromEvents {
		news.Activity = activity.FromEvents
	}
	inboxes := notify.New(a.web, enqueuer, enrolments, news)
	widgets := map[string]dashboard.Widget{}
	if on.FeedByOffset {
		widgets["feed"] = activity.Feed
	}
	if on.MentionsByPattern {
		widgets["mentions"] = conversations.Mentions
	}
	if on.CountReviews {
		widgets["reviews"] = conversations.Reviews
	}
	if on.PopularTogether {
		widgets["popular"] = activity.Popular()
	}
	if on.RankAlive {
		widgets["ranks"] = assignments.Ranks
	}
	if on.FigureByFigure {
		widgets["figures"] = dashboard.Figures(a.web, slices.Concat(identity.Figures, enrol.Figures, content.Figures,
			assess.Figures, notify.Figures, messaging.Figures))
	}
	pages := &dashboard.Module{
		Enrolments:  enrolments,
		Catalog:     courses,
		Content:     items,
		Assignments: assignments,
		Inboxes:     inboxes,
		Widgets:     widgets,
	}
	if on.ForgottenReport {
		widgets["present"] = presence.Present
	}
	if on.KindsWithoutMemory {
		widgets["kinds"] = inboxes.Kinds
	}
	authenticate := sessions.Authenticate
	if on.FlagsEachTime {
		authenticate = tenancy.Flags{Pool: a.web, Log: log}.Authenticated(authenticate)
	}
	router := web.NewRouter(authenticate, log)
	for _, module := range []interface{ Routes(*web.Router) }{
		people, courses, enrolments, items, assignments, inboxes, pages,
		forum.New(a.web, enrolments, people, a.recorder),
		conversations, activity,
		search.New(a.web),
	} {
		module.Routes(router)
	}
	router.Handle("GET /metrics", metrics.Handler)
	router.Public("GET /healthz", func(r *web.Request) (web.Reply, error) {
		if err := a.web.Ping(r.Context()); err != nil {
			return web.Reply{}, err
		}
		return web.OK(map[string]string{"status": "ok"}), nil
	})
	index, err := home(router.Patterns())
	if err != nil {
		return nil, err
	}
	router.Handle("GET /{$}", index)

	// The job side.
	workers := river.NewWorkers()
	river.AddWorker(workers, &notify.MailWorker{Mail: mailer})
	river.AddWorker(workers, &notify.FanoutWorker{Pool: a.worker, Roster: enrol.Roster{Pool: a.worker}})
	river.AddWorker(workers, &assess.GradeWorker{Pool: a.worker, Plagiarism: plagiarism})
	river.AddWorker(workers, &audit.Worker{Pool: a.worker})
	river.AddWorker(workers, &integrate.Worker{Pool: a.worker, CRM: crm, Users: identity.Directory{Pool: a.worker}})
	river.AddWorker(workers, &analytics.RollupWorker{Pool: a.worker})
	if a.runner, err = jobs.Run(ctx, a.worker, s.staff, workers, log); err != nil {
		return nil, err
	}

	listener, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return nil, err
	}
	a.url = "http://" + listener.Addr().String()
	handler := otelhttp.NewHandler(patient(router, s.patience), "campus",
		otelhttp.WithMeterProvider(metrics.Provider),
		otelhttp.WithTracerProvider(noop.NewTracerProvider()))
	if c.AccessLog != nil {
		a.access = accesslog.New(c.AccessLog, c.accessFormat(), func(r *http.Request, answer http.Header) (user, session string) {
			u, ok := sessions.Answered(r, answer)
			if !ok {
				return "", ""
			}
			return strconv.FormatInt(u.ID, 10), u.Session
		})
		handler = a.access.Handler(handler)
	}
	a.server = &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	go func() {
		a.serveErr = a.server.Serve(listener)
		close(a.stopped)
	}()
	return a, healthy(ctx, a.url)
}

func (c *Config) accessFormat() accesslog.Format {
	if c.AccessLogJSON {
		return accesslog.JSON
	}
	return accesslog.Combined
}

// patient gives requests up after d, whatever they wait for; never if d is 0.
func patient(h http.Handler, d time.Duration) http.Handler {
	if d == 0 {
		return h
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), d)
		defer cancel()
		h.ServeHTTP(w, r.WithContext(ctx))
	})
}

// healthy asks until the app says it is.
func healthy(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/healthz", nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("healthz: status %d", resp.StatusCode)
	}
	return nil
}

// URL is where the app answers, without a final slash.
func (a *App) URL() string { return a.url }

// Wait returns when the server has stopped: nil after Close, the reason otherwise.
func (a *App) Wait() error {
	<-a.stopped
	if errors.Is(a.serveErr, http.ErrServerClosed) {
		return nil
	}
	return a.serveErr
}

// closeTimeout bounds each step of closing where the caller's context does not.
const closeTimeout = 10 * time.Second

// Close finishes running requests, then running jobs, writes what is buffered and
// hangs up, in that order, and gives up politeness when ctx ends or after some
// seconds. It may be called more than once.
func (a *App) Close(ctx context.Context) error {
	a.close.Do(func() { a.closeErr = a.shutdown(ctx) })
	return a.closeErr
}

func (a *App) shutdown(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, closeTimeout)
	defer cancel()
	var errs []error
	if a.server != nil {
		if a.server.Shutdown(ctx) != nil {
			errs = append(errs, a.server.Close())
		}
		<-a.stopped
	} else {
		close(a.stopped)
	}
	if a.access != nil {
		errs = append(errs, a.access.Close())
	}
	if a.runner != nil {
		errs = append(errs, a.runner.Stop(ctx))
	}
	if a.recorder != nil {
		a.recorder.Close()
	}
	for _, c := range a.clients {
		c.Close()
	}
	if a.archive != nil {
		errs = append(errs, a.archive.Close())
	}
	if a.beside != nil {
		errs = append(errs, a.beside.Close())
	}
	if a.report != nil {
		errs = append(errs, a.report.Close(ctx))
	}
	for _, pool := range []*pgxpool.Pool{a.web, a.worker} {
		if pool != nil {
			db.Close(pool)
		}
	}
	if a.peer != nil {
		errs = append(errs, a.peer.Close())
	}
	if a.sink != nil {
		errs = append(errs, a.sink.Close())
	}
	return errors.Join(errs...)
}
