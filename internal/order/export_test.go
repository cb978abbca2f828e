package order

import (
	"entgo.io/ent/dialect/sql"

	entorder "holdfast/ent/order"
	"holdfast/internal/typeid"
)

// DecideShipment is the pure decision of Ship.
var DecideShipment = decideShipment

// PageOfShop selects the ids of a page of a shop's orders.
func (o *Orders) PageOfShop(shop typeid.Shop, f Filter, after typeid.UUID, limit int) *sql.Selector {
	return list{o.db.SQL(), entorder.FieldShopID, shop, f, after, limit}.ids()
}

// PageOfBuyer selects the ids of a page of a buyer's orders.
func (o *Orders) PageOfBuyer(buyer typeid.Buyer, f Filter, after typeid.UUID, limit int) *sql.Selector {
	return list{o.db.SQL(), entorder.FieldBuyerID, buyer, f, after, limit}.ids()
}
