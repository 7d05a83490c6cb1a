package collect

import (
	"slices"
	"testing"

	"github.com/scalecheck/scalecheck/evidence"
)

func TestServer(t *testing.T) {
	target := database(t, "create table items (id int, name text)")
	r, n := start(t, Server, target)
	app := open(t, target)
	exec(t, app, "insert into items select n, repeat('x', 100) from generate_series(1, 20000) n")
	// The checkpointer and the end of a session report.
	app.Close(t.Context())
	exec(t, open(t, target), "checkpoint")
	var w evidence.Window
	eventually(t, "checkpoint", func() bool {
		next := cut(t, r)
		wantNoCaveats(t, next)
		all, err := evidence.Merge([]evidence.Window{w, next})
		if err != nil {
			t.Fatal(err)
		}
		w = all
		return w.Server.Checkpoints.Requested > 0 && w.Server.Checkpoints.Buffers > 0 && (version(t) < 14 || w.Server.WAL.Bytes > 2e6)
	})
	if c := w.Server.Checkpoints; c.Buffers < 100 || (c.Backend == nil) != (version(t) >= 17) {
		t.Errorf("checkpoints: %+v", c)
	}
	switch wal := w.Server.WAL; {
	case version(t) < 14:
		n.wantMissing(t, evidence.Server, "WAL", "14")
		if wal != nil {
			t.Errorf("WAL: %+v", wal)
		}
	case wal.Records < 20_000 || (wal.Flush == nil) != (version(t) >= 18):
		t.Errorf("WAL: %+v", wal)
	}
	if version(t) < 16 {
		n.wantMissing(t, evidence.Server, "IO", "16")
		if w.Server.IO != nil {
			t.Errorf("IO: %+v", w.Server.IO)
		}
		return
	}
	i := slices.IndexFunc(w.Server.IO, func(i evidence.IO) bool {
		return i.Backend == "checkpointer" && i.Object == "relation" && i.Context == "normal"
	})
	if i < 0 || w.Server.IO[i].Writes < 10 || w.Server.IO[i].WriteBytes < 8192*w.Server.IO[i].Writes {
		t.Errorf("IO: %+v, want writes of the checkpointer", w.Server.IO)
	}
	if slices.ContainsFunc(w.Server.IO, func(i evidence.IO) bool { return i.Backend == "" || i.Object == "" || i.Context == "" }) {
		t.Errorf("IO: %+v, want names in every row", w.Server.IO)
	}
}

// What a server is told while it is measured makes two halves of a run differ.
func TestServerSettingsChanged(t *testing.T) {
	target := database(t)
	r, _ := start(t, Server, target)
	wantNoCaveats(t, cut(t, r))
	app := open(t, target)
	exec(t, app, "alter system set work_mem = '5MB'", "select pg_reload_conf()")
	defer exec(t, app, "alter system reset work_mem", "select pg_reload_conf()")
	var w evidence.Window
	eventually(t, "the change", func() bool { w = cut(t, r); return len(w.Server.Changed) > 0 })
	if got := w.Server.Changed; len(got) != 1 || got[0] != (evidence.SettingChange{Name: "work_mem", From: "4096 kB", To: "5120 kB"}) {
		t.Errorf("changed: %+v", got)
	}
	wantCaveat(t, w, "work_mem was changed from 4096 kB to 5120 kB")
}
