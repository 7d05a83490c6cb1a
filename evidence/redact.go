package evidence

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
)

// StatementID returns the ID of the statement that PostgreSQL knows by queryid.
// Decimal and with its sign, as pg_stat_statements prints it.
func StatementID(queryid int64) string { return strconv.FormatInt(queryid, 10) }

// TextID returns the ID of a statement that PostgreSQL gave no queryid: one
// that waits for a lock on a table has none yet, and before version 14 sessions
// show none at all.
func TextID(t Text) string { return "f:" + t.Fingerprint }

// maxText bounds what Redact reads. Generated statements of megabytes exist;
// their first 64 kB tell what they are.
const maxText = 64 << 10

// Redact returns the statement without what it was about: literals become
// parameters, comments go, lists of literals and rows shrink to one, so that
// the statement gives the same text whoever sent it with whatever values. It
// understands PostgreSQL's own normalized texts, too, and gives the same result
// for them as for the original.
//
// Statements other than SELECT, INSERT, UPDATE, DELETE, MERGE, VALUES, WITH,
// TABLE and CALL show their command tag only: ALTER ROLE carries passwords, and
// COPY, DO and SET carry anything. What follows a semicolon is dropped, and so
// is everything from a quote on whose end is in doubt.
//
// Names in double quotes stay. So a text that uses them for literals, which
// PostgreSQL rejects, is not redacted.
func Redact(sql string) Text {
	if len(sql) > maxText {
		sql = sql[:maxText]
	}
	ts := scan(sql)
	kind, data := statementKind(ts)
	if !data {
		return Text{SQL: kind, Kind: kind, Fingerprint: fingerprint([]token{{kind: word, text: kind}})}
	}
	ts = squash(ts)
	return Text{SQL: strings.ToValidUTF8(write(ts), "\uFFFD"), Kind: kind, Fingerprint: fingerprint(ts)}
}

// RedactDefinition returns a definition out of the catalog, such as CREATE INDEX
// with its predicate, without its literals. It must be what PostgreSQL printed:
// of what people write, Redact shows less.
func RedactDefinition(sql string) string {
	if len(sql) > maxText {
		sql = sql[:maxText]
	}
	return strings.ToValidUTF8(write(squash(scan(sql))), "\uFFFD")
}

// scan returns the tokens of the first statement, with all constants as
// placeholders: also null, true and false, and a sign that belongs to a number,
// as pg_stat_statements does.
func scan(sql string) []token {
	l := lexer{in: sql}
	var ts []token
	var last, before token
	for {
		t, ok := l.next(last)
		if !ok || t.op(";") && len(ts) > 0 {
			return ts
		}
		if t.op(";") {
			continue
		}
		if t.is("null") || t.is("true") || t.is("false") {
			if !last.is("is") && !(last.is("not") && before.is("is")) {
				t = token{kind: placeholder, space: t.space}
			}
		}
		if t.kind == placeholder && t.text == "" {
			if last.kind == placeholder && len(ts) > 0 { // 'a' 'b', and 1.2.3
				continue
			}
			if last.op("-") && isUnary(ts) {
				t.space = last.space
				ts = ts[:len(ts)-1]
			}
		}
		if len(ts) == 0 {
			t.space = false
		}
		ts = append(ts, t)
		before, last = last, t
	}
}

// isUnary reports whether the minus at the end of ts is a sign: nothing that it
// could subtract from stands before it.
func isUnary(ts []token) bool {
	if len(ts) < 2 {
		return true
	}
	switch t := ts[len(ts)-2]; t.kind {
	case operator:
		return t.text != ")" && t.text != "]"
	case word:
		return slices.Contains(beforeSign, strings.ToLower(t.text))
	}
	return false
}

var beforeSign = []string{
	"select", "where", "and", "or", "not", "when", "then", "else", "case", "between", "limit", "offset",
	"by", "on", "in", "like", "ilike", "set", "having", "from", "all", "any", "distinct", "returning", "values",
}

