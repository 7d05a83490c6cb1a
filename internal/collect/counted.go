package collect

import (
	"encoding/json"
	"maps"
)

// A counted is a row of a statistics view by its columns' names: those that are
// numbers. It is scanned from to_jsonb(view), since each version has columns of
// its own.
type counted map[string]float64

// UnmarshalJSON implements json.Unmarshaler.
func (c *counted) UnmarshalJSON(b []byte) error {
	var row map[string]any
	if err := json.Unmarshal(b, &row); err != nil {
		return err
	}
	*c = make(counted, len(row))
	for name, v := range row {
		if n, ok := v.(float64); ok {
			(*c)[name] = n
		}
	}
	return nil
}

// levels are columns of the views read here that are no counters.
var levels = map[string]bool{"datid": true, "numbackends": true, "checksum_failures": true, "op_bytes": true}

// since returns c − before, or false where a counter went backwards. Levels stay
// as they are.
func (c counted) since(before counted) (counted, bool) {
	d := maps.Clone(c)
	for name := range d {
		if levels[name] {
			continue
		}
		if d[name] -= before[name]; d[name] < 0 {
			return nil, false
		}
	}
	return d, true
}
