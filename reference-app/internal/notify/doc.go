// Package notify is how the app speaks to people: inboxes inside it, mail outside,
// and announcements to a whole course.
//
// Owns: notifications, inboxes, announcements. Other modules put lines into
// inboxes with [Deliver], in their own transactions.
package notify
