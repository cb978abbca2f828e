import { KitError } from "./errors.js";
import {
  type AddressInput,
  CheckoutDocument,
  type CheckoutLineInput,
  CheckoutPlaceDocument,
  type CheckoutStateFragment,
  type MoneyInput,
  PaymentPrepareDocument,
  type PaymentPrepareMutation,
  PaymentSyncDocument,
  SandboxPaymentConfirmDocument,
} from "./generated/operations.js";
import type { Refusal } from "./generated/refusals.js";
import type { Kit } from "./kit.js";
import type { PayableOf, Platform } from "./platform.js";
import { refusalsOf } from "./refusals.js";
import { backoff, sleep } from "./timing.js";

/** How often a payment provider is asked that does not answer, for parameters and for what became of a payment. */
const prepareTries = 5;
const confirmTries = 12;

/** What to buy. */
export interface CheckoutInput {
  /** None: the cart, which is empty afterwards. */
  lines?: CheckoutLineInput[];
  /** Needed when something is shipped. */
  shipTo?: AddressInput;
  /** The total that the buyer was shown; with another one nothing is bought. */
  expectedTotal?: MoneyInput;
  /** Of one tap on "buy". By itself a new one for each call. */
  idempotencyKey?: string;
}

/** What became of a checkout. */
export type CheckoutOutcome =
  | { kind: "paid"; checkout: CheckoutStateFragment; orders: CheckoutStateFragment["orders"] }
  /** The buyer closed the cashier; the goods are held until `heldUntil`. */
  | { kind: "cancelled"; checkout: CheckoutStateFragment; pay(): Promise<CheckoutOutcome> }
  /** Nothing was bought. */
  | { kind: "refused"; refusals: Refusal[] }
  /** Nobody knows yet: the provider does not answer, or the cashier said paid and the money has not come. */
  | { kind: "pending"; checkout: CheckoutStateFragment; pay(): Promise<CheckoutOutcome> }
  /** The time to pay is over, or somebody cancelled it; money that comes late goes back. */
  | { kind: "expired"; checkout: CheckoutStateFragment };

/** A cashier for the demo and the sandbox, where nobody asks for money: `{ ...wxPlatform(wx), pay: sandboxPay }`. */
export const sandboxPay: Platform["pay"] = async ({ id }, kit) => {
  await kit.mutate(SandboxPaymentConfirmDocument, { paymentId: id });
  return "paid";
};

/** Kit.checkoutAndPay. */
export async function checkoutAndPay(kit: Kit, platform: Platform, input: CheckoutInput): Promise<CheckoutOutcome> {
  const key = input.idempotencyKey ?? newKey();
  try {
    const { checkoutPlace } = await kit.mutate(CheckoutPlaceDocument, { input: { ...input, idempotencyKey: key } });
    const { checkout, userErrors } = checkoutPlace;
    if (!checkout) {
      return { kind: "refused", refusals: refusalsOf(userErrors) };
    }
    return await new Till(kit, platform, checkout).pay(checkout.payment.weChatPay);
  } catch (e) {
    if (e instanceof KitError) {
      e.idempotencyKey = key;
    }
    throw e;
  }
}

/** The payment of one checkout. */
class Till {
  constructor(
    private readonly kit: Kit,
    private readonly platform: Platform,
    private checkout: CheckoutStateFragment,
  ) {}

  /** Goes on from where the payment stands. */
  async pay(parameters?: PayableOf["weChatPay"] | null): Promise<CheckoutOutcome> {
    const { id, status } = this.checkout.payment;
    if (status !== "PENDING") {
      return this.settled() ?? this.later("pending");
    }
    const weChatPay = parameters ?? (await this.prepare());
    if ("kind" in weChatPay) {
      return weChatPay;
    }
    let said: "paid" | "cancelled" | "failed";
    try {
      said = await this.platform.pay({ id, weChatPay }, this.kit);
    } catch {
      said = "failed"; // which does not say that nothing was paid
    }
    return this.confirm(said === "paid" ? confirmTries : 1, said === "cancelled" ? "cancelled" : "pending");
  }

  /** Parameters for the cashier; or how it ended, when there are none. */
  private async prepare(): Promise<PayableOf["weChatPay"] | CheckoutOutcome> {
    for (let attempt = 0; ; attempt++) {
      const { paymentPrepare }: PaymentPrepareMutation = await this.kit.mutate(PaymentPrepareDocument, { paymentId: this.checkout.payment.id });
      if (paymentPrepare.payment?.weChatPay) {
        return paymentPrepare.payment.weChatPay;
      }
      const refusals = refusalsOf(paymentPrepare.userErrors);
      switch (refusals[0]?.code) {
        case "PAYMENT_PENDING":
          if (attempt + 1 >= prepareTries) {
            return this.later("pending");
          }
          await sleep(backoff(attempt, 500, 4_000));
          break;
        case "ALREADY_PAID":
        case "PAYMENT_CLOSED":
          return this.confirm(confirmTries, "pending");
        default:
          return { kind: "refused", refusals };
      }
    }
  }

  /** Asks what became of the payment until it is clear, so many times. */
  private async confirm(tries: number, otherwise: "cancelled" | "pending"): Promise<CheckoutOutcome> {
    for (let attempt = 0; ; attempt++) {
      try {
        await this.kit.mutate(PaymentSyncDocument, { paymentId: this.checkout.payment.id });
        const { node } = await this.kit.query(CheckoutDocument, { id: this.checkout.id });
        if (node?.__typename === "Checkout") {
          this.checkout = node;
        }
      } catch {
        return this.later("pending"); // the goods are held and perhaps paid: no error may hide that
      }
      const settled = this.settled();
      if (settled || attempt + 1 >= tries) {
        return settled ?? this.later(otherwise);
      }
      await sleep(backoff(attempt, 200, 4_000));
    }
  }

  /** How it ended, once it has. */
  private settled(): CheckoutOutcome | undefined {
    const { checkout } = this;
    switch (checkout.payment.status) {
      case "PENDING":
        return undefined;
      case "PAID":
      case "PARTIALLY_REFUNDED":
        return { kind: "paid", checkout, orders: checkout.orders };
      default:
        return { kind: "expired", checkout };
    }
  }

  private later(kind: "cancelled" | "pending"): CheckoutOutcome {
    return { kind, checkout: this.checkout, pay: () => this.pay() };
  }
}

/** A key that no other tap has: 128 random bits and the time. */
function newKey(): string {
  const random = () => Math.floor(Math.random() * 2 ** 32).toString(36);
  return `${Date.now().toString(36)}-${random()}${random()}${random()}${random()}`;
}
