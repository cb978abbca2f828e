package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"holdfast/internal/db"
	"holdfast/internal/identity"
	"holdfast/internal/notify"
	"holdfast/internal/payment"
	"holdfast/internal/typeid"
	"holdfast/internal/wechat"
	"holdfast/internal/wechatpay"
)

// weChatFile is what HOLDFAST_WECHAT names: JSON, with secrets in files of their own, whose paths are relative to it.
type weChatFile struct {
	// API says where WeChat is, of a simulator; without it, where it really is.
	API struct {
		Pay         string `json:"pay"`
		MiniProgram string `json:"miniProgram"`
	} `json:"api"`
	// NotifyURL is this server's /wechatpay/notify as WeChat reaches it: https.
	NotifyURL    string              `json:"notifyUrl"`
	MiniPrograms []weChatMiniProgram `json:"miniPrograms"`
	Merchants    []weChatMerchant    `json:"merchants"`
}

type weChatMiniProgram struct {
	AppID      string `json:"appId"`
	SecretFile string `json:"secretFile"`
	Merchant   string `json:"merchant"` // the mchId that asks for its payments
	// Messages are the subscribe messages that it sends, by what they tell; none without.
	Messages notify.Templates `json:"messages"`
}

type weChatMerchant struct {
	MchID          string         `json:"mchId"`
	Mode           wechatpay.Mode `json:"mode"`
	Serial         string         `json:"serial"`
	PrivateKeyFile string         `json:"privateKeyFile"`
	APIv3KeyFile   string         `json:"apiV3KeyFile"`
	PublicKeyID    string         `json:"publicKeyId"`
	PublicKeyFile  string         `json:"publicKeyFile"`
}

// weChat is WeChat as this server talks to it.
type weChat struct {
	login *wechat.Client
	pay   *wechatpay.Provider
	tells notify.Settings
}

// PhoneNumber implements identity.PhoneExchanger.
func (w *weChat) PhoneNumber(ctx context.Context, appID, code string) (identity.Phone, error) {
	found, err := w.login.PhoneNumber(ctx, appID, code)
	return identity.Phone(found), err
}

// numbers are what an upload of what was shipped names a payment by.
func (w *weChat) numbers(ctx context.Context, paid typeid.Payment, o typeid.Order) (notify.Numbers, error) {
	found, err := w.pay.Numbers(ctx, paid, o)
	return notify.Numbers(found), err
}

// newWeChat reads the file and the secrets that it names, and says all that is missing. It asks WeChat nothing yet.
func newWeChat(a *app, d *db.DB, path string, shareAfter time.Duration) (*weChat, error) {
	text, err := os.ReadFile(filepath.Clean(path))
	if err != nil {
		return nil, fmt.Errorf("read HOLDFAST_WECHAT: %w", err)
	}
	var file weChatFile
	strict := json.NewDecoder(bytes.NewReader(text))
	strict.DisallowUnknownFields()
	if err := strict.Decode(&file); err != nil {
		return nil, fmt.Errorf("read HOLDFAST_WECHAT, %s: %w", path, err)
	}
	var missing []error
	secret := func(of, name string) []byte {
		if name == "" {
			return nil // whoever needs it says so
		}
		if !filepath.IsAbs(name) {
			name = filepath.Join(filepath.Dir(path), name)
		}
		found, err := os.ReadFile(filepath.Clean(name))
		if err != nil {
			missing = append(missing, fmt.Errorf("%s: %w", of, err))
		}
		return bytes.TrimSpace(found)
	}
	apps, pay := wechat.Settings{BaseURL: file.API.MiniProgram, Clock: a.now, Log: a.log}, wechatpay.Settings{
		NotifyURL: file.NotifyURL, BaseURL: file.API.Pay, Dossiers: payment.New(d), Clock: a.now, Log: a.log, ShareAfter: shareAfter,
	}
	templates := make(map[string]notify.Templates)
	for _, m := range file.MiniPrograms {
		templates[m.AppID] = m.Messages
		if err := m.Messages.Check(); err != nil {
			missing = append(missing, fmt.Errorf("mini-program %s: %w", m.AppID, err))
		}
		apps.MiniPrograms = append(apps.MiniPrograms, wechat.MiniProgram{AppID: m.AppID, Secret: string(secret("secret of "+m.AppID, m.SecretFile))})
		pay.MiniPrograms = append(pay.MiniPrograms, wechatpay.MiniProgram{AppID: m.AppID, Merchant: m.Merchant})
	}
	for _, m := range file.Merchants {
		of := " of merchant " + m.MchID
		pay.Merchants = append(pay.Merchants, wechatpay.Merchant{
			MchID: m.MchID, Mode: m.Mode, Serial: m.Serial, PrivateKey: secret("private key"+of, m.PrivateKeyFile),
			APIv3Key: secret("API v3 key"+of, m.APIv3KeyFile), PublicKeyID: m.PublicKeyID, PublicKey: secret("WeChat Pay public key"+of, m.PublicKeyFile),
		})
	}
	var out weChat
	var failed error
	if out.login, failed = wechat.New(apps); failed != nil {
		missing = append(missing, failed)
	}
	if out.pay, failed = wechatpay.New(pay); failed != nil {
		missing = append(missing, failed)
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("HOLDFAST_WECHAT, %s: %w", path, errors.Join(missing...))
	}
	out.tells = notify.Settings{WeChat: out.login, Apps: templates, Numbers: out.numbers}
	return &out, nil
}

const (
	noticePath = "/wechatpay/notify"
	maxNotice  = 1 << 20 // a combined payment of 50 orders says much
	// noticeTimeout is below the 5 s after which WeChat takes a notice for lost and sends it again.
	noticeTimeout = 4 * time.Second
)

// notified takes a notice of WeChat Pay in. It says that it was accepted when its effect is committed, and not before.
func (s *server) notified(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), noticeTimeout)
	defer cancel()
	refuse := func(status int, message string) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, `{"code":"FAIL","message":"`+message+`"}`)
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxNotice))
	if err != nil {
		refuse(http.StatusBadRequest, "the notice did not arrive whole")
		return
	}
	notice, err := s.weChat.pay.ReadNotice(ctx, r.Header, body)
	switch {
	case errors.Is(err, wechatpay.ErrForged):
		s.log.WarnContext(ctx, "refuse a notice that WeChat Pay did not sign", "serial", r.Header.Get("Wechatpay-Serial"), "error", err)
		refuse(http.StatusUnauthorized, "the signature is not WeChat Pay's")
		return
	case err != nil:
	case notice.Kind == wechatpay.NoticePaid:
		err = s.business.Checkouts.Told(ctx, notice.Payment, notice.Answer)
	case notice.Kind == wechatpay.NoticeRefunded:
		err = s.business.Settlement.Told(ctx, notice.Refund)
	}
	if err != nil {
		s.log.ErrorContext(ctx, "take a notice of WeChat Pay in", "notice_id", notice.ID, "error", err)
		refuse(http.StatusInternalServerError, "send it again")
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
