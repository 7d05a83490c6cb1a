package faults

// CacheAbsent reads the same settings several times in every request.
var CacheAbsent = &Fault{
	Name: "cache-absent",
	Doc: `every request reads the same settings several times

What a tenant may do is in four thousand rows of feature flags that change once a month.
Each place in the code that wants to know one asks for them, as it should, through a
function, and the function asks the database: the session, the menu, the banner, the
limits. Each read is indexed and takes two milliseconds. All requests of all
endpoints pay for all of them, and together they are most of what the database does.

The fix is to read them once and keep them: in the process for a few seconds, or at the
very least for the length of a request.`,
	Database: []string{
		`create table tenant_flags (tenant_id bigint not null, name text not null, enabled boolean not null, primary key (tenant_id, name))`,
		`insert into tenant_flags select t.id, format('feature-%s', g), g % 3 = 0 from generate_series(1, 4000) g, tenants t`,
		`analyze tenant_flags`,
	},
	Switch: func(s *Switches) { s.FlagsEachTime = true },
}
