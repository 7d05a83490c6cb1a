// Package search finds courses and items by the words of their titles.
//
// Owns: search_documents, a copy of what can be found, so that a search reads one
// index instead of every module's tables.
package search

import (
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/scalecheck/scalecheck/reference-app/internal/platform/web"
)

// Ranking looks at a bounded number of matches: a word that is in half of all
// titles must not make the database rank half of all titles.
const find = `
select kind, ref_id, title
from (
  select kind, ref_id, title, ts_rank(words, query) as rank
  from search_documents, websearch_to_tsquery('simple', $1) query
  where words @@ query
  limit 200
) matches
order by rank desc, kind, ref_id
limit 20`

// Module serves searches.
type Module struct {
	pool *pgxpool.Pool
}

// New returns the module.
func New(pool *pgxpool.Pool) *Module { return &Module{pool} }

// Routes adds the module's endpoints.
func (m *Module) Routes(rt *web.Router) {
	rt.Private("GET /api/v1/search", m.search)
}

func (m *Module) search(r *web.Request) (web.Reply, error) {
	q := strings.TrimSpace(r.URL.Query().Get("q"))
	if q == "" {
		return web.Reply{}, web.BadRequest("q is missing")
	}
	rows, err := m.pool.Query(r.Context(), find, q)
	if err != nil {
		return web.Reply{}, fmt.Errorf("search: %w", err)
	}
	type result struct {
		Kind  string `json:"kind"`
		ID    int64  `json:"id"`
		Title string `json:"title"`
	}
	results, err := pgx.CollectRows(rows, pgx.RowToStructByPos[result])
	if err != nil {
		return web.Reply{}, fmt.Errorf("search: %w", err)
	}
	return web.OK(struct {
		Results []result `json:"results"`
	}{results}), nil
}
