// Package model is what GraphQL has and the business has not: connections, edges, payloads and the concrete user errors,
// which are generated, and the abstract types, which are empty so that the structs of internal/ can be of them.
package model

// Node is whatever has an id that `node` finds: a pointer to a struct of internal/.
type Node any

// Viewer is who asks: *identity.Buyer or *identity.StaffMember.
type Viewer any
