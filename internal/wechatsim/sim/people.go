package sim

import (
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"net/http"
	"strings"
)

// What people and the playground use: /sim shows what happened, /sim/pay is the button, /sim/resolve is the merchant platform's for a refund
// that is ABNORMAL.

func (s *Sim) peopleRoutes() {
	s.mux.HandleFunc("GET /sim", s.showState)
	s.mux.HandleFunc("POST /sim/pay", jsonPost(func(in struct {
		PayParams
		OpenID string `json:"openid"`
	},
	) (any, error) {
		return object{"errMsg": "requestPayment:ok"}, s.Pay(in.PayParams, in.OpenID)
	}))
	s.mux.HandleFunc("POST /sim/code", jsonPost(func(in struct {
		AppID  string `json:"appId"`
		OpenID string `json:"openid"`
		Phone  string `json:"phone"`
	},
	) (any, error) {
		if in.Phone != "" {
			return object{"code": s.PhoneCode(in.AppID, in.Phone)}, nil
		}
		return object{"code": s.Code(in.AppID, in.OpenID)}, nil
	}))
	s.mux.HandleFunc("POST /sim/accept", jsonPost(func(in struct {
		AppID    string `json:"appId"`
		OpenID   string `json:"openid"`
		Name     string `json:"name"` // of a user who logs in with demo-<name>, in place of the openid
		Template string `json:"template"`
	},
	) (any, error) {
		if in.Name != "" {
			in.OpenID = OpenID(in.AppID, in.Name)
		}
		s.Accept(in.AppID, in.OpenID, in.Template)
		return object{}, nil
	}))
	s.mux.HandleFunc("POST /sim/resolve", jsonPost(func(in struct {
		MchID       string `json:"mchid"`
		OutRefundNo string `json:"out_refund_no"`
	},
	) (any, error) {
		return object{"resolved": s.ResolveRefund(in.MchID, in.OutRefundNo)}, nil
	}))
	s.mux.HandleFunc("POST /sim/faults", jsonPost(func(in []Fault) (any, error) {
		s.Behave()
		s.Misbehave(in...)
		return object{"faults": len(in)}, nil
	}))
	s.mux.HandleFunc("POST /sim/rotate", jsonPost(func(struct{}) (any, error) {
		k, err := s.Rotate()
		return object{"serial": k.Serial}, err
	}))
}

// jsonPost does something with a JSON body. A refusal is answered as wx.requestPayment tells one.
func jsonPost[T any](do func(T) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var in T
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err == nil && len(body) > 0 {
			err = json.Unmarshal(body, &in)
		}
		var out any
		if err == nil {
			out, err = do(in)
		}
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			out = object{"errMsg": fmt.Sprintf("requestPayment:fail %v", err)}
		}
		if err := json.NewEncoder(w).Encode(out); err != nil {
			return // the caller left
		}
	}
}

// showState answers browsers with a page and others with JSON.
func (s *Sim) showState(w http.ResponseWriter, r *http.Request) {
	state := struct {
		Trades      []Trade
		Balances    map[string]Balance
		Effects     Effects
		Refusals    []Refusal
		Undelivered int
		Messages    []Message
	}{Trades: s.Trades(), Balances: s.Balances(), Effects: s.Effects(), Refusals: s.Refusals()}
	state.Undelivered, _ = s.Undelivered()
	state.Messages = s.allMessages()
	if !strings.Contains(r.Header.Get("Accept"), "text/html") {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		if err := e.Encode(state); err != nil {
			return // the caller left
		}
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if err := page.Execute(w, state); err != nil {
		return // the caller left
	}
}

//nolint:gochecknoglobals // parsed once
var page = template.Must(template.New("sim").Funcs(template.FuncMap{"yuan": yuan}).Parse(`<!doctype html>
<meta charset="utf-8"><title>WeChat, simulated</title>
<style>body{font:14px system-ui;margin:2em}td,th{padding:.2em .8em;text-align:left;border-bottom:1px solid #ddd}</style>
<h1>WeChat, simulated</h1>
<p>{{len .Trades}} orders, {{.Undelivered}} notices waiting, {{len .Refusals}} requests refused. JSON: <code>curl /sim</code></p>
<table><tr><th>order<th>merchant<th>state<th>total<th>fee<th>unsplit<th>shared<th>refunded<th>shipped</tr>
{{range .Trades}}<tr><td>{{.Number}}<td>{{.Merchant}} {{.SubMerchant}}<td>{{.State}}<td>{{yuan .Total}}<td>{{yuan .Fee}}<td>{{yuan .Unsplit}}<td>{{yuan .Out}}<td>{{yuan .Refunded}}<td>{{with .Shipped}}{{range .Parcels}}{{.Company}} {{.Tracking}} {{.Item}}<br>{{end}}{{end}}</tr>
{{end}}</table>
<h2>Messages</h2><table>{{range .Messages}}<tr><td>{{.OpenID}}<td>{{.Template}}<td>{{range $k, $v := .Values}}{{$k}} {{$v}}; {{end}}<td>{{.Page}}</tr>{{end}}</table>
<h2>Balances</h2><table>{{range $id, $b := .Balances}}<tr><td>{{$id}}<td>{{yuan $b.Total}}<td>frozen {{yuan $b.Frozen}}</tr>{{end}}</table>
<h2>Refused</h2><table>{{range .Refusals}}<tr><td>{{.Method}} {{.URL}}<td>{{.Status}} {{.Code}}<td>{{.Message}}</tr>{{end}}</table>
`))
