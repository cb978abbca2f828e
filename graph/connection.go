package graph

import (
	"encoding/base64"
	"encoding/binary"
	"time"

	"holdfast/graph/model"
	"holdfast/internal/audit"
	"holdfast/internal/catalog"
	"holdfast/internal/fault"
	"holdfast/internal/identity"
	"holdfast/internal/inventory"
	"holdfast/internal/job"
	"holdfast/internal/order"
	"holdfast/internal/page"
	"holdfast/internal/payment"
	"holdfast/internal/reconcile"
	"holdfast/internal/typeid"
)

// pageQuery reads what every connection is asked with. It fails with BAD_REQUEST.
func pageQuery(first int, after *string) (page.Query, error) {
	q := page.Query{First: first}
	if after == nil {
		return q, nil
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(*after)
	if err != nil || len(raw) != len(q.After) || typeid.UUID(raw).IsZero() {
		return q, fault.New(fault.BadRequest, "after must be the endCursor of a page")
	}
	q.After = typeid.UUID(raw)
	return q, nil
}

// cursor is the 16 bytes of the id by which lists are ordered.
func cursor(id typeid.UUID) string { return base64.RawURLEncoding.EncodeToString(id[:]) }

// jobQuery reads what the list of failing jobs is asked with. It fails with BAD_REQUEST.
func jobQuery(first int, after *string, kind *job.Kind) (job.Query, error) {
	q := job.Query{First: first}
	if kind != nil {
		q.Kind = *kind
	}
	if after == nil {
		return q, nil
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(*after)
	if err != nil || len(raw) != 8+len(q.After.ID) || typeid.UUID(raw[8:]).IsZero() {
		return q, fault.New(fault.BadRequest, "after must be the endCursor of a page")
	}
	q.After = job.Mark{Since: time.UnixMicro(int64(binary.BigEndian.Uint64(raw))).UTC(), ID: typeid.UUID(raw[8:])} //nolint:gosec // as it was written
	return q, nil
}

// jobCursor is when a job began to fail, and its id: a job that is done meanwhile still has its place.
func jobCursor(m job.Mark) string {
	raw := binary.BigEndian.AppendUint64(nil, uint64(m.Since.UnixMicro()))
	return base64.RawURLEncoding.EncodeToString(append(raw, m.ID[:]...))
}

func jobs(p page.Page[*job.Job]) *model.JobConnection {
	c := &model.JobConnection{Edges: make([]*model.JobEdge, len(p.Items)), Nodes: p.Items, PageInfo: &model.PageInfo{HasNextPage: p.HasNext}}
	for i, j := range p.Items {
		c.Edges[i] = &model.JobEdge{Cursor: jobCursor(j.Mark()), Node: j}
	}
	if n := len(c.Edges); n > 0 {
		c.PageInfo.StartCursor, c.PageInfo.EndCursor = &c.Edges[0].Cursor, &c.Edges[n-1].Cursor
	}
	return c
}

// connect makes the parts of a connection of a page.
func connect[T, E any](p page.Page[T], id func(T) typeid.UUID, edge func(string, T) E) ([]E, []T, *model.PageInfo) {
	edges := make([]E, len(p.Items))
	info := &model.PageInfo{HasNextPage: p.HasNext}
	for i, item := range p.Items {
		at := cursor(id(item))
		edges[i] = edge(at, item)
		if i == 0 {
			info.StartCursor = &at
		}
		info.EndCursor = &at
	}
	return edges, p.Items, info
}

func shops(p page.Page[*catalog.Shop]) *model.ShopConnection {
	edges, nodes, info := connect(p, shopKey, func(at string, s *catalog.Shop) *model.ShopEdge {
		return &model.ShopEdge{Cursor: at, Node: s}
	})
	return &model.ShopConnection{Edges: edges, Nodes: nodes, PageInfo: info}
}

// staffShops adds to each shop the role in it: an operator without one may do what an owner may see.
func staffShops(p page.Page[*catalog.Shop], who identity.Principal) *model.StaffShopConnection {
	edges, nodes, info := connect(p, shopKey, func(at string, s *catalog.Shop) *model.StaffShopEdge {
		role, ok := who.Role(s.ID)
		if !ok {
			role = identity.Owner
		}
		return &model.StaffShopEdge{Cursor: at, Node: s, Role: role}
	})
	return &model.StaffShopConnection{Edges: edges, Nodes: nodes, PageInfo: info}
}

func shopKey(s *catalog.Shop) typeid.UUID { return s.ID.UUID }

func products(p page.Page[*catalog.Product]) *model.ProductConnection {
	edges, nodes, info := connect(p, func(p *catalog.Product) typeid.UUID { return p.ID.UUID },
		func(at string, p *catalog.Product) *model.ProductEdge { return &model.ProductEdge{Cursor: at, Node: p} })
	return &model.ProductConnection{Edges: edges, Nodes: nodes, PageInfo: info}
}

func variants(p page.Page[*catalog.Variant]) *model.ProductVariantConnection {
	edges, nodes, info := connect(p, func(v *catalog.Variant) typeid.UUID { return v.ID.UUID },
		func(at string, v *catalog.Variant) *model.ProductVariantEdge {
			return &model.ProductVariantEdge{Cursor: at, Node: v}
		})
	return &model.ProductVariantConnection{Edges: edges, Nodes: nodes, PageInfo: info}
}

func movements(p page.Page[*inventory.Record]) *model.StockMovementConnection {
	edges, nodes, info := connect(p, func(m *inventory.Record) typeid.UUID { return m.ID.UUID },
		func(at string, m *inventory.Record) *model.StockMovementEdge {
			return &model.StockMovementEdge{Cursor: at, Node: m}
		})
	return &model.StockMovementConnection{Edges: edges, Nodes: nodes, PageInfo: info}
}

func orders(p page.Page[*order.Order]) *model.OrderConnection {
	edges, nodes, info := connect(p, func(o *order.Order) typeid.UUID { return o.ID.UUID },
		func(at string, o *order.Order) *model.OrderEdge { return &model.OrderEdge{Cursor: at, Node: o} })
	return &model.OrderConnection{Edges: edges, Nodes: nodes, PageInfo: info}
}

func members(p page.Page[*identity.ShopMember]) *model.ShopMemberConnection {
	edges, nodes, info := connect(p, func(v *identity.ShopMember) typeid.UUID { return v.Link.UUID },
		func(at string, v *identity.ShopMember) *model.ShopMemberEdge {
			return &model.ShopMemberEdge{Cursor: at, Node: v}
		})
	return &model.ShopMemberConnection{Edges: edges, Nodes: nodes, PageInfo: info}
}

func invitations(p page.Page[*identity.Invitation]) *model.StaffInvitationConnection {
	edges, nodes, info := connect(p, func(v *identity.Invitation) typeid.UUID { return v.ID.UUID },
		func(at string, v *identity.Invitation) *model.StaffInvitationEdge {
			return &model.StaffInvitationEdge{Cursor: at, Node: v}
		})
	return &model.StaffInvitationConnection{Edges: edges, Nodes: nodes, PageInfo: info}
}

func auditLog(p page.Page[*audit.Entry]) *model.AuditEntryConnection {
	edges, nodes, info := connect(p, func(v *audit.Entry) typeid.UUID { return v.ID.UUID },
		func(at string, v *audit.Entry) *model.AuditEntryEdge {
			return &model.AuditEntryEdge{Cursor: at, Node: v}
		})
	return &model.AuditEntryConnection{Edges: edges, Nodes: nodes, PageInfo: info}
}

func ledger(p page.Page[*payment.Entry]) *model.LedgerEntryConnection {
	edges, nodes, info := connect(p, func(v *payment.Entry) typeid.UUID { return v.ID.UUID },
		func(at string, v *payment.Entry) *model.LedgerEntryEdge {
			return &model.LedgerEntryEdge{Cursor: at, Node: v}
		})
	return &model.LedgerEntryConnection{Edges: edges, Nodes: nodes, PageInfo: info}
}

func reconciliations(p page.Page[*reconcile.Reconciliation]) *model.ReconciliationConnection {
	edges, nodes, info := connect(p, func(v *reconcile.Reconciliation) typeid.UUID { return v.ID.UUID },
		func(at string, v *reconcile.Reconciliation) *model.ReconciliationEdge {
			return &model.ReconciliationEdge{Cursor: at, Node: v}
		})
	return &model.ReconciliationConnection{Edges: edges, Nodes: nodes, PageInfo: info}
}

func differences(p page.Page[*reconcile.Difference]) *model.ReconciliationDifferenceConnection {
	edges, nodes, info := connect(p, func(v *reconcile.Difference) typeid.UUID { return v.ID.UUID },
		func(at string, v *reconcile.Difference) *model.ReconciliationDifferenceEdge {
			return &model.ReconciliationDifferenceEdge{Cursor: at, Node: v}
		})
	return &model.ReconciliationDifferenceConnection{Edges: edges, Nodes: nodes, PageInfo: info}
}
