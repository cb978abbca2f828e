package graph

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/identity"
)

// An owner invites somebody, who accepts without a session, is made an owner and removed; clerks and strangers see none of it.
func TestStaffOfAShop(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	shop := w.clerk.Shops()[0].String() // the merchant owns it
	ask := object{"shop": shop}
	invited := w.must(t, w.merchant, `mutation($shop: ID!) { staffInvite(input: {shopId: $shop, email: "New@demo.test", role: CLERK}) {
		token invitation { id email role } userErrors { code } } }`, ask)
	token, _ := invited.at("staffInvite", "token").(string)
	joined := w.must(t, identity.Principal{}, `mutation($token: String!) { staffInvitationAccept(token: $token, password: "twelve chars or more") {
		session { accessToken viewer { ... on Staff { id email shops(first: 9) { edges { role } } } } } userErrors { code field } } }`, object{"token": token})
	id := joined.at("staffInvitationAccept", "session", "viewer", "id")
	if joined.at("staffInvitationAccept", "session", "viewer", "shops", "edges", 0, "role") != "CLERK" {
		t.Fatalf("joined: %v", joined.Data)
	}
	again := w.must(t, identity.Principal{}, `mutation($token: String!) { staffInvitationAccept(token: $token, password: "twelve chars or more") {
		session { accessToken } userErrors { code field } } }`, object{"token": token})
	if diff := cmp.Diff(object{"session": nil, "userErrors": []any{object{"code": "NOT_FOUND", "field": []any{"token"}}}}, again.at("staffInvitationAccept")); diff != "" {
		t.Errorf("again (-want +got):\n%s", diff)
	}
	ask["staff"] = id
	changed := w.must(t, w.operator, `mutation($shop: ID!, $staff: ID!) {
		staffRoleSet(input: {shopId: $shop, staffId: $staff, role: OWNER}) { member { staffId email role } userErrors { code } }
		staffRemove(shopId: $shop, staffId: $staff) { staffId userErrors { code } }
		again: staffRemove(shopId: $shop, staffId: $staff) { staffId userErrors { code field } }
	}`, ask)
	want := object{
		"staffRoleSet": object{"member": object{"staffId": id, "email": "new@demo.test", "role": "OWNER"}, "userErrors": []any{}},
		"staffRemove":  object{"staffId": id, "userErrors": []any{}},
		"again":        object{"staffId": nil, "userErrors": []any{object{"code": "NOT_FOUND", "field": []any{"staffId"}}}},
	}
	if diff := cmp.Diff(want, changed.at()); diff != "" {
		t.Errorf("changed (-want +got):\n%s", diff)
	}
	const read = `query($shop: ID!) { shop(id: $shop) { staff(first: 5) { nodes { email } } invitations(first: 5) { nodes { id } }
		auditLog(first: 9) { nodes { action staffEmail } } } }`
	delete(ask, "staff")
	for name, who := range map[string]identity.Principal{"clerk": w.clerk, "buyer": w.buyer, "nobody": {}} {
		if diff := cmp.Diff(object{"staff": nil, "invitations": nil, "auditLog": nil}, w.must(t, who, read, ask).at("shop")); diff != "" {
			t.Errorf("%s sees (-want +got):\n%s", name, diff)
		}
	}
	seen := w.must(t, w.merchant, read, ask)
	log, _ := seen.at("shop", "auditLog", "nodes").([]any)
	for action, email := range map[string]string{
		"staffInvite": "merchant@demo.test", "staffInvitationAccept": "new@demo.test",
		"staffRoleSet": "operator@demo.test", "staffRemove": "operator@demo.test",
	} {
		if !slices.ContainsFunc(log, func(e any) bool { return cmp.Equal(e, any(object{"action": action, "staffEmail": email})) }) {
			t.Errorf("the log does not tell of %s: %v", action, log)
		}
	}
	if got := seen.at("shop", "staff", "nodes"); cmp.Equal(got, []any{}) {
		t.Errorf("staff: %v", got)
	}
}

func TestAddressBook(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	save := `mutation($id: ID, $street: String!) { addressSave(input: {addressId: $id, isDefault: true, address: {name: "林", phone: "13800138000",
		province: "广东省", city: "深圳市", street: $street}}) { address { id isDefault address { country street } } userErrors { code field } } }`
	made := w.must(t, w.buyer, save, object{"street": "科技路 1 号"})
	id := made.at("addressSave", "address", "id")
	if made.at("addressSave", "address", "address", "country") != "CN" {
		t.Fatalf("made: %v", made.Data)
	}
	w.must(t, w.buyer, save, object{"street": "2"})
	for _, c := range []struct {
		who    identity.Principal
		street string
		want   object
	}{
		{w.other, "3", object{"code": "NOT_FOUND", "field": []any{"input", "addressId"}}},
		{w.buyer, "", object{"code": "INVALID", "field": []any{"input", "address", "street"}}},
	} {
		if diff := cmp.Diff([]any{c.want}, w.must(t, c.who, save, object{"id": id, "street": c.street}).at("addressSave", "userErrors")); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	book := w.must(t, w.buyer, `{ viewer { ... on Buyer { addresses { isDefault address { street } } } } }`, nil)
	want := []any{object{"isDefault": true, "address": object{"street": "2"}}, object{"isDefault": false, "address": object{"street": "科技路 1 号"}}}
	if diff := cmp.Diff(want, book.at("viewer", "addresses")); diff != "" {
		t.Errorf("book (-want +got):\n%s", diff)
	}
	gone := w.must(t, w.buyer, `mutation($id: ID!) { addressDelete(addressId: $id) { buyer { addresses { isDefault } } userErrors { code } } }`, object{"id": id})
	if diff := cmp.Diff(object{"buyer": object{"addresses": []any{object{"isDefault": true}}}, "userErrors": []any{}}, gone.at("addressDelete")); diff != "" {
		t.Errorf("gone (-want +got):\n%s", diff)
	}
	if a := w.must(t, w.buyer, `query($id: ID!) { node(id: $id) { id } }`, object{"id": id}); a.at("node") != nil {
		t.Error("what was deleted is still there")
	}
}
