/** Internal type. DO NOT USE DIRECTLY. */
type Exact<T extends { [key: string]: unknown }> = { [K in keyof T]: T[K] };
/** Internal type. DO NOT USE DIRECTLY. */
export type Incremental<T> = T | { [P in keyof T]?: P extends ' $fragmentName' | '__typename' ? T[P] : never };
import type { TypedDocument } from "../document.js";
/** Where the goods go. */
export type AddressInput = {
  /** 市. */
  city: string;
  /** 区; null where there is none. */
  district?: string | null | undefined;
  /** Who receives them. */
  name: string;
  /** The receiver's number: 5 to 32 digits, spaces, + and -. */
  phone: string;
  /** 邮编; null when unknown. */
  postalCode?: string | null | undefined;
  /** 省. */
  province: string;
  /** Street and house. */
  street: string;
};

/** An address as the buyer wants it kept. */
export type AddressSaveInput = {
  /** All of it: what is left out is taken away. */
  address: AddressInput;
  /** The address to change; null for a new one. */
  addressId?: string | null | undefined;
  /** Takes the place of the default that was. */
  isDefault?: boolean;
};

/** How many of a variant the cart is to have. */
export type CartLineInput = {
  /** 0 takes it out. */
  quantity: number;
  /** A variant that is on sale, or one that is in the cart. */
  variantId: string;
};

/** So many of one variant. */
export type CheckoutLineInput = {
  /** 1 to 9999. */
  quantity: number;
  /** What to buy. */
  variantId: string;
};

/** What a buyer buys, in one request. */
export type CheckoutPlaceInput = {
  /** VERSION_MISMATCH when the cart has moved since. */
  cartVersion?: number | null | undefined;
  /** The sum of all orders' totals that the buyer was shown. When it is another now, nothing is held and PriceChangedError says which. */
  expectedTotal?: MoneyInput | null | undefined;
  /**
   * 1 to 128 visible ASCII characters chosen by the client, unique per buyer. Only a success is remembered, for as long
   * as its row exists; a refusal leaves the key free. The same input means the same fields as sent (absent and null are
   * one; the cart is not read again). A repeat gets the same checkout as it stands now, even expired or paid; while the
   * first is in flight it waits for it. With another input: IDEMPOTENCY_KEY_REUSED.
   */
  idempotencyKey: string;
  /**
   * What to buy, 1 to 50 lines, from any number of shops up to what the provider takes in one payment (TOO_MANY before anything is held).
   * Null buys the cart and empties it; [] is INVALID. Lines of one variant add up and become one order line.
   */
  lines?: Array<CheckoutLineInput> | null | undefined;
  /** With lines: take what was bought out of the cart. */
  removeFromCart?: boolean;
  /** Null when nothing is shipped; ADDRESS_REQUIRED otherwise. */
  shipTo?: AddressInput | null | undefined;
  /** What is meant for one shop alone. */
  shops?: Array<CheckoutShopInput> | null | undefined;
};

/** What is meant for one shop alone. */
export type CheckoutShopInput = {
  /** For the merchant to read; at most 500 characters. */
  note?: string | null | undefined;
  /** A shop of the lines; each once. */
  shopId: string;
};

/** ISO 4217 with its exponent; values are added. */
export type CurrencyCode =
  /** Renminbi, in fen. */
  | 'CNY'
  /** Hong Kong dollar, in cents. */
  | 'HKD'
  /** US dollar, in cents. */
  | 'USD';

/** An exact amount in minor units (fen, cents). */
export type MoneyInput = {
  /** Minor units: 1234 is 12.34 yuan. */
  amount: number;
  /** What the units are of. */
  currency: CurrencyCode;
};

/** Which orders; what is null filters nothing. */
export type OrderFilter = {
  /** Placed before this moment. */
  placedBefore?: string | null | undefined;
  /** Placed at this moment or later. */
  placedFrom?: string | null | undefined;
  /** Any of these; at most 7. */
  statuses?: Array<OrderStatus> | null | undefined;
  /** text: order number, receiver's phone, sku. Exactly one of them, in full. */
  text?: string | null | undefined;
};

/**
 * PENDING_PAYMENT → PAID | CANCELLED | EXPIRED; PAID → SHIPPED (all lines) → COMPLETED; any paid state → REFUNDED (all of total).
 * Late money: EXPIRED → PAID or REFUNDED, CANCELLED → REFUNDED. Partly shipped or partly refunded changes nothing here.
 */
export type OrderStatus =
  /** Let go before it was paid. */
  | 'CANCELLED'
  /** The buyer has the goods. */
  | 'COMPLETED'
  /** Not paid in time. */
  | 'EXPIRED'
  /** The money came; to be shipped. */
  | 'PAID'
  /** Held, and waiting for the money. */
  | 'PENDING_PAYMENT'
  /** All of total was given back. */
  | 'REFUNDED'
  /** All lines are on their way. */
  | 'SHIPPED';

/** Of the whole payment; one order's money is Order.refunded. CLOSED may still become PAID, when the provider says so. */
export type PaymentStatus =
  /** Cancelled or expired before it was paid. */
  | 'CLOSED'
  /** The money came. */
  | 'PAID'
  /** Some of it was given back. */
  | 'PARTIALLY_REFUNDED'
  /** Not paid yet. */
  | 'PENDING'
  /** All of it was given back. */
  | 'REFUNDED'
  /** All of it is on its way back. */
  | 'REFUNDING';

/** Whether a product is on sale. */
export type ProductStatus =
  /** On sale. */
  | 'ACTIVE'
  /** No longer shown. */
  | 'ARCHIVED'
  /** Not yet shown. */
  | 'DRAFT';

/** How goods reach the buyer. */
export type ShippingMethod =
  /** A carrier, with a tracking number. */
  | 'EXPRESS'
  /** The buyer comes for it. */
  | 'PICKUP'
  /** A courier of the same city. */
  | 'SAME_CITY'
  /** Nothing to carry. */
  | 'VIRTUAL';

