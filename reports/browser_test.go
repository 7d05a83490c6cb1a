package reports

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// browser starts a headless Chromium that may not talk to anybody.
func browser(t *testing.T) context.Context {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if p, err := exec.LookPath(name); err == nil {
			path = p
			break
		}
	}
	if path == "" {
		t.Fatal("no Chromium in PATH: apt-get install -y chromium")
	}
	dir, err := os.MkdirTemp("", "scalecheck-browser-")
	if err != nil {
		t.Fatal(err)
	}
	// Not t.TempDir: a child of the browser may still be writing when it has
	// gone, which fails the test.
	t.Cleanup(func() {
		for range 50 {
			if os.RemoveAll(dir) == nil {
				return
			}
			time.Sleep(100 * time.Millisecond)
		}
		t.Logf("%s is left behind", dir)
	})
	opts := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(path), chromedp.UserDataDir(dir),
		chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-dev-shm-usage", true),
		// Under load a start takes longer than chromedp's 20 s.
		chromedp.WSURLReadTimeout(90 * time.Second),
	}
	// t.Context ends before the clean-up, and would kill what is to be closed.
	ctx, stop := chromedp.NewExecAllocator(context.Background(), opts...)
	t.Cleanup(stop)
	ctx, cancel := chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	t.Cleanup(func() { _ = chromedp.Cancel(ctx) })
	if err := chromedp.Run(ctx); err != nil {
		t.Fatalf("start %s: %v", path, err)
	}
	return ctx
}

// A visit is what a page did while it was looked at.
type visit struct {
	mu       sync.Mutex
	requests []string
	errors   []string
}

// open writes the report's page to a file and opens it in a tab.
func open(t *testing.T, browser context.Context, r *Report, before ...chromedp.Action) (context.Context, *visit) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "report.html")
	if err := os.WriteFile(path, write(t, HTML, r), 0o644); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := chromedp.NewContext(browser)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 2*time.Minute)
	t.Cleanup(cancel)
	v := &visit{}
	chromedp.ListenTarget(ctx, func(ev any) {
		v.mu.Lock()
		defer v.mu.Unlock()
		switch ev := ev.(type) {
		case *network.EventRequestWillBeSent:
			v.requests = append(v.requests, ev.Request.URL)
		case *runtime.EventExceptionThrown:
			v.errors = append(v.errors, ev.ExceptionDetails.Error())
		case *runtime.EventConsoleAPICalled:
			v.errors = append(v.errors, fmt.Sprint("console: ", ev.Type))
		}
	})
	page := &url.URL{Scheme: "file", Path: path}
	actions := append([]chromedp.Action{network.Enable(), runtime.Enable()}, before...)
	actions = append(actions, chromedp.Navigate(page.String()), chromedp.WaitReady("#trust"))
	if err := chromedp.Run(ctx, actions...); err != nil {
		t.Fatal(err)
	}
	return ctx, v
}

// quiet fails when the page asked for anything but itself, or its script erred.
func (v *visit) quiet(t *testing.T) {
	t.Helper()
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, u := range v.requests {
		if !strings.HasPrefix(u, "file://") || !strings.HasSuffix(u, "/report.html") {
			t.Errorf("the page asked for %s", u)
		}
	}
	if len(v.requests) == 0 {
		t.Error("no request was seen, not even for the page: this test is blind")
	}
	for _, e := range v.errors {
		t.Errorf("script: %s", e)
	}
}

func run(t *testing.T, ctx context.Context, actions ...chromedp.Action) {
	t.Helper()
	if err := chromedp.Run(ctx, actions...); err != nil {
		t.Fatal(err)
	}
}

// A shown figure is a number as the page has it.
type shown struct{ At, As, Value, Text string }

const allFigures = `[...document.querySelectorAll("data")].map(d => ({At: d.dataset.at, As: d.dataset.as, Value: d.value, Text: d.textContent}))`

