package wechatpay

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha1" //nolint:gosec // WeChat names bills by SHA-1, in an answer that it signs
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"holdfast/internal/money"
)

// TradeRow is one line of a trade bill: a payment, or a refund.
type TradeRow struct {
	At           time.Time
	AppID        string
	MchID        string
	SubMchID     string // empty in merchant mode
	Transaction  string
	Number       string // out_trade_no
	State        string // SUCCESS, REFUND, REVOKED
	Currency     money.Currency
	Total        int64 // what was paid, in fen; 0 of a refund
	RefundID     string
	RefundNumber string // out_refund_no
	Refund       int64  // what was asked back, in fen
	RefundState  string
	// Fee is WeChat's in hundred-thousandths of a yuan, as bills have five digits: 1,000 are a fen. It is negative when given back.
	Fee int64
}

// FlowRow is one line of a fund-flow bill: what a merchant's balance was changed by.
type FlowRow struct {
	At       time.Time
	Business string // WeChat's number of what moved the money
	Flow     string // of the movement itself
	Name     string // 业务名称
	Kind     string // 业务类型
	Amount   int64  // in fen; negative is what went out
	Balance  int64  // afterwards
	Note     string
	Voucher  string // the merchant's number
}

// ErrNoBill says that there is no bill of a day, as nothing happened on it.
var ErrNoBill = errors.New("there is no bill of that day")

// ErrNotYet says that a bill is still being made.
var ErrNotYet = errors.New("the bill of that day is not ready yet")

const (
	billTime = "2006-01-02 15:04:05"
	perFen   = 1000 // the parts of a fen that fees have
)

// TradeBill is what a merchant's trades did on a day in Beijing; only the date of it counts. It is there from 10 in the next morning on, for
// three months. It fails with ErrNoBill and ErrNotYet; every other error says nothing.
func (p *Provider) TradeBill(ctx context.Context, mchID string, day time.Time) ([]TradeRow, error) {
	text, err := p.bill(ctx, mchID, "/v3/bill/tradebill", url.Values{"bill_date": {day.Format(time.DateOnly)}, "bill_type": {"ALL"}, "tar_type": {"GZIP"}})
	if err != nil {
		return nil, fmt.Errorf("trade bill of %s: %w", mchID, err)
	}
	return billRows(text, tradeRow)
}

// FundFlowBill is what changed a merchant's balance on a day in Beijing; see TradeBill.
func (p *Provider) FundFlowBill(ctx context.Context, mchID string, day time.Time) ([]FlowRow, error) {
	text, err := p.bill(ctx, mchID, "/v3/bill/fundflowbill", url.Values{"bill_date": {day.Format(time.DateOnly)}, "account_type": {"BASIC"}, "tar_type": {"GZIP"}})
	if err != nil {
		return nil, fmt.Errorf("fund-flow bill of %s: %w", mchID, err)
	}
	return billRows(text, flowRow)
}

