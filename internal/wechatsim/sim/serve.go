package sim

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// call is one request to the pay API that was signed by a merchant.
type call struct {
	merchant *merchant
	request  *http.Request
	body     []byte
	sim      *Sim
	key      string // Wechatpay-Serial: which key sensitive fields were encrypted with
}

// endpoint does what a request asks for, with the lock held. A nil answer is 204; text is sent as it is, unsigned.
type endpoint func(c *call) (any, *refusal)

// answer is what goes out.
type answer struct {
	status int
	body   []byte
	serial string
	sign   string // with a fault, a wrong one
	nonce  string
	stamp  string
	plain  bool
}

// Refusal is a request that was refused by the rules, not by a fault. A test of a correct client finds none that it did not mean.
type Refusal struct {
	Method, URL string
	Status      int
	Code        string
	Message     string
}

// Refusals are all requests that were refused so far.
func (s *Sim) Refusals() []Refusal {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Refusal(nil), s.refusals...)
}

const maxBody = 1 << 20

func (s *Sim) routes() {
	s.mux = http.NewServeMux()
	s.mux.HandleFunc("/v3/", func(w http.ResponseWriter, r *http.Request) {
		s.servePay(w, r, "unknown", func(*call) (any, *refusal) {
			return nil, refuse(http.StatusNotFound, "RESOURCE_NOT_EXISTS", "接口不存在: "+r.Method+" "+r.URL.Path)
		})
	})
	s.payRoutes()
	s.miniRoutes()
	s.peopleRoutes()
}

func (s *Sim) payRoutes() {
	for pattern, e := range map[string]struct {
		name string
		do   endpoint
	}{
		"GET /v3/certificates":                                          {"certificates", s.certificates},
		"POST /v3/pay/transactions/jsapi":                               {"prepay", s.prepayJSAPI},
		"GET /v3/pay/transactions/id/{id}":                              {"query", s.queryTrade},
		"GET /v3/pay/transactions/out-trade-no/{number}":                {"query", s.queryTrade},
		"POST /v3/pay/transactions/out-trade-no/{number}/close":         {"close", s.closeTrade},
		"POST /v3/pay/partner/transactions/jsapi":                       {"prepay", s.prepayPartner},
		"GET /v3/pay/partner/transactions/id/{id}":                      {"query", s.queryPartnerTrade},
		"GET /v3/pay/partner/transactions/out-trade-no/{number}":        {"query", s.queryPartnerTrade},
		"POST /v3/pay/partner/transactions/out-trade-no/{number}/close": {"close", s.closePartnerTrade},
		"POST /v3/combine-transactions/jsapi":                           {"combine.prepay", s.prepayCombined},
		"GET /v3/combine-transactions/out-trade-no/{number}":            {"combine.query", s.queryCombined},
		"POST /v3/combine-transactions/out-trade-no/{number}/close":     {"combine.close", s.closeCombined},
		"POST /v3/refund/domestic/refunds":                              {"refund", s.createRefund},
		"GET /v3/refund/domestic/refunds/{number}":                      {"refund.query", s.queryRefund},
		"POST /v3/profitsharing/receivers/add":                          {"receiver.add", s.addReceiver},
		"POST /v3/profitsharing/receivers/delete":                       {"receiver.delete", s.deleteReceiver},
		"POST /v3/profitsharing/orders":                                 {"share", s.createShare},
		"GET /v3/profitsharing/orders/{number}":                         {"share.query", s.queryShare},
		"POST /v3/profitsharing/orders/unfreeze":                        {"unfreeze", s.unfreeze},
		"GET /v3/profitsharing/transactions/{id}/amounts":               {"unsplit", s.unsplitAmount},
		"POST /v3/profitsharing/return-orders":                          {"return", s.createReturn},
		"GET /v3/profitsharing/return-orders/{number}":                  {"return.query", s.queryReturn},
		"GET /v3/profitsharing/merchant-configs/{id}":                   {"ratio", s.maxRatio},
		"GET /v3/bill/tradebill":                                        {"bill", s.tradeBill},
		"GET /v3/bill/fundflowbill":                                     {"bill", s.fundFlowBill},
		"GET /v3/billdownload/file":                                     {"download", s.download},
	} {
		s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { s.servePay(w, r, e.name, e.do) })
	}
}

