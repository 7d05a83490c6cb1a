package collect

// A watcher looks at processors without beginning a new window.
type watcher interface {
	// Busy returns which share of this machine's processors was in use, or taken by
	// the hypervisor, since it was last asked: 0…1, and false where it can't tell.
	Busy() (float64, bool)
	// Used returns how long the processes of a role that are known have been on a
	// processor since they began, in seconds.
	Used(role string) float64
}

// Busy asks the collector that knows.
func (s *Set) Busy() (float64, bool) {
	if c := s.watcher(); c != nil {
		return c.Busy()
	}
	return 0, false
}

// Used asks the collector that knows; it is 0 where none does.
func (s *Set) Used(role string) float64 {
	if c := s.watcher(); c != nil {
		return c.Used(role)
	}
	return 0
}

func (s *Set) watcher() watcher {
	for _, r := range s.running {
		if c, ok := r.Running.(watcher); ok {
			return c
		}
	}
	return nil
}