/** Why an action was refused. Values are added. */
export type UserErrorCode =
  /** Something is shipped and the input says not where to. */
  | 'ADDRESS_REQUIRED'
  /** The payment has been made; it is too late to cancel or to pay again. */
  | 'ALREADY_PAID'
  /** More than is left to refund, or to share. */
  | 'AMOUNT_EXCEEDED'
  /** Its state does not allow it. */
  | 'CONFLICT'
  /** Lines of two currencies in one checkout. */
  | 'CURRENCY_MISMATCH'
  /** This buyer holds as much as one may. */
  | 'HOLD_LIMIT_REACHED'
  /** The key was used with another input. */
  | 'IDEMPOTENCY_KEY_REUSED'
  /** Breaks a stated rule; `field` says which. */
  | 'INVALID'
  /** The code, or the e-mail and password, were refused. */
  | 'LOGIN_FAILED'
  /** Archived, a draft, or its shop is closed. */
  | 'NOT_FOR_SALE'
  /** Absent, or not yours to see. */
  | 'NOT_FOUND'
  /** Less is left than was asked for; OutOfStockError says of what. */
  | 'OUT_OF_STOCK'
  /** The payment was closed, by a cancel or at its end. */
  | 'PAYMENT_CLOSED'
  /** The goods are held, the provider has not answered: the only code that comes with a checkout. */
  | 'PAYMENT_PENDING'
  /** The provider refuses this payment, or would: it takes no such currency, shop or order. */
  | 'PAYMENT_REFUSED'
  /** The sum is another than the buyer was shown; PriceChangedError says which. */
  | 'PRICE_CHANGED'
  /** More of one variant than one checkout may take. */
  | 'QUANTITY_LIMIT'
  /** The refresh token is used up, expired or revoked: log in again. */
  | 'SESSION_EXPIRED'
  /** More items in one input than allowed; never: too many requests. */
  | 'TOO_MANY'
  /** The stock is no longer at `ifVersion`, the cart no longer at `cartVersion`. */
  | 'VERSION_MISMATCH';

export type CartQueryVariables = Exact<{ [key: string]: never; }>;


export type CartQuery = { viewer:
    | { __typename: 'Buyer', id: string, cart: { id: string, version: number, subtotal: { amount: number, currency: CurrencyCode } | null, lines: Array<{ id: string, quantity: number, amount: { amount: number, currency: CurrencyCode }, variant: { id: string, sku: string, title: string, isArchived: boolean, product: { id: string, title: string, imageUrls: Array<string>, requiresShipping: boolean, shop: { id: string, name: string } }, price: { amount: number, currency: CurrencyCode }, stock: { variantId: string, available: number, isLow: boolean, version: number, changedAt: string } }, problems: Array<
            | { __typename: 'LineError', variantId: string, code: UserErrorCode, message: string, field: Array<string> | null }
            | { __typename: 'OutOfStockError', code: UserErrorCode, message: string, field: Array<string> | null, shortages: Array<{ variantId: string, requested: number, available: number }> }
            | { __typename: 'PlainUserError', code: UserErrorCode, message: string, field: Array<string> | null }
            | { __typename: 'PriceChangedError', code: UserErrorCode, message: string, field: Array<string> | null, expected: { amount: number, currency: CurrencyCode }, actual: { amount: number, currency: CurrencyCode } }
          > }> } }
    | { __typename: 'Staff' }
   | null };

export type CartLinesSetMutationVariables = Exact<{
  lines: Array<CartLineInput> | CartLineInput;
  ifVersion?: number | null | undefined;
}>;


export type CartLinesSetMutation = { cartLinesSet: { cart: { id: string, version: number, subtotal: { amount: number, currency: CurrencyCode } | null, lines: Array<{ id: string, quantity: number, amount: { amount: number, currency: CurrencyCode }, variant: { id: string, sku: string, title: string, isArchived: boolean, product: { id: string, title: string, imageUrls: Array<string>, requiresShipping: boolean, shop: { id: string, name: string } }, price: { amount: number, currency: CurrencyCode }, stock: { variantId: string, available: number, isLow: boolean, version: number, changedAt: string } }, problems: Array<
          | { __typename: 'LineError', variantId: string, code: UserErrorCode, message: string, field: Array<string> | null }
          | { __typename: 'OutOfStockError', code: UserErrorCode, message: string, field: Array<string> | null, shortages: Array<{ variantId: string, requested: number, available: number }> }
          | { __typename: 'PlainUserError', code: UserErrorCode, message: string, field: Array<string> | null }
          | { __typename: 'PriceChangedError', code: UserErrorCode, message: string, field: Array<string> | null, expected: { amount: number, currency: CurrencyCode }, actual: { amount: number, currency: CurrencyCode } }
        > }> } | null, userErrors: Array<
      | { __typename: 'LineError', variantId: string, code: UserErrorCode, message: string, field: Array<string> | null }
      | { __typename: 'OutOfStockError', code: UserErrorCode, message: string, field: Array<string> | null, shortages: Array<{ variantId: string, requested: number, available: number }> }
      | { __typename: 'PlainUserError', code: UserErrorCode, message: string, field: Array<string> | null }
      | { __typename: 'PriceChangedError', code: UserErrorCode, message: string, field: Array<string> | null, expected: { amount: number, currency: CurrencyCode }, actual: { amount: number, currency: CurrencyCode } }
    > } };

export type AddressesQueryVariables = Exact<{ [key: string]: never; }>;


export type AddressesQuery = { viewer:
    | { __typename: 'Buyer', id: string, addresses: Array<{ id: string, isDefault: boolean, address: { name: string, phone: string, province: string, city: string, district: string | null, street: string, postalCode: string | null } }> }
    | { __typename: 'Staff' }
   | null };

export type AddressSaveMutationVariables = Exact<{
  input: AddressSaveInput;
}>;


export type AddressSaveMutation = { addressSave: { address: { id: string, isDefault: boolean, address: { name: string, phone: string, province: string, city: string, district: string | null, street: string, postalCode: string | null } } | null, userErrors: Array<
      | { __typename: 'LineError', variantId: string, code: UserErrorCode, message: string, field: Array<string> | null }
      | { __typename: 'OutOfStockError', code: UserErrorCode, message: string, field: Array<string> | null, shortages: Array<{ variantId: string, requested: number, available: number }> }
      | { __typename: 'PlainUserError', code: UserErrorCode, message: string, field: Array<string> | null }
      | { __typename: 'PriceChangedError', code: UserErrorCode, message: string, field: Array<string> | null, expected: { amount: number, currency: CurrencyCode }, actual: { amount: number, currency: CurrencyCode } }
    > } };

export type AddressDeleteMutationVariables = Exact<{
  addressId: string;
}>;


export type AddressDeleteMutation = { addressDelete: { buyer: { id: string } | null, userErrors: Array<
      | { __typename: 'LineError', variantId: string, code: UserErrorCode, message: string, field: Array<string> | null }
      | { __typename: 'OutOfStockError', code: UserErrorCode, message: string, field: Array<string> | null, shortages: Array<{ variantId: string, requested: number, available: number }> }
      | { __typename: 'PlainUserError', code: UserErrorCode, message: string, field: Array<string> | null }
      | { __typename: 'PriceChangedError', code: UserErrorCode, message: string, field: Array<string> | null, expected: { amount: number, currency: CurrencyCode }, actual: { amount: number, currency: CurrencyCode } }
    > } };

export type ShopsQueryVariables = Exact<{
  appId: string;
  first: number;
  after?: string | null | undefined;
}>;


export type ShopsQuery = { miniProgram: { id: string, name: string, shops: { nodes: Array<{ id: string, name: string, isOpen: boolean }>, pageInfo: { hasNextPage: boolean, endCursor: string | null } } } | null };

export type ShopProductsQueryVariables = Exact<{
  shopId: string;
  first: number;
  after?: string | null | undefined;
  search?: string | null | undefined;
}>;


