package reports

// growthFormat is the version of what GrowthJSON writes; see documentFormat.
const growthFormat = 1

// A growthDocument is how what statements cost grows with the data, measured at two sizes or three.
//
// Intervals are of 95 %. A figure that is not known is null, lists are never null.
// Comments here are the descriptions in growth.schema.json.
type growthDocument struct {
	// Version of this format. Readers ignore fields that they do not know.
	Format int `json:"format"`
	// How many times the data of the largest size predictions are for.
	Ahead int              `json:"ahead"`
	Sizes []growthSizePart `json:"sizes"` // Smallest first.
	// Those with an answer first, in the order of what the traffic of the largest run will cost.
	Statements []growthStatementPart `json:"statements"`
	// Endpoints that the isolation probe knows, those that will cost most first.
	Endpoints []growthEndpointPart `json:"endpoints"`
	// What weakens all of this.
	Caveats []string `json:"caveats"`
}

// growthSizePart is one of the runs.
type growthSizePart struct {
	Label string `json:"label"` // Size of the bundled app's data; empty for other applications.
	Rows  number `json:"rows"`  // Of all tables.
	Bytes number `json:"bytes"` // Of the database.
}

// growthStatementPart is one statement at all sizes.
type growthStatementPart struct {
	Fingerprint string             `json:"fingerprint"`
	Text        string             `json:"text"`   // Without literals.
	Tables      []string           `json:"tables"` // That it names.
	By          string             `json:"by"`     // What its sizes are: rows of its tables, or bytes of the database.
	Sizes       []number           `json:"sizes"`  // Of what it was measured at and what counts, smallest first.
	Shape       string             `json:"shape" jsonschema:"enum=constant,enum=sublinear,enum=linear,enum=superlinear,enum=inconclusive"`
	Flag        string             `json:"flag" jsonschema:"enum=superlinear,enum=linear lookup,enum=longer result,enum="` // What is wrong with it; empty for nothing.
	Why         string             `json:"why"`                                                                            // There is no answer; empty where there is one.
	Notes       []string           `json:"notes"`                                                                          // What to know beside it.
	PerSecond   number             `json:"per_second"`                                                                     // Calls, at the largest size that it was seen at.
	Fits        []growthFitPart    `json:"fits"`                                                                           // The first one is what is predicted with.
	Effects     []growthEffectPart `json:"effects"`                                                                        // On endpoints that send it, largest first.
}

// growthFitPart is a line through the logarithms of size and cost.
type growthFitPart struct {
	Measure  string   `json:"measure" jsonschema:"enum=blocks,enum=rows,enum=seconds"` // What a call costs: shared blocks touched, rows returned or changed, seconds of execution.
	Costs    []number `json:"costs"`                                                   // Of a call, at each size.
	Exponent number   `json:"exponent"`                                                // Of the size.
	Low      number   `json:"low"`                                                     // Of the exponent's interval.
	High     number   `json:"high"`                                                    // Likewise.
	Now      number   `json:"now"`                                                     // A call, at the largest size.
	Then     number   `json:"then"`                                                    // A call, at ahead times the largest size.
	ThenLow  number   `json:"then_low"`                                                // Of its interval.
	ThenHigh number   `json:"then_high"`                                               // Likewise.
	Looks    int      `json:"looks"`                                                   // Windows, or slices of windows, that the intervals come from.
}

// growthEffectPart is what a statement's growth does to the requests of an endpoint.
type growthEffectPart struct {
	Endpoint string   `json:"endpoint"`
	Calls    []number `json:"calls"` // A request, at each size.
	Now      number   `json:"now"`   // What a request costs, all of its statements together, in the measure of the first fit.
	Then     number   `json:"then"`  // Likewise, with this statement at ahead times the data and the others as they are.
}

// growthEndpointPart is what a request costs in the database, in blocks.
type growthEndpointPart struct {
	Name    string `json:"name"`
	Now     number `json:"now"`     // At the largest size.
	Then    number `json:"then"`    // At ahead times that; statements without an answer as they are.
	Unknown number `json:"unknown"` // Share of now that is of statements without an answer.
}
