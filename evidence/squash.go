package evidence

// maxSquash is how deep in brackets lists are still squashed: each level
// compares its elements once, so that this bounds the work by the length.
const maxSquash = 16

// A list is a bracket, or a row of VALUES, whose elements are being compared.
type list struct {
	squash     bool
	start      int // in the output, of the current element
	prev, last int // of the element before it; none where last is 0
	values     bool
}

// squash shrinks equal neighbours to one in IN (…), ARRAY[…] and VALUES (…), (…):
// IN ($1, $2, $3) and IN ($1) are the same statement with other values, and
// PostgreSQL 18 squashes the former itself.
func squash(ts []token) []token {
	out := make([]token, 0, len(ts))
	stack := []list{{}}
	for i, t := range ts {
		top := &stack[len(stack)-1]
		switch {
		case t.op("(") || t.op("["):
			if top.values {
				top.start = len(out)
			}
			out = append(out, t)
			before := token{}
			if i > 0 {
				before = ts[i-1]
			}
			deep := len(stack) > maxSquash
			stack = append(stack, list{
				squash: !deep && (t.text == "(" && before.is("in") || t.text == "[" && before.is("array")),
				start:  len(out),
			})
			continue
		case t.op(")") || t.op("]"):
			if len(stack) == 1 {
				break
			}
			if top.squash {
				out = top.element(out)
			}
			stack = stack[:len(stack)-1]
			top = &stack[len(stack)-1]
			out = append(out, t)
			if top.values {
				out = top.element(out)
				if i+1 >= len(ts) || !ts[i+1].op(",") {
					top.values = false
				}
			}
			continue
		case t.op(",") && top.squash:
			out = top.element(out)
			out = append(out, t)
			top.start = len(out)
			continue
		case t.is("values"):
			*top = list{values: len(stack) <= maxSquash}
		}
		out = append(out, t)
	}
	return out
}

// element ends the element that began at l.start. One that equals its
// predecessor is dropped together with the comma between them.
func (l *list) element(out []token) []token {
	if l.last > 0 && sameTokens(out[l.prev:l.last], out[l.start:]) {
		return out[:l.last]
	}
	l.prev, l.last = l.start, len(out)
	return out
}

func sameTokens(a, b []token) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].kind != b[i].kind || a[i].kind != placeholder && a[i].text != b[i].text {
			return false
		}
	}
	return true
}
