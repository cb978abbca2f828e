package sim

// The bodies of prepay requests, with every field that is documented.

type amountFields struct {
	Total    int64  `json:"total" rule:"required,min=1"`
	Currency string `json:"currency" rule:"enum=CNY"`
}

type goodsFields struct {
	MerchantID string `json:"merchant_goods_id" rule:"required,max=32"`
	WeChatID   string `json:"wechatpay_goods_id" rule:"max=32"`
	Name       string `json:"goods_name" rule:"max=256,chars"`
	Quantity   int64  `json:"quantity" rule:"required,min=1"`
	UnitPrice  int64  `json:"unit_price" rule:"required"`
}

type detailFields struct {
	CostPrice int64         `json:"cost_price"`
	InvoiceID string        `json:"invoice_id" rule:"max=32"`
	Goods     []goodsFields `json:"goods_detail" rule:"max=6000"`
}

type storeFields struct {
	ID       string `json:"id" rule:"required,max=32"`
	Name     string `json:"name" rule:"max=256,chars"`
	AreaCode string `json:"area_code" rule:"max=32"`
	Address  string `json:"address" rule:"max=512,chars"`
}

type sceneFields struct {
	ClientIP string       `json:"payer_client_ip" rule:"required,max=45"`
	Device   string       `json:"device_id" rule:"max=32"`
	Store    *storeFields `json:"store_info"`
}

type settleFields struct {
	Sharing bool  `json:"profit_sharing"`
	Subsidy int64 `json:"subsidy_amount"`
}

// orderFields are the same of merchants and partners.
type orderFields struct {
	Description string        `json:"description" rule:"required,max=127,chars"`
	Number      string        `json:"out_trade_no" rule:"required,min=6,max=32,set=order"`
	Expire      string        `json:"time_expire" rule:"max=64,time"`
	Attach      string        `json:"attach" rule:"max=128"`
	NotifyURL   string        `json:"notify_url" rule:"required,max=255"`
	GoodsTag    string        `json:"goods_tag" rule:"max=32"`
	LimitPay    []string      `json:"limit_pay" rule:"max=4,enum=no_balance|no_credit|no_debit|balance_only"`
	Fapiao      bool          `json:"support_fapiao"`
	Amount      amountFields  `json:"amount" rule:"required"`
	Detail      *detailFields `json:"detail"`
	Scene       *sceneFields  `json:"scene_info"`
	Settle      *settleFields `json:"settle_info"`
}

type jsapiFields struct {
	AppID string `json:"appid" rule:"required,max=32"`
	MchID string `json:"mchid" rule:"required,max=32"`
	orderFields
	Payer payerFields `json:"payer" rule:"required"`
}

type payerFields struct {
	OpenID string `json:"openid" rule:"required,max=128"`
}

type partnerFields struct {
	SpAppID  string `json:"sp_appid" rule:"required,max=32"`
	SpMchID  string `json:"sp_mchid" rule:"required,max=32"`
	SubAppID string `json:"sub_appid" rule:"max=32"`
	SubMchID string `json:"sub_mchid" rule:"required,max=32"`
	orderFields
	Payer partnerPayerFields `json:"payer" rule:"required"`
}

type partnerPayerFields struct {
	SpOpenID  string `json:"sp_openid" rule:"max=128"`
	SubOpenID string `json:"sub_openid" rule:"max=128"`
}
