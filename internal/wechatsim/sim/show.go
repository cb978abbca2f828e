package sim

// What the pay API tells of an order, in answers and in notices.

func stateText(state string) string {
	return map[string]string{"SUCCESS": "支付成功", "REFUND": "转入退款", "NOTPAY": "订单未支付", "CLOSED": "订单已关闭"}[state]
}

func (t *trade) paid() bool { return t.transaction != "" }

// show is the answer to a query of one order, and the plain text of its notice.
func (t *trade) show() object {
	amount := object{"total": t.total, "currency": "CNY"}
	out := object{
		"out_trade_no": t.number, "trade_state": t.state, "trade_state_desc": stateText(t.state), "attach": t.attach, "amount": amount,
	}
	if t.device != "" {
		out["scene_info"] = object{"device_id": t.device}
	}
	payer := object{"openid": t.payer}
	if t.sub == "" {
		out["appid"], out["mchid"] = t.appID, t.maker.ID
	} else {
		out["sp_appid"], out["sp_mchid"], out["sub_mchid"] = t.appID, t.maker.ID, t.sub
		payer = object{"sp_openid": t.payer}
		if t.subAppID != "" {
			out["sub_appid"] = t.subAppID
		}
		if t.payerOfSub {
			payer = object{"sub_openid": t.payer}
		}
	}
	if t.paid() {
		out["transaction_id"], out["bank_type"], out["success_time"] = t.transaction, "OTHERS", wechatTime(t.paidAt)
		out["trade_type"] = "JSAPI"
		out["payer"], amount["payer_total"], amount["payer_currency"] = payer, t.total, "CNY"
		out["promotion_detail"] = []object{}
	}
	return out
}
