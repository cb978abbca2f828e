package addressbook_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"holdfast/internal/addressbook"
	"holdfast/internal/cart"
	"holdfast/internal/clock"
	"holdfast/internal/db"
	"holdfast/internal/fault"
	"holdfast/internal/identity"
	"holdfast/internal/order"
	"holdfast/internal/testdb"
	"holdfast/internal/typeid"
)

var sameIDs = cmpopts.EquateComparable(typeid.Address{}, typeid.Buyer{})

type world struct {
	*addressbook.Book
	db    *db.DB
	clock *clock.Manual
}

func newWorld(d *db.DB) *world {
	w := &world{db: d, clock: clock.NewManual(time.Date(2026, 3, 4, 5, 6, 7, 891_011_000, time.UTC))}
	w.Book = addressbook.New(d, w.clock.Now)
	return w
}

func (w *world) buyer(t *testing.T) identity.Principal {
	t.Helper()
	now := w.clock.Now()
	p := identity.Principal{Buyer: typeid.New[typeid.Buyer](now), MiniProgram: typeid.New[typeid.MiniProgram](now)}
	must(t, w.db.Buyer.Create().SetID(p.Buyer).SetMiniProgramID(p.MiniProgram).SetOpenID(p.Buyer.String()).SetCreatedAt(now).Exec(t.Context()))
	must(t, w.db.Cart.Create().SetID(cart.IDOf(p.Buyer)).SetVersion(1).Exec(t.Context()))
	return p
}

func address(street string) order.Address {
	return order.Address{
		Name: "林小雨", Phone: "13800138000", Country: "CN", Province: "广东省", City: "深圳市", Street: street,
	}
}

// add makes an entry, a second after the one before.
func (w *world) add(t *testing.T, who identity.Principal, street string, isDefault bool) *addressbook.Entry {
	t.Helper()
	w.clock.Advance(time.Second)
	e, err := w.Save(t.Context(), who, addressbook.SaveInput{Address: address(street), IsDefault: isDefault})
	must(t, err)
	return e
}

// streets are those of the buyer's book, in order, the default marked.
func (w *world) streets(t *testing.T, who identity.Principal) []string {
	t.Helper()
	book, err := w.OfBuyer(t.Context(), who.Buyer)
	must(t, err)
	var out []string
	for _, e := range book {
		s := e.Address.Street
		if e.IsDefault {
			s += "*"
		}
		out = append(out, s)
	}
	return out
}

func (w *world) want(t *testing.T, who identity.Principal, streets ...string) {
	t.Helper()
	if diff := cmp.Diff(streets, w.streets(t, who)); diff != "" {
		t.Errorf("address book (-want +got)\n%s", diff)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantRefusal(t *testing.T, err error, code fault.Code, field string) {
	t.Helper()
	var e *fault.Error
	if !errors.As(err, &e) || e.Code != code || strings.Join(e.Field, ".") != field {
		t.Errorf("got %v, want %s at %q", err, code, field)
	}
	if err != nil && strings.Contains(err.Error(), "13800138000") {
		t.Errorf("the error tells an address: %v", err)
	}
}

func TestSave(t *testing.T) {
	t.Parallel()
	testdb.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(d)
		who, other := w.buyer(t), w.buyer(t)
		district, code, none := "南山区", "518000", ""
		full := address(strings.Repeat("路", 200)) // as wide as its column, in characters
		full.District, full.PostalCode = &district, &code
		w.clock.Advance(time.Second)
		made, err := w.Save(t.Context(), who, addressbook.SaveInput{Address: full})
		must(t, err)
		want := &addressbook.Entry{ID: made.ID, BuyerID: who.Buyer, Address: full, CreatedAt: w.clock.Now()}
		stored := func() {
			t.Helper()
			got, err := w.ByIDs(t.Context(), []typeid.Address{want.ID, typeid.New[typeid.Address](w.clock.Now())})
			if diff := cmp.Diff([]*addressbook.Entry{want}, got, sameIDs); diff != "" || err != nil {
				t.Errorf("%v (-want +got)\n%s", err, diff)
			}
		}
		stored()
		w.clock.Advance(time.Hour)
		want.Address, want.IsDefault = address("新街 2 号"), true
		want.Address.District = &none
		changed, err := w.Save(t.Context(), who, addressbook.SaveInput{AddressID: made.ID.String(), Address: want.Address, IsDefault: true})
		if diff := cmp.Diff(want, changed, sameIDs); diff != "" || err != nil {
			t.Errorf("changed: %v (-want +got)\n%s", err, diff)
		}
		stored()
		if !made.VisibleTo(who) || made.VisibleTo(other) || made.VisibleTo(identity.Principal{Operator: true, Staff: typeid.New[typeid.Staff](w.clock.Now())}) {
			t.Error("an entry is its buyer's alone")
		}

		bad := address("")
		for _, c := range []struct {
			who   identity.Principal
			in    addressbook.SaveInput
			code  fault.Code
			field string
		}{
			{who, addressbook.SaveInput{Address: bad}, fault.Invalid, "input.address.street"},
			{other, addressbook.SaveInput{AddressID: made.ID.String(), Address: full}, fault.NotFound, "input.addressId"},
			{who, addressbook.SaveInput{AddressID: "addr", Address: full}, fault.NotFound, "input.addressId"},
			{who, addressbook.SaveInput{AddressID: who.Buyer.String(), Address: full}, fault.NotFound, "input.addressId"},
			{identity.Principal{}, addressbook.SaveInput{Address: full}, fault.Forbidden, ""},
		} {
			_, err := w.Save(t.Context(), c.who, c.in)
			wantRefusal(t, err, c.code, c.field)
		}
		wantRefusal(t, w.Delete(t.Context(), other, made.ID.String()), fault.NotFound, "addressId")
		wantRefusal(t, w.Delete(t.Context(), who, ""), fault.NotFound, "addressId")
		stored()
		w.want(t, other)
	})
}

