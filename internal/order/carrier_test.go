package order_test

import (
	"testing"

	"holdfast/internal/order"
)

func TestCarrierCode(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"SF": "SF", "sf": "SF", "顺丰": "SF", "顺丰速运": "SF", " 中通快递 ": "ZTO", "圆通速递": "YTO", "韵达快递": "YD", "申通": "STO", "EMS": "EMS",
		"京东物流": "JD", "极兔速递": "JTSD", "德邦快递": "DBL", "邮政快递包裹": "YZPY", "GSD": "GSD", "快递": "快递", "跑腿": "跑腿",
	} {
		if got := order.CarrierCode(name); got != want {
			t.Errorf("%q is %q, want %q", name, got, want)
		}
	}
}
