package jobs

import "github.com/riverqueue/river"

// The queues. Each has workers of its own, so that a kind that is slow today
// cannot hold up the others.
const (
	Mail    = "mail"
	Grading = "grading"
	Default = river.QueueDefault
)

// SendEmail is one mail to one person.
type SendEmail struct {
	To      string `json:"to"`
	Subject string `json:"subject"`
	Body    string `json:"body"`
}

// Kind implements [river.JobArgs].
func (SendEmail) Kind() string { return "send_email" }

// InsertOpts implements [river.JobArgsWithInsertOpts].
func (SendEmail) InsertOpts() river.InsertOpts { return river.InsertOpts{Queue: Mail} }

// GradeSubmission has a submission checked for plagiarism and graded.
type GradeSubmission struct {
	SubmissionID int64 `json:"submission_id"`
}

// Kind implements [river.JobArgs].
func (GradeSubmission) Kind() string { return "grade_submission" }

// InsertOpts implements [river.JobArgsWithInsertOpts].
func (GradeSubmission) InsertOpts() river.InsertOpts { return river.InsertOpts{Queue: Grading} }

// FanoutAnnouncement notifies everybody in a course of an announcement.
type FanoutAnnouncement struct {
	AnnouncementID int64 `json:"announcement_id"`
}

// Kind implements [river.JobArgs].
func (FanoutAnnouncement) Kind() string { return "fanout_announcement" }

// WriteAudit records who did what.
type WriteAudit struct {
	ActorID int64  `json:"actor_id"`
	Action  string `json:"action"`
	Subject string `json:"subject"`
	// At is when it happened, in Unix milliseconds: the job may run later.
	At int64 `json:"at"`
}

// Kind implements [river.JobArgs].
func (WriteAudit) Kind() string { return "write_audit" }

// CRMSync tells the customer-relations system of a user.
type CRMSync struct {
	UserID int64 `json:"user_id"`
}

// Kind implements [river.JobArgs].
func (CRMSync) Kind() string { return "crm_sync" }

// RollupActivity brings the daily activity figures up to date.
type RollupActivity struct{}

// Kind implements [river.JobArgs].
func (RollupActivity) Kind() string { return "rollup_activity" }