// servePay checks who calls, does it, signs the answer, and misbehaves where it was told to.
func (s *Sim) servePay(w http.ResponseWriter, r *http.Request, name string, do endpoint) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, "body", http.StatusRequestEntityTooLarge)
		return
	}
	out, before, after := s.runPay(r, name, body, do)
	switch {
	case before != nil && before.Kind == HangBefore:
		cut(w, r, before.Delay)
		return
	case after != nil && after.Kind == HangAfter:
		cut(w, r, after.Delay)
		return
	case after != nil && after.Kind == CutAfter:
		cut(w, r, time.Nanosecond)
		return
	}
	write(w, out)
}

func (s *Sim) runPay(r *http.Request, name string, body []byte, do endpoint) (out answer, before, after *Fault) {
	s.mu.Lock()
	s.catchUp()
	c := &call{request: r, body: body, sim: s, key: r.Header.Get("Wechatpay-Serial")}
	m, bad := s.authenticate(r, body)
	if bad != nil {
		s.refused(r, bad)
		s.mu.Unlock()
		return plainly(bad), nil, nil
	}
	c.merchant = m
	serial, key, err := s.signer(m, c.key)
	if err != nil {
		bad = refuse(http.StatusBadRequest, "PARAM_ERROR", "Wechatpay-Serial 有误: "+err.Error())
		serial, key, err = s.signer(m, "")
	}
	if bad == nil {
		bad = checkHeaders(r, body)
	}
	var result any
	if bad == nil {
		before = s.draw(name, "", FailBefore, HangBefore, Limit)
	}
	if bad == nil && before == nil {
		if result, bad = do(c); bad == nil {
			after = s.draw(name, "", FailAfter, HangAfter, CutAfter, BadSignature)
		}
	}
	if bad != nil {
		s.refused(r, bad)
	}
	out.nonce, out.stamp, out.serial = s.text(32), strconv.FormatInt(s.now().Unix(), 10), serial
	s.mu.Unlock() // signing is slow, and needs nothing of the state
	if before != nil {
		bad = failure(before)
	}
	if after != nil && after.Kind == FailAfter {
		bad = failure(after)
	}
	out.status, out.body, out.plain = render(result, bad)
	if err != nil || out.plain {
		return out, before, after
	}
	out.sign, err = sign(key, lines(out.stamp, out.nonce, string(out.body)))
	if err != nil || after != nil && after.Kind == BadSignature {
		out.sign, _ = sign(key, lines(out.stamp, out.nonce, string(out.body)+" "))
	}
	return out, before, after
}

func failure(f *Fault) *refusal {
	if f.Kind == Limit {
		return refuse(http.StatusTooManyRequests, "FREQUENCY_LIMITED", "频率限制，请降低频率后重试")
	}
	return refuse(http.StatusInternalServerError, "SYSTEM_ERROR", "系统异常，请稍后重试")
}

func plainly(bad *refusal) answer {
	status, body, _ := render(nil, bad)
	return answer{status: status, body: body, plain: true}
}

func render(result any, bad *refusal) (status int, body []byte, plain bool) {
	if bad != nil {
		body, err := json.Marshal(bad)
		if err != nil {
			return http.StatusInternalServerError, nil, true
		}
		return bad.status, body, false
	}
	switch v := result.(type) {
	case nil:
		return http.StatusNoContent, nil, false
	case []byte:
		return http.StatusOK, v, true
	}
	body, err := json.Marshal(result)
	if err != nil {
		return http.StatusInternalServerError, nil, true
	}
	return http.StatusOK, body, false
}