export type ShopProductsQuery = { node:
    | { __typename: 'Buyer' }
    | { __typename: 'Cart' }
    | { __typename: 'Checkout' }
    | { __typename: 'Job' }
    | { __typename: 'MiniProgram' }
    | { __typename: 'Order' }
    | { __typename: 'OrderLine' }
    | { __typename: 'Payment' }
    | { __typename: 'PaymentSplit' }
    | { __typename: 'Product' }
    | { __typename: 'ProductVariant' }
    | { __typename: 'Refund' }
    | { __typename: 'SavedAddress' }
    | { __typename: 'Shipment' }
    | { __typename: 'Shop', id: string, name: string, isOpen: boolean, products: { nodes: Array<{ id: string, title: string, imageUrls: Array<string>, status: ProductStatus, requiresShipping: boolean, variants: Array<{ id: string, sku: string, title: string, isArchived: boolean, price: { amount: number, currency: CurrencyCode }, stock: { variantId: string, available: number, isLow: boolean, version: number, changedAt: string } }> }>, pageInfo: { hasNextPage: boolean, endCursor: string | null } } }
    | { __typename: 'Staff' }
   | null };

export type ProductQueryVariables = Exact<{
  id: string;
}>;


export type ProductQuery = { product: { description: string, id: string, title: string, imageUrls: Array<string>, status: ProductStatus, requiresShipping: boolean, shop: { id: string, name: string, isOpen: boolean }, variants: Array<{ id: string, sku: string, title: string, isArchived: boolean, price: { amount: number, currency: CurrencyCode }, stock: { variantId: string, available: number, isLow: boolean, version: number, changedAt: string } }> } | null };

export type StocksQueryVariables = Exact<{
  variantIds: Array<string> | string;
}>;


export type StocksQuery = { nodes: Array<
    | { __typename: 'Buyer' }
    | { __typename: 'Cart' }
    | { __typename: 'Checkout' }
    | { __typename: 'Job' }
    | { __typename: 'MiniProgram' }
    | { __typename: 'Order' }
    | { __typename: 'OrderLine' }
    | { __typename: 'Payment' }
    | { __typename: 'PaymentSplit' }
    | { __typename: 'Product' }
    | { __typename: 'ProductVariant', id: string, stock: { variantId: string, available: number, isLow: boolean, version: number, changedAt: string } }
    | { __typename: 'Refund' }
    | { __typename: 'SavedAddress' }
    | { __typename: 'Shipment' }
    | { __typename: 'Shop' }
    | { __typename: 'Staff' }
   | null> };

export type StockChangedSubscriptionVariables = Exact<{
  variantIds: Array<string> | string;
}>;


export type StockChangedSubscription = { stockChanged: { variantId: string, available: number, isLow: boolean, version: number, changedAt: string } };

export type StockReminderCreateMutationVariables = Exact<{
  variantId: string;
}>;


export type StockReminderCreateMutation = { stockReminderCreate: { buyer: { id: string } | null, userErrors: Array<
      | { __typename: 'LineError', variantId: string, code: UserErrorCode, message: string, field: Array<string> | null }
      | { __typename: 'OutOfStockError', code: UserErrorCode, message: string, field: Array<string> | null, shortages: Array<{ variantId: string, requested: number, available: number }> }
      | { __typename: 'PlainUserError', code: UserErrorCode, message: string, field: Array<string> | null }
      | { __typename: 'PriceChangedError', code: UserErrorCode, message: string, field: Array<string> | null, expected: { amount: number, currency: CurrencyCode }, actual: { amount: number, currency: CurrencyCode } }
    > } };

export type StockReminderDeleteMutationVariables = Exact<{
  variantId: string;
}>;


export type StockReminderDeleteMutation = { stockReminderDelete: { buyer: { id: string } | null, userErrors: Array<
      | { __typename: 'LineError', variantId: string, code: UserErrorCode, message: string, field: Array<string> | null }
      | { __typename: 'OutOfStockError', code: UserErrorCode, message: string, field: Array<string> | null, shortages: Array<{ variantId: string, requested: number, available: number }> }
      | { __typename: 'PlainUserError', code: UserErrorCode, message: string, field: Array<string> | null }
      | { __typename: 'PriceChangedError', code: UserErrorCode, message: string, field: Array<string> | null, expected: { amount: number, currency: CurrencyCode }, actual: { amount: number, currency: CurrencyCode } }
    > } };

export type CheckoutPlaceMutationVariables = Exact<{
  input: CheckoutPlaceInput;
}>;


export type CheckoutPlaceMutation = { checkoutPlace: { checkout: { id: string, heldUntil: string, orders: Array<{ id: string, number: string, status: OrderStatus, version: number, placedAt: string, heldUntil: string | null, paidAt: string | null, shippedAt: string | null, completedAt: string | null, shop: { id: string, name: string }, total: { amount: number, currency: CurrencyCode }, refunded: { amount: number, currency: CurrencyCode }, lines: Array<{ id: string, title: string, sku: string, imageUrl: string | null, quantity: number, unitPrice: { amount: number, currency: CurrencyCode }, amount: { amount: number, currency: CurrencyCode }, variant: { id: string } | null }> }>, payment: { id: string, status: PaymentStatus, amount: { amount: number, currency: CurrencyCode }, weChatPay: { timeStamp: string, nonceStr: string, package: string, signType: string, paySign: string } | null } } | null, userErrors: Array<
      | { __typename: 'LineError', variantId: string, code: UserErrorCode, message: string, field: Array<string> | null }
      | { __typename: 'OutOfStockError', code: UserErrorCode, message: string, field: Array<string> | null, shortages: Array<{ variantId: string, requested: number, available: number }> }
      | { __typename: 'PlainUserError', code: UserErrorCode, message: string, field: Array<string> | null }
      | { __typename: 'PriceChangedError', code: UserErrorCode, message: string, field: Array<string> | null, expected: { amount: number, currency: CurrencyCode }, actual: { amount: number, currency: CurrencyCode } }
    > } };

export type CheckoutQueryVariables = Exact<{
  id: string;
}>;


export type CheckoutQuery = { node:
    | { __typename: 'Buyer' }
    | { __typename: 'Cart' }
    | { __typename: 'Checkout', id: string, heldUntil: string, orders: Array<{ id: string, number: string, status: OrderStatus, version: number, placedAt: string, heldUntil: string | null, paidAt: string | null, shippedAt: string | null, completedAt: string | null, shop: { id: string, name: string }, total: { amount: number, currency: CurrencyCode }, refunded: { amount: number, currency: CurrencyCode }, lines: Array<{ id: string, title: string, sku: string, imageUrl: string | null, quantity: number, unitPrice: { amount: number, currency: CurrencyCode }, amount: { amount: number, currency: CurrencyCode }, variant: { id: string } | null }> }>, payment: { id: string, status: PaymentStatus, amount: { amount: number, currency: CurrencyCode }, weChatPay: { timeStamp: string, nonceStr: string, package: string, signType: string, paySign: string } | null } }
    | { __typename: 'Job' }
    | { __typename: 'MiniProgram' }
    | { __typename: 'Order' }
    | { __typename: 'OrderLine' }
    | { __typename: 'Payment' }
    | { __typename: 'PaymentSplit' }
    | { __typename: 'Product' }
    | { __typename: 'ProductVariant' }
    | { __typename: 'Refund' }
    | { __typename: 'SavedAddress' }
    | { __typename: 'Shipment' }
    | { __typename: 'Shop' }
    | { __typename: 'Staff' }
   | null };

