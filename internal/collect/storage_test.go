package collect

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/scalecheck/scalecheck/evidence"
)

// What a run in a container with a quota and without much memory must show.
func TestGroups(t *testing.T) {
	for _, tt := range []struct {
		name          string
		before, after map[string]string
		want          evidence.Group
	}{
		{"version 2",
			map[string]string{
				"cpu.max": "50000 100000", "cpu.stat": "usage_usec 9\nnr_periods 100\nnr_throttled 10\nthrottled_usec 500000\n",
				"memory.max": "1073741824", "memory.current": "5", "memory.stat": "anon 1\nworkingset_refault_anon 1\nworkingset_refault_file 10\npgmajfault 3\n",
				"memory.events": "low 0\noom 1\noom_kill 1\n",
			},
			map[string]string{
				"cpu.stat":       "usage_usec 9\nnr_periods 150\nnr_throttled 40\nthrottled_usec 2500000\n",
				"memory.current": "1000", "memory.stat": "anon 1\nworkingset_refault_anon 2\nworkingset_refault_file 30\npgmajfault 7\n",
				"memory.events": "low 0\noom 2\noom_kill 2\n",
			},
			evidence.Group{
				Role: evidence.App, Quota: 0.5, Periods: 50, Held: 30, Throttled: 2, Limit: 1 << 30, Memory: 1000, Refaults: 21, Faults: 4, OOMKills: 1,
			},
		},
		{"version 1",
			map[string]string{
				"cpu.cfs_quota_us": "150000", "cpu.cfs_period_us": "100000", "cpu.stat": "nr_periods 1\nnr_throttled 0\nthrottled_time 0\n",
				"memory.limit_in_bytes": "9223372036854771712", "memory.usage_in_bytes": "7", "memory.stat": "cache 1\nworkingset_refault 1\npgmajfault 0\n",
				"memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n",
			},
			map[string]string{
				"cpu.stat":    "nr_periods 11\nnr_throttled 9\nthrottled_time 1000000000\n",
				"memory.stat": "cache 1\nworkingset_refault 6\npgmajfault 2\n",
			},
			evidence.Group{Role: evidence.App, Quota: 1.5, Periods: 10, Held: 9, Throttled: 1, Memory: 7, Refaults: 5, Faults: 2},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir, parent := t.TempDir(), t.TempDir()
			write := func(files map[string]string) {
				for name, text := range files {
					if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
						t.Fatal(err)
					}
				}
			}
			write(tt.before)
			g := &group{role: evidence.App, cpu: []string{dir, parent}, mem: []string{dir, parent}}
			g.last = g.read()
			write(tt.after)
			if got := g.since(); got != tt.want {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
		})
	}
}

func TestPressure(t *testing.T) {
	p := readPressure()
	if p == nil {
		t.Skip("this kernel has no pressure stall information")
	}
	if p.CPU <= 0 || pressureSince(p, p).CPU != 0 || pressureSince(p, nil) != nil {
		t.Errorf("pressure: %+v", p)
	}
}

func TestDisks(t *testing.T) {
	d, err := deviceOf(t.TempDir())
	if err != nil {
		t.Skip(err) // an overlay, or a file system in memory
	}
	if err := os.WriteFile(filepath.Join(t.TempDir(), "x"), make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	disk, ok := d.since(1)
	if !ok || disk.Name == "" || disk.Writes < 0 || disk.Busy < 0 {
		t.Errorf("disk: %+v", disk)
	}
	if _, err := deviceOf("/proc"); err == nil {
		t.Error("/proc is on a disk")
	}
}
