//go:build !linux

package collect

import (
	"runtime"
	"time"
)

func processClock(int) (time.Duration, bool) { return 0, false }
func ownCPU() float64                        { return 0 }
func affinity() int                          { return runtime.NumCPU() }
func uptime() float64                        { return 0 }
