// Package report is course reports: computed by a job, fetched when ready.
//
// Owns: reports. The table is seeded; no endpoint reads it yet.
package report
