// Package platform is the directory of what every module stands on and no module
// owns: db (connection pools), web (routing, JSON, errors), accesslog (a line for
// each request), telemetry (metrics), mail (SMTP), peer (third parties over HTTP).
// Nothing in it knows what a course is.
package platform