var dataKinds = []string{"SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "VALUES", "TABLE", "CALL"}

// statementKind returns what the statement is, and whether it is one whose text
// may be shown.
func statementKind(ts []token) (kind string, data bool) {
	for len(ts) > 0 && ts[0].op("(") {
		ts = ts[1:]
	}
	if len(ts) == 0 || ts[0].kind != word {
		return "OTHER", false
	}
	first := strings.ToUpper(ts[0].text)
	if first == "WITH" {
		return mainKind(ts), true
	}
	if slices.Contains(dataKinds, first) {
		return first, true
	}
	return commandTag(first, ts[1:]), false
}

// mainKind returns what the statement after a WITH list is. A text that was cut
// within the list is WITH.
func mainKind(ts []token) string {
	depth := 0
	for _, t := range ts {
		switch {
		case t.op("("):
			depth++
		case t.op(")"):
			depth--
		case depth == 0 && t.kind == word:
			// A CTE may be called like a kind; its name is followed by AS.
			if k := strings.ToUpper(t.text); k != "TABLE" && k != "CALL" && slices.Contains(dataKinds, k) {
				return k
			}
		}
	}
	return "WITH"
}

// commandTag returns the tag of a utility statement out of words that are known
// to be part of SQL: an unknown one could be anything.
func commandTag(first string, rest []token) string {
	switch first {
	case "END":
		return "COMMIT"
	case "ABORT":
		return "ROLLBACK"
	case "CREATE", "ALTER", "DROP":
		for _, t := range rest[:min(len(rest), 6)] {
			w := strings.ToUpper(t.text)
			if t.kind != word {
				break
			}
			if slices.Contains(objectWords, w) {
				return first + " " + w
			}
		}
		return first
	}
	if slices.Contains(commands, first) {
		return first
	}
	return "OTHER"
}

var commands = []string{
	"ANALYZE", "BEGIN", "CHECKPOINT", "CLOSE", "CLUSTER", "COMMENT", "COMMIT", "COPY", "DEALLOCATE", "DECLARE",
	"DISCARD", "DO", "EXECUTE", "EXPLAIN", "FETCH", "GRANT", "IMPORT", "LISTEN", "LOAD", "LOCK", "MOVE", "NOTIFY",
	"PREPARE", "REASSIGN", "REFRESH", "REINDEX", "RELEASE", "RESET", "REVOKE", "ROLLBACK", "SAVEPOINT", "SECURITY",
	"SET", "SHOW", "START", "TRUNCATE", "UNLISTEN", "VACUUM",
}

var objectWords = []string{
	"ACCESS", "AGGREGATE", "CAST", "COLLATION", "CONVERSION", "DATABASE", "DEFAULT", "DOMAIN", "EVENT", "EXTENSION",
	"FOREIGN", "FUNCTION", "GROUP", "INDEX", "LANGUAGE", "MATERIALIZED", "OPERATOR", "OWNED", "POLICY", "PROCEDURE",
	"PUBLICATION", "ROLE", "ROUTINE", "RULE", "SCHEMA", "SEQUENCE", "SERVER", "STATISTICS", "SUBSCRIPTION", "SYSTEM",
	"TABLE", "TABLESPACE", "TEXT", "TRANSFORM", "TRIGGER", "TYPE", "USER", "VIEW",
}

// write prints the tokens, parameters numbered in the order in which they come.
// One that stood in the text several times stays one.
func write(ts []token) string {
	var b strings.Builder
	known := map[string]int{}
	n := 0
	for i, t := range ts {
		if i > 0 && spaced(ts[i-1], t) {
			b.WriteByte(' ')
		}
		if t.kind != placeholder {
			b.WriteString(t.text)
			continue
		}
		number, ok := known[t.text]
		if !ok {
			n++
			number = n
			if t.text != "" {
				known[t.text] = n
			}
		}
		b.WriteByte('$')
		b.WriteString(strconv.Itoa(number))
	}
	return b.String()
}

func spaced(before, t token) bool {
	if t.op(")") || t.op(",") || before.op("(") {
		return false
	}
	// date'2020-01-01' must not become date$1: that is a name.
	return t.space || t.kind == placeholder && before.kind != operator
}

// fingerprint hashes what makes the statement the same on any server: neither
// spacing nor case, neither the numbers of parameters nor needless quotes.
func fingerprint(ts []token) string {
	h := sha256.New()
	var b []byte
	for _, t := range ts {
		b = b[:0]
		switch t.kind {
		case placeholder:
			b = append(b, '$')
		case quoted:
			b = append(b, plainName(t.text)...)
		case word:
			b = append(b, strings.ToLower(t.text)...)
		default:
			b = append(b, t.text...)
		}
		h.Write(append(b, 0))
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// plainName takes the quotes off a name that means the same without them.
func plainName(q string) string {
	name := strings.Trim(q, `"`)
	if len(name) != len(q)-2 || name == "" || isDigit(name[0]) {
		return q
	}
	for i := range len(name) {
		if c := name[i]; !isNamePart(c) || c >= 'A' && c <= 'Z' {
			return q
		}
	}
	return name
}
