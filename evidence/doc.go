// Package evidence is the narrow waist of scalecheck: what a run leaves
// behind, as one file.
//
// Everything that touches the world writes a Run (record), everything that
// opines reads one (analyzers, reports). A run is written as it goes, one
// compressed JSON line per closed window, so that a run that is killed leaves
// a readable file; `zcat x.run | jq` shows it.
//
// Files hold base units: seconds, bytes, requests per second. SQL literals and
// the texts of utility statements are gone before anything is written (Redact),
// since run files are shared. Counters and their differences are different
// things: a Window holds differences only.
//
// What could not be measured is in Run.Missing with the reason. An absent
// figure is never a zero.
package evidence
