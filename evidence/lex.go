package evidence

import "strings"

// A token is one lexeme of PostgreSQL's SQL. Whitespace and comments are not
// tokens; space remembers that there was some before this one.
type token struct {
	kind  tokenKind
	space bool
	text  string // as written; of a placeholder nothing but the number
	by    bool   // a number after it is a column's, as in ORDER BY 1, 2: no value, and the plan depends on it
}

type tokenKind uint8

const (
	word        tokenKind = iota // keyword or identifier, unquoted
	quoted                       // "identifier", U&"identifier"
	placeholder                  // $1, and what was a literal: text is empty
	operator                     // also brackets, comma, semicolon, dot
)

// A lexer follows PostgreSQL's scan.l, with two differences. Where that one
// would stop with an error this one takes the longer reading as a literal; and
// where the meaning depends on a setting that the text does not tell
// (standard_conforming_strings), it stops: what comes after a doubtful quote
// could be the inside of a literal.
type lexer struct {
	in  string
	pos int
	cut bool // the text ended inside a token or was given up
}

func (l *lexer) next(last token) (token, bool) {
	space := l.skip()
	if l.cut || l.pos >= len(l.in) {
		return token{}, false
	}
	t := l.token(last)
	t.space = space
	t.by = t.by || t.is("by") || last.by && (t.op(",") || t.is("desc") || t.is("asc"))
	return t, !(l.cut && t.kind == quoted) // half a quoted name is no name
}

func (l *lexer) token(last token) token {
	c := l.in[l.pos]
	switch {
	case c == '\'':
		l.literal(false, last.is("escape"))
		return token{kind: placeholder}
	case c == '"':
		return l.quotedName(l.pos)
	case c == '$':
		return l.dollar()
	case isDigit(c), c == '.' && isDigit(l.peek(1)):
		start := l.pos
		l.number()
		if text := l.in[start:l.pos]; last.by && len(text) <= 2 && isDigit(c) && isDigit(text[len(text)-1]) {
			return token{kind: word, text: text, by: true}
		}
		return token{kind: placeholder}
	case isNameStart(c):
		return l.name()
	case strings.IndexByte(operatorBytes, c) >= 0:
		return l.operator()
	}
	l.pos++
	return token{kind: operator, text: l.in[l.pos-1 : l.pos]}
}

func (l *lexer) peek(n int) byte {
	if l.pos+n < len(l.in) {
		return l.in[l.pos+n]
	}
	return 0
}

// skip passes whitespace and comments.
func (l *lexer) skip() (any bool) {
	for l.pos < len(l.in) {
		switch c := l.in[l.pos]; {
		case isSpace(c):
			l.pos++
		case c == '-' && l.peek(1) == '-':
			if n := strings.IndexAny(l.in[l.pos:], "\r\n"); n >= 0 {
				l.pos += n
			} else {
				l.pos = len(l.in)
			}
		case c == '/' && l.peek(1) == '*':
			l.comment()
		default:
			return any
		}
		any = true
	}
	return any
}

// comment passes a block comment; they nest.
func (l *lexer) comment() {
	depth := 0
	for l.pos < len(l.in) {
		switch {
		case l.in[l.pos] == '/' && l.peek(1) == '*':
			depth++
			l.pos += 2
		case l.in[l.pos] == '*' && l.peek(1) == '/':
			depth--
			l.pos += 2
			if depth == 0 {
				return
			}
		default:
			l.pos++
		}
	}
	l.pos, l.cut = len(l.in), true
}

// literal passes a quoted string and its continuations on further lines, which
// keep the first part's rules. In an E” string a backslash escapes; in a plain
// one it does so only when standard_conforming_strings is off, which nobody
// can see: a plain string in which it would matter ends the text. The one
// exception is ESCAPE '\', which is common and means nothing else.
func (l *lexer) literal(escapes, escapeClause bool) {
	if !escapes && escapeClause && strings.HasPrefix(l.in[l.pos:], `'\'`) {
		l.pos += 3
		return
	}
	for {
		l.pos++ // the opening quote
		for slashes := 0; ; l.pos++ {
			if l.pos >= len(l.in) {
				l.cut = true
				return
			}
			c := l.in[l.pos]
			if c == '\\' {
				slashes++
				continue
			}
			if c == '\'' && slashes%2 == 1 {
				if !escapes {
					l.pos, l.cut = len(l.in), true
					return
				}
			} else if c == '\'' {
				if l.peek(1) != '\'' {
					break
				}
				l.pos++
			}
			slashes = 0
		}
		l.pos++ // the closing quote
		here := l.pos
		l.skip()
		if l.peek(0) != '\'' || !strings.ContainsAny(l.in[here:l.pos], "\r\n") {
			l.pos = here
			return
		}
	}
}

