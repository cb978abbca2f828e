package sim

import (
	"bytes"
	"compress/gzip"
	"crypto/sha1" //nolint:gosec // WeChat's bills are named by SHA-1
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"time"
)

const (
	tradeHead = "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,应结订单金额,代金券金额," +
		"微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注"
	tradeTotals = "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额"
	flowHead    = "记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,收支金额(元),账户结余(元),资金变更提交申请人,备注,业务凭证号"
	flowTotals  = "资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额"
	fileLives   = 5 * time.Minute
	billTime    = "2006-01-02 15:04:05"
)

// billFile is a bill that can be downloaded for a while, by who asked for it.
type billFile struct {
	merchant *merchant
	content  []byte
}

// billDay is the day that a bill is asked for, from its first moment to that of the next.
func (s *Sim) billDay(text string) (from, to time.Time, bad *refusal) {
	from, err := time.ParseInLocation(time.DateOnly, text, beijing)
	if err != nil {
		return from, to, queryError("bill_date", "格式为 yyyy-MM-DD")
	}
	to = from.AddDate(0, 0, 1)
	now := s.now()
	switch {
	case now.Before(from), now.Before(to) && !s.rules.BillsToday, from.Before(now.AddDate(0, -3, 0)):
		return from, to, refuse(http.StatusBadRequest, "INVALID_REQUEST", "仅支持三个月内、昨日及以前的账单")
	case now.Before(to.Add(s.rules.BillsAt)) && !s.rules.BillsToday:
		return from, to, refuse(http.StatusBadRequest, "STATEMENT_CREATING", "请求的账单正在生成中，请稍后再试")
	}
	return from, to, nil
}

func (s *Sim) tradeBill(c *call) (any, *refusal) {
	q, bad := c.only("bill_date", "bill_type?", "tar_type?", "sub_mchid?")
	if bad != nil {
		return nil, bad
	}
	from, to, bad := s.billDay(q["bill_date"])
	switch {
	case bad != nil:
		return nil, bad
	case q["sub_mchid"] != "" && !c.merchant.subs[q["sub_mchid"]]:
		return nil, refuse(http.StatusForbidden, "NO_AUTH", "权限异常(无该子商户账单的权限)")
	case q["bill_type"] != "" && q["bill_type"] != "ALL": // WeChat has SUCCESS and REFUND too, with other columns
		return nil, queryError("bill_type", "模拟器仅支持 ALL")
	}
	rows := s.tradeRows(c.merchant, q["sub_mchid"], from, to)
	if len(rows) == 0 {
		return nil, refuse(http.StatusBadRequest, "NO_STATEMENT_EXIST", "请求的账单文件不存在")
	}
	var sums [3]int64 // orders, refunds, fees
	var body strings.Builder
	body.WriteString(tradeHead + "\n")
	for _, r := range rows {
		body.WriteString(r.line)
		sums[0], sums[1], sums[2] = sums[0]+r.total, sums[1]+r.refund, sums[2]+r.fee
	}
	body.WriteString(tradeTotals + "\n" + columns(fmt.Sprint(len(rows)), yuan(sums[0]), yuan(sums[1]), "0.00", fine(sums[2]), yuan(sums[0]), yuan(sums[1])))
	return s.offer(c, body.String(), q["tar_type"])
}

// tradeRow is one line of a trade bill, with what goes into the totals.
type tradeRow struct {
	at                 time.Time
	line               string
	total, refund, fee int64
}

func (s *Sim) tradeRows(m *merchant, sub string, from, to time.Time) []tradeRow {
	within := func(t time.Time) bool { return !t.Before(from) && t.Before(to) }
	rows := []tradeRow{}
	rate := fmt.Sprintf("%d.%02d%%", s.rules.FeeRate/100, s.rules.FeeRate%100)
	for _, t := range s.order {
		if t.maker != m || sub != "" && t.sub != sub || !t.paid() {
			continue
		}
		who := t.sub
		if who == "" {
			who = "0"
		}
		common := []string{t.appID, t.maker.ID, who, t.device, t.transaction, t.number, t.payer, "JSAPI"}
		if within(t.paidAt) && t.inBill() >= 0 {
			line := append(append([]string{t.paidAt.In(beijing).Format(billTime)}, common...), "SUCCESS", "OTHERS", "CNY", yuan(t.inBill()), "0.00",
				"0", "0", "0.00", "0.00", "", "", plainText(t.description), plainText(t.attach), fine(t.fee), rate, yuan(t.inBill()), "0.00", "")
			rows = append(rows, tradeRow{at: t.paidAt, line: columns(line...), total: t.inBill(), fee: t.fee})
		}
		for _, r := range t.refunds {
			if !within(r.made) {
				continue
			}
			line := append(append([]string{r.made.In(beijing).Format(billTime)}, common...), "REFUND", "OTHERS", "CNY", "0.00", "0.00",
				r.id, r.number, yuan(r.amount), "0.00", "ORIGINAL", r.status, plainText(t.description), plainText(t.attach), fine(-r.feeBack), rate, "0.00", yuan(r.amount), "")
			rows = append(rows, tradeRow{at: r.made, line: columns(line...), refund: r.amount, fee: -r.feeBack})
		}
	}
	return rows
}

