package typeid

// One named type a noun; the prefixes are part of the API and never change.
type (
	// MiniProgram is the id of a mini-program.
	MiniProgram struct{ id[miniProgram] }
	// Shop is the id of a shop.
	Shop struct{ id[shop] }
	// Staff is the id of a person who works for shops or for the platform.
	Staff struct{ id[staff] }
	// Product is the id of a product.
	Product struct{ id[product] }
	// Variant is the id of a product variant, and of its stock.
	Variant struct{ id[variant] }
	// Movement is the id of a stock movement.
	Movement struct{ id[movement] }
	// Buyer is the id of a buyer.
	Buyer struct{ id[buyer] }
	// Cart is the id of a cart; its bytes are its buyer's.
	Cart struct{ id[cart] }
	// CartLine is the id of a line of a cart.
	CartLine struct{ id[cartLine] }
	// Checkout is the id of a checkout.
	Checkout struct{ id[checkout] }
	// Order is the id of an order.
	Order struct{ id[order] }
	// OrderLine is the id of a line of an order.
	OrderLine struct{ id[orderLine] }
	// Hold is the id of a hold of stock.
	Hold struct{ id[hold] }
	// Payment is the id of a payment.
	Payment struct{ id[payment] }
	// Split is the id of one receiver's share of one order's money.
	Split struct{ id[split] }
	// SplitRule is the id of a split rule.
	SplitRule struct{ id[splitRule] }
	// Refund is the id of a refund.
	Refund struct{ id[refund] }
	// SplitReturn is the id of a share given back for a refund.
	SplitReturn struct{ id[splitReturn] }
	// Shipment is the id of a shipment.
	Shipment struct{ id[shipment] }
	// ShipmentLine is the id of a line of a shipment.
	ShipmentLine struct{ id[shipmentLine] }
	// Link is the id of a row that only ties others together and is never shown.
	Link struct{ id[link] }
	// Session is the id of a session, which is also its family of refresh tokens.
	Session struct{ id[session] }
	// StaffRequest is the id of a remembered request of staff.
	StaffRequest struct{ id[staffRequest] }
	// RefundLine is the id of what a refund says of one order line.
	RefundLine struct{ id[refundLine] }
	// Job is the id of work to be done; its bytes are those of what the work is about.
	Job struct{ id[job] }
	// Address is the id of an address in a buyer's address book.
	Address struct{ id[address] }
	// OrderNote is the id of what staff wrote down about an order.
	OrderNote struct{ id[orderNote] }
	// AuditEntry is the id of an entry of the audit log.
	AuditEntry struct{ id[auditEntry] }
	// Invitation is the id of an invitation to work for a shop.
	Invitation struct{ id[invitation] }
	// LedgerEntry is the id of an entry of the books.
	LedgerEntry struct{ id[ledgerEntry] }
	// Notification is the id of something that WeChat, or a buyer through it, is told once.
	Notification struct{ id[notification] }
	// StockReminder is the id of a buyer's wish to hear that something is back.
	StockReminder struct{ id[stockReminder] }
	// Reconciliation is the id of a comparison of the books with a provider's bill of a day.
	Reconciliation struct{ id[reconciliation] }
	// Difference is the id of what such a comparison found.
	Difference struct{ id[difference] }
)

type (
	miniProgram    struct{}
	shop           struct{}
	staff          struct{}
	product        struct{}
	variant        struct{}
	movement       struct{}
	buyer          struct{}
	cart           struct{}
	cartLine       struct{}
	checkout       struct{}
	order          struct{}
	orderLine      struct{}
	hold           struct{}
	payment        struct{}
	split          struct{}
	splitRule      struct{}
	refund         struct{}
	splitReturn    struct{}
	shipment       struct{}
	shipmentLine   struct{}
	link           struct{}
	session        struct{}
	staffRequest   struct{}
	refundLine     struct{}
	job            struct{}
	address        struct{}
	orderNote      struct{}
	auditEntry     struct{}
	invitation     struct{}
	ledgerEntry    struct{}
	notification   struct{}
	stockReminder  struct{}
	reconciliation struct{}
	difference     struct{}
)

func (miniProgram) prefix() string    { return "mini" }
func (shop) prefix() string           { return "shop" }
func (staff) prefix() string          { return "staff" }
func (product) prefix() string        { return "prod" }
func (variant) prefix() string        { return "var" }
func (movement) prefix() string       { return "move" }
func (buyer) prefix() string          { return "buyer" }
func (cart) prefix() string           { return "cart" }
func (cartLine) prefix() string       { return "cline" }
func (checkout) prefix() string       { return "chk" }
func (order) prefix() string          { return "order" }
func (orderLine) prefix() string      { return "oline" }
func (hold) prefix() string           { return "hold" }
func (payment) prefix() string        { return "pay" }
func (split) prefix() string          { return "split" }
func (splitRule) prefix() string      { return "rule" }
func (refund) prefix() string         { return "rfd" }
func (splitReturn) prefix() string    { return "sret" }
func (shipment) prefix() string       { return "ship" }
func (shipmentLine) prefix() string   { return "sline" }
func (link) prefix() string           { return "link" }
func (session) prefix() string        { return "sess" }
func (staffRequest) prefix() string   { return "sreq" }
func (refundLine) prefix() string     { return "rline" }
func (job) prefix() string            { return "job" }
func (address) prefix() string        { return "addr" }
func (orderNote) prefix() string      { return "note" }
func (auditEntry) prefix() string     { return "audit" }
func (invitation) prefix() string     { return "inv" }
func (ledgerEntry) prefix() string    { return "entry" }
func (notification) prefix() string   { return "ntf" }
func (stockReminder) prefix() string  { return "rmd" }
func (reconciliation) prefix() string { return "recon" }
func (difference) prefix() string     { return "diff" }