export type CheckoutCancelMutationVariables = Exact<{
  checkoutId: string;
}>;


export type CheckoutCancelMutation = { checkoutCancel: { checkout: { id: string, heldUntil: string, orders: Array<{ id: string, number: string, status: OrderStatus, version: number, placedAt: string, heldUntil: string | null, paidAt: string | null, shippedAt: string | null, completedAt: string | null, shop: { id: string, name: string }, total: { amount: number, currency: CurrencyCode }, refunded: { amount: number, currency: CurrencyCode }, lines: Array<{ id: string, title: string, sku: string, imageUrl: string | null, quantity: number, unitPrice: { amount: number, currency: CurrencyCode }, amount: { amount: number, currency: CurrencyCode }, variant: { id: string } | null }> }>, payment: { id: string, status: PaymentStatus, amount: { amount: number, currency: CurrencyCode }, weChatPay: { timeStamp: string, nonceStr: string, package: string, signType: string, paySign: string } | null } } | null, userErrors: Array<
      | { __typename: 'LineError', variantId: string, code: UserErrorCode, message: string, field: Array<string> | null }
      | { __typename: 'OutOfStockError', code: UserErrorCode, message: string, field: Array<string> | null, shortages: Array<{ variantId: string, requested: number, available: number }> }
      | { __typename: 'PlainUserError', code: UserErrorCode, message: string, field: Array<string> | null }
      | { __typename: 'PriceChangedError', code: UserErrorCode, message: string, field: Array<string> | null, expected: { amount: number, currency: CurrencyCode }, actual: { amount: number, currency: CurrencyCode } }
    > } };

export type PaymentPrepareMutationVariables = Exact<{
  paymentId: string;
}>;


export type PaymentPrepareMutation = { paymentPrepare: { payment: { id: string, status: PaymentStatus, amount: { amount: number, currency: CurrencyCode }, weChatPay: { timeStamp: string, nonceStr: string, package: string, signType: string, paySign: string } | null } | null, userErrors: Array<
      | { __typename: 'LineError', variantId: string, code: UserErrorCode, message: string, field: Array<string> | null }
      | { __typename: 'OutOfStockError', code: UserErrorCode, message: string, field: Array<string> | null, shortages: Array<{ variantId: string, requested: number, available: number }> }
      | { __typename: 'PlainUserError', code: UserErrorCode, message: string, field: Array<string> | null }
      | { __typename: 'PriceChangedError', code: UserErrorCode, message: string, field: Array<string> | null, expected: { amount: number, currency: CurrencyCode }, actual: { amount: number, currency: CurrencyCode } }
    > } };

export type PaymentSyncMutationVariables = Exact<{
  paymentId: string;
}>;


export type PaymentSyncMutation = { paymentSync: { payment: { id: string, status: PaymentStatus } | null, userErrors: Array<
      | { __typename: 'LineError', variantId: string, code: UserErrorCode, message: string, field: Array<string> | null }
      | { __typename: 'OutOfStockError', code: UserErrorCode, message: string, field: Array<string> | null, shortages: Array<{ variantId: string, requested: number, available: number }> }
      | { __typename: 'PlainUserError', code: UserErrorCode, message: string, field: Array<string> | null }
      | { __typename: 'PriceChangedError', code: UserErrorCode, message: string, field: Array<string> | null, expected: { amount: number, currency: CurrencyCode }, actual: { amount: number, currency: CurrencyCode } }
    > } };

export type SandboxPaymentConfirmMutationVariables = Exact<{
  paymentId: string;
}>;


export type SandboxPaymentConfirmMutation = { sandboxPaymentConfirm: { payment: { id: string, status: PaymentStatus } | null, userErrors: Array<
      | { __typename: 'LineError', variantId: string, code: UserErrorCode, message: string, field: Array<string> | null }
      | { __typename: 'OutOfStockError', code: UserErrorCode, message: string, field: Array<string> | null, shortages: Array<{ variantId: string, requested: number, available: number }> }
      | { __typename: 'PlainUserError', code: UserErrorCode, message: string, field: Array<string> | null }
      | { __typename: 'PriceChangedError', code: UserErrorCode, message: string, field: Array<string> | null, expected: { amount: number, currency: CurrencyCode }, actual: { amount: number, currency: CurrencyCode } }
    > } };

export type AmountFragment = { amount: number, currency: CurrencyCode };

type Refused_LineError_Fragment = { __typename: 'LineError', variantId: string, code: UserErrorCode, message: string, field: Array<string> | null };

type Refused_OutOfStockError_Fragment = { __typename: 'OutOfStockError', code: UserErrorCode, message: string, field: Array<string> | null, shortages: Array<{ variantId: string, requested: number, available: number }> };

type Refused_PlainUserError_Fragment = { __typename: 'PlainUserError', code: UserErrorCode, message: string, field: Array<string> | null };

type Refused_PriceChangedError_Fragment = { __typename: 'PriceChangedError', code: UserErrorCode, message: string, field: Array<string> | null, expected: { amount: number, currency: CurrencyCode }, actual: { amount: number, currency: CurrencyCode } };

export type RefusedFragment =
  | Refused_LineError_Fragment
  | Refused_OutOfStockError_Fragment
  | Refused_PlainUserError_Fragment
  | Refused_PriceChangedError_Fragment
;

export type StockStateFragment = { variantId: string, available: number, isLow: boolean, version: number, changedAt: string };

export type VariantFragment = { id: string, sku: string, title: string, isArchived: boolean, price: { amount: number, currency: CurrencyCode }, stock: { variantId: string, available: number, isLow: boolean, version: number, changedAt: string } };

export type ProductCardFragment = { id: string, title: string, imageUrls: Array<string>, status: ProductStatus, requiresShipping: boolean, variants: Array<{ id: string, sku: string, title: string, isArchived: boolean, price: { amount: number, currency: CurrencyCode }, stock: { variantId: string, available: number, isLow: boolean, version: number, changedAt: string } }> };

