// Package tenancy is the organisations that share one installation.
//
// Owns: tenants. Every user and course belongs to one. The catalogue is shared
// between them, so today a tenant is where a person is filed, not a wall.
package tenancy

// Public is the tenant of people who register themselves.
const Public int64 = 1