func TestPageInBrowser(t *testing.T) {
	ctx := browser(t)

	t.Run("figures are those of the JSON", func(t *testing.T) {
		for name, sample := range samples {
			var got []shown
			tab, v := open(t, ctx, sample())
			run(t, tab, chromedp.Evaluate(allFigures, &got))
			v.quiet(t)
			if len(got) < 50 && name != "dead" && name != "odd" {
				t.Errorf("%s: only %d figures", name, len(got))
			}
			var doc any
			if err := json.Unmarshal(write(t, JSON, sample()), &doc); err != nil {
				t.Fatal(err)
			}
			for _, f := range got {
				if f.At != "" { // else it is computed here: what no endpoint explains
					sameFigure(t, name, doc, f)
				}
			}
		}
	})

	t.Run("verdict is the one of the JSON", func(t *testing.T) {
		var word, headline, title string
		tab, _ := open(t, ctx, failing())
		run(t, tab, chromedp.Text(".word", &word), chromedp.Text("h1", &headline), chromedp.Title(&title))
		if want := failing().Verdict.Headline; headline != want {
			t.Errorf("headline %q, want %q", headline, want)
		}
		if strings.TrimSpace(word) != "FAIL" || !strings.HasPrefix(title, "FAIL") {
			t.Errorf("word %q, title %q", word, title)
		}
	})

	t.Run("without a script", func(t *testing.T) {
		var text string
		var charts, buttons int
		tab, v := open(t, ctx, failing(), emulation.SetScriptExecutionDisabled(true))
		run(t, tab,
			chromedp.Text("body", &text),
			emulation.SetScriptExecutionDisabled(false),
			chromedp.Evaluate(`document.querySelectorAll("svg.chart").length`, &charts),
			chromedp.Evaluate(`document.querySelectorAll("button").length`, &buttons))
		v.quiet(t)
		for _, want := range []string{"FAIL", "200 users", "78.4 requests/s", "CREATE INDEX CONCURRENTLY", "unattributed", "26×", "60 653/min", "783 ms"} {
			if !strings.Contains(text, want) {
				t.Errorf("%q is not to be read", want)
			}
		}
		if charts != 4 || buttons != 0 {
			t.Errorf("%d charts and %d buttons, want 4 and 0", charts, buttons)
		}
	})

	t.Run("sorts, filters, changes its colours", func(t *testing.T) {
		const column = `[...document.querySelectorAll("table.statements tbody tr")].filter(r => !r.hidden).map(r => r.cells[3].querySelector("data").value)`
		var down, up, filtered []string
		var light, dark string
		tab, v := open(t, ctx, wide())
		run(t, tab,
			chromedp.Click(`//table[contains(@class,"statements")]//button[text()="Calls"]`, chromedp.BySearch),
			chromedp.Evaluate(column, &down),
			chromedp.Click(`//table[contains(@class,"statements")]//button[text()="Calls"]`, chromedp.BySearch),
			chromedp.Evaluate(column, &up),
			chromedp.SendKeys(`//table[contains(@class,"statements")]/caption//input`, "notifications", chromedp.BySearch),
			chromedp.Evaluate(column, &filtered),
			chromedp.Evaluate(`document.documentElement.dataset.theme = "light"; getComputedStyle(document.body).backgroundColor`, &light),
			chromedp.Click(`nav button`),
			chromedp.Evaluate(`getComputedStyle(document.body).backgroundColor`, &dark))
		v.quiet(t)
		for i := 1; i < len(down); i++ {
			a, _ := strconv.ParseFloat(down[i-1], 64)
			b, _ := strconv.ParseFloat(down[i], 64)
			if a < b {
				t.Errorf("row %d: %v before %v", i, a, b)
			}
		}
		if len(down) < 25 || len(up) != len(down) || up[0] != down[len(down)-1] {
			t.Errorf("descending %v, ascending %v", down, up)
		}
		if len(filtered) != 1 {
			t.Errorf("the filter leaves %d rows, want 1", len(filtered))
		}
		if light == dark {
			t.Errorf("the theme stays %s", light)
		}
	})

	t.Run("fits a phone and a desktop, no label on another", func(t *testing.T) {
		for name, sample := range samples {
			tab, _ := open(t, ctx, sample())
			for _, width := range []int64{360, 390, 768, 1280} {
				var over int64
				run(t, tab, chromedp.EmulateViewport(width, 800),
					chromedp.Evaluate(`document.documentElement.scrollWidth - document.documentElement.clientWidth`, &over))
				if over > 0 {
					t.Errorf("%s: %d px beyond the right edge at %d", name, over, width)
				}
				var hits []string
				run(t, tab, chromedp.Evaluate(overlaps, &hits))
				for _, h := range hits {
					t.Errorf("%s at %d px: %s", name, width, h)
				}
			}
		}
	})

	t.Run("hostile text stays text", func(t *testing.T) {
		for _, p := range []string{payloads[0], payloads[1], payloads[2], payloads[5]} {
			r := failing()
			r.Verdict.Headline, r.Findings[0].Subject.Name, r.Findings[0].Remedy.SQL = p, p, p
			r.Model.Steps[3].Stations[0].Name, r.Model.Steps[3].Endpoints[0].Name = p, p
			r.Run.Plan.Name, r.Run.Plan.Target = p, "javascript:alert(1)"
			var headline string
			var scripts int
			tab, v := open(t, ctx, r)
			run(t, tab, chromedp.Text("h1", &headline), chromedp.Evaluate(`document.scripts.length`, &scripts))
			v.quiet(t)
			if headline != p || scripts != 1 {
				t.Errorf("headline %q, %d scripts", headline, scripts)
			}
		}
	})

	t.Run("policy stops what gets through", func(t *testing.T) {
		var ran bool
		tab, _ := open(t, ctx, failing())
		run(t, tab, chromedp.Evaluate(`(() => {
			const d = document.createElement("div");
			d.innerHTML = "<img src=x onerror='window.ran=1'>";
			document.body.append(d);
			const s = document.createElement("script");
			s.textContent = "window.ran=1";
			document.body.append(s);
			return new Promise(done => setTimeout(() => done(!!window.ran), 300));
		})()`, &ran, func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }))
		if ran {
			t.Error("an injected script ran")
		}
	})
}

