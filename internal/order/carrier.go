package order

import "strings"

// CarrierCode is WeChat's code of a courier, such as SF, for one of the usual names that people give it: 顺丰速运, 顺丰 or sf. What is not
// known stays as it is: there are hundreds of codes.
func CarrierCode(name string) string {
	short := strings.ToUpper(strings.TrimSpace(name))
	for _, suffix := range []string{"速运", "速递", "快递", "快运", "物流", "快递包裹"} {
		if cut, ok := strings.CutSuffix(short, suffix); ok && cut != "" {
			short = cut
			break
		}
	}
	if code, ok := carriers()[short]; ok {
		return code
	}
	return strings.TrimSpace(name)
}

// carriers are the codes of WeChat's get_delivery_list by short name; those of the codes themselves mend lower case.
func carriers() map[string]string {
	return map[string]string{
		"顺丰": "SF", "SF": "SF", "中通": "ZTO", "ZTO": "ZTO", "圆通": "YTO", "YTO": "YTO", "申通": "STO", "STO": "STO",
		"韵达": "YD", "YD": "YD", "YUNDA": "YD", "极兔": "JTSD", "JTSD": "JTSD", "J&T": "JTSD", "京东": "JD", "JD": "JD",
		"德邦": "DBL", "DBL": "DBL", "EMS": "EMS", "中国邮政": "YZPY", "邮政": "YZPY", "YZPY": "YZPY", "百世": "HTKY", "HTKY": "HTKY",
		"优速": "UC", "UC": "UC", "DHL": "DHL",
	}
}
