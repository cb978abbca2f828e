package sim

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"holdfast/internal/clock"
)

// Keys are what a merchant knows and the simulator does not hold: its private key, and the certificate that it got from WeChat.
type Keys struct {
	Private     *rsa.PrivateKey
	Certificate []byte // PEM
}

// World is a simulator's configuration together with the merchants' keys, by merchant number.
type World struct {
	Config
	Keys map[string]Keys
}

// The demo's numbers.
const (
	DemoApp      = "wxdemo"
	DemoSecret   = "demo-app-secret-0000000000000000" //nolint:gosec // of nobody
	DemoMerchant = "1900000001"                       // merchant mode, platform certificates
	DemoPartner  = "1900000100"                       // partner mode, WeChat Pay public key
)

// Demo is a small world with keys made just now: the mini-program wxdemo, a merchant in merchant mode, and a partner with three
// sub-merchants.
func Demo(now clock.Clock) (World, error) {
	w := World{Keys: map[string]Keys{}, Config: Config{
		Clock: now, Rules: DefaultRules(), DemoCodes: true, LoopbackHTTP: true, Seed: uint64(now().UnixNano()),
		MiniPrograms: []MiniProgram{{
			AppID: DemoApp, Secret: DemoSecret, UnionIDs: true, Pages: []string{"pages/index/index", "pages/order/order", "pages/product/product"},
			Templates: map[string][]string{
				"tmpl-paid":     {"character_string1", "amount2", "time3"},
				"tmpl-shipped":  {"character_string1", "thing2", "character_string3"},
				"tmpl-refunded": {"character_string1", "amount2", "thing3"},
				"tmpl-restock":  {"thing1", "amount2", "number3"},
			},
		}},
		Others: []Account{{ID: "1900000201", Name: "示例供应商"}, {ID: "1900000202", Name: "示例推广商"}},
	}}
	platform, err := NewPlatformKey(now())
	if err != nil {
		return World{}, err
	}
	w.Platform = []PlatformKey{platform}
	if err := w.AddMerchant(Merchant{
		Account: Account{ID: DemoMerchant, Name: "示例商户"}, AppIDs: []string{DemoApp}, APIv3Key: "demo-merchant-apiv3-key-00000001",
	}, false); err != nil {
		return World{}, err
	}
	err = w.AddMerchant(Merchant{
		Account: Account{ID: DemoPartner, Name: "示例服务商"}, Partner: true, AppIDs: []string{DemoApp}, APIv3Key: "demo-partner-apiv3-key-000000001",
		Subs: []Account{{ID: "1900000101", Name: "示例店铺一"}, {ID: "1900000102", Name: "示例店铺二"}, {ID: "1900000103", Name: "示例店铺三"}, {ID: "1900000104", Name: "示例店铺四"}},
	}, true)
	return w, err
}

// AddMerchant makes keys for a merchant and registers it; with publicKey it is one of the WeChat Pay public key mode.
func (w *World) AddMerchant(m Merchant, publicKey bool) error {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return fmt.Errorf("make a merchant key: %w", err)
	}
	serial, pemText, err := certificate(key, m.ID, w.Clock())
	if err != nil {
		return err
	}
	m.Serial, m.Key = serial, &key.PublicKey
	if publicKey {
		if m.PublicKey, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
			return fmt.Errorf("make a public key: %w", err)
		}
		m.PublicKeyID = "PUB_KEY_ID_01" + m.ID + w.Clock().Format("2006010200") + "00"
	}
	w.Merchants = append(w.Merchants, m)
	w.Keys[m.ID] = Keys{Private: key, Certificate: pemText}
	return nil
}

// saved is the simulator's side of a world as a file.
type saved struct {
	MiniPrograms []MiniProgram   `json:"miniPrograms"`
	Merchants    []savedMerchant `json:"merchants"`
	Others       []Account       `json:"others"`
	Platform     []savedPlatform `json:"platform"`
}

type savedMerchant struct {
	Account
	Partner     bool      `json:"partner"`
	Subs        []Account `json:"subMerchants,omitempty"`
	AppIDs      []string  `json:"appIds"`
	Serial      string    `json:"serial"`
	Public      string    `json:"publicKey"` // PEM
	APIv3Key    string    `json:"apiV3Key"`
	PublicKeyID string    `json:"wechatPayPublicKeyId,omitempty"`
	PayKey      string    `json:"wechatPayPrivateKey,omitempty"` // PEM
}

type savedPlatform struct {
	Serial      string    `json:"serial"`
	Key         string    `json:"key"`
	Certificate string    `json:"certificate"`
	From        time.Time `json:"from"`
	Until       time.Time `json:"until"`
}

// Save writes a world into a directory: simulator.json for Load, and wechat.json with the files that it names for the server, all readable by
// their owner alone.
func (w *World) Save(dir, api, notifyURL string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make %s: %w", dir, err)
	}
	own := saved{MiniPrograms: w.MiniPrograms, Others: w.Others}
	for _, k := range w.Platform {
		text, err := privatePEM(k.Key)
		if err != nil {
			return err
		}
		own.Platform = append(own.Platform, savedPlatform{Serial: k.Serial, Key: text, Certificate: string(k.Certificate), From: k.From, Until: k.Until})
	}
	server := object{"notifyUrl": notifyURL, "api": object{"pay": api, "miniProgram": api}}
	files := map[string]string{}
	var merchants, programs []object
	for i := range w.Merchants {
		m := &w.Merchants[i]
		kept, entry, err := w.saveMerchant(m, files)
		if err != nil {
			return err
		}
		own.Merchants, merchants = append(own.Merchants, kept), append(merchants, entry)
	}
	for _, p := range w.MiniPrograms {
		files[p.AppID+".secret"] = p.Secret
		pays := slices.IndexFunc(w.Merchants, func(m Merchant) bool { return m.Partner }) // whose shops may be many
		one := object{"appId": p.AppID, "secretFile": p.AppID + ".secret", "merchant": w.Merchants[max(pays, 0)].ID}
		if p.Templates["tmpl-paid"] != nil {
			one["messages"] = demoMessages()
		}
		programs = append(programs, one)
	}
	server["miniPrograms"], server["merchants"] = programs, merchants
	for name, v := range map[string]any{"simulator.json": own, "wechat.json": server} {
		text, err := json.MarshalIndent(v, "", "  ")
		if err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
		files[name] = string(text) + "\n"
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
	}
	return nil
}

