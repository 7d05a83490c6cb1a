// Package billing is what tenants owe and have paid.
//
// Owns: invoices. The table is seeded; no endpoint reads it yet.
package billing