export type CartStateFragment = { id: string, version: number, subtotal: { amount: number, currency: CurrencyCode } | null, lines: Array<{ id: string, quantity: number, amount: { amount: number, currency: CurrencyCode }, variant: { id: string, sku: string, title: string, isArchived: boolean, product: { id: string, title: string, imageUrls: Array<string>, requiresShipping: boolean, shop: { id: string, name: string } }, price: { amount: number, currency: CurrencyCode }, stock: { variantId: string, available: number, isLow: boolean, version: number, changedAt: string } }, problems: Array<
      | { __typename: 'LineError', variantId: string, code: UserErrorCode, message: string, field: Array<string> | null }
      | { __typename: 'OutOfStockError', code: UserErrorCode, message: string, field: Array<string> | null, shortages: Array<{ variantId: string, requested: number, available: number }> }
      | { __typename: 'PlainUserError', code: UserErrorCode, message: string, field: Array<string> | null }
      | { __typename: 'PriceChangedError', code: UserErrorCode, message: string, field: Array<string> | null, expected: { amount: number, currency: CurrencyCode }, actual: { amount: number, currency: CurrencyCode } }
    > }> };

export type OrderStateFragment = { id: string, number: string, status: OrderStatus, version: number, placedAt: string, heldUntil: string | null, paidAt: string | null, shippedAt: string | null, completedAt: string | null, shop: { id: string, name: string }, total: { amount: number, currency: CurrencyCode }, refunded: { amount: number, currency: CurrencyCode }, lines: Array<{ id: string, title: string, sku: string, imageUrl: string | null, quantity: number, unitPrice: { amount: number, currency: CurrencyCode }, amount: { amount: number, currency: CurrencyCode }, variant: { id: string } | null }> };

export type CheckoutStateFragment = { id: string, heldUntil: string, orders: Array<{ id: string, number: string, status: OrderStatus, version: number, placedAt: string, heldUntil: string | null, paidAt: string | null, shippedAt: string | null, completedAt: string | null, shop: { id: string, name: string }, total: { amount: number, currency: CurrencyCode }, refunded: { amount: number, currency: CurrencyCode }, lines: Array<{ id: string, title: string, sku: string, imageUrl: string | null, quantity: number, unitPrice: { amount: number, currency: CurrencyCode }, amount: { amount: number, currency: CurrencyCode }, variant: { id: string } | null }> }>, payment: { id: string, status: PaymentStatus, amount: { amount: number, currency: CurrencyCode }, weChatPay: { timeStamp: string, nonceStr: string, package: string, signType: string, paySign: string } | null } };

export type PaymentStateFragment = { id: string, status: PaymentStatus, amount: { amount: number, currency: CurrencyCode }, weChatPay: { timeStamp: string, nonceStr: string, package: string, signType: string, paySign: string } | null };

export type SavedAddressStateFragment = { id: string, isDefault: boolean, address: { name: string, phone: string, province: string, city: string, district: string | null, street: string, postalCode: string | null } };

export type OrdersQueryVariables = Exact<{
  first: number;
  after?: string | null | undefined;
  filter?: OrderFilter | null | undefined;
}>;


export type OrdersQuery = { viewer:
    | { __typename: 'Buyer', id: string, orders: { nodes: Array<{ id: string, number: string, status: OrderStatus, version: number, placedAt: string, heldUntil: string | null, paidAt: string | null, shippedAt: string | null, completedAt: string | null, shop: { id: string, name: string }, total: { amount: number, currency: CurrencyCode }, refunded: { amount: number, currency: CurrencyCode }, lines: Array<{ id: string, title: string, sku: string, imageUrl: string | null, quantity: number, unitPrice: { amount: number, currency: CurrencyCode }, amount: { amount: number, currency: CurrencyCode }, variant: { id: string } | null }> }>, pageInfo: { hasNextPage: boolean, endCursor: string | null } } }
    | { __typename: 'Staff' }
   | null };

export type OrderQueryVariables = Exact<{
  id: string;
}>;


export type OrderQuery = { order: { id: string, number: string, status: OrderStatus, version: number, placedAt: string, heldUntil: string | null, paidAt: string | null, shippedAt: string | null, completedAt: string | null, shipTo: { name: string, phone: string, province: string, city: string, district: string | null, street: string } | null, shipments: Array<{ id: string, method: ShippingMethod, carrier: string | null, trackingNumber: string | null, shippedAt: string }>, checkout: { id: string } | null, payment: { id: string, status: PaymentStatus } | null, shop: { id: string, name: string }, total: { amount: number, currency: CurrencyCode }, refunded: { amount: number, currency: CurrencyCode }, lines: Array<{ id: string, title: string, sku: string, imageUrl: string | null, quantity: number, unitPrice: { amount: number, currency: CurrencyCode }, amount: { amount: number, currency: CurrencyCode }, variant: { id: string } | null }> } | null };

export type OrderChangedSubscriptionVariables = Exact<{
  orderId: string;
}>;


export type OrderChangedSubscription = { orderChanged: { id: string, number: string, status: OrderStatus, version: number, placedAt: string, heldUntil: string | null, paidAt: string | null, shippedAt: string | null, completedAt: string | null, shop: { id: string, name: string }, total: { amount: number, currency: CurrencyCode }, refunded: { amount: number, currency: CurrencyCode }, lines: Array<{ id: string, title: string, sku: string, imageUrl: string | null, quantity: number, unitPrice: { amount: number, currency: CurrencyCode }, amount: { amount: number, currency: CurrencyCode }, variant: { id: string } | null }> } };

export type OrderCompleteMutationVariables = Exact<{
  orderId: string;
}>;


export type OrderCompleteMutation = { orderComplete: { order: { id: string, number: string, status: OrderStatus, version: number, placedAt: string, heldUntil: string | null, paidAt: string | null, shippedAt: string | null, completedAt: string | null, shop: { id: string, name: string }, total: { amount: number, currency: CurrencyCode }, refunded: { amount: number, currency: CurrencyCode }, lines: Array<{ id: string, title: string, sku: string, imageUrl: string | null, quantity: number, unitPrice: { amount: number, currency: CurrencyCode }, amount: { amount: number, currency: CurrencyCode }, variant: { id: string } | null }> } | null, userErrors: Array<
      | { __typename: 'LineError', variantId: string, code: UserErrorCode, message: string, field: Array<string> | null }
      | { __typename: 'OutOfStockError', code: UserErrorCode, message: string, field: Array<string> | null, shortages: Array<{ variantId: string, requested: number, available: number }> }
      | { __typename: 'PlainUserError', code: UserErrorCode, message: string, field: Array<string> | null }
      | { __typename: 'PriceChangedError', code: UserErrorCode, message: string, field: Array<string> | null, expected: { amount: number, currency: CurrencyCode }, actual: { amount: number, currency: CurrencyCode } }
    > } };

export type OrderBuyAgainMutationVariables = Exact<{
  orderId: string;
}>;