// demoMessages are what the server puts into the demo's templates.
func demoMessages() object {
	message := func(template, page string, values object) object {
		return object{"template": template, "page": page, "values": values}
	}
	const order = "pages/order/order?id={order}"
	return object{
		"ORDER_PAID":     message("tmpl-paid", order, object{"character_string1": "{number}", "amount2": "{total}", "time3": "{time}"}),
		"ORDER_SHIPPED":  message("tmpl-shipped", order, object{"character_string1": "{number}", "thing2": "{title}", "character_string3": "{tracking}"}),
		"ORDER_REFUNDED": message("tmpl-refunded", order, object{"character_string1": "{number}", "amount2": "{refund}", "thing3": "{reason}"}),
		"RESTOCKED":      message("tmpl-restock", "pages/product/product?id={product}", object{"thing1": "{title}", "amount2": "{price}", "number3": "{available}"}),
	}
}

// saveMerchant gives both sides of a merchant, and adds the files that the server's side names.
func (w *World) saveMerchant(m *Merchant, files map[string]string) (savedMerchant, object, error) {
	public, err := publicPEM(m.Key)
	if err != nil {
		return savedMerchant{}, nil, err
	}
	private, err := privatePEM(w.Keys[m.ID].Private)
	if err != nil {
		return savedMerchant{}, nil, err
	}
	kept := savedMerchant{Account: m.Account, Partner: m.Partner, Subs: m.Subs, AppIDs: m.AppIDs, Serial: m.Serial, Public: public, APIv3Key: m.APIv3Key}
	mode := "merchant"
	if m.Partner {
		mode = "partner"
	}
	entry := object{"mchId": m.ID, "mode": mode, "serial": m.Serial, "privateKeyFile": m.ID + ".key.pem", "apiV3KeyFile": m.ID + ".apiv3"}
	files[m.ID+".key.pem"], files[m.ID+".apiv3"] = private, m.APIv3Key
	if m.PublicKey != nil {
		if kept.PayKey, err = privatePEM(m.PublicKey); err != nil {
			return savedMerchant{}, nil, err
		}
		kept.PublicKeyID = m.PublicKeyID
		if files[m.ID+".wechatpay.pem"], err = publicPEM(&m.PublicKey.PublicKey); err != nil {
			return savedMerchant{}, nil, err
		}
		entry["publicKeyId"], entry["publicKeyFile"] = m.PublicKeyID, m.ID+".wechatpay.pem"
	}
	return kept, entry, nil
}

// Load reads the simulator.json that Save wrote. The demo's conveniences are on: demo codes, and http to loopback addresses.
func Load(path string, now clock.Clock) (Config, error) {
	text, err := os.ReadFile(path) //nolint:gosec // the operator names it
	if err != nil {
		return Config{}, fmt.Errorf("read %s: %w", path, err)
	}
	var own saved
	if err := json.Unmarshal(text, &own); err != nil {
		return Config{}, fmt.Errorf("read %s: %w", path, err)
	}
	c := Config{
		Clock: now, Rules: DefaultRules(), DemoCodes: true, LoopbackHTTP: true, MiniPrograms: own.MiniPrograms, Others: own.Others,
		Seed: uint64(now().UnixNano()),
	}
	for _, k := range own.Platform {
		key, err := parsePrivate(k.Key)
		if err != nil {
			return Config{}, fmt.Errorf("platform key %s: %w", k.Serial, err)
		}
		c.Platform = append(c.Platform, PlatformKey{Serial: k.Serial, Key: key, Certificate: []byte(k.Certificate), From: k.From, Until: k.Until})
	}
	for _, m := range own.Merchants {
		one := Merchant{Account: m.Account, Partner: m.Partner, Subs: m.Subs, AppIDs: m.AppIDs, Serial: m.Serial, APIv3Key: m.APIv3Key, PublicKeyID: m.PublicKeyID}
		if one.Key, err = parsePublic(m.Public); err != nil {
			return Config{}, fmt.Errorf("key of merchant %s: %w", m.ID, err)
		}
		if m.PayKey != "" {
			if one.PublicKey, err = parsePrivate(m.PayKey); err != nil {
				return Config{}, fmt.Errorf("public key of merchant %s: %w", m.ID, err)
			}
		}
		c.Merchants = append(c.Merchants, one)
	}
	return c, nil
}

func privatePEM(key *rsa.PrivateKey) (string, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), err
}

func publicPEM(key *rsa.PublicKey) (string, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})), err
}

func parsePrivate(text string) (*rsa.PrivateKey, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, fmt.Errorf("no PEM")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	private, ok := key.(*rsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("%T is no RSA key", key)
	}
	return private, nil
}

func parsePublic(text string) (*rsa.PublicKey, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, fmt.Errorf("no PEM")
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	public, ok := key.(*rsa.PublicKey)
	if !ok {
		return nil, fmt.Errorf("%T is no RSA key", key)
	}
	return public, nil
}
