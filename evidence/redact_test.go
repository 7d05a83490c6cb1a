package evidence_test

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/scalecheck/scalecheck/evidence"
)

func TestRedact(t *testing.T) {
	for _, tt := range []struct{ name, in, sql, kind string }{
		{"string", `select * from t where a = 'secret'`, `select * from t where a = $1`, "SELECT"},
		{"doubled quote", `select 'it''s secret', b`, `select $1, b`, "SELECT"},
		{"escape string", `select E'it\'s secret', b`, `select $1, b`, "SELECT"},
		{"unicode string", `select U&'\0061secret' uescape '!', b`, `select $1 uescape $2, b`, "SELECT"},
		{"bit string", `select B'0101', x'ff', N'secret'`, `select $1, $2, $3`, "SELECT"},
		{"dollar quotes", `select $$secret$$, $a$se$$cret$a$`, `select $1, $2`, "SELECT"},
		{"continued string", "select 'a'\n  'secret', b", `select $1, b`, "SELECT"},
		{"continued escape string", "select E'a'\n  'it\\'s secret', b", `select $1, b`, "SELECT"},
		{"typed literal", `select date '2020-01-01', interval'1 day'`, `select date $1, interval $2`, "SELECT"},
		{"numbers", `select 1, 1.5, .5, 1e10, 1.5E-3, 0xff, 1_000`, `select $1, $2, $3, $4, $5, $6, $7`, "SELECT"},
		{"number with junk", `select 1234secret, b`, `select $1, b`, "SELECT"},
		{"signs", `select -1, a - 1, (a)-1, a * -1`, `select $1, a - $2, (a)-$3, a * $4`, "SELECT"},
		{"constants", `select null, true where a is not null and b is true and c = false`, `select $1, $2 where a is not null and b is true and c = $3`, "SELECT"},
		{"digits in names", `select t1.c2 from t1`, `select t1.c2 from t1`, "SELECT"},
		{"dollar in a name", `select a$b$c from t`, `select a$b$c from t`, "SELECT"},
		{"line comment", "select a -- secret\nfrom t", `select a from t`, "SELECT"},
		{"nested comment", `select /* a /* secret */ b */ a`, `select a`, "SELECT"},
		{"operator before a comment", `select a +/* secret */ b`, `select a + b`, "SELECT"},
		{"quoted name", `select "Odd ""name""" from "t"`, `select "Odd ""name""" from "t"`, "SELECT"},
		{"parameters stay", `select $1 where a = $2 or b = $1`, `select $1 where a = $2 or b = $1`, "SELECT"},
		{"parameters in order", `select $2 where a = $1 and b = 7`, `select $1 where a = $2 and b = $3`, "SELECT"},
		{"whitespace", " \n select\ta\r\n from  t ;\n", `select a from t`, "SELECT"},
		{"second statement", `select 1; alter role r password 'secret'`, `select $1`, "SELECT"},
		{"column numbers", `select a, b from t group by 1, 2 order by 2 desc, 1 limit 10`, `select a, b from t group by 1, 2 order by 2 desc, 1 limit $1`, "SELECT"},
		{"in list", `select a from t where b in (1,2, 3) and c not in ('x')`, `select a from t where b in ($1) and c not in ($2)`, "SELECT"},
		{"in list of casts", `select a from t where b in ('1'::uuid, '2'::uuid)`, `select a from t where b in ($1::uuid)`, "SELECT"},
		{"in list of rows", `select a from t where (b, c) in ((1, 2), (3, 4))`, `select a from t where (b, c) in (($1, $2))`, "SELECT"},
		{"in list of PostgreSQL 18", `select a from t where b in ($1 /*, ... */)`, `select a from t where b in ($1)`, "SELECT"},
		{"subquery", `select a from t where b in (select c from u where d = 1)`, `select a from t where b in (select c from u where d = $1)`, "SELECT"},
		{"array", `select a from t where b = any(array[1,2,3])`, `select a from t where b = any(array[$1])`, "SELECT"},
		{"arguments stay apart", `select f(1, 2)`, `select f($1, $2)`, "SELECT"},
		{"rows", `insert into t (a, b) values (1, 'x'), (2, 'y'), (3, default) returning a`, `insert into t (a, b) values ($1, $2), ($3, default) returning a`, "INSERT"},
		{"rows and more", `insert into t values (1), (2) on conflict (a) do update set b = 3`, `insert into t values ($1) on conflict (a) do update set b = $2`, "INSERT"},
		{"values in from", `select * from (values (1, 2), (3, 4)) as v (a, b), t`, `select * from (values ($1, $2)) as v (a, b), t`, "SELECT"},
		{"update", `UPDATE t SET a='secret' WHERE id=5`, `UPDATE t SET a=$1 WHERE id=$2`, "UPDATE"},
		{"delete", `delete from t where id=5`, `delete from t where id=$1`, "DELETE"},
		{"with", `with x as (select 1) update t set a = 2 from x`, `with x as (select $1) update t set a = $2 from x`, "UPDATE"},
		{"with, cut", `with x as (select 1 from`, `with x as (select $1 from`, "WITH"},
		{"brackets first", `(select 1) union (select 2)`, `(select $1) union (select $2)`, "SELECT"},
		{"call", `call charge('4111 1111')`, `call charge($1)`, "CALL"},
		{"table", `table users`, `table users`, "TABLE"},

		{"escape clause", `select a from t where b like 'x' escape '\' and c = 'secret'`, `select a from t where b like $1 escape $2 and c = $3`, "SELECT"},
		{"doubtful backslash", `select 'it\' or secret', b`, `select $1`, "SELECT"},
		{"doubled backslash", `select 'it\\', b`, `select $1, b`, "SELECT"},
		{"cut string", `select a from t where b = 'secr`, `select a from t where b = $1`, "SELECT"},
		{"cut dollar quote", `select a from t where b = $x$secr`, `select a from t where b = $1`, "SELECT"},
		{"cut dollar tag", `select a from t where b = $secr`, `select a from t where b = $`, "SELECT"},
		{"cut comment", `select a /* secr`, `select a`, "SELECT"},
		{"cut name", `select a from "secr`, `select a from`, "SELECT"},
		{"bad bytes", "select a\xff from t\x00 where b", "select a\uFFFD from t where b", "SELECT"},

		{"create role", `create role r login password 'secret'`, "CREATE ROLE", "CREATE ROLE"},
		{"create or replace", `create or replace function secret() returns int as 'secret'`, "CREATE FUNCTION", "CREATE FUNCTION"},
		{"create index", `CREATE UNIQUE INDEX CONCURRENTLY secret ON t (a) WHERE b = 'secret'`, "CREATE INDEX", "CREATE INDEX"},
		{"alter user", `alter user secret password 'secret'`, "ALTER USER", "ALTER USER"},
		{"alter system", `alter system set secret = 'secret'`, "ALTER SYSTEM", "ALTER SYSTEM"},
		{"copy", `copy (select 'secret') to stdout`, "COPY", "COPY"},
		{"do", `do $$ secret $$`, "DO", "DO"},
		{"set", `set app.secret = 'secret'`, "SET", "SET"},
		{"prepare", `prepare secret as select 'secret'`, "PREPARE", "PREPARE"},
		{"begin", `begin; update t set a = 'secret'`, "BEGIN", "BEGIN"},
		{"end", `end`, "COMMIT", "COMMIT"},
		{"nonsense", `secret`, "OTHER", "OTHER"},
		{"empty", ` -- secret`, "OTHER", "OTHER"},
		{"literal first", `'secret'`, "OTHER", "OTHER"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := evidence.Redact(tt.in)
			if got.SQL != tt.sql || got.Kind != tt.kind {
				t.Errorf("Redact(%q)\n got %q, kind %s\nwant %q, kind %s", tt.in, got.SQL, got.Kind, tt.sql, tt.kind)
			}
			if tt.sql == tt.kind {
				return
			}
			if again := evidence.Redact(got.SQL); again != got {
				t.Errorf("redacted again: %q (%s), want %q (%s)", again.SQL, again.Fingerprint, got.SQL, got.Fingerprint)
			}
		})
	}
}

