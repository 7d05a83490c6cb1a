// Package k6ext is scalecheck's extension of k6, for xk6 build --with or for
// an import beside k6's cmd, as cmd/scalecheck does it.
//
// It registers three things under the name scalecheck:
//
//   - An output (--out scalecheck=FILE) that folds samples into one histogram
//     per endpoint and second, in constant memory, and writes one line of JSON
//     a second. A second in which nothing was answered is a line too: silence
//     is visible. Histograms of several k6 processes merge without loss.
//   - An executor (executor: 'scalecheck' in a script's scenarios) in which Go
//     walks users through the journeys of a scalecheck scenario. A user is a
//     few kilobytes instead of a JavaScript runtime, and the latency of a
//     request counts from when it should have been sent: an application that
//     freezes for two seconds shows in the percentiles.
//   - A module (import { journey } from 'k6/x/scalecheck') with which a script
//     walks such users one session a call, when it wants to.
//
// What the executor measures goes through k6's own sample pipeline, so that
// k6's other outputs see http_reqs, http_req_duration and http_req_failed as
// usual. Thresholds stay k6's; the output only passes on how they ended.
//
// With cmd/scalecheck's main, this is the only package that imports k6.
package k6ext