func write(w http.ResponseWriter, out answer) {
	h := w.Header()
	if !out.plain {
		h.Set("Wechatpay-Timestamp", out.stamp)
		h.Set("Wechatpay-Nonce", out.nonce)
		h.Set("Wechatpay-Serial", out.serial)
		h.Set("Wechatpay-Signature", out.sign)
		h.Set("Wechatpay-Signature-Type", scheme)
		h.Set("Request-Id", out.nonce)
	}
	if len(out.body) > 0 {
		h.Set("Content-Type", "application/json; charset=utf-8")
	}
	w.WriteHeader(out.status)
	if _, err := w.Write(out.body); err != nil && !errors.Is(err, http.ErrBodyNotAllowed) {
		return // the caller left
	}
}

// cut says nothing for a while, then ends the connection without an answer.
func cut(w http.ResponseWriter, r *http.Request, wait time.Duration) {
	if wait <= 0 {
		wait = time.Hour
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
	case <-r.Context().Done():
	}
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	_ = conn.Close()
}

func (s *Sim) refused(r *http.Request, bad *refusal) {
	s.refusals = append(s.refusals, Refusal{Method: r.Method, URL: r.URL.RequestURI(), Status: bad.status, Code: bad.Code, Message: bad.Message})
}

// only gives the query's values, refusing names that are not known, that occur twice, or that are missing. An optional name ends in ?.
func (c *call) only(names ...string) (map[string]string, *refusal) {
	q, err := url.ParseQuery(c.request.URL.RawQuery)
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "PARAM_ERROR", "查询参数格式错误")
	}
	out := map[string]string{}
	for _, name := range names {
		optional := name[len(name)-1] == '?'
		if optional {
			name = name[:len(name)-1]
		}
		values := q[name]
		delete(q, name)
		if len(values) > 1 || len(values) == 0 && !optional || len(values) == 1 && values[0] == "" {
			return nil, queryError(name, "缺少必填字段")
		}
		if len(values) == 1 {
			out[name] = values[0]
		}
	}
	for name := range q {
		return nil, queryError(name, "未知字段")
	}
	return out, nil
}

func queryError(name, issue string) *refusal {
	return &refusal{
		status: http.StatusBadRequest, Code: "PARAM_ERROR", Message: "输入源“/query/" + name + "”" + issue,
		Detail: object{"field": name, "issue": issue, "location": "query"},
	}
}

// certificates are the platform's, sealed with the merchant's APIv3 key.
func (s *Sim) certificates(c *call) (any, *refusal) {
	q, bad := c.only("algorithm_type?")
	if bad != nil {
		return nil, bad
	}
	if a := q["algorithm_type"]; a != "" && a != "RSA" && a != "ALL" {
		return nil, queryError("algorithm_type", "取值必须是 RSA|ALL")
	}
	list := []object{}
	for _, k := range s.platform {
		if s.now().After(k.Until) || c.merchant.PublicKey != nil && !c.merchant.AlsoCertificates {
			continue
		}
		nonce := s.text(12)
		text, err := seal(c.merchant.APIv3Key, nonce, "certificate", k.Certificate)
		if err != nil {
			return nil, refuse(http.StatusInternalServerError, "SYSTEM_ERROR", err.Error())
		}
		list = append(list, object{
			"serial_no": k.Serial, "effective_time": wechatTime(k.From), "expire_time": wechatTime(k.Until),
			"encrypt_certificate": object{"algorithm": "AEAD_AES_256_GCM", "nonce": nonce, "associated_data": "certificate", "ciphertext": text},
		})
	}
	if len(list) == 0 {
		return nil, refuse(http.StatusNotFound, "RESOURCE_NOT_EXISTS", "无可用的平台证书，请在商户平台-API安全申请使用微信支付公钥。")
	}
	return object{"data": list}, nil
}
