package collect

// A watcher knows which share of this machine's processors was in use, or taken by
// the hypervisor, since it was last asked: 0…1, and false where it can't tell.
type watcher interface{ Busy() (float64, bool) }

// Busy asks the collector that knows.
func (s *Set) Busy() (float64, bool) {
	for _, r := range s.running {
		if c, ok := r.Running.(watcher); ok {
			return c.Busy()
		}
	}
	return 0, false
}
