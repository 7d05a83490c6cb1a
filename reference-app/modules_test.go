package referenceapp

import "testing"

func TestModules(t *testing.T) {
	m := Modules()
	for table, module := range map[string]string{
		"users": "identity", "enrolments": "enrol", "messages": "messaging", "conversation_members": "messaging", "inboxes": "notify", "river_job": "jobs",
	} {
		if m[table] != module {
			t.Errorf("%s belongs to %q, want %q", table, m[table], module)
		}
	}
	if len(m) < 25 {
		t.Errorf("%d tables: %v", len(m), m)
	}
}