// The right column is what pg_stat_statements makes of the left one.
func TestFingerprint(t *testing.T) {
	for _, tt := range []struct {
		name, a, b string
		same       bool
	}{
		{"case and space", "SELECT a FROM t\nWHERE b=1", "select a from t where b = $1", true},
		{"numbers of parameters", "select 1 where a = $1", "select $2 where a = $1", true},
		{"negative", "select a from t where b = -5 limit -1", "select a from t where b = $1 limit $2", true},
		{"null and booleans", "insert into t values (null, true, 3)", "insert into t values ($1, $2, $3)", true},
		{"list lengths", "select a from t where b in (1)", "select a from t where b in ($1, $2, $3)", true},
		{"row counts", "insert into t (a, b) values ($1, $2)", "insert into t (a, b) values ($1, $2), ($3, $4)", true},
		{"needless quotes", `select "a" from "t"`, `select a from t`, true},
		{"needed quotes", `select "A" from "t"`, `select a from t`, false},
		{"other column", "select a from t", "select b from t", false},
		{"other column count", "insert into t values ($1, $2)", "insert into t values ($1)", false},
		{"tags", "set a = 1", "set b = 2", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, b := evidence.Redact(tt.a), evidence.Redact(tt.b)
			if (a.Fingerprint == b.Fingerprint) != tt.same {
				t.Errorf("%q and %q: same is %t, want %t", a.SQL, b.SQL, !tt.same, tt.same)
			}
		})
	}
}

func TestStatementID(t *testing.T) {
	if got := evidence.StatementID(-42); got != "-42" {
		t.Errorf("StatementID(-42) = %s, want -42", got)
	}
	if got := evidence.TextID(evidence.Redact("select 1")); !strings.HasPrefix(got, "f:") {
		t.Errorf("TextID = %s, want f:…", got)
	}
}

// canary is what no redacted text may hold, wherever it stood.
const canary = "SEcRETcANARY"

