// Package telemetry holds the process's metrics: OpenTelemetry on the way in,
// Prometheus text on the way out. Each app has its own registry, so that two apps
// in one process (tests do it) keep their figures apart.
package telemetry

import (
	"fmt"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel/attribute"
	otelprom "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/metric"
	sdk "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
)

// Metrics is where modules take their meters from.
type Metrics struct {
	Provider metric.MeterProvider
	Meter    metric.Meter
	// Handler answers a scrape.
	Handler http.Handler
}

// New returns metrics with the Go runtime's and the process's own in them.
func New() (*Metrics, error) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	// Scope labels would only say on every series which library counted it.
	exporter, err := otelprom.New(otelprom.WithRegisterer(registry), otelprom.WithoutScopeInfo())
	if err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	provider := sdk.NewMeterProvider(
		sdk.WithReader(exporter),
		sdk.WithResource(resource.NewSchemaless(attribute.String("service.name", "reference-app"))),
	)
	return &Metrics{
		Provider: provider,
		Meter:    provider.Meter("reference-app"),
		Handler:  promhttp.HandlerFor(registry, promhttp.HandlerOpts{}),
	}, nil
}