export type OrderBuyAgainMutation = { orderBuyAgain: { cart: { id: string, version: number, subtotal: { amount: number, currency: CurrencyCode } | null, lines: Array<{ id: string, quantity: number, amount: { amount: number, currency: CurrencyCode }, variant: { id: string, sku: string, title: string, isArchived: boolean, product: { id: string, title: string, imageUrls: Array<string>, requiresShipping: boolean, shop: { id: string, name: string } }, price: { amount: number, currency: CurrencyCode }, stock: { variantId: string, available: number, isLow: boolean, version: number, changedAt: string } }, problems: Array<
          | { __typename: 'LineError', variantId: string, code: UserErrorCode, message: string, field: Array<string> | null }
          | { __typename: 'OutOfStockError', code: UserErrorCode, message: string, field: Array<string> | null, shortages: Array<{ variantId: string, requested: number, available: number }> }
          | { __typename: 'PlainUserError', code: UserErrorCode, message: string, field: Array<string> | null }
          | { __typename: 'PriceChangedError', code: UserErrorCode, message: string, field: Array<string> | null, expected: { amount: number, currency: CurrencyCode }, actual: { amount: number, currency: CurrencyCode } }
        > }> } | null, userErrors: Array<
      | { __typename: 'LineError', variantId: string, code: UserErrorCode, message: string, field: Array<string> | null }
      | { __typename: 'OutOfStockError', code: UserErrorCode, message: string, field: Array<string> | null, shortages: Array<{ variantId: string, requested: number, available: number }> }
      | { __typename: 'PlainUserError', code: UserErrorCode, message: string, field: Array<string> | null }
      | { __typename: 'PriceChangedError', code: UserErrorCode, message: string, field: Array<string> | null, expected: { amount: number, currency: CurrencyCode }, actual: { amount: number, currency: CurrencyCode } }
    > } };

export type SessionCreateMutationVariables = Exact<{
  appId: string;
  code: string;
}>;


export type SessionCreateMutation = { sessionCreate: { session: { accessToken: string, expiresAt: string, refreshToken: string } | null, userErrors: Array<
      | { __typename: 'LineError', variantId: string, code: UserErrorCode, message: string, field: Array<string> | null }
      | { __typename: 'OutOfStockError', code: UserErrorCode, message: string, field: Array<string> | null, shortages: Array<{ variantId: string, requested: number, available: number }> }
      | { __typename: 'PlainUserError', code: UserErrorCode, message: string, field: Array<string> | null }
      | { __typename: 'PriceChangedError', code: UserErrorCode, message: string, field: Array<string> | null, expected: { amount: number, currency: CurrencyCode }, actual: { amount: number, currency: CurrencyCode } }
    > } };

export type SessionRefreshMutationVariables = Exact<{
  refreshToken: string;
}>;


export type SessionRefreshMutation = { sessionRefresh: { session: { accessToken: string, expiresAt: string, refreshToken: string } | null, userErrors: Array<
      | { __typename: 'LineError', variantId: string, code: UserErrorCode, message: string, field: Array<string> | null }
      | { __typename: 'OutOfStockError', code: UserErrorCode, message: string, field: Array<string> | null, shortages: Array<{ variantId: string, requested: number, available: number }> }
      | { __typename: 'PlainUserError', code: UserErrorCode, message: string, field: Array<string> | null }
      | { __typename: 'PriceChangedError', code: UserErrorCode, message: string, field: Array<string> | null, expected: { amount: number, currency: CurrencyCode }, actual: { amount: number, currency: CurrencyCode } }
    > } };

export type SessionRevokeMutationVariables = Exact<{ [key: string]: never; }>;


export type SessionRevokeMutation = { sessionRevoke: { userErrors: Array<
      | { __typename: 'LineError', variantId: string, code: UserErrorCode, message: string, field: Array<string> | null }
      | { __typename: 'OutOfStockError', code: UserErrorCode, message: string, field: Array<string> | null, shortages: Array<{ variantId: string, requested: number, available: number }> }
      | { __typename: 'PlainUserError', code: UserErrorCode, message: string, field: Array<string> | null }
      | { __typename: 'PriceChangedError', code: UserErrorCode, message: string, field: Array<string> | null, expected: { amount: number, currency: CurrencyCode }, actual: { amount: number, currency: CurrencyCode } }
    > } };

export type ViewerQueryVariables = Exact<{ [key: string]: never; }>;


export type ViewerQuery = { viewer:
    | { __typename: 'Buyer', id: string }
    | { __typename: 'Staff' }
   | null };

export type PhoneNumberExchangeMutationVariables = Exact<{
  code: string;
}>;


export type PhoneNumberExchangeMutation = { phoneNumberExchange: { phoneNumber: { number: string, countryCode: string } | null, userErrors: Array<
      | { __typename: 'LineError', variantId: string, code: UserErrorCode, message: string, field: Array<string> | null }
      | { __typename: 'OutOfStockError', code: UserErrorCode, message: string, field: Array<string> | null, shortages: Array<{ variantId: string, requested: number, available: number }> }
      | { __typename: 'PlainUserError', code: UserErrorCode, message: string, field: Array<string> | null }
      | { __typename: 'PriceChangedError', code: UserErrorCode, message: string, field: Array<string> | null, expected: { amount: number, currency: CurrencyCode }, actual: { amount: number, currency: CurrencyCode } }
    > } };

export const CartDocument = "query Cart{viewer{__typename...on Buyer{id cart{...CartState}}}}fragment Amount on Money{amount currency}fragment CartState on Cart{id version subtotal{...Amount}lines{id quantity amount{...Amount}variant{...Variant product{id title imageUrls requiresShipping shop{id name}}}problems{...Refused}}}fragment Refused on UserError{__typename code message field...on LineError{variantId}...on OutOfStockError{shortages{variantId requested available}}...on PriceChangedError{expected{...Amount}actual{...Amount}}}fragment StockState on Stock{variantId available isLow version changedAt}fragment Variant on ProductVariant{id sku title isArchived price{...Amount}stock{...StockState}}" as TypedDocument<CartQuery, CartQueryVariables>;

export const CartLinesSetDocument = "mutation CartLinesSet($lines:[CartLineInput!]!,$ifVersion:Int64){cartLinesSet(lines:$lines,ifVersion:$ifVersion){cart{...CartState}userErrors{...Refused}}}fragment Amount on Money{amount currency}fragment CartState on Cart{id version subtotal{...Amount}lines{id quantity amount{...Amount}variant{...Variant product{id title imageUrls requiresShipping shop{id name}}}problems{...Refused}}}fragment Refused on UserError{__typename code message field...on LineError{variantId}...on OutOfStockError{shortages{variantId requested available}}...on PriceChangedError{expected{...Amount}actual{...Amount}}}fragment StockState on Stock{variantId available isLow version changedAt}fragment Variant on ProductVariant{id sku title isArchived price{...Amount}stock{...StockState}}" as TypedDocument<CartLinesSetMutation, CartLinesSetMutationVariables>;

export const AddressesDocument = "query Addresses{viewer{__typename...on Buyer{id addresses{...SavedAddressState}}}}fragment SavedAddressState on SavedAddress{id isDefault address{name phone province city district street postalCode}}" as TypedDocument<AddressesQuery, AddressesQueryVariables>;

