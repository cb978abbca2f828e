/** What every refusal says. */
export interface Refused {
  /** Fit to show. */
  message: string;
  /** Path from the argument; null when none is at fault. */
  field: string[] | null;
  /** The variant, as the client named it. */
  variantId?: string;
}

/** Why an action was refused. A `switch` over `code` is exhaustive; a code that is newer than this kit comes as INVALID. */
export type Refusal =
  /** Something is shipped and the input says not where to. */
  | (Refused & {
      code: "ADDRESS_REQUIRED";
    })
  /** The payment has been made; it is too late to cancel or to pay again. */
  | (Refused & {
      code: "ALREADY_PAID";
    })
  /** More than is left to refund, or to share. */
  | (Refused & {
      code: "AMOUNT_EXCEEDED";
    })
  /** Its state does not allow it. */
  | (Refused & {
      code: "CONFLICT";
    })
  /** Lines of two currencies in one checkout. */
  | (Refused & {
      code: "CURRENCY_MISMATCH";
    })
  /** This buyer holds as much as one may. */
  | (Refused & {
      code: "HOLD_LIMIT_REACHED";
    })
  /** The key was used with another input. */
  | (Refused & {
      code: "IDEMPOTENCY_KEY_REUSED";
    })
  /** Breaks a stated rule; `field` says which. */
  | (Refused & {
      code: "INVALID";
    })
  /** The code, or the e-mail and password, were refused. */
  | (Refused & {
      code: "LOGIN_FAILED";
    })
  /** Archived, a draft, or its shop is closed. */
  | (Refused & {
      code: "NOT_FOR_SALE";
    })
  /** Absent, or not yours to see. */
  | (Refused & {
      code: "NOT_FOUND";
    })
  /** Less is left than was asked for; OutOfStockError says of what. */
  | (Refused & {
      code: "OUT_OF_STOCK";
      /** One for each short variant. */
      shortages: { available: number; requested: number; variantId: string }[];
    })
  /** The payment was closed, by a cancel or at its end. */
  | (Refused & {
      code: "PAYMENT_CLOSED";
    })
  /** The goods are held, the provider has not answered: the only code that comes with a checkout. */
  | (Refused & {
      code: "PAYMENT_PENDING";
    })
  /** The provider refuses this payment, or would: it takes no such currency, shop or order. */
  | (Refused & {
      code: "PAYMENT_REFUSED";
    })
  /** The sum is another than the buyer was shown; PriceChangedError says which. */
  | (Refused & {
      code: "PRICE_CHANGED";
      /** What it is now; send it as expectedTotal once the buyer agrees. */
      actual: { amount: number; currency: string };
      /** What the buyer was shown. */
      expected: { amount: number; currency: string };
    })
  /** More of one variant than one checkout may take. */
  | (Refused & {
      code: "QUANTITY_LIMIT";
    })
  /** The refresh token is used up, expired or revoked: log in again. */
  | (Refused & {
      code: "SESSION_EXPIRED";
    })
  /** More items in one input than allowed; never: too many requests. */
  | (Refused & {
      code: "TOO_MANY";
    })
  /** The stock is no longer at `ifVersion`, the cart no longer at `cartVersion`. */
  | (Refused & {
      code: "VERSION_MISMATCH";
    });

/** The codes that this kit knows. */
export const refusalCodes: readonly Refusal["code"][] = ["ADDRESS_REQUIRED","ALREADY_PAID","AMOUNT_EXCEEDED","CONFLICT","CURRENCY_MISMATCH","HOLD_LIMIT_REACHED","IDEMPOTENCY_KEY_REUSED","INVALID","LOGIN_FAILED","NOT_FOR_SALE","NOT_FOUND","OUT_OF_STOCK","PAYMENT_CLOSED","PAYMENT_PENDING","PAYMENT_REFUSED","PRICE_CHANGED","QUANTITY_LIMIT","SESSION_EXPIRED","TOO_MANY","VERSION_MISMATCH"];
