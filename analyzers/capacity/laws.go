package capacity

// InFlight returns the average number of requests under way, N = X·R, for a
// throughput per second and a mean response time in seconds (Little 1961).
func InFlight(throughput, response float64) float64 { return throughput * response }

// Utilization returns the busy share of c equal servers, ρ = X·D/c, for a
// throughput per second and a demand in busy seconds a request (utilization
// law, Denning & Buzen 1978).
func Utilization(throughput, demand, servers float64) float64 {
	if servers <= 0 {
		return 0
	}
	return throughput * demand / servers
}

// Demand returns the busy seconds a request, D = U·c/X, from the busy servers
// on average and a throughput per second.
func Demand(busy, throughput float64) float64 {
	if throughput <= 0 {
		return 0
	}
	return busy / throughput
}

// Ceiling returns the throughput that c servers allow, X ≤ c/D, and 0 where no
// demand is known.
func Ceiling(demand, servers float64) float64 {
	if demand <= 0 {
		return 0
	}
	return servers / demand
}