export const AddressSaveDocument = "mutation AddressSave($input:AddressSaveInput!){addressSave(input:$input){address{...SavedAddressState}userErrors{...Refused}}}fragment Amount on Money{amount currency}fragment Refused on UserError{__typename code message field...on LineError{variantId}...on OutOfStockError{shortages{variantId requested available}}...on PriceChangedError{expected{...Amount}actual{...Amount}}}fragment SavedAddressState on SavedAddress{id isDefault address{name phone province city district street postalCode}}" as TypedDocument<AddressSaveMutation, AddressSaveMutationVariables>;

export const AddressDeleteDocument = "mutation AddressDelete($addressId:ID!){addressDelete(addressId:$addressId){buyer{id}userErrors{...Refused}}}fragment Amount on Money{amount currency}fragment Refused on UserError{__typename code message field...on LineError{variantId}...on OutOfStockError{shortages{variantId requested available}}...on PriceChangedError{expected{...Amount}actual{...Amount}}}" as TypedDocument<AddressDeleteMutation, AddressDeleteMutationVariables>;

export const ShopsDocument = "query Shops($appId:String!,$first:Int!,$after:String){miniProgram(appId:$appId){id name shops(first:$first,after:$after){nodes{id name isOpen}pageInfo{hasNextPage endCursor}}}}" as TypedDocument<ShopsQuery, ShopsQueryVariables>;

export const ShopProductsDocument = "query ShopProducts($shopId:ID!,$first:Int!,$after:String,$search:String){node(id:$shopId){__typename...on Shop{id name isOpen products(first:$first,after:$after,search:$search){nodes{...ProductCard}pageInfo{hasNextPage endCursor}}}}}fragment Amount on Money{amount currency}fragment ProductCard on Product{id title imageUrls status requiresShipping variants{...Variant}}fragment StockState on Stock{variantId available isLow version changedAt}fragment Variant on ProductVariant{id sku title isArchived price{...Amount}stock{...StockState}}" as TypedDocument<ShopProductsQuery, ShopProductsQueryVariables>;

export const ProductDocument = "query Product($id:ID!){product(id:$id){...ProductCard description shop{id name isOpen}}}fragment Amount on Money{amount currency}fragment ProductCard on Product{id title imageUrls status requiresShipping variants{...Variant}}fragment StockState on Stock{variantId available isLow version changedAt}fragment Variant on ProductVariant{id sku title isArchived price{...Amount}stock{...StockState}}" as TypedDocument<ProductQuery, ProductQueryVariables>;

export const StocksDocument = "query Stocks($variantIds:[ID!]!){nodes(ids:$variantIds){__typename...on ProductVariant{id stock{...StockState}}}}fragment StockState on Stock{variantId available isLow version changedAt}" as TypedDocument<StocksQuery, StocksQueryVariables>;

export const StockChangedDocument = "subscription StockChanged($variantIds:[ID!]!){stockChanged(variantIds:$variantIds){...StockState}}fragment StockState on Stock{variantId available isLow version changedAt}" as TypedDocument<StockChangedSubscription, StockChangedSubscriptionVariables>;

export const StockReminderCreateDocument = "mutation StockReminderCreate($variantId:ID!){stockReminderCreate(variantId:$variantId){buyer{id}userErrors{...Refused}}}fragment Amount on Money{amount currency}fragment Refused on UserError{__typename code message field...on LineError{variantId}...on OutOfStockError{shortages{variantId requested available}}...on PriceChangedError{expected{...Amount}actual{...Amount}}}" as TypedDocument<StockReminderCreateMutation, StockReminderCreateMutationVariables>;

export const StockReminderDeleteDocument = "mutation StockReminderDelete($variantId:ID!){stockReminderDelete(variantId:$variantId){buyer{id}userErrors{...Refused}}}fragment Amount on Money{amount currency}fragment Refused on UserError{__typename code message field...on LineError{variantId}...on OutOfStockError{shortages{variantId requested available}}...on PriceChangedError{expected{...Amount}actual{...Amount}}}" as TypedDocument<StockReminderDeleteMutation, StockReminderDeleteMutationVariables>;

export const CheckoutPlaceDocument = "mutation CheckoutPlace($input:CheckoutPlaceInput!){checkoutPlace(input:$input){checkout{...CheckoutState}userErrors{...Refused}}}fragment Amount on Money{amount currency}fragment CheckoutState on Checkout{id heldUntil orders{...OrderState}payment{...PaymentState}}fragment OrderState on Order{id number status version shop{id name}total{...Amount}refunded{...Amount}placedAt heldUntil paidAt shippedAt completedAt lines{id title sku imageUrl quantity unitPrice{...Amount}amount{...Amount}variant{id}}}fragment PaymentState on Payment{id status amount{...Amount}weChatPay{timeStamp nonceStr package signType paySign}}fragment Refused on UserError{__typename code message field...on LineError{variantId}...on OutOfStockError{shortages{variantId requested available}}...on PriceChangedError{expected{...Amount}actual{...Amount}}}" as TypedDocument<CheckoutPlaceMutation, CheckoutPlaceMutationVariables>;

export const CheckoutDocument = "query Checkout($id:ID!){node(id:$id){__typename...on Checkout{...CheckoutState}}}fragment Amount on Money{amount currency}fragment CheckoutState on Checkout{id heldUntil orders{...OrderState}payment{...PaymentState}}fragment OrderState on Order{id number status version shop{id name}total{...Amount}refunded{...Amount}placedAt heldUntil paidAt shippedAt completedAt lines{id title sku imageUrl quantity unitPrice{...Amount}amount{...Amount}variant{id}}}fragment PaymentState on Payment{id status amount{...Amount}weChatPay{timeStamp nonceStr package signType paySign}}" as TypedDocument<CheckoutQuery, CheckoutQueryVariables>;

export const CheckoutCancelDocument = "mutation CheckoutCancel($checkoutId:ID!){checkoutCancel(checkoutId:$checkoutId){checkout{...CheckoutState}userErrors{...Refused}}}fragment Amount on Money{amount currency}fragment CheckoutState on Checkout{id heldUntil orders{...OrderState}payment{...PaymentState}}fragment OrderState on Order{id number status version shop{id name}total{...Amount}refunded{...Amount}placedAt heldUntil paidAt shippedAt completedAt lines{id title sku imageUrl quantity unitPrice{...Amount}amount{...Amount}variant{id}}}fragment PaymentState on Payment{id status amount{...Amount}weChatPay{timeStamp nonceStr package signType paySign}}fragment Refused on UserError{__typename code message field...on LineError{variantId}...on OutOfStockError{shortages{variantId requested available}}...on PriceChangedError{expected{...Amount}actual{...Amount}}}" as TypedDocument<CheckoutCancelMutation, CheckoutCancelMutationVariables>;

