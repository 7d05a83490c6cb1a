package collect

import (
	"testing"
	"time"

	"github.com/scalecheck/scalecheck/evidence"
)

func TestHolders(t *testing.T) {
	t.Parallel() // waits more than it works
	target := database(t, "create table items (id int)")
	st, texts := start(t, Statements, target)
	r, n := start(t, Sessions, target)
	snapshot, writer, other := open(t, target), open(t, target), open(t, target)
	exec(t, snapshot, "begin isolation level repeatable read", "select id from items where id = 11")
	exec(t, writer, "begin", "insert into items values (1)")
	for range 10 {
		exec(t, other, "insert into items values (2)")
	}
	var w evidence.Window
	eventually(t, "two holders", func() bool {
		time.Sleep(100 * time.Millisecond) // so that there are samples
		w = cut(t, r)
		return len(w.Holders) == 2
	})
	cut(t, st)
	old, young := w.Holders[0], w.Holders[1]
	if old.Kind != evidence.SessionHolder || old.State != "idle in transaction" || old.Application != "shop" || old.Backend != evidence.ClientBackend ||
		old.Age < 10 || old.Seconds < 1 || old.Idle < 1 {
		t.Errorf("holder: %+v", old)
	}
	if got := text(old.Statement, texts, n); got != "select id from items where id = $1" {
		t.Errorf("its statement: %q", got)
	}
	if young.Age > old.Age || young.Age < 10 {
		t.Errorf("holders: %+v", w.Holders)
	}
}
