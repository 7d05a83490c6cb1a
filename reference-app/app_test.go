package referenceapp

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/scalecheck/scalecheck/reference-app/faults"
	"github.com/scalecheck/scalecheck/reference-app/internal/outside"
)

// TestWalk is a day of everybody: a newcomer, a student, an instructor and an administrator.
func TestWalk(t *testing.T) {
	t.Parallel()
	f := run(t, quick())

	newcomer := f.stranger()
	var account struct {
		Message string
		UserID  int64 `json:"user_id"`
	}
	newcomer.post("/api/v1/register", map[string]string{
		"email": "New.Comer@example.test", "name": "New Comer", "password": "correct horse",
	}, http.StatusCreated, &account)
	if account.Message != "Account created successfully" || account.UserID <= 200 {
		t.Errorf("registered as %+v", account)
	}
	if d := newcomer.dashboard(); len(d.Courses) != 0 || d.Unread != 0 {
		t.Errorf("dashboard of a newcomer is %+v", d)
	}
	var list struct {
		Courses  []id
		NextPage int64 `json:"next_page"`
	}
	newcomer.get("/api/v1/courses", http.StatusOK, &list)
	if len(list.Courses) != 20 || list.NextPage != list.Courses[19].ID {
		t.Errorf("%d courses, next page %d", len(list.Courses), list.NextPage)
	}
	newcomer.get(fmt.Sprintf("/api/v1/courses?page=%d", list.NextPage), http.StatusOK, &list)
	if len(list.Courses) != 0 {
		t.Errorf("%d courses after the last", len(list.Courses))
	}
	var chosen struct {
		CourseID int64 `json:"course_id"`
	}
	newcomer.post("/api/v1/courses/3/enrol", nil, http.StatusCreated, &chosen)
	newcomer.post("/api/v1/courses/3/enrol", nil, http.StatusCreated, &chosen)
	if d := newcomer.dashboard(); len(d.Courses) != 1 || d.Courses[0].ID != 3 || chosen.CourseID != 3 {
		t.Errorf("after enrolling twice in course 3 the dashboard is %+v", d)
	}
	newcomer.post("/api/v1/logout", nil, http.StatusOK, nil)
	newcomer.get("/api/v1/me/dashboard", http.StatusUnauthorized, nil)
	newcomer.post("/api/v1/login", map[string]string{"email": "new.comer@example.test", "password": "correct horse"}, http.StatusOK, nil)

	student := f.user(7)
	d := student.dashboard()
	if len(d.Courses) < 5 || len(d.Notifications) != 10 || len(d.Assignments) == 0 || d.Courses[0].Title == "" {
		t.Fatalf("dashboard of a student is %+v", d)
	}
	courseID := d.Courses[0].ID
	var course struct {
		Title       string
		Progress    int `json:"progress_percent"`
		Sections    []id
		Assignments []id
		Items       []struct {
			ID        int64
			Completed bool
		}
	}
	coursePath := fmt.Sprintf("/api/v1/courses/%d", courseID)
	student.get(coursePath, http.StatusOK, &course)
	if len(course.Sections) != 6 || len(course.Items) < 20 || len(course.Assignments) < 4 || course.Progress != d.Courses[0].Progress {
		t.Errorf("course is %+v, dashboard says %+v", course, d.Courses[0])
	}
	last := course.Items[len(course.Items)-1]
	var item struct {
		Body     string
		CourseID int64 `json:"course_id"`
	}
	student.get(fmt.Sprintf("/api/v1/items/%d", last.ID), http.StatusOK, &item)
	if len(item.Body) < 500 || item.CourseID != courseID {
		t.Errorf("item is %+v", item)
	}
	student.get(coursePath, http.StatusOK, &course)
	if !course.Items[len(course.Items)-1].Completed {
		t.Error("an item that was viewed is not completed")
	}

	assignment := fmt.Sprintf("/api/v1/assignments/%d", course.Assignments[0].ID)
	var submitted struct {
		SubmissionID int64 `json:"submission_id"`
	}
	student.post(assignment+"/submit", map[string]string{"text": "My answer is 42."}, http.StatusCreated, &submitted)
	var handedIn struct{ Submissions []id }
	student.get(assignment, http.StatusOK, &handedIn)
	if len(handedIn.Submissions) == 0 || handedIn.Submissions[0].ID != submitted.SubmissionID {
		t.Errorf("submissions are %+v, want %d first", handedIn, submitted.SubmissionID)
	}
	eventually(t, "the grade and its notification", func() bool {
		var grades struct {
			Grades []struct {
				SubmissionID int64 `json:"submission_id"`
			}
		}
		student.get("/api/v1/me/grades", http.StatusOK, &grades)
		return grades.Grades[0].SubmissionID == submitted.SubmissionID && student.dashboard().Unread == d.Unread+1
	})

	var inbox struct {
		Unread        int
		NextPage      int64 `json:"next_page"`
		Notifications []struct {
			ID   int64
			Read bool
		}
	}
	student.get("/api/v1/notifications", http.StatusOK, &inbox)
	if len(inbox.Notifications) != 30 || inbox.Notifications[0].Read || inbox.Unread == 0 {
		t.Errorf("inbox is %+v", inbox)
	}
	newest := inbox.Notifications[0].ID
	student.get(fmt.Sprintf("/api/v1/notifications?page=%d", inbox.NextPage), http.StatusOK, &inbox)
	if len(inbox.Notifications) == 0 || inbox.Notifications[0].ID == newest {
		t.Errorf("second page is %+v", inbox)
	}
	student.post("/api/v1/notifications/read", nil, http.StatusOK, nil)
	var badge struct{ Unread int }
	student.get("/api/v1/notifications/unread-count", http.StatusOK, &badge)
	if badge.Unread != 0 {
		t.Errorf("%d unread after reading all", badge.Unread)
	}

	var talks struct{ Conversations []id }
	student.get("/api/v1/conversations", http.StatusOK, &talks)
	if len(talks.Conversations) == 0 {
		t.Fatal("a student has nobody to talk to")
	}
	messages := fmt.Sprintf("/api/v1/conversations/%d/messages", talks.Conversations[0].ID)
	student.post(messages, map[string]string{"body": "Did you solve it?"}, http.StatusCreated, nil)
	var talk struct {
		Messages []struct{ Author, Body string }
	}
	student.get(messages, http.StatusOK, &talk)
	if len(talk.Messages) == 0 || talk.Messages[0].Body != "Did you solve it?" || talk.Messages[0].Author == "" {
		t.Errorf("messages are %+v", talk)
	}

	forumCourse := value[int64](f, "select t.course_id from threads t join enrolments e using (course_id) where e.user_id = 7 limit 1")
	var forum struct{ Threads []id }
	student.get(fmt.Sprintf("/api/v1/courses/%d/forum", forumCourse), http.StatusOK, &forum)
	if len(forum.Threads) == 0 {
		t.Fatal("no threads")
	}
	thread := fmt.Sprintf("/api/v1/threads/%d", forum.Threads[0].ID)
	student.post(thread+"/posts", map[string]string{"body": "Neither did I."}, http.StatusCreated, nil)
	var discussion struct {
		Title    string
		Posts    []struct{ Author, Body string }
		NextPage int64 `json:"next_page"`
	}
	student.get(thread, http.StatusOK, &discussion)
	for discussion.NextPage != 0 {
		page := discussion.NextPage
		discussion.NextPage = 0
		student.get(fmt.Sprintf("%s?page=%d", thread, page), http.StatusOK, &discussion)
	}
	if n := len(discussion.Posts); n == 0 || discussion.Posts[n-1].Body != "Neither did I." || discussion.Posts[n-1].Author == "" {
		t.Errorf("discussion is %+v", discussion)
	}
	var found struct {
		Results []struct{ Title string }
	}
	student.get("/api/v1/search?q="+strings.Fields(course.Title)[len(strings.Fields(course.Title))-1], http.StatusOK, &found)
	if len(found.Results) == 0 {
		t.Errorf("nothing found for the last word of %q", course.Title)
	}

	instructor := f.user(20)
	taught := int64(0)
	for _, c := range instructor.dashboard().Courses {
		if c.Role == "instructor" {
			taught = c.ID
		}
	}
	if taught == 0 {
		t.Fatal("user 20 teaches nothing")
	}
	var book struct {
		Students []struct {
			Name   string
			Scores []struct{ Score int }
		}
	}
	instructor.get(fmt.Sprintf("/api/v1/courses/%d/gradebook", taught), http.StatusOK, &book)
	if len(book.Students) == 0 || book.Students[0].Name == "" {
		t.Errorf("gradebook is %+v", book)
	}
	before := value[int](f, "select count(*) from notifications")
	instructor.post("/api/v1/announcements", map[string]any{"course_id": taught, "title": "Exam", "body": "On Friday."}, http.StatusCreated, nil)
	students := value[int](f, "select count(*) from enrolments where course_id = $1 and role = 'student'", taught)
	eventually(t, "the announcement in every inbox", func() bool {
		return value[int](f, "select count(*) from notifications") == before+students
	})

	var analytics struct {
		Days []struct{ Events int64 }
	}
	f.user(100).get("/api/v1/admin/analytics", http.StatusOK, &analytics)
	if len(analytics.Days) < 30 {
		t.Errorf("%d days", len(analytics.Days))
	}
	eventually(t, "the audit of what was done", func() bool {
		return value[int](f, "select count(distinct action) from audit_log where at > '2026-01-06'") == 4
	})
	eventually(t, "the events", func() bool {
		return value[int](f, "select count(distinct kind) from activity_events where at > '2026-01-06'") == 3
	})
}

