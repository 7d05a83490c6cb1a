package reports

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestClean(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"plain", "SELECT id FROM t WHERE a = $1", "SELECT id FROM t WHERE a = $1"},
		{"languages stay", "Größe – 価格 – цена – السعر", "Größe – 価格 – цена – السعر"},
		{"emoji stays", "done 🎉", "done 🎉"},
		{"cast stays", "x::text", "x::text"},
		{"lines become one", "a\nb\r\nc\td", "a b c d"},
		{"unusual spaces", "a\u00a0b\u3000c", "a b c"},
		{"lone carriage return", "evil\rgood", `evil\x0dgood`},
		{"escape sequence", "\x1b]52;c;ZXZpbA==\x07", `\x1b]52;c;ZXZpbA==\x07`},
		{"NUL", "a\x00b", `a\x00b`},
		{"C1 as UTF-8", "\u009b2J", `\u009b2J`},
		{"C1 as a byte", "\x9b2J", `\ufffd2J`},
		{"right-to-left override", "user\u202egpj.exe", `user\u202egpj.exe`},
		{"isolates", "\u2066x\u2069", `\u2066x\u2069`},
		{"zero width", "a\u200bb\ufeffc", `a\u200bb\ufeffc`},
		{"tag characters", "a\U000e0041", `a\U000e0041`},
		{"line separator", "a\u2028b", `a\u2028b`},
		{"blank letter", "a\u3164b", `a\u3164b`},
		{"not UTF-8", "a\xffb\xc3", `a\ufffdb\ufffd`},
		{"workflow command", "::error::boom", `\x3a:error::boom`},
		{"workflow command after a line", "x\n::error file=a::boom", `x \x3a:error file=a::boom`},
		{"azure command", "x ##vso[task.setvariable]", `x \x23#vso[task.setvariable]`},
		{"older workflow command", "##[error]x", `\x23#[error]x`},
		{"heading stays", "## a", "## a"},
	} {
		if got := clean(tt.in, 100); got != tt.want {
			t.Errorf("%s: clean(%q) = %q, want %q", tt.name, tt.in, got, tt.want)
		}
	}
}

func TestCleanCuts(t *testing.T) {
	for _, tt := range []struct {
		in    string
		limit int
		want  string
	}{
		{"abcde", 5, "abcde"}, {"abcdef", 5, "abcd…"}, {"äöüßé", 5, "äöüßé"}, {"abc\x1bdef", 5, "abc…"}, {"", 5, ""},
	} {
		if got := clean(tt.in, tt.limit); got != tt.want {
			t.Errorf("clean(%q, %d) = %q, want %q", tt.in, tt.limit, got, tt.want)
		}
	}
}

func TestCleanLinesKeepsLines(t *testing.T) {
	if got, want := cleanLines("\nCREATE INDEX i\r\n    ON t (a);\x1b\n::error::\n\n"), "CREATE INDEX i\n    ON t (a);\\x1b\n\\x3a:error::"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func FuzzClean(f *testing.F) {
	for _, p := range payloads {
		f.Add(p, 40)
	}
	f.Fuzz(func(t *testing.T, s string, limit int) {
		limit = 1 + max(0, limit)%200
		got := clean(s, limit)
		if problem := unsafeText(got, false); problem != "" {
			t.Errorf("clean(%q) = %q: %s", s, got, problem)
		}
		if n := utf8.RuneCountInString(got); n > limit {
			t.Errorf("clean(%q, %d) has %d characters", s, limit, n)
		}
		if again := clean(got, limit); again != got {
			t.Errorf("not the same twice: %q, then %q", got, again)
		}
	})
}

// unsafeText says what is wrong with a text that is shown; lines are allowed in
// a text of several lines.
func unsafeText(s string, lines bool) string {
	if !utf8.ValidString(s) {
		return "not UTF-8"
	}
	for _, r := range s {
		if r == '\n' && lines {
			continue
		}
		if hidden(r) {
			return "holds " + escaped(r)
		}
	}
	for line := range strings.Lines(s) {
		if strings.HasPrefix(strings.TrimSpace(line), "::") {
			return "a line starts like a workflow command: " + line
		}
		for _, c := range []string{"##[", "##vso[", "##teamcity["} {
			if strings.Contains(line, c) {
				return "a line holds a command: " + line
			}
		}
	}
	return ""
}