// dollar reads $1, $$…$$ or $tag$…$tag$.
func (l *lexer) dollar() token {
	start := l.pos
	l.pos++
	if isDigit(l.peek(0)) {
		for isDigit(l.peek(0)) {
			l.pos++
		}
		n := l.in[start+1 : l.pos]
		l.junk()
		return token{kind: placeholder, text: n}
	}
	end := l.pos
	for end < len(l.in) && isNamePart(l.in[end]) && l.in[end] != '$' {
		end++
	}
	if end >= len(l.in) || l.in[end] != '$' {
		if end >= len(l.in) { // perhaps a tag that was cut
			l.pos, l.cut = end, true
		}
		return token{kind: operator, text: "$"}
	}
	tag := l.in[start : end+1]
	n := strings.Index(l.in[end+1:], tag)
	if n < 0 {
		l.pos, l.cut = len(l.in), true
	} else {
		l.pos = end + 1 + n + len(tag)
	}
	return token{kind: placeholder}
}

// number passes 1, 1.5, .5, 1e-5, 0xff, 1_000 and whatever letters stick to it.
func (l *lexer) number() {
	for l.pos < len(l.in) {
		c := l.in[l.pos]
		switch {
		case c == '.' && l.peek(1) == '.': // 1..10 in PL/pgSQL
			return
		case (c == 'e' || c == 'E') && (l.peek(1) == '+' || l.peek(1) == '-') && isDigit(l.peek(2)):
			l.pos += 2
		case c == '.', isDigit(c):
			l.pos++
		case isNamePart(c):
			l.junk()
		default:
			return
		}
	}
}

func (l *lexer) junk() {
	for l.pos < len(l.in) && isNamePart(l.in[l.pos]) {
		l.pos++
	}
}

// name reads an unquoted name, or the literal or quoted name that its letters
// are the prefix of.
func (l *lexer) name() token {
	start := l.pos
	l.junk()
	text := l.in[start:l.pos]
	switch l.peek(0) {
	case '\'':
		switch text {
		case "e", "E":
			l.literal(true, false)
			return token{kind: placeholder}
		case "b", "B", "x", "X", "n", "N":
			l.literal(false, false)
			return token{kind: placeholder}
		}
	case '&':
		if text != "u" && text != "U" {
			break
		}
		switch l.peek(1) {
		case '\'':
			l.pos++
			l.literal(false, false)
			return token{kind: placeholder}
		case '"':
			l.pos++
			return l.quotedName(start)
		}
	}
	return token{kind: word, text: text}
}

// quotedName reads a name in double quotes; the text begins at start.
func (l *lexer) quotedName(start int) token {
	for l.pos++; l.pos < len(l.in); l.pos++ {
		if l.in[l.pos] != '"' {
			continue
		}
		if l.peek(1) != '"' {
			l.pos++
			return token{kind: quoted, text: strings.Map(visible, l.in[start:l.pos])}
		}
		l.pos++
	}
	l.cut = true
	return token{kind: quoted}
}

// operator reads a run of operator characters. A comment ends it.
func (l *lexer) operator() token {
	start := l.pos
	for l.pos < len(l.in) && strings.IndexByte(operatorBytes, l.in[l.pos]) >= 0 {
		if rest := l.in[l.pos:]; strings.HasPrefix(rest, "--") || strings.HasPrefix(rest, "/*") {
			break
		}
		l.pos++
		// "=-1" is = and -1: a sign at the end belongs to what follows, unless
		// the operator has one of the characters below (PostgreSQL's own rule).
	}
	text := l.in[start:l.pos]
	if !strings.ContainsAny(text, "~!@#%^&|`?") {
		for len(text) > 1 && (text[len(text)-1] == '-' || text[len(text)-1] == '+') {
			text = text[:len(text)-1]
			l.pos--
		}
	}
	return token{kind: operator, text: text}
}

func visible(r rune) rune {
	if r < ' ' || r == 0x7f {
		return ' '
	}
	return r
}

const operatorBytes = "+-*/<>=~!@#%^&|`?"

func (t token) is(keyword string) bool {
	return t.kind == word && len(t.text) == len(keyword) && strings.EqualFold(t.text, keyword)
}

func (t token) op(text string) bool { return t.kind == operator && t.text == text }

func isSpace(c byte) bool { return c <= ' ' || c == 0x7f } // other control characters separate, too
func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isNameStart(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c >= 0x80
}

func isNamePart(c byte) bool { return isNameStart(c) || isDigit(c) || c == '$' }
