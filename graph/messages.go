package graph

// chinese holds the Chinese of every text that package fault is given, by the English. A test finds the ones that are missing
// and the ones that nobody says any more.
var chinese = map[string]string{ //nolint:gochecknoglobals,gosec // a constant in all but name, and no secrets
	// requests and rights
	"after must be the endCursor of a page":      "after 必须是某一页的 endCursor",
	"at most %d ids at once":                     "一次最多 %d 个 id",
	"first must be %d to %d":                     "first 必须在 %d 到 %d 之间",
	"give exactly one of weChat and staff":       "weChat 和 staff 必须且只能填写一项",
	"log in first":                               "请先登录",
	"nobody may ask for this":                    "不开放此操作",
	"only buyers may do this":                    "只有买家可以进行此操作",
	"only staff of a shop may do this":           "只有店铺员工可以进行此操作",
	"text has at most %d characters":             "text 最多 %d 个字符",
	"this is not an id of that kind":             "id 的类型不符",
	"the role is none of %s, %s":                 "角色只能是 %s 或 %s",
	"there is no such member of staff":           "没有这位员工",
	"there is somebody with this e-mail address": "该邮箱已被使用",

	// staff of shops
	"a shop has at least one owner":                         "店铺至少要有一位店主",
	"a shop has at most %d open invitations":                "一家店铺最多有 %d 个未接受的邀请",
	"only owners of a shop may do this":                     "只有店主可以进行此操作",
	"somebody with this e-mail address works there already": "使用该邮箱的员工已在这家店铺",
	"there is no such invitation; ask for a new one":        "邀请不存在或已失效，请重新索取",

	// address books
	"an address book has at most %d addresses": "最多保存 %d 个地址",
	"there is no such address":                 "没有这个地址",

	"this is not an e-mail address":         "邮箱格式不正确",
	"a password has at least %d characters": "密码至少 %d 个字符",

	// bills
	"there is no such merchant":                                 "没有这个商户",
	"there are bills of the last three months, up to yesterday": "只能查询最近三个月内、昨日及以前的账单",

	// too much at once
	"too many requests; try again later":              "请求过于频繁，请稍后再试",
	"too many attempts failed; try again later":       "失败次数过多，请稍后再试",
	"too many connections are open; close some":       "打开的连接过多，请关闭一些",
	"the server is busy; try again":                   "服务器繁忙，请重试",
	"too many want the same at the moment; try again": "当前请求过多，请稍后重试",

	// subscriptions
	"a subscription has one field":                       "一个订阅只能有一个字段",
	"name %d to %d variants":                             "请指定 %d 到 %d 个规格",
	"there is no such order, or it is not yours to see":  "没有这个订单，或您无权查看",
	"there is no such shop, or it is not yours to watch": "没有这家店铺，或您无权查看",
	"there is no such subscription":                      "没有这个订阅",

	// sessions
	"log-in failed":                                    "登录失败",
	"WeChat Pay takes CNY alone":                       "微信支付仅支持人民币",
	"WeChat Pay refuses this payment (%s)":             "微信支付拒绝了这笔支付（%s）",
	"WeChat Pay refuses this refund (%s)":              "微信支付拒绝了这笔退款（%s）",
	"WeChat Pay refuses this share (%s)":               "微信支付拒绝了这笔分账（%s）",
	"WeChat Pay refuses the return of this share (%s)": "微信支付拒绝了这笔分账回退（%s）",
	"WeChat Pay closed this refund":                    "微信支付关闭了这笔退款",
	"ABNORMAL: the money does not reach the buyer; settle this refund on WeChat Pay's merchant platform": "退款异常（ABNORMAL）：款项无法退回买家，请在微信支付商户平台处理",
	"WeChat Pay closed this share (%s)":                                                        "微信支付关闭了这笔分账（%s）",
	"WeChat Pay could not take this share back (%s)":                                           "微信支付未能回退这笔分账（%s）",
	"there is no such job; what it was about may be done":                                      "没有这项任务，可能已经完成",
	"WeChat Pay takes no share back from a person":                                             "个人接收方的分账无法回退",
	"WeChat Pay lets no more of this order be shared":                                          "该订单可分账的金额不足",
	"no more than was paid is given back":                                                      "退款总额不能超过实付金额",
	"no more than was shared can be returned":                                                  "回退总额不能超过分账金额",
	"the shop cannot take WeChat Pay in this mini-program":                                     "该店铺无法在此小程序中使用微信支付",
	"a receiver is MERCHANT_ID:number:full name, PERSONAL_OPENID:openid, or a merchant number": "接收方的格式为 MERCHANT_ID:商户号:商户全称、PERSONAL_OPENID:openid，或商户号",
	"WeChat does not let this user log in":                                                     "微信已限制该用户登录",
	"the code for the phone number is not valid, or no more; tap the button again":             "手机号授权码无效或已失效，请重新点击按钮获取",
	"phone numbers cannot be asked for here; WeChat is not configured":                         "此处无法获取手机号：尚未配置微信",
	"the access token has expired; refresh the session":                                        "登录凭证已过期，请刷新会话",
	"the access token is not valid; log in again":                                              "登录凭证无效，请重新登录",
	"the session has ended; log in again":                                                      "会话已结束，请重新登录",

	// products
	"a description has at most %d bytes":                                  "描述最多 %d 字节",
	"a picture is an http or https address, or a path that starts with /": "图片必须是 http 或 https 地址，或以 / 开头的路径",
	"a price is 0 to %d minor units":                                      "价格必须在 0 到 %d 之间（以最小货币单位计）",
	"a product has at least one variant":                                  "商品至少要有一个规格",
	"a product has at most %d pictures":                                   "一件商品最多 %d 张图片",
	"a product has at most %d variants":                                   "一件商品最多 %d 个规格",
	"a sku has 1 to %d characters and no line break":                      "SKU 编码为 1 到 %d 个字符，不能换行",
	"a title has 1 to %d characters and no line break":                    "标题为 1 到 %d 个字符，不能换行",
	"each variant needs a sku of its own":                                 "每个规格的 SKU 编码不能重复",
	"lowStockThreshold must be 0 to %d":                                   "lowStockThreshold 必须在 0 到 %d 之间",
	"the shop has a variant of this sku already":                          "店铺里已有这个 SKU 编码",
	"the shop sells in %s":                                                "该店铺以 %s 计价",
	"name something to change":                                            "请至少填写一项要修改的内容",
	"there is no such product":                                            "没有这件商品",
	"there is no such shop":                                               "没有这家店铺",

	// stock
	"%d are held for orders; no fewer can be on hand": "有 %d 件已被订单占用，库存不能少于此数",
	"at most %d can be on hand":                       "库存最多 %d 件",
	"delta must not be 0, and at most %d either way":  "delta 不能为 0，增减最多 %d",
	"give exactly one of onHand and delta":            "onHand 和 delta 必须且只能填写一项",
	"less is left than you asked for":                 "库存不足",
	"onHand must be 0 to %d":                          "onHand 必须在 0 到 %d 之间",
	"reason must have 1 to %d characters":             "原因为 1 到 %d 个字符",
	"the stock has changed since; read it again":      "库存已有变动，请重新读取",
	"there is no such variant":                        "没有这个商品规格",

	"it can be bought now":                            "该商品现在有货",
	"one can wait for at most %d things":              "最多可订阅 %d 件商品的到货提醒",
	"this mini-program sends no messages about stock": "此小程序未开通到货提醒",

	// carts
	"a cart has at most %d lines":               "购物车最多 %d 行",
	"a cart has at most %d of one variant":      "购物车中同一规格最多 %d 件",
	"at most %d lines at once":                  "一次最多 %d 行",
	"name at least one variant":                 "请至少选择一个商品规格",
	"name each variant once":                    "同一规格请只填写一次",
	"quantity must be %d to %d":                 "数量必须在 %d 到 %d 之间",
	"the cart has changed since; read it again": "购物车已有变动，请重新读取",
	"this is not for sale at the moment":        "该商品暂不可购买",

	// checkouts
	"a checkout has at most %d lines":                                                      "一次结算最多 %d 行",
	"a note has at most %d characters":                                                     "备注最多 %d 个字符",
	"a phone number is made of digits, spaces, + and -":                                    "电话号码只能包含数字、空格、+ 和 -",
	"at most %d checkouts wait for payment; pay or cancel one first":                       "最多同时有 %d 笔待支付的结算，请先支付或取消一笔",
	"at most %d of one variant in one checkout":                                            "同一规格一次最多购买 %d 件",
	"expectedTotal must not be negative":                                                   "expectedTotal 不能为负数",
	"idempotencyKey must be 1 to %d visible ASCII characters":                              "idempotencyKey 必须是 1 到 %d 个可见的 ASCII 字符",
	"name at least one line, or leave lines out to buy the cart":                           "请至少填写一行，或不填 lines 以结算购物车",
	"name each shop once":                                                                  "同一店铺请只填写一次",
	"none of the lines is of this shop":                                                    "所购商品中没有这家店铺的",
	"one checkout has one currency; buy the others apart":                                  "一次结算只能有一种货币，其余商品请分开购买",
	"one payment takes the orders of at most %d shops":                                     "一次支付最多包含 %d 家店铺的订单",
	"removeFromCart goes with lines; buying the cart empties it":                           "removeFromCart 须与 lines 一同使用；结算购物车会清空购物车",
	"only %s can be paid here":                                                             "此处仅支持以 %s 支付",
	"what costs nothing cannot be paid together with goods of other shops; order it apart": "免费商品不能与其他店铺的商品一起支付，请单独下单",
	"say where to send the goods":                                                          "请填写收货地址",
	"the cart is empty":                                                                    "购物车是空的",
	"the price has changed":                                                                "价格已变动",
	"the total is beyond what can be paid at once":                                         "总金额超出单次支付的上限",
	"there is no such order":                                                               "没有这个订单",
	"there is no such checkout":                                                            "没有这笔结算",
	"this has %d to %d characters on one line":                                             "此项为 %d 到 %d 个字符，不能换行",
	"this idempotencyKey was used with another input":                                      "该 idempotencyKey 已用于其他内容",

	// payments
	"no more than %d is left":       "剩余金额最多 %d",
	"the payment has not been paid": "该笔支付尚未付款",
	"the payment is closed":         "支付已关闭",
	"the payment provider has not answered; nothing was cancelled; try again": "支付服务没有响应，尚未取消，请重试",
	"the payment provider has not answered; try again":                        "支付服务没有响应，请重试",
	"there is no such payment":                                                "没有这笔支付",
	"this has been paid":                                                      "已经支付",
	"this has expired":                                                        "已超时关闭",

	// orders after payment
	"EXPRESS needs a carrier and a tracking number":                                  "快递发货须填写快递公司和运单号",
	"a carrier is a code of 1 to %d letters, digits, - and _, such as SF":            "快递公司编码为 1 到 %d 个字母、数字、- 或 _，如 SF",
	"a note has 1 to %d characters":                                                  "备注为 1 到 %d 个字符",
	"all of the order has been shipped":                                              "订单已全部发货",
	"all of the order was refunded; nothing more can be done with it":                "订单已全额退款，无法再操作",
	"all of this line has been shipped":                                              "该商品已全部发货",
	"an order has at most %d lines":                                                  "一个订单最多 %d 行",
	"an order has at most %d notes":                                                  "一个订单最多 %d 条备注",
	"name at least one line, or leave lines out to ship all that is left":            "请至少填写一行，或不填 lines 以发出剩余的全部商品",
	"name each line once":                                                            "同一行请只填写一次",
	"not all of the order has been shipped; complete it when the goods have arrived": "订单尚未全部发货，请收到商品后再确认收货",
	"nothing is left to ship: name lines to ship what was refunded all the same":     "没有待发货的商品；如仍要发出已退款的商品，请填写 lines",
	"statuses has at most %d entries":                                                "statuses 最多 %d 项",
	"the order has no such line":                                                     "订单中没有这一行",
	"the order has not been paid; ship it when it is PAID":                           "订单尚未支付，请在支付后发货",
	"the order was closed before it was paid; nothing more can be done with it":      "订单在支付前已关闭，无法再操作",
	"there is no such way of shipping":                                               "没有这种发货方式",

	// refunds
	"a refund is more than nothing":                               "退款金额必须大于 0",
	"fewer than %d are left of this line":                         "该商品剩余不足 %d 件",
	"the order has not been paid; cancel its checkout instead":    "订单尚未支付，请取消该笔结算",
	"the order was let go; what is paid late goes back by itself": "订单已关闭；逾期支付的款项会自动退回",
	"the order was paid in %s":                                    "订单以 %s 支付",

	// split rules
	"a receiver has 1 to %d characters, none of them a blank at an end":      "接收方为 1 到 %d 个字符，首尾不能是空格",
	"a shop has at most %d split rules":                                      "一家店铺最多 %d 条分账规则",
	"basisPoints must be 1 to %d":                                            "basisPoints 必须在 1 到 %d 之间",
	"name each receiver once, and not the shop's own":                        "接收方不能重复，也不能是店铺自己",
	"only operators of the platform may do this":                             "只有平台运营人员可以进行此操作",
	"the role of a rule is %s or %s; what the rules leave is the merchant's": "规则的角色只能是 %s 或 %s；规则之外的部分归商户",
	"the shares add up to %d basis points; at most %d are allowed":           "分账比例合计 %d（万分之一），最多允许 %d",

	// shops
	"shareWhen is %s, %s or %s":                                                 "shareWhen 只能是 %s、%s 或 %s",
	"maxShareBasisPoints must be 0 to %d":                                       "maxShareBasisPoints 必须在 0 到 %d 之间",
	"the payment provider lets others have at most %d basis points of an order": "支付服务允许的分账比例最多为 %d（万分之一）",

	// the schema
	"introspection is off here: server schema prints the schema, and HOLDFAST_PLAYGROUND=on turns it on": "此处未开放内省：可用 server schema 打印模式，或设置 HOLDFAST_PLAYGROUND=on 开放",

	// the sandbox
	"a delay is 0 to %d milliseconds":           "延迟为 0 到 %d 毫秒",
	"a notice is repeated 0 to %d times":        "通知可重复 0 到 %d 次",
	"payments do not go to the sandbox":         "支付没有使用沙箱",
	"this number was used for another transfer": "该单号已用于另一笔转账",

	// files
	"%s has to be a whole number":                                 "%s 必须是整数",
	"a quotation mark is out of place":                            "引号的位置不正确",
	"give exactly one of on_hand and delta":                       "on_hand 和 delta 必须且只能填写一项",
	"row %d has more than %d bytes; is a quotation mark missing?": "第 %d 行超过 %d 字节，是否缺少引号？",
	"the file is not UTF-8; save it as CSV UTF-8":                 "文件不是 UTF-8 编码，请另存为 CSV UTF-8",
	"the file needs a column sku, and on_hand or delta":           "文件需要 sku 列，以及 on_hand 或 delta 列",
	"the file's first row has to name its columns":                "文件的第一行必须是列名",
	"the row has more cells than there are columns":               "该行的单元格多于列数",
	"the row is not UTF-8; save the file as CSV UTF-8":            "该行不是 UTF-8 编码，请将文件另存为 CSV UTF-8",
	"the row names no sku":                                        "该行没有填写 sku",
	"two columns of the file have the same name":                  "文件中有两列同名",
}