export const PaymentPrepareDocument = "mutation PaymentPrepare($paymentId:ID!){paymentPrepare(paymentId:$paymentId){payment{...PaymentState}userErrors{...Refused}}}fragment Amount on Money{amount currency}fragment PaymentState on Payment{id status amount{...Amount}weChatPay{timeStamp nonceStr package signType paySign}}fragment Refused on UserError{__typename code message field...on LineError{variantId}...on OutOfStockError{shortages{variantId requested available}}...on PriceChangedError{expected{...Amount}actual{...Amount}}}" as TypedDocument<PaymentPrepareMutation, PaymentPrepareMutationVariables>;

export const PaymentSyncDocument = "mutation PaymentSync($paymentId:ID!){paymentSync(paymentId:$paymentId){payment{id status}userErrors{...Refused}}}fragment Amount on Money{amount currency}fragment Refused on UserError{__typename code message field...on LineError{variantId}...on OutOfStockError{shortages{variantId requested available}}...on PriceChangedError{expected{...Amount}actual{...Amount}}}" as TypedDocument<PaymentSyncMutation, PaymentSyncMutationVariables>;

export const SandboxPaymentConfirmDocument = "mutation SandboxPaymentConfirm($paymentId:ID!){sandboxPaymentConfirm(paymentId:$paymentId){payment{id status}userErrors{...Refused}}}fragment Amount on Money{amount currency}fragment Refused on UserError{__typename code message field...on LineError{variantId}...on OutOfStockError{shortages{variantId requested available}}...on PriceChangedError{expected{...Amount}actual{...Amount}}}" as TypedDocument<SandboxPaymentConfirmMutation, SandboxPaymentConfirmMutationVariables>;

export const OrdersDocument = "query Orders($first:Int!,$after:String,$filter:OrderFilter){viewer{__typename...on Buyer{id orders(first:$first,after:$after,filter:$filter){nodes{...OrderState}pageInfo{hasNextPage endCursor}}}}}fragment Amount on Money{amount currency}fragment OrderState on Order{id number status version shop{id name}total{...Amount}refunded{...Amount}placedAt heldUntil paidAt shippedAt completedAt lines{id title sku imageUrl quantity unitPrice{...Amount}amount{...Amount}variant{id}}}" as TypedDocument<OrdersQuery, OrdersQueryVariables>;

export const OrderDocument = "query Order($id:ID!){order(id:$id){...OrderState shipTo{name phone province city district street}shipments{id method carrier trackingNumber shippedAt}checkout{id}payment{id status}}}fragment Amount on Money{amount currency}fragment OrderState on Order{id number status version shop{id name}total{...Amount}refunded{...Amount}placedAt heldUntil paidAt shippedAt completedAt lines{id title sku imageUrl quantity unitPrice{...Amount}amount{...Amount}variant{id}}}" as TypedDocument<OrderQuery, OrderQueryVariables>;

export const OrderChangedDocument = "subscription OrderChanged($orderId:ID!){orderChanged(orderId:$orderId){...OrderState}}fragment Amount on Money{amount currency}fragment OrderState on Order{id number status version shop{id name}total{...Amount}refunded{...Amount}placedAt heldUntil paidAt shippedAt completedAt lines{id title sku imageUrl quantity unitPrice{...Amount}amount{...Amount}variant{id}}}" as TypedDocument<OrderChangedSubscription, OrderChangedSubscriptionVariables>;

export const OrderCompleteDocument = "mutation OrderComplete($orderId:ID!){orderComplete(orderId:$orderId){order{...OrderState}userErrors{...Refused}}}fragment Amount on Money{amount currency}fragment OrderState on Order{id number status version shop{id name}total{...Amount}refunded{...Amount}placedAt heldUntil paidAt shippedAt completedAt lines{id title sku imageUrl quantity unitPrice{...Amount}amount{...Amount}variant{id}}}fragment Refused on UserError{__typename code message field...on LineError{variantId}...on OutOfStockError{shortages{variantId requested available}}...on PriceChangedError{expected{...Amount}actual{...Amount}}}" as TypedDocument<OrderCompleteMutation, OrderCompleteMutationVariables>;

export const OrderBuyAgainDocument = "mutation OrderBuyAgain($orderId:ID!){orderBuyAgain(orderId:$orderId){cart{...CartState}userErrors{...Refused}}}fragment Amount on Money{amount currency}fragment CartState on Cart{id version subtotal{...Amount}lines{id quantity amount{...Amount}variant{...Variant product{id title imageUrls requiresShipping shop{id name}}}problems{...Refused}}}fragment Refused on UserError{__typename code message field...on LineError{variantId}...on OutOfStockError{shortages{variantId requested available}}...on PriceChangedError{expected{...Amount}actual{...Amount}}}fragment StockState on Stock{variantId available isLow version changedAt}fragment Variant on ProductVariant{id sku title isArchived price{...Amount}stock{...StockState}}" as TypedDocument<OrderBuyAgainMutation, OrderBuyAgainMutationVariables>;

export const SessionCreateDocument = "mutation SessionCreate($appId:String!,$code:String!){sessionCreate(input:{weChat:{appId:$appId,code:$code}}){session{accessToken expiresAt refreshToken}userErrors{...Refused}}}fragment Amount on Money{amount currency}fragment Refused on UserError{__typename code message field...on LineError{variantId}...on OutOfStockError{shortages{variantId requested available}}...on PriceChangedError{expected{...Amount}actual{...Amount}}}" as TypedDocument<SessionCreateMutation, SessionCreateMutationVariables>;

export const SessionRefreshDocument = "mutation SessionRefresh($refreshToken:String!){sessionRefresh(refreshToken:$refreshToken){session{accessToken expiresAt refreshToken}userErrors{...Refused}}}fragment Amount on Money{amount currency}fragment Refused on UserError{__typename code message field...on LineError{variantId}...on OutOfStockError{shortages{variantId requested available}}...on PriceChangedError{expected{...Amount}actual{...Amount}}}" as TypedDocument<SessionRefreshMutation, SessionRefreshMutationVariables>;

export const SessionRevokeDocument = "mutation SessionRevoke{sessionRevoke{userErrors{...Refused}}}fragment Amount on Money{amount currency}fragment Refused on UserError{__typename code message field...on LineError{variantId}...on OutOfStockError{shortages{variantId requested available}}...on PriceChangedError{expected{...Amount}actual{...Amount}}}" as TypedDocument<SessionRevokeMutation, SessionRevokeMutationVariables>;

export const ViewerDocument = "query Viewer{viewer{__typename...on Buyer{id}}}" as TypedDocument<ViewerQuery, ViewerQueryVariables>;

export const PhoneNumberExchangeDocument = "mutation PhoneNumberExchange($code:String!){phoneNumberExchange(code:$code){phoneNumber{number countryCode}userErrors{...Refused}}}fragment Amount on Money{amount currency}fragment Refused on UserError{__typename code message field...on LineError{variantId}...on OutOfStockError{shortages{variantId requested available}}...on PriceChangedError{expected{...Amount}actual{...Amount}}}" as TypedDocument<PhoneNumberExchangeMutation, PhoneNumberExchangeMutationVariables>;