func (s *Sim) fundFlowBill(c *call) (any, *refusal) {
	q, bad := c.only("bill_date", "account_type?", "tar_type?")
	if bad != nil {
		return nil, bad
	}
	from, to, bad := s.billDay(q["bill_date"])
	if bad != nil {
		return nil, bad
	}
	if a := q["account_type"]; !oneOf(a, "", "BASIC", "OPERATION", "FEES") {
		return nil, queryError("account_type", "取值必须是 BASIC|OPERATION|FEES")
	}
	var body strings.Builder
	body.WriteString(flowHead + "\n")
	n := 0
	var in, out, ins, outs int64
	for _, f := range s.accounts[c.merchant.ID].flows {
		if f.at.Before(from) || !f.at.Before(to) || oneOf(q["account_type"], "OPERATION", "FEES") {
			continue
		}
		n++
		direction, amount := "收入", f.amount
		if amount < 0 {
			direction, amount = "支出", -amount
			out, outs = out+amount, outs+1
		} else {
			in, ins = in+amount, ins+1
		}
		body.WriteString(columns(f.at.In(beijing).Format(billTime), f.business, f.number, f.name, f.kind, direction, yuan(amount), yuan(f.afterwards),
			"system", plainText(f.note), f.voucher))
	}
	if n == 0 {
		return nil, refuse(http.StatusBadRequest, "NO_STATEMENT_EXIST", "请求的账单文件不存在")
	}
	body.WriteString(flowTotals + "\n" + columns(fmt.Sprint(n), fmt.Sprint(ins), yuan(in), fmt.Sprint(outs), yuan(out)))
	return s.offer(c, body.String(), q["tar_type"])
}

// offer makes a file that can be downloaded. The hash is that of the text, even when the file is compressed.
func (s *Sim) offer(c *call, text, tar string) (any, *refusal) {
	content := []byte(text)
	switch tar {
	case "":
	case "GZIP":
		var packed bytes.Buffer
		w := gzip.NewWriter(&packed)
		if _, err := w.Write(content); err != nil || w.Close() != nil {
			return nil, refuse(http.StatusInternalServerError, "SYSTEM_ERROR", "系统异常，请稍后重试")
		}
		content = packed.Bytes()
	default:
		return nil, queryError("tar_type", "取值必须是 GZIP")
	}
	name := s.text(40)
	s.files[name] = billFile{merchant: c.merchant, content: content}
	s.after(fileLives, func() { delete(s.files, name) })
	sum := sha1.Sum([]byte(text)) //nolint:gosec // WeChat's bills are named by SHA-1
	return object{
		"hash_type": "SHA1", "hash_value": hex.EncodeToString(sum[:]),
		"download_url": "https://api.mch.weixin.qq.com/v3/billdownload/file?token=" + name + "&tartype=" + strings.ToLower(tar),
	}, nil
}

// download is answered without a signature, as WeChat does it.
func (s *Sim) download(c *call) (any, *refusal) {
	f, ok := s.files[c.request.URL.Query().Get("token")]
	switch {
	case !ok:
		return nil, refuse(http.StatusBadRequest, "INVALID_REQUEST", "账单下载地址已失效，请重新获取")
	case f.merchant != c.merchant:
		return nil, refuse(http.StatusForbidden, "NO_AUTH", "下载账单的商户与申请账单的商户不一致")
	}
	return f.content, nil
}

// columns puts a ` before each value, so that spreadsheets leave long numbers alone.
func columns(values ...string) string { return "`" + strings.Join(values, ",`") + "\n" }

// plainText keeps a value inside its column.
func plainText(text string) string {
	return strings.NewReplacer("\n", " ", "\r", " ", ",", "，", "`", "'").Replace(text)
}

func yuan(fen int64) string {
	if fen < 0 {
		return "-" + yuan(-fen)
	}
	return fmt.Sprintf("%d.%02d", fen/100, fen%100)
}

// fine is an amount with the five digits of fees.
func fine(fen int64) string { return yuan(fen) + "000" }
