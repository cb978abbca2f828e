package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"entgo.io/ent/dialect/sql"

	"holdfast/ent/productvariant"
	"holdfast/internal/catalog"
	"holdfast/internal/db"
	"holdfast/internal/fault"
	"holdfast/internal/identity"
	"holdfast/internal/inventory"
	"holdfast/internal/order"
	"holdfast/internal/typeid"
)

// flowTimeout is how long a file may stand still, either way, before the connection ends.
const flowTimeout = 30 * time.Second

// files serves what shops take out and bring in as CSV. Files flow: none is ever held as a whole.
type files struct {
	bearer func(ctx context.Context, authorization string) (identity.Principal, error)
	staff  func(ctx context.Context, ids []typeid.Staff) (map[typeid.Staff]identity.StaffMember, error)
	// say is the text of a refusal in one of the languages of an Accept-Language header.
	say     func(acceptLanguage string, e *fault.Error) string
	db      *db.DB
	orders  *order.Orders
	stock   *inventory.Inventory
	catalog *catalog.Catalog
	log     *slog.Logger
}

// newFiles are the files of a server.
func newFiles(s *server) *files {
	b := s.business
	return &files{
		bearer: s.bearer, staff: b.Identity.StaffByIDs, say: s.say,
		db: s.db, orders: b.Orders, stock: b.Inventory, catalog: b.Catalog, log: s.log,
	}
}

// mount puts the files' addresses into mux.
func (f *files) mount(mux *http.ServeMux) {
	mux.HandleFunc("GET /files/orders.csv", f.answered(f.exportOrders))
	mux.HandleFunc("GET /files/movements.csv", f.answered(f.exportMovements))
	mux.HandleFunc("POST /files/stock.csv", f.answered(f.importStock))
}

// answered tells what went wrong: as JSON while nothing else has been said, else by breaking the connection off, so that
// nobody takes half a file for a whole one.
func (f *files) answered(do func(out *stream, r *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		out := &stream{w: w, control: http.NewResponseController(w), now: time.Now}
		err := do(out, r)
		switch {
		case err == nil:
		case out.gone || r.Context().Err() != nil:
			f.log.InfoContext(r.Context(), "file left unfinished by the client", "path", r.URL.Path, "request_id", w.Header().Get("X-Request-Id"))
			out.breakOff()
		case out.begun:
			f.log.ErrorContext(r.Context(), "file broken off", "path", r.URL.Path, "request_id", w.Header().Get("X-Request-Id"), "error", err)
			out.breakOff()
		default:
			f.refuse(w, r, err)
		}
	}
}

// refuse answers with a code and a text.
func (f *files) refuse(w http.ResponseWriter, r *http.Request, err error) {
	var answer struct {
		Code    fault.Code `json:"code"`
		Message string     `json:"message"`
	}
	answer.Code, answer.Message = fault.Internal, "internal error"
	if list := fault.List(err); len(list) > 0 {
		refused := list[0].Refused()
		answer.Code, answer.Message = refused.Code, f.say(r.Header.Get("Accept-Language"), refused)
	} else {
		f.log.ErrorContext(r.Context(), "file failed", "path", r.URL.Path, "request_id", w.Header().Get("X-Request-Id"), "error", err)
	}
	status := http.StatusBadRequest
	switch answer.Code {
	case fault.Unauthenticated:
		status = http.StatusUnauthorized
		w.Header().Set("WWW-Authenticate", "Bearer")
	case fault.Forbidden:
		status = http.StatusForbidden
	case fault.NotFound:
		status = http.StatusNotFound
	case fault.TooMany:
		status = http.StatusRequestEntityTooLarge
	case fault.Internal:
		status = http.StatusInternalServerError
	default: // the request is wrong in some other way
	}
	body, err := json.Marshal(answer)
	if err != nil { // two texts
		f.log.ErrorContext(r.Context(), "encode refusal", "error", err)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n'))
}

// shop is whose file it is, for who may see it: the shop's staff, and operators.
func (f *files) shop(r *http.Request) (identity.Principal, typeid.Shop, error) {
	var none typeid.Shop
	who, err := f.bearer(r.Context(), r.Header.Get("Authorization"))
	switch {
	case err != nil:
		return who, none, err
	case who.IsAnonymous():
		return who, none, fault.New(fault.Unauthenticated, "log in first")
	case !who.IsStaff():
		return who, none, fault.New(fault.Forbidden, "only staff of a shop may do this")
	}
	notFound := fault.New(fault.NotFound, "there is no such shop")
	id, ok := typeid.Parse[typeid.Shop](r.URL.Query().Get("shop"))
	if !ok || !who.SeesShop(id) {
		return who, none, notFound
	}
	found, err := f.catalog.Shops(r.Context(), []typeid.Shop{id})
	if err == nil && len(found) == 0 { // an operator sees all shops, and no others
		err = notFound
	}
	return who, id, err
}

// moment is a parameter of the address that says when; nil when it is not there.
func moment(r *http.Request, name string) (*time.Time, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return nil, nil //nolint:nilnil // not asked for
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return nil, fault.New(fault.BadRequest, "%s must be a moment such as 2026-03-04T05:06:07Z", name)
	}
	return &t, nil
}

