// Vegeta sends requests to one URL with vegeta's library, as fast as 50 workers
// can, until it is stopped.
package main

import (
	"net/http"
	"os"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"
)

func main() {
	targeter := vegeta.NewStaticTargeter(vegeta.Target{Method: http.MethodGet, URL: os.Args[1]})
	attacker := vegeta.NewAttacker(vegeta.Workers(50), vegeta.MaxWorkers(50), vegeta.KeepAlive(true))
	var m vegeta.Metrics
	for r := range attacker.Attack(targeter, vegeta.Rate{Freq: 0, Per: time.Second}, time.Hour, "bench") {
		m.Add(r)
	}
	m.Close()
}
