import type { KitError } from "@holdfast/kit";

/** A sum as the server tells it: minor units and a currency. */
export interface Money {
  amount: number;
  currency: string;
}

const signs: Record<string, string> = { CNY: "¥", HKD: "HK$", USD: "US$" };

/** A sum in digits, to the fen: 5800 CNY is ¥58.00. No floating point is involved. */
export function price({ amount, currency }: Money): string {
  const digits = String(Math.abs(amount)).padStart(3, "0");
  const sign = signs[currency] ?? `${currency} `;
  return `${amount < 0 ? "-" : ""}${sign}${digits.slice(0, -2)}.${digits.slice(-2)}`;
}

/** A moment of the server, on the phone's clock: 11-23 08:05. */
export function moment(time: string): string {
  const t = new Date(time);
  const two = (n: number) => String(n).padStart(2, "0");
  return `${two(t.getMonth() + 1)}-${two(t.getDate())} ${two(t.getHours())}:${two(t.getMinutes())}`;
}

/** What is left of something, in words. */
export function stockWords(stock: { available: number; isLow: boolean }): string {
  if (stock.available <= 0) {
    return "已售罄";
  }
  return stock.isLow ? `仅剩 ${stock.available} 件` : `库存 ${stock.available} 件`;
}

/** A refusal, or a problem of a line of the cart. */
export interface Refused {
  code: string;
  message: string;
  variantId?: string;
  shortages?: readonly { variantId: string; requested: number; available: number }[];
  expected?: Money;
  actual?: Money;
}

const words: Record<string, string> = {
  INVALID: "", // the server's words say which rule
  NOT_FOUND: "商品或订单已不存在",
  CONFLICT: "现在不能这样操作，请稍后再试",
  TOO_MANY: "一次结算的商品太多，请分开结算",
  VERSION_MISMATCH: "购物车有变动，请再试一次",
  NOT_FOR_SALE: "已下架，暂不出售",
  QUANTITY_LIMIT: "超过单次限购数量",
  ADDRESS_REQUIRED: "请填写收货地址",
  CURRENCY_MISMATCH: "不同币种的商品请分开结算",
  HOLD_LIMIT_REACHED: "您的待付款订单太多，请先付款或取消",
  IDEMPOTENCY_KEY_REUSED: "订单已提交过，请到“订单”中查看",
  PAYMENT_PENDING: "商品已为您保留，微信支付暂时没有回应，请稍后继续支付",
  PAYMENT_CLOSED: "订单已关闭，请重新下单",
  PAYMENT_REFUSED: "微信支付不接受这笔订单",
  ALREADY_PAID: "订单已支付",
  LOGIN_FAILED: "登录失败，请重新进入小程序",
  SESSION_EXPIRED: "登录已过期，请重新进入小程序",
};

/** Says why something was refused, by its code. `nameOf` gives the names of variants; what has none is "商品". */
export function wordsOf(refused: Refused, nameOf: (variantId: string) => string | undefined = () => undefined): string {
  const named = (id: string) => nameOf(id) ?? "商品";
  switch (refused.code) {
    case "OUT_OF_STOCK":
      return (refused.shortages ?? [])
        .map((s) => (s.available > 0 ? `${named(s.variantId)}：要 ${s.requested} 件，仅剩 ${s.available} 件` : `${named(s.variantId)}：已售罄`))
        .join("；") || "库存不足";
    case "PRICE_CHANGED":
      return refused.expected && refused.actual
        ? `价格有变：原为 ${price(refused.expected)}，现为 ${price(refused.actual)}，请确认`
        : "价格有变，请确认";
  }
  const said = words[refused.code] || refused.message;
  return refused.variantId ? `${named(refused.variantId)}：${said}` : said;
}

/** Says what went wrong where nothing was refused: no network, too many at once, a fault. */
export function wordsOfError(e: unknown): string {
  if (e instanceof Words) {
    return e.message;
  }
  // Not `instanceof KitError`: the kit is in the app's bundle, this in a page's.
  const { kind, retryAfterMs, message } = e as Partial<KitError>;
  const when = retryAfterMs ? `请 ${Math.ceil(retryAfterMs / 1000)} 秒后再试` : "请稍后再试";
  switch (kind) {
    case "network":
      return `网络不通，${when}`;
    case "rateLimited":
    case "overloaded":
      return `现在人太多，${when}`;
    case "unauthenticated":
      return "登录失败，请重新进入小程序";
  }
  console.error("unexpected", message ?? e);
  return `出了点问题，${when}`;
}

/** Something that is to be told to the buyer as it is. */
export class Words extends Error {
  override name = "Words";
}

/** Throws what was refused first, in words. */
export function accepted(userErrors: readonly Refused[], nameOf?: (variantId: string) => string | undefined): void {
  const first = userErrors[0];
  if (first) {
    throw new Words(wordsOf(first, nameOf));
  }
}