func TestDefault(t *testing.T) {
	t.Parallel()
	testdb.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(d)
		who, other := w.buyer(t), w.buyer(t)
		w.add(t, other, "elsewhere", true)
		a, b := w.add(t, who, "a", false), w.add(t, who, "b", true)
		w.add(t, who, "c", false)
		w.want(t, who, "b*", "c", "a")
		_, err := w.Save(t.Context(), who, addressbook.SaveInput{AddressID: a.ID.String(), Address: a.Address, IsDefault: true})
		must(t, err)
		w.want(t, who, "a*", "c", "b")
		d4 := w.add(t, who, "d", true)
		w.want(t, who, "d*", "c", "b", "a")
		must(t, w.Delete(t.Context(), who, b.ID.String())) // not the default: nothing else moves
		w.want(t, who, "d*", "c", "a")
		must(t, w.Delete(t.Context(), who, d4.ID.String()))
		w.want(t, who, "c*", "a")
		book, err := w.OfBuyer(t.Context(), who.Buyer)
		must(t, err)
		_, err = w.Save(t.Context(), who, addressbook.SaveInput{AddressID: book[0].ID.String(), Address: book[0].Address})
		must(t, err)
		w.want(t, who, "c", "a")
		must(t, w.Delete(t.Context(), who, book[0].ID.String()))
		must(t, w.Delete(t.Context(), who, a.ID.String()))
		wantRefusal(t, w.Delete(t.Context(), who, a.ID.String()), fault.NotFound, "addressId")
		w.want(t, who)
		w.want(t, other, "elsewhere*")
	})
}

// However many are added and made the default at once, a buyer has 50 at most and one default.
func TestSaveAtOnce(t *testing.T) {
	t.Parallel()
	testdb.EachWithMariaDB(t, func(t *testing.T, d *db.DB) {
		const at, more = 6, 3
		w := newWorld(d)
		who := w.buyer(t)
		for i := range addressbook.Max - more {
			w.add(t, who, fmt.Sprint(i), false)
		}
		begin, errs := make(chan struct{}), make([]error, at)
		var wg sync.WaitGroup
		for i := range at {
			wg.Go(func() {
				<-begin
				_, errs[i] = w.Save(t.Context(), who, addressbook.SaveInput{Address: address("more"), IsDefault: true})
			})
		}
		close(begin)
		wg.Wait()
		refused := 0
		for _, err := range errs {
			if err != nil {
				wantRefusal(t, err, fault.TooMany, "input")
				refused++
			}
		}
		streets := w.streets(t, who)
		if refused != at-more || len(streets) != addressbook.Max {
			t.Errorf("%d refused and %d there, want %d and %d", refused, len(streets), at-more, addressbook.Max)
		}
		if n := strings.Count(strings.Join(streets, " "), "*"); n != 1 {
			t.Errorf("%d defaults, want 1", n)
		}
		// A full book can still be changed.
		book, err := w.OfBuyer(t.Context(), who.Buyer)
		must(t, err)
		_, err = w.Save(t.Context(), who, addressbook.SaveInput{AddressID: book[3].ID.String(), Address: address("changed")})
		must(t, err)
	})
}

func TestAddressesAreNotLogged(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := slog.New(slog.NewJSONHandler(&out, nil))
	e := addressbook.Entry{ID: typeid.New[typeid.Address](time.Unix(1, 0)), Address: address("科技路 1 号")}
	log.Info("saved", "entry", e, "pointer", &e, "address", e.Address, "address_pointer", &e.Address)
	for _, part := range []string{e.Address.Name, e.Address.Phone, e.Address.Street, e.Address.City} {
		if strings.Contains(out.String(), part) {
			t.Errorf("logged %s", out.String())
		}
	}
}