// overlaps lists labels of a chart whose boxes meet by more than a hair, and
// those that leave the drawing.
const overlaps = `[...document.querySelectorAll("svg.chart")].flatMap(svg => {
	const hits = [], all = [...svg.querySelectorAll("text")].map(t => ({s: t.textContent, r: t.getBoundingClientRect()}));
	const title = svg.querySelector("title").textContent, box = svg.closest("figure").getBoundingClientRect();
	for (let i = 0; i < all.length; i++) {
		const a = all[i].r;
		if (a.left < box.left || a.right > box.right) hits.push(title + ": " + all[i].s + " leaves the figure");
		for (let j = i + 1; j < all.length; j++) {
			const b = all[j].r;
			const w = Math.min(a.right, b.right) - Math.max(a.left, b.left), h = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
			if (w > 1 && h > 3) hits.push(title + ": " + all[i].s + " meets " + all[j].s);
		}
	}
	return hits;
})`

// sameFigure looks the figure up in the JSON, and its text in our own words for it.
func sameFigure(t *testing.T, name string, doc any, f shown) {
	t.Helper()
	v := doc
	for step := range strings.SplitSeq(f.At, ".") {
		switch at := v.(type) {
		case map[string]any:
			v = at[step]
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i >= len(at) {
				t.Errorf("%s: no %s in the JSON", name, f.At)
				return
			}
			v = at[i]
		default:
			t.Errorf("%s: no %s in the JSON", name, f.At)
			return
		}
	}
	want := unknown
	if n, ok := v.(float64); ok {
		want = number(n)
	}
	if html := string(figure(f.As, want, f.At)); !strings.Contains(html, `value="`+f.Value+`"`) || !strings.Contains(html, ">"+f.Text+"<") {
		t.Errorf("%s: %s is %v in the JSON and %q (%s) on the page", name, f.At, v, f.Text, f.Value)
	}
}
