(() => {
  "use strict";
  const make = (name, text, cls) => {
    const e = document.createElement(name);
    if (text) e.textContent = text;
    if (cls) e.className = cls;
    return e;
  };

  // Theme: what the system says, until somebody presses the button.
  const root = document.documentElement;
  const dark = () => root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  const theme = make("button");
  theme.type = "button";
  const name = () => { theme.textContent = dark() ? "Light" : "Dark"; };
  theme.addEventListener("click", () => { root.dataset.theme = dark() ? "light" : "dark"; name(); });
  name();
  document.querySelector("nav").append(theme);

  // Sorting: by the value, not by its text. What was not measured comes last.
  const value = (row, i) => {
    const cell = row.cells[i], data = cell.querySelector("data");
    if (data) return data.value === "" ? null : Number(data.value);
    const s = cell.textContent.trim();
    return s === "" || s === "–" ? null : s;
  };
  const compare = (a, b) => {
    if (a === null || b === null) return (a === null) - (b === null);
    return typeof a === "number" && typeof b === "number" ? b - a : String(a).localeCompare(String(b), "en", {numeric: true});
  };
  for (const table of document.querySelectorAll("table.sortable")) {
    const heads = [...table.tHead.rows[0].cells], body = table.tBodies[0];
    heads.forEach((th, i) => {
      if (!th.textContent.trim()) return;
      const b = make("button", th.textContent);
      b.type = "button";
      th.replaceChildren(b);
      b.addEventListener("click", () => {
        const again = th.getAttribute("aria-sort") === "descending";
        heads.forEach(h => h.removeAttribute("aria-sort"));
        th.setAttribute("aria-sort", again ? "ascending" : "descending");
        const rows = [...body.rows];
        rows.sort((x, y) => {
          const a = value(x, i), b = value(y, i);
          return a === null || b === null || !again ? compare(a, b) : compare(b, a);
        });
        body.append(...rows);
      });
    });
  }

  // Filtering, where there is something to filter.
  for (const table of document.querySelectorAll("table.filter")) {
    const rows = [...table.tBodies[0].rows];
    if (rows.length < 8) continue;
    const label = make("label", "Filter", "filterbox"), input = make("input");
    input.type = "search";
    label.append(input);
    table.caption.append(label);
    input.addEventListener("input", () => {
      const q = input.value.toLowerCase();
      for (const r of rows) r.hidden = !r.textContent.toLowerCase().includes(q);
    });
  }

  // Copying.
  for (const pre of document.querySelectorAll("pre.sql")) {
    const box = make("div", "", "copyable"), b = make("button", "Copy");
    b.type = "button";
    pre.replaceWith(box);
    box.append(pre, b);
    b.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(pre.textContent);
        b.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(pre);
        b.textContent = "Selected";
      }
      setTimeout(() => { b.textContent = "Copy"; }, 2000);
    });
  }
})();