// literals are ways to write it down in a statement that PostgreSQL accepts.
var literals = []string{
	`'%s'`, `'it''s %s'`, `E'%s'`, `E'\'%s'`, `e'\\\'%s'`, `U&'%s'`, `N'%s'`, `$$%s$$`, `$x$ $$ ' %s $x$`, `'a'` + "\n" + `'%s'`,
	`/* %s */ 1`, `/* ' /* " */ %s */ 1`, "-- %s ' \n 1", `'{"a": "%s"}'::jsonb`, `12%s`, `'\\%s'`, `interval '%s' day`,
	`'"%s"'`, `'/* %s'`, `'-- %s'`, `'$$%s'`, `E'a'` + "\n--'\n" + `'\'%s'`,
}

var frames = []string{
	`select %s, a from t where b = %s and c > %s`, `insert into t values (%s, %s), (%s, 1)`, `update "T" set a = %s, b = %s where c in (%s, 2)`,
	`with x as (select %s as y) delete from t using x where a = %s or b = %s`, `select f(%s) || %s as "name" from t order by %s`,
	`alter role r password %s valid until %s /* %s */`, `copy (select %s, %s, %s) to stdout`, `select a->>%s, -%s, (%s) from t`,
	`create table t as select %s, %s, %s`, `call p(%s, %s, %s); select 1`, `do %s %s %s`, `explain select %s, %s, %s`,
}

func TestNoLiteralSurvives(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		var parts [3]any
		for i := range parts {
			parts[i] = fmt.Sprintf(literals[rng.IntN(len(literals))], canary)
		}
		sql := fmt.Sprintf(frames[rng.IntN(len(frames))], parts[:]...)
		if rng.IntN(4) == 0 { // as track_activity_query_size does
			sql = sql[:rng.IntN(len(sql))]
		}
		if got := evidence.Redact(sql).SQL; leaks(got) {
			t.Fatalf("Redact(%q)\nleaks %q", sql, got)
		}
	}
}

// A third of the canary gives it away, too: texts are cut anywhere.
func leaks(s string) bool {
	return strings.Contains(s, canary[:4]) || strings.Contains(s, canary[4:8]) || strings.Contains(s, canary[8:])
}

var quotedName = regexp.MustCompile(`"(""|[^"])*"`)

func FuzzRedact(f *testing.F) {
	for _, frame := range frames {
		for _, l := range literals {
			l = fmt.Sprintf(l, canary)
			f.Add(fmt.Sprintf(frame, l, "1", "2"))
		}
	}
	f.Add("select in (in [array[(values (,),(,")
	f.Add("select $$$a$1$$ U&\"x' E'\\")
	f.Fuzz(func(t *testing.T, sql string) {
		got := evidence.Redact(sql)
		if !utf8.ValidString(got.SQL) || strings.ContainsAny(got.SQL, "\x00\r\n\x1b") {
			t.Errorf("Redact(%q) = %q: not one line of UTF-8", sql, got.SQL)
		}
		outside := quotedName.ReplaceAllString(got.SQL, "")
		if strings.Contains(outside, "--") || strings.Contains(outside, "/*") || strings.Contains(outside, "'") {
			t.Errorf("Redact(%q) = %q: holds a comment or a string", sql, got.SQL)
		}
		if len(got.Fingerprint) != 16 || got.Kind == "" {
			t.Errorf("Redact(%q) = %+v: no fingerprint or kind", sql, got)
		}
		// Whatever the statement, behind a complete literal nothing changes.
		with := evidence.Redact("select '" + strings.ReplaceAll(strings.ReplaceAll(sql, `\`, ``), "'", "''") + "', a")
		if with.SQL != "select $1, a" {
			t.Errorf("%q as a literal gives %q", sql, with.SQL)
		}
	})
}

// Statements of megabytes and hostile ones must not stop a recorder.
func TestRedactIsLinear(t *testing.T) {
	for _, tt := range []struct{ name, part string }{
		{"rows", "(1,'x'),"}, {"brackets", "in ("}, {"lists", "in (1,2),"}, {"dollars", "$a"}, {"tags", "$a$b"}, {"comments", "/*"}, {"quotes", "'\n"},
		{"signs", "- -1"}, {"values", "values (values ("}, {"arrays", "array[array["}, {"by", "order by 1,"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sql := "select " + strings.Repeat(tt.part, 1<<20)
			best := time.Hour
			for range 3 { // others use this machine, too
				start := time.Now()
				evidence.Redact(sql)
				best = min(best, time.Since(start))
			}
			// 25 ms of CPU for the 64 kB that are read; comparing each token with
			// each would be ten seconds.
			if best > 3*time.Second {
				t.Errorf("took %v for %d bytes", best, len(sql))
			}
		})
	}
}

func BenchmarkRedact(b *testing.B) {
	sql := `SELECT u.id, u.name, count(*) AS n FROM users u JOIN enrolments e ON e.user_id = u.id WHERE e.course_id = 42 AND u.tenant = 'acme' GROUP BY 1, 2 ORDER BY n DESC LIMIT 20`
	for b.Loop() {
		evidence.Redact(sql)
	}
}
