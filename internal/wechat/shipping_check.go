package wechat

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	maxParcels   = 15
	maxSubOrders = 50
	maxItem      = 120 // characters
	maxTracking  = 128 // bytes, of tracking numbers and companies
	maxNumber    = 32  // bytes, of what names a payment
	sf           = "SF"
)

// check says what WeChat would not take, before it is asked: a refused upload tells little, and some count as the one correction.
func (u Upload) check() *Result {
	if bad := checkPayer(u.At, u.OpenID); bad != nil {
		return bad
	}
	return u.Shipment.check("")
}

func (u CombinedUpload) check() *Result {
	if bad := checkPayer(u.At, u.OpenID); bad != nil {
		return bad
	}
	if bad := u.Order.check("order_key"); bad != nil {
		return bad
	}
	if len(u.Orders) < 1 || len(u.Orders) > maxSubOrders {
		return refuse("sub_orders", fmt.Sprintf("has %d orders, not 1 to %d", len(u.Orders), maxSubOrders))
	}
	for i, s := range u.Orders {
		at := fmt.Sprintf("sub_orders.%d.", i)
		if (s.Order.TransactionID == "") != (u.Order.TransactionID == "") {
			return refuse(at+"order_key", "is named in another way than the combined order")
		}
		if bad := s.check(at); bad != nil {
			return bad
		}
	}
	return nil
}

func refuse(field, reason string) *Result {
	out := wrong(field, reason)
	return &out
}

func checkPayer(at time.Time, openID string) *Result {
	switch {
	case at.IsZero():
		return refuse("upload_time", "is missing")
	case openID == "":
		return refuse("payer.openid", "is missing")
	}
	return nil
}

func (k OrderKey) check(at string) *Result {
	number, transaction := k.MchID != "" && k.OutTradeNo != "", k.TransactionID != ""
	switch {
	case number == transaction || transaction && (k.MchID != "" || k.OutTradeNo != ""):
		return refuse(at, "needs a transaction, or else a merchant and its number")
	case max(len(k.TransactionID), len(k.MchID), len(k.OutTradeNo)) > maxNumber:
		return refuse(at, fmt.Sprintf("has more than %d bytes", maxNumber))
	}
	return nil
}

func (s Shipment) check(at string) *Result {
	if bad := s.Order.check(at + "order_key"); bad != nil {
		return bad
	}
	most := 1
	if s.Split {
		most = maxParcels
	}
	switch {
	case s.Logistics < Express || s.Logistics > PickUp:
		return refuse(at+"logistics_type", "is none of the four")
	case s.Split && s.Logistics != Express:
		return refuse(at+"delivery_mode", "can be split only when it is express")
	case len(s.Parcels) < 1 || len(s.Parcels) > most:
		return refuse(at+"shipping_list", fmt.Sprintf("has %d parcels, not 1 to %d", len(s.Parcels), most))
	}
	for i, p := range s.Parcels {
		if bad := p.check(fmt.Sprintf("%sshipping_list.%d.", at, i), s.Logistics); bad != nil {
			return bad
		}
	}
	return nil
}

func (p Parcel) check(at string, by Logistics) *Result {
	n := utf8.RuneCountInString(p.Item)
	switch {
	case by == Express && p.TrackingNo == "":
		return refuse(at+"tracking_no", "is missing")
	case by == Express && p.Company == "":
		return refuse(at+"express_company", "is missing")
	case len(p.TrackingNo) > maxTracking:
		return refuse(at+"tracking_no", fmt.Sprintf("has more than %d bytes", maxTracking))
	case len(p.Company) > maxTracking:
		return refuse(at+"express_company", fmt.Sprintf("has more than %d bytes", maxTracking))
	case n < 1 || n > maxItem || !utf8.ValidString(p.Item):
		return refuse(at+"item_desc", fmt.Sprintf("has %d characters, not 1 to %d", n, maxItem))
	case by != Express || p.Company != sf:
		return nil
	}
	receiver, ok := mask(p.Receiver)
	consignor, ok2 := mask(p.Consignor)
	if !ok || !ok2 || receiver == "" && consignor == "" {
		return refuse(at+"contact", "SF needs a telephone number of the receiver or the consignor")
	}
	return nil
}

// mask hides a telephone number but for its first 3 digits, if it is long enough, and its last 4: 138****8000. It fails with fewer than
// 4 digits; none at all is no number.
func mask(phone string) (masked string, ok bool) {
	if strings.TrimSpace(phone) == "" {
		return "", true
	}
	digits := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, strings.TrimPrefix(strings.TrimSpace(phone), "+86"))
	n := len(digits)
	switch {
	case n < 4:
		return "", false
	case n < 10 || strings.Contains(phone, "*"):
		return "****" + digits[n-4:], true
	default:
		return digits[:3] + "****" + digits[n-4:], true
	}
}
