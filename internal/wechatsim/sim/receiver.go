package sim

import (
	"net/http"
	"unicode/utf8"
)

// Receivers of shares, which belong to the payee of the orders.

type receiverFields struct {
	AppID    string `json:"appid" rule:"required,max=32"`
	SubAppID string `json:"sub_appid" rule:"max=32"`
	SubMchID string `json:"sub_mchid" rule:"max=32"`
	Type     string `json:"type" rule:"required,enum=MERCHANT_ID|PERSONAL_OPENID|PERSONAL_SUB_OPENID"`
	Account  string `json:"account" rule:"required,max=64"`
	Name     string `json:"name" rule:"max=1024"`
	Relation string `json:"relation_type" rule:"required,enum=SERVICE_PROVIDER|STORE|STAFF|STORE_OWNER|PARTNER|HEADQUARTER|BRAND|DISTRIBUTOR|USER|SUPPLIER|CUSTOM"`
	Custom   string `json:"custom_relation" rule:"max=10,chars"`
}

func (s *Sim) addReceiver(c *call) (any, *refusal) {
	var f receiverFields
	if bad := decode(c.body, &f); bad != nil {
		return nil, bad
	}
	if bad := c.actsFor(f.SubMchID); bad != nil {
		return nil, bad
	}
	if (f.Relation == "CUSTOM") != (f.Custom != "") {
		return nil, paramError("/custom_relation", f.Custom, "relation_type 为 CUSTOM 时必填，否则不可传")
	}
	payee := c.payee(f.SubMchID)
	switch {
	case !c.merchant.bound[f.AppID]:
		return nil, notBound()
	case f.Type == "MERCHANT_ID" && f.Account == payee.ID:
		return nil, refuse(http.StatusBadRequest, "INVALID_REQUEST", "分账接收方不能为分账方")
	case f.Type == "MERCHANT_ID" && s.accounts[f.Account] == nil:
		return nil, refuse(http.StatusBadRequest, "INVALID_REQUEST", "分账接收方商户号不存在")
	case f.Type == "PERSONAL_OPENID" && !s.apps[f.AppID].openIDs[f.Account]:
		return nil, refuse(http.StatusBadRequest, "PARAM_ERROR", "无效的openid")
	case f.Type == "PERSONAL_SUB_OPENID" && (s.apps[f.SubAppID] == nil || !s.apps[f.SubAppID].openIDs[f.Account]):
		return nil, refuse(http.StatusBadRequest, "PARAM_ERROR", "无效的openid")
	}
	if bad := s.checkName(c, f.Account, f.Name, f.Type == "MERCHANT_ID"); bad != nil {
		return nil, bad
	}
	payee.receivers[f.Type+" "+f.Account] = receiver{relation: f.Relation, custom: f.Custom}
	out := object{"type": f.Type, "account": f.Account, "relation_type": f.Relation}
	if f.SubMchID != "" {
		out["sub_mchid"] = f.SubMchID
	}
	if f.Custom != "" {
		out["custom_relation"] = f.Custom
	}
	if f.Name != "" { // for the merchant's eyes: encrypted with its own certificate
		plain, bad := s.plainName(c, f.Name)
		if bad != nil {
			return nil, bad
		}
		hidden, err := hide(c.merchant.Key, plain)
		if err != nil {
			return nil, refuse(http.StatusInternalServerError, "SYSTEM_ERROR", "系统异常，请稍后重试")
		}
		out["name"] = hidden
	}
	return out, nil
}

// payee is whose money is shared.
func (c *call) payee(sub string) *account {
	if sub != "" {
		return c.sim.accounts[sub]
	}
	return c.sim.accounts[c.merchant.ID]
}

func (s *Sim) deleteReceiver(c *call) (any, *refusal) {
	var f struct {
		AppID    string `json:"appid" rule:"required,max=32"`
		SubAppID string `json:"sub_appid" rule:"max=32"`
		SubMchID string `json:"sub_mchid" rule:"max=32"`
		Type     string `json:"type" rule:"required,enum=MERCHANT_ID|PERSONAL_OPENID|PERSONAL_SUB_OPENID"`
		Account  string `json:"account" rule:"required,max=64"`
	}
	if bad := decode(c.body, &f); bad != nil {
		return nil, bad
	}
	if bad := c.actsFor(f.SubMchID); bad != nil {
		return nil, bad
	}
	delete(c.payee(f.SubMchID).receivers, f.Type+" "+f.Account)
	out := object{"type": f.Type, "account": f.Account}
	if f.SubMchID != "" {
		out["sub_mchid"] = f.SubMchID
	}
	return out, nil
}

// plainName decrypts a name with the key that the request names.
func (s *Sim) plainName(c *call, hidden string) (string, *refusal) {
	if c.key == "" {
		return "", refuse(http.StatusBadRequest, "PARAM_ERROR", "使用敏感信息加密时，必须传 Wechatpay-Serial")
	}
	_, key, err := s.signer(c.merchant, c.key)
	if err != nil {
		return "", refuse(http.StatusBadRequest, "PARAM_ERROR", "Wechatpay-Serial 有误")
	}
	plain, err := reveal(key, hidden)
	if err != nil || !utf8.ValidString(plain) {
		return "", refuse(http.StatusBadRequest, "PARAM_ERROR", "敏感信息解密失败")
	}
	return plain, nil
}

// checkName compares an encrypted name with that of the merchant.
func (s *Sim) checkName(c *call, id, hidden string, required bool) *refusal {
	if hidden == "" {
		if required {
			return paramError("/name", nil, "分账接收方类型是 MERCHANT_ID 时必填")
		}
		return nil
	}
	plain, bad := s.plainName(c, hidden)
	if bad != nil {
		return bad
	}
	if a := s.accounts[id]; a != nil && a.Name != "" && a.Name != plain {
		return refuse(http.StatusBadRequest, "INVALID_REQUEST", "分账接收方全称有误")
	}
	return nil
}