// period is the parameters from and before.
func period(r *http.Request) (from, before *time.Time, err error) {
	if from, err = moment(r, "from"); err != nil {
		return nil, nil, err
	}
	before, err = moment(r, "before")
	return from, before, err
}

func orderFilter(r *http.Request) (order.Filter, error) {
	from, before, err := period(r)
	out := order.Filter{PlacedFrom: from, PlacedBefore: before}
	for name := range strings.SplitSeq(r.URL.Query().Get("status"), ",") {
		switch status := order.Status(strings.TrimSpace(name)); {
		case status == "":
		case !slices.Contains(order.Statuses(), status):
			return out, fault.New(fault.BadRequest, "status must be some of %s", order.Statuses())
		case !slices.Contains(out.Statuses, status):
			out.Statuses = append(out.Statuses, status)
		}
	}
	return out, err
}

// variants are those of the shop's variants that have one of these skus, by sku: one statement.
func (f *files) variants(ctx context.Context, shop typeid.Shop, skus []string) (map[string]typeid.Variant, error) {
	v := f.db.SQL().Table(productvariant.Table)
	out := make(map[string]typeid.Variant, len(skus))
	_, err := db.Collect(ctx, f.db, f.db.SQL().Select(v.C(productvariant.FieldSku), v.C(productvariant.FieldID)).From(v).
		Where(sql.And(sql.EQ(v.C(productvariant.FieldShopID), shop), sql.In(v.C(productvariant.FieldSku), db.Args(skus)...))),
		func(row db.Row) (struct{}, error) {
			var sku string
			var id typeid.Variant
			err := row.Scan(&sku, &id)
			out[sku] = id
			return struct{}{}, err
		})
	return out, err
}

// stream is an answer that flows. Nothing is said, not even that all is well, before the first byte of it.
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	now     func() time.Time
	name    string // of the file, for whoever saves it
	begun   bool
	gone    bool // nobody reads any more
}

// Write implements io.Writer. Each write has a time of its own: however long the file is, it may not stand still.
func (s *stream) Write(p []byte) (int, error) {
	if !s.begun {
		s.begun = true
		h := s.w.Header()
		h.Set("Content-Type", "text/csv; charset=utf-8; header=present")
		h.Set("Content-Disposition", `attachment; filename="`+s.name+`"`)
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
	}
	if err := s.control.SetWriteDeadline(s.now().Add(flowTimeout)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		s.gone = true
		return 0, err
	}
	n, err := s.w.Write(p)
	s.gone = s.gone || err != nil
	return n, err
}

// flush sends what was written.
func (s *stream) flush() error {
	err := s.control.Flush()
	if errors.Is(err, http.ErrNotSupported) {
		return nil
	}
	s.gone = s.gone || err != nil
	return err
}

// breakOff ends the connection without the end of the file.
func (s *stream) breakOff() {
	conn, _, err := s.control.Hijack()
	if err == nil {
		err = conn.Close()
	}
	_ = err // it is gone already
}

// slowly reads what a client sends, each read having a time of its own, and all of them together until end.
type slowly struct {
	in      io.Reader
	control *http.ResponseController
	now     func() time.Time
	end     time.Time
}

// Read implements io.Reader.
func (s slowly) Read(p []byte) (int, error) {
	deadline := s.now().Add(flowTimeout)
	if deadline.After(s.end) {
		deadline = s.end
	}
	if err := s.control.SetReadDeadline(deadline); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return 0, err
	}
	return s.in.Read(p)
}