// bill asks for a bill, fetches it, and checks that it is the one that WeChat signed for.
func (p *Provider) bill(ctx context.Context, mchID, path string, query url.Values) ([]byte, error) {
	m := p.merchants[mchID]
	if m == nil {
		return nil, errors.New("it is not among the merchants")
	}
	var offer struct {
		URL  string `json:"download_url"`
		Kind string `json:"hash_type"`
		Hash string `json:"hash_value"`
	}
	err := m.get(ctx, path+"?"+query.Encode(), &offer)
	if is(err, "NO_STATEMENT_EXIST") {
		return nil, fmt.Errorf("%w: %w", ErrNoBill, err)
	}
	if is(err, "STATEMENT_CREATING") {
		return nil, fmt.Errorf("%w: %w", ErrNotYet, err)
	}
	if err != nil {
		return nil, err
	}
	at, err := url.Parse(offer.URL)
	if err != nil || offer.Kind != "SHA1" {
		return nil, fmt.Errorf("it is offered with %q", offer.Kind)
	}
	var packed []byte
	if err := m.once(ctx, m.plain, http.MethodGet, at.RequestURI(), nil, &packed); err != nil { // it comes without a signature
		return nil, err
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fmt.Errorf("unpack: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(z, answerMost))
	if err != nil {
		return nil, fmt.Errorf("unpack: %w", err)
	}
	if sum := sha1.Sum(text); !strings.EqualFold(hex.EncodeToString(sum[:]), offer.Hash) { //nolint:gosec // see above
		return nil, errors.New("it is not the one that was offered")
	}
	return text, nil
}

// columns gives the values of a line by the names in the head.
type columns struct {
	line map[string]string
	errs []error
}

func (c *columns) text(name string) string {
	v, ok := c.line[name]
	if !ok {
		c.errs = append(c.errs, fmt.Errorf("there is no column %s", name))
	}
	return v
}

// id is a text of which 0 says that there is none.
func (c *columns) id(name string) string {
	if v := c.text(name); v != "0" {
		return v
	}
	return ""
}

func (c *columns) time(name string) time.Time {
	t, err := time.ParseInLocation(billTime, c.text(name), beijing)
	c.errs = append(c.errs, err)
	return t.UTC()
}

// fen is an amount of yuan in fen.
func (c *columns) fen(name string) int64 {
	n := c.fine(name)
	if n%perFen != 0 {
		c.errs = append(c.errs, fmt.Errorf("%s has parts of a fen", name))
	}
	return n / perFen
}

// fine is an amount of yuan in hundred-thousandths.
func (c *columns) fine(name string) int64 {
	text := c.text(name)
	whole, part, _ := strings.Cut(strings.TrimPrefix(text, "-"), ".")
	n, err := strconv.ParseInt(whole+(part + "00000")[:5], 10, 64)
	if err != nil || len(part) > 5 || len(whole) > 12 {
		c.errs = append(c.errs, fmt.Errorf("%s is %q", name, text))
	}
	if strings.HasPrefix(text, "-") {
		return -n
	}
	return n
}

func tradeRow(c *columns) TradeRow {
	return TradeRow{
		At: c.time("交易时间"), AppID: c.text("公众账号ID"), MchID: c.text("商户号"), SubMchID: c.id("特约商户号"), Transaction: c.text("微信订单号"),
		Number: c.text("商户订单号"), State: c.text("交易状态"), Currency: money.Currency(c.text("货币种类")), Total: c.fen("订单金额"),
		RefundID: c.id("微信退款单号"), RefundNumber: c.id("商户退款单号"), Refund: c.fen("申请退款金额"), RefundState: c.text("退款状态"), Fee: c.fine("手续费"),
	}
}

func flowRow(c *columns) FlowRow {
	r := FlowRow{
		At: c.time("记账时间"), Business: c.text("微信支付业务单号"), Flow: c.text("资金流水单号"), Name: c.text("业务名称"), Kind: c.text("业务类型"),
		Amount: c.fen("收支金额(元)"), Balance: c.fen("账户结余(元)"), Note: c.text("备注"), Voucher: c.text("业务凭证号"),
	}
	switch direction := c.text("收支类型"); direction {
	case "收入":
	case "支出":
		r.Amount = -r.Amount
	default:
		c.errs = append(c.errs, fmt.Errorf("the direction is %q", direction))
	}
	return r
}

// billRows reads a bill: a head, lines whose values begin with `, a head of totals, and the totals, whose first says how many lines there are.
func billRows[T any](text []byte, row func(*columns) T) ([]T, error) {
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(text, []byte("\uFEFF"))))
	r.FieldsPerRecord, r.LazyQuotes = -1, true
	lines, err := r.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("read bill: %w", err)
	}
	if len(lines) < 3 {
		return nil, fmt.Errorf("read bill: it has %d lines", len(lines))
	}
	head, totals := lines[0], lines[len(lines)-1]
	lines = lines[1 : len(lines)-2]
	if count := strings.TrimPrefix(totals[0], "`"); count != strconv.Itoa(len(lines)) {
		return nil, fmt.Errorf("read bill: it has %d lines and says %q", len(lines), count)
	}
	out := make([]T, 0, len(lines))
	for i, line := range lines {
		if len(line) != len(head) {
			return nil, fmt.Errorf("read bill, line %d: %d values for %d columns", i+2, len(line), len(head))
		}
		c := columns{line: make(map[string]string, len(head))}
		for j, name := range head {
			c.line[strings.TrimSpace(name)] = strings.TrimSpace(strings.TrimPrefix(line[j], "`"))
		}
		out = append(out, row(&c))
		if err := errors.Join(c.errs...); err != nil {
			return nil, fmt.Errorf("read bill, line %d: %w", i+2, err)
		}
	}
	return out, nil
}