// TestStrangersAreTurnedAway asks for everything that the start page lists.
func TestStrangersAreTurnedAway(t *testing.T) {
	t.Parallel()
	f := run(t, quick())
	resp, err := http.Get(f.URL() + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	routes := regexp.MustCompile(`(?m)^(GET|POST) (/api/v1/\S+)$`).FindAllStringSubmatch(string(page), -1)
	if len(routes) != 24 {
		t.Errorf("the start page lists %d endpoints, the package's documentation 24:\n%s", len(routes), page)
	}
	stranger, forger := f.stranger(), f.stranger()
	forger.client.Jar = nil
	forger.client.Transport = forgery{}
	for _, route := range routes {
		method, path := route[1], strings.ReplaceAll(route[2], "{id}", "1")
		if path == "/api/v1/login" || path == "/api/v1/register" {
			continue
		}
		stranger.do(method, path, nil, http.StatusUnauthorized, nil)
		forger.do(method, path, nil, http.StatusUnauthorized, nil)
	}
	stranger.get("/healthz", http.StatusOK, nil)
}

// forgery is a browser with a cookie of its own making: "1 1 admin 9999999999", unsigned.
type forgery struct{}

func (forgery) RoundTrip(r *http.Request) (*http.Response, error) {
	r.Header.Set("Cookie", "session=MSAxIGFkbWluIDk5OTk5OTk5OTk.AAAA")
	return http.DefaultTransport.RoundTrip(r)
}

func TestErrors(t *testing.T) {
	t.Parallel()
	f := run(t, quick())
	student, stranger := f.user(7), f.stranger()
	foreign := value[int64](f, "select id from courses where id not in (select course_id from enrolments where user_id = 7) limit 1")
	foreignItem := value[int64](f, "select id from content_items where course_id = $1 limit 1", foreign)
	foreignAssignment := value[int64](f, "select id from assignments where course_id = $1 limit 1", foreign)
	foreignTalk := value[int64](f, "select id from conversations where id not in (select conversation_id from conversation_members where user_id = 7) limit 1")
	type body map[string]any
	for _, tt := range []struct {
		name         string
		who          person
		method, path string
		in           any
		want         int
	}{
		{"wrong password", stranger, "POST", "/api/v1/login", body{"email": "user7@example.test", "password": "guess"}, 401},
		{"unknown user", stranger, "POST", "/api/v1/login", body{"email": "nobody@example.test", "password": "scalecheck"}, 401},
		{"no password", stranger, "POST", "/api/v1/login", body{"email": "user7@example.test"}, 400},
		{"no JSON", stranger, "POST", "/api/v1/login", "text", 400},
		{"no address", stranger, "POST", "/api/v1/register", body{"email": "nowhere", "name": "A", "password": "long enough"}, 400},
		{"two addresses", stranger, "POST", "/api/v1/register", body{"email": "a@example.test\r\nBcc: b@example.test", "name": "A", "password": "long enough"}, 400},
		{"short password", stranger, "POST", "/api/v1/register", body{"email": "a@example.test", "name": "A", "password": "short"}, 400},
		{"address is taken", stranger, "POST", "/api/v1/register", body{"email": "USER7@example.test", "name": "A", "password": "long enough"}, 409},
		{"no such course", student, "GET", "/api/v1/courses/999999", nil, 404},
		{"no such course to enrol in", student, "POST", "/api/v1/courses/999999/enrol", nil, 404},
		{"course id is a word", student, "GET", "/api/v1/courses/algebra", nil, 400},
		{"page is a word", student, "GET", "/api/v1/courses?page=two", nil, 400},
		{"no such item", student, "GET", "/api/v1/items/999999", nil, 404},
		{"item of a foreign course", student, "GET", fmt.Sprintf("/api/v1/items/%d", foreignItem), nil, 403},
		{"no such assignment", student, "GET", "/api/v1/assignments/999999", nil, 404},
		{"foreign assignment", student, "POST", fmt.Sprintf("/api/v1/assignments/%d/submit", foreignAssignment), body{"text": "x"}, 403},
		{"empty submission", student, "POST", "/api/v1/assignments/1/submit", body{"text": " "}, 400},
		{"foreign forum", student, "GET", fmt.Sprintf("/api/v1/courses/%d/forum", foreign), nil, 403},
		{"no such thread", student, "GET", "/api/v1/threads/999999", nil, 404},
		{"foreign conversation", student, "GET", fmt.Sprintf("/api/v1/conversations/%d/messages", foreignTalk), nil, 404},
		{"empty message", student, "POST", "/api/v1/conversations/1/messages", body{}, 400},
		{"gradebook for a student", student, "GET", "/api/v1/courses/1/gradebook", nil, 403},
		{"analytics for a student", student, "GET", "/api/v1/admin/analytics", nil, 403},
		{"announcement by a student", student, "POST", "/api/v1/announcements", body{"course_id": 1, "title": "Free day"}, 403},
		{"announcement without a title", student, "POST", "/api/v1/announcements", body{"course_id": 1}, 400},
		{"search for nothing", student, "GET", "/api/v1/search?q=", nil, 400},
	} {
		if err := tt.who.try(tt.method, tt.path, tt.in, tt.want, nil); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// TestRegistrationAndMailAreOne: neither without the other.
func TestRegistrationAndMailAreOne(t *testing.T) {
	t.Parallel()
	f := run(t, quick())
	register := func(email string, status int) {
		t.Helper()
		f.stranger().post("/api/v1/register", map[string]string{"email": email, "name": "Ann", "password": "long enough"}, status, nil)
	}
	const mailJobs = "select count(*) from river_job where kind = 'send_email'"

	register("ann@example.test", http.StatusCreated)
	if n := value[int](f, mailJobs); n != 1 {
		t.Errorf("%d mail jobs after one registration", n)
	}
	eventually(t, "the welcome mail", func() bool { return f.sink.Count() == 1 })
	if m := f.sink.Newest()[0]; m.To != "ann@example.test" || !strings.Contains(m.Data, "Subject: Welcome") {
		t.Errorf("mail is %+v", m)
	}

	register("ann@example.test", http.StatusConflict)
	if n := value[int](f, mailJobs); n != 1 {
		t.Errorf("%d mail jobs after a registration that was refused", n)
	}

	if _, err := f.db.Exec(t.Context(), "alter table river_job add constraint no_mail_to_bob check (args->>'to' <> 'bob@example.test')"); err != nil {
		t.Fatal(err)
	}
	register("bob@example.test", http.StatusInternalServerError)
	if n := value[int](f, "select count(*) from users where email = 'bob@example.test'"); n != 0 {
		t.Error("a user without a welcome mail")
	}
}

// TestThrottledJobsComeBack: a provider that says "too many" gets its jobs later,
// and none is lost.
func TestThrottledJobsComeBack(t *testing.T) {
	t.Parallel()
	s := quick()
	s.plagiarism = outside.Behaviour{PerSecond: 2}
	f := run(t, s)
	student := f.user(7)
	path := fmt.Sprintf("/api/v1/assignments/%d/submit", student.dashboard().Assignments[0].ID)
	const n = 4
	for range n {
		student.post(path, map[string]string{"text": "x"}, http.StatusCreated, nil)
	}
	eventually(t, "all grades", func() bool {
		return value[int](f, "select count(*) from river_job where kind = 'grade_submission' and state = 'completed'") == n
	})
	if failed := value[int](f, "select count(*) from river_job where errors is not null"); failed != 0 {
		t.Errorf("%d jobs count being throttled as a failure", failed)
	}
	metrics := f.metrics()
	if !strings.Contains(metrics, `http_response_status_code="429"`) {
		t.Error("no 429 in the metrics: nothing was throttled")
	}
}

// TestHealthyEndpointsAreCheap: few statements each, and none reads a whole table
// that grows with the number of users.
func TestHealthyEndpointsAreCheap(t *testing.T) {
	t.Parallel()
	f := run(t, quick())
	student := f.user(7)
	d := student.dashboard()
	course := d.Courses[0].ID
	item := value[int64](f, "select id from content_items where course_id = $1 limit 1", course)
	talk := value[int64](f, "select conversation_id from conversation_members where user_id = 7 limit 1")
	const calls = "select coalesce(sum(calls), 0) from pg_stat_statements where dbid = (select oid from pg_database where datname = current_database()) and query not like '%river%' and query not like '%pg_stat_%'"
	// Statements of transactions count too; so do names, permissions and inboxes.
	const most = 10
	for _, tt := range []struct {
		method, path string
		in           any
		status       int
	}{
		{"GET", "/api/v1/me/dashboard", nil, 200},
		{"GET", "/api/v1/courses", nil, 200},
		{"GET", fmt.Sprintf("/api/v1/courses/%d", course), nil, 200},
		{"GET", fmt.Sprintf("/api/v1/items/%d", item), nil, 200},
		{"GET", fmt.Sprintf("/api/v1/assignments/%d", d.Assignments[0].ID), nil, 200},
		{"POST", fmt.Sprintf("/api/v1/assignments/%d/submit", d.Assignments[0].ID), map[string]string{"text": "x"}, 201},
		{"GET", "/api/v1/me/grades", nil, 200},
		{"GET", "/api/v1/notifications", nil, 200},
		{"GET", "/api/v1/notifications/unread-count", nil, 200},
		{"GET", "/api/v1/conversations", nil, 200},
		{"GET", fmt.Sprintf("/api/v1/conversations/%d/messages", talk), nil, 200},
		{"POST", fmt.Sprintf("/api/v1/conversations/%d/messages", talk), map[string]string{"body": "x"}, 201},
		{"GET", fmt.Sprintf("/api/v1/courses/%d/forum", course), nil, 200},
		{"GET", "/api/v1/search?q=logic", nil, 200},
	} {
		before := value[int](f, calls)
		student.do(tt.method, tt.path, tt.in, tt.status, nil)
		if n := value[int](f, calls) - before; n < 1 || n > most {
			t.Errorf("%s %s: %d statements, want 1 to %d", tt.method, tt.path, n, most)
		}
	}
	// A session reports its statistics once a second, and only when it is used.
	eventually(t, "index scans of notifications", func() bool {
		student.dashboard()
		return value[int](f, "select idx_scan from pg_stat_user_indexes where indexrelname = 'notifications_user_id_created_at_idx'") > 1
	})
	if n := value[int](f, "select seq_scan from pg_stat_user_tables where relname = 'notifications'"); n != 0 {
		t.Errorf("%d sequential scans of notifications", n)
	}
}

func (f *fixture) metrics() string {
	f.t.Helper()
	resp, err := http.Get(f.URL() + "/metrics")
	if err != nil {
		f.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	return string(b)
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	f := run(t, quick())
	student := f.user(7)
	d := student.dashboard()
	student.get(fmt.Sprintf("/api/v1/courses/%d", d.Courses[0].ID), http.StatusOK, nil)
	student.post(fmt.Sprintf("/api/v1/assignments/%d/submit", d.Assignments[0].ID), map[string]string{"text": "x"}, http.StatusCreated, nil)
	f.stranger().post("/api/v1/register", map[string]string{"email": "ann@example.test", "name": "Ann", "password": "long enough"}, http.StatusCreated, nil)
	eventually(t, "mail, grading and CRM calls in the metrics", func() bool {
		m := f.metrics()
		return strings.Contains(m, "messaging_client_operation_duration_seconds_count") &&
			strings.Contains(m, "http_client_request_duration_seconds_count")
	})
	got := f.metrics()
	for _, want := range []string{
		`(?m)^http_server_request_duration_seconds_count\{.*http_request_method="GET".*http_route="/api/v1/courses/\{id\}".*\} 1$`,
		`(?m)^db_client_connection_count\{.*db_client_connection_pool_name="web".*db_client_connection_state="idle".*\} [1-9]`,
		`(?m)^db_client_connection_count\{.*db_client_connection_pool_name="worker".*db_client_connection_state="used".*\} `,
		`(?m)^db_client_connection_max\{.*pool_name="web".*\} 6$`,
		`(?m)^db_client_connection_pending_requests\{.*pool_name="web".*\} 0$`,
		`(?m)^db_client_connection_wait_time_seconds_count\{.*pool_name="web".*\} [1-9]`,
		`(?m)^db_client_connection_use_time_seconds_sum\{.*pool_name="web".*\} `,
		`(?m)^http_client_request_duration_seconds_count\{.*http_request_method="POST".*http_response_status_code="200".*server_address="127.0.0.1".*server_port=".*\} `,
		`(?m)^messaging_client_operation_duration_seconds_count\{.*messaging_operation_name="send".*messaging_system="smtp".*server_address=".*\} 1$`,
		`(?m)^go_goroutines `,
		`(?m)^process_cpu_seconds_total `,
	} {
		if !regexp.MustCompile(want).MatchString(got) {
			t.Errorf("no %s in metrics", want)
		}
	}
	for _, secret := range []string{"example.test", "/api/v1/courses/1", "session=", "password"} {
		if strings.Contains(got, secret) {
			t.Errorf("%q in metrics", secret)
		}
	}
	if t.Failed() {
		t.Log(got)
	}
}

func TestCloseIsBounded(t *testing.T) {
	t.Parallel()
	s := quick()
	s.plagiarism.Latency = time.Hour
	f := run(t, s)
	student := f.user(7)
	student.post(fmt.Sprintf("/api/v1/assignments/%d/submit", student.dashboard().Assignments[0].ID),
		map[string]string{"text": "x"}, http.StatusCreated, nil)
	eventually(t, "the job to run", func() bool {
		return value[int](f, "select count(*) from river_job where kind = 'grade_submission' and state = 'running'") == 1
	})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	start := time.Now()
	if err := f.Close(ctx); err != nil {
		t.Error(err)
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("closing took %v", took)
	}
	if err := f.Wait(); err != nil {
		t.Errorf("Wait() = %v after Close", err)
	}
	// A server process goes a moment after its client has said goodbye.
	eventually(t, "the connections to go", func() bool {
		return value[int](f, "select count(*) from pg_stat_activity where application_name in ('scalecheck-app', 'scalecheck-worker') and datname = current_database()") == 0
	})
}

func TestStartRefuses(t *testing.T) {
	t.Parallel()
	dsn := seeded(t)
	for _, tt := range []struct {
		name string
		c    Config
		want string
	}{
		{"unknown fault", Config{DatabaseURL: dsn, Listen: "127.0.0.1:0", Faults: []string{"slow-everything"}}, "want one of missing-index, n-plus-one"},
		{"no database", Config{DatabaseURL: "postgres://127.0.0.1:1/none", Listen: "127.0.0.1:0"}, "open web pool"},
		{"bad address", Config{DatabaseURL: dsn, Listen: "127.0.0.1:port"}, "listen tcp"},
	} {
		app, err := Start(t.Context(), tt.c)
		if app != nil || err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want an error with %q", tt.name, err, tt.want)
		}
	}
}

// TestAccessLog: a log-in and what follows it are of one session, another log-in
// of the same user is not.
func TestAccessLog(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	app, err := start(t.Context(), Config{DatabaseURL: seeded(t), Listen: "127.0.0.1:0", AccessLog: &log, AccessLogJSON: true}, faults.Switches{}, quick())
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{App: app, t: t}
	for range 2 {
		p := f.user(7)
		p.get("/api/v1/courses?page=5", http.StatusOK, nil)
		p.post("/api/v1/logout", nil, http.StatusOK, nil)
		p.get("/api/v1/me/dashboard", http.StatusUnauthorized, nil)
	}
	if err := app.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	type line struct {
		User    string `json:"remote_user"`
		Session string `json:"session_id"`
		URI     string `json:"request_uri"`
		Status  int
	}
	var got []line
	for dec := json.NewDecoder(&log); dec.More(); {
		var l line
		if err := dec.Decode(&l); err != nil {
			t.Fatal(err)
		}
		if l.URI != "/healthz" {
			got = append(got, l)
		}
	}
	if len(got) != 8 || got[0].Session == "" || got[4].Session == "" || got[0].Session == got[4].Session {
		t.Fatalf("%+v", got)
	}
	for i, l := range got {
		want := []line{
			{"7", got[i-i%4].Session, "/api/v1/login", http.StatusOK},
			{"7", got[i-i%4].Session, "/api/v1/courses?page=5", http.StatusOK},
			{"7", got[i-i%4].Session, "/api/v1/logout", http.StatusOK},
			{"", "", "/api/v1/me/dashboard", http.StatusUnauthorized},
		}[i%4]
		if l != want {
			t.Errorf("line %d is %+v, want %+v", i, l, want)
		}
	}
}
