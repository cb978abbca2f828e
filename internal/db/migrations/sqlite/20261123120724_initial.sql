-- Create "buyers" table
CREATE TABLE `buyers` (
  `id` blob NOT NULL,
  `mini_program_id` blob NOT NULL,
  `open_id` text NOT NULL,
  `created_at` datetime NOT NULL,
  PRIMARY KEY (`id`)
);
-- Create index "buyer_mini_program_id_open_id" to table: "buyers"
CREATE UNIQUE INDEX `buyer_mini_program_id_open_id` ON `buyers` (`mini_program_id`, `open_id`);
-- Create "carts" table
CREATE TABLE `carts` (
  `id` blob NOT NULL,
  `version` integer NOT NULL,
  PRIMARY KEY (`id`)
);
-- Create "cart_lines" table
CREATE TABLE `cart_lines` (
  `id` blob NOT NULL,
  `variant_id` blob NOT NULL,
  `quantity` integer NOT NULL,
  `cart_id` blob NOT NULL,
  PRIMARY KEY (`id`),
  CONSTRAINT `cart_lines_carts_lines` FOREIGN KEY (`cart_id`) REFERENCES `carts` (`id`) ON DELETE NO ACTION,
  CONSTRAINT `cart_line_quantity` CHECK (quantity BETWEEN 1 AND 9999)
);
-- Create index "cartline_cart_id_variant_id" to table: "cart_lines"
CREATE UNIQUE INDEX `cartline_cart_id_variant_id` ON `cart_lines` (`cart_id`, `variant_id`);
-- Create "checkouts" table
CREATE TABLE `checkouts` (
  `id` blob NOT NULL,
  `buyer_id` blob NOT NULL,
  `mini_program_id` blob NOT NULL,
  `idempotency_key` text NOT NULL,
  `request_hash` blob NOT NULL,
  `status` text NOT NULL,
  `placed_at` datetime NOT NULL,
  `held_until` datetime NOT NULL,
  PRIMARY KEY (`id`),
  CONSTRAINT `checkout_status` CHECK (status IN ('OPEN', 'PAID', 'CANCELLED', 'EXPIRED'))
);
-- Create index "checkout_buyer_id_idempotency_key" to table: "checkouts"
CREATE UNIQUE INDEX `checkout_buyer_id_idempotency_key` ON `checkouts` (`buyer_id`, `idempotency_key`);
-- Create index "checkout_buyer_id_status_held_until" to table: "checkouts"
CREATE INDEX `checkout_buyer_id_status_held_until` ON `checkouts` (`buyer_id`, `status`, `held_until`);
-- Create index "checkout_status_held_until" to table: "checkouts"
CREATE INDEX `checkout_status_held_until` ON `checkouts` (`status`, `held_until`);
-- Create "holds" table
CREATE TABLE `holds` (
  `id` blob NOT NULL,
  `shop_id` blob NOT NULL,
  `buyer_id` blob NOT NULL,
  `variant_id` blob NOT NULL,
  `checkout_id` blob NOT NULL,
  `order_id` blob NOT NULL,
  `order_line_id` blob NOT NULL,
  `quantity` integer NOT NULL,
  `status` text NOT NULL,
  `expires_at` datetime NOT NULL,
  PRIMARY KEY (`id`),
  CONSTRAINT `hold_quantity` CHECK (quantity > 0)
);
-- Create index "hold_checkout_id" to table: "holds"
CREATE INDEX `hold_checkout_id` ON `holds` (`checkout_id`);
-- Create index "hold_variant_id_status_expires_at" to table: "holds"
CREATE INDEX `hold_variant_id_status_expires_at` ON `holds` (`variant_id`, `status`, `expires_at`);
-- Create "mini_programs" table
CREATE TABLE `mini_programs` (
  `id` blob NOT NULL,
  `app_id` text NOT NULL,
  `name` text NOT NULL,
  `subject` text NOT NULL,
  `created_at` datetime NOT NULL,
  PRIMARY KEY (`id`)
);
-- Create index "mini_programs_app_id_key" to table: "mini_programs"
CREATE UNIQUE INDEX `mini_programs_app_id_key` ON `mini_programs` (`app_id`);
-- Create "mini_program_shops" table
CREATE TABLE `mini_program_shops` (
  `id` blob NOT NULL,
  `mini_program_id` blob NOT NULL,
  `shop_id` blob NOT NULL,
  PRIMARY KEY (`id`)
);
-- Create index "miniprogramshop_mini_program_id_shop_id" to table: "mini_program_shops"
CREATE UNIQUE INDEX `miniprogramshop_mini_program_id_shop_id` ON `mini_program_shops` (`mini_program_id`, `shop_id`);
-- Create "orders" table
CREATE TABLE `orders` (
  `id` blob NOT NULL,
  `number` text NOT NULL,
  `buyer_id` blob NOT NULL,
  `shop_id` blob NOT NULL,
  `status` text NOT NULL,
  `currency` text NOT NULL,
  `subtotal` integer NOT NULL,
  `discount` integer NOT NULL,
  `shipping_fee` integer NOT NULL,
  `total` integer NOT NULL,
  `refunded` integer NOT NULL,
  `ship_name` text NULL,
  `ship_phone` text NULL,
  `ship_country` text NULL,
  `ship_province` text NULL,
  `ship_city` text NULL,
  `ship_district` text NULL,
  `ship_street` text NULL,
  `ship_postal_code` text NULL,
  `note` text NULL,
  `placed_at` datetime NOT NULL,
  `held_until` datetime NOT NULL,
  `paid_at` datetime NULL,
  `version` integer NOT NULL,
  `checkout_id` blob NOT NULL,
  PRIMARY KEY (`id`),
  CONSTRAINT `orders_checkouts_orders` FOREIGN KEY (`checkout_id`) REFERENCES `checkouts` (`id`) ON DELETE NO ACTION,
  CONSTRAINT `order_refunded` CHECK (refunded BETWEEN 0 AND total),
  CONSTRAINT `order_status` CHECK (status IN ('PENDING_PAYMENT', 'PAID', 'SHIPPED', 'COMPLETED', 'CANCELLED', 'EXPIRED', 'REFUNDED')),
  CONSTRAINT `order_total` CHECK (total = subtotal - discount + shipping_fee AND total >= 0)
);
-- Create index "orders_number_key" to table: "orders"
CREATE UNIQUE INDEX `orders_number_key` ON `orders` (`number`);
-- Create index "order_checkout_id" to table: "orders"
CREATE INDEX `order_checkout_id` ON `orders` (`checkout_id`);
-- Create index "order_buyer_id" to table: "orders"
CREATE INDEX `order_buyer_id` ON `orders` (`buyer_id`);
-- Create index "order_shop_id" to table: "orders"
CREATE INDEX `order_shop_id` ON `orders` (`shop_id`);
-- Create index "order_shop_id_status" to table: "orders"
CREATE INDEX `order_shop_id_status` ON `orders` (`shop_id`, `status`);
-- Create index "order_shop_id_ship_phone" to table: "orders"
CREATE INDEX `order_shop_id_ship_phone` ON `orders` (`shop_id`, `ship_phone`);
-- Create "order_lines" table
CREATE TABLE `order_lines` (
  `id` blob NOT NULL,
  `shop_id` blob NOT NULL,
  `variant_id` blob NOT NULL,
  `title` text NOT NULL,
  `sku` text NOT NULL,
  `image_url` text NULL,
  `unit_price` integer NOT NULL,
  `quantity` integer NOT NULL,
  `amount` integer NOT NULL,
  `currency` text NOT NULL,
  `position` integer NOT NULL,
  `order_id` blob NOT NULL,
  PRIMARY KEY (`id`),
  CONSTRAINT `order_lines_orders_lines` FOREIGN KEY (`order_id`) REFERENCES `orders` (`id`) ON DELETE NO ACTION,
  CONSTRAINT `order_line_amount` CHECK (amount = unit_price * quantity),
  CONSTRAINT `order_line_quantity` CHECK (quantity > 0)
);
-- Create index "orderline_order_id_position" to table: "order_lines"
CREATE INDEX `orderline_order_id_position` ON `order_lines` (`order_id`, `position`);
-- Create index "orderline_shop_id_sku" to table: "order_lines"
CREATE INDEX `orderline_shop_id_sku` ON `order_lines` (`shop_id`, `sku`);
-- Create "payments" table
CREATE TABLE `payments` (
  `id` blob NOT NULL,
  `buyer_id` blob NOT NULL,
  `status` text NOT NULL,
  `amount` integer NOT NULL,
  `currency` text NOT NULL,
  `transaction_id` text NULL,
  `expires_at` datetime NOT NULL,
  `paid_at` datetime NULL,
  `checkout_id` blob NOT NULL,
  PRIMARY KEY (`id`),
  CONSTRAINT `payments_checkouts_payment` FOREIGN KEY (`checkout_id`) REFERENCES `checkouts` (`id`) ON DELETE NO ACTION,
  CONSTRAINT `payment_amount` CHECK (amount >= 0),
  CONSTRAINT `payment_paid` CHECK ((status IN ('PENDING', 'CLOSED')) = (paid_at IS NULL))
);
-- Create index "payments_checkout_id_key" to table: "payments"
CREATE UNIQUE INDEX `payments_checkout_id_key` ON `payments` (`checkout_id`);
-- Create "payment_splits" table
CREATE TABLE `payment_splits` (
  `id` blob NOT NULL,
  `payment_id` blob NOT NULL,
  `shop_id` blob NOT NULL,
  `receiver` text NOT NULL,
  `role` text NOT NULL,
  `amount` integer NOT NULL,
  `returned` integer NOT NULL,
  `currency` text NOT NULL,
  `status` text NOT NULL,
  `position` integer NOT NULL,
  `order_id` blob NOT NULL,
  PRIMARY KEY (`id`),
  CONSTRAINT `payment_splits_orders_splits` FOREIGN KEY (`order_id`) REFERENCES `orders` (`id`) ON DELETE NO ACTION,
  CONSTRAINT `split_returned` CHECK (returned BETWEEN 0 AND amount)
);
-- Create index "paymentsplit_order_id_position" to table: "payment_splits"
CREATE INDEX `paymentsplit_order_id_position` ON `payment_splits` (`order_id`, `position`);
-- Create index "paymentsplit_payment_id" to table: "payment_splits"
CREATE INDEX `paymentsplit_payment_id` ON `payment_splits` (`payment_id`);
-- Create "products" table
CREATE TABLE `products` (
  `id` blob NOT NULL,
  `shop_id` blob NOT NULL,
  `title` text NOT NULL,
  `description` text NOT NULL,
  `image_urls` text NOT NULL,
  `status` text NOT NULL,
  `requires_shipping` bool NOT NULL,
  `created_at` datetime NOT NULL,
  PRIMARY KEY (`id`)
);
-- Create index "product_shop_id_status" to table: "products"
CREATE INDEX `product_shop_id_status` ON `products` (`shop_id`, `status`);
-- Create "product_variants" table
CREATE TABLE `product_variants` (
  `id` blob NOT NULL,
  `shop_id` blob NOT NULL,
  `product_id` blob NOT NULL,
  `sku` text NOT NULL,
  `title` text NOT NULL,
  `price` integer NOT NULL,
  `currency` text NOT NULL,
  `position` integer NOT NULL,
  `created_at` datetime NOT NULL,
  PRIMARY KEY (`id`),
  CONSTRAINT `variant_price` CHECK (price >= 0)
);
-- Create index "productvariant_shop_id_sku" to table: "product_variants"
CREATE UNIQUE INDEX `productvariant_shop_id_sku` ON `product_variants` (`shop_id`, `sku`);
-- Create index "productvariant_product_id_position" to table: "product_variants"
CREATE INDEX `productvariant_product_id_position` ON `product_variants` (`product_id`, `position`);
-- Create "refresh_tokens" table
CREATE TABLE `refresh_tokens` (
  `id` blob NOT NULL,
  `token_hash` blob NOT NULL,
  `session_id` blob NOT NULL,
  `expires_at` datetime NOT NULL,
  `used_at` datetime NULL,
  PRIMARY KEY (`id`)
);
-- Create index "refresh_tokens_token_hash_key" to table: "refresh_tokens"
CREATE UNIQUE INDEX `refresh_tokens_token_hash_key` ON `refresh_tokens` (`token_hash`);
-- Create index "refreshtoken_expires_at" to table: "refresh_tokens"
CREATE INDEX `refreshtoken_expires_at` ON `refresh_tokens` (`expires_at`);
-- Create "refunds" table
CREATE TABLE `refunds` (
  `id` blob NOT NULL,
  `payment_id` blob NOT NULL,
  `shop_id` blob NOT NULL,
  `staff_id` blob NULL,
  `amount` integer NOT NULL,
  `currency` text NOT NULL,
  `reason` text NOT NULL,
  `status` text NOT NULL,
  `created_at` datetime NOT NULL,
  `order_id` blob NOT NULL,
  PRIMARY KEY (`id`),
  CONSTRAINT `refunds_orders_refunds` FOREIGN KEY (`order_id`) REFERENCES `orders` (`id`) ON DELETE NO ACTION,
  CONSTRAINT `refund_amount` CHECK (amount > 0)
);
-- Create index "refund_order_id" to table: "refunds"
CREATE INDEX `refund_order_id` ON `refunds` (`order_id`);
-- Create "sandbox_trades" table
CREATE TABLE `sandbox_trades` (
  `id` text NOT NULL,
  `status` text NOT NULL,
  `amount` integer NOT NULL,
  `currency` text NOT NULL,
  `created_at` datetime NOT NULL,
  PRIMARY KEY (`id`)
);
-- Create "sandbox_transfers" table
CREATE TABLE `sandbox_transfers` (
  `id` text NOT NULL,
  `trade_id` text NOT NULL,
  `kind` text NOT NULL,
  `receiver` text NOT NULL,
  `amount` integer NOT NULL,
  `currency` text NOT NULL,
  `created_at` datetime NOT NULL,
  PRIMARY KEY (`id`)
);
-- Create index "sandboxtransfer_trade_id" to table: "sandbox_transfers"
CREATE INDEX `sandboxtransfer_trade_id` ON `sandbox_transfers` (`trade_id`);
-- Create "sessions" table
CREATE TABLE `sessions` (
  `id` blob NOT NULL,
  `buyer_id` blob NULL,
  `staff_id` blob NULL,
  `mini_program_id` blob NULL,
  `created_at` datetime NOT NULL,
  `revoked_at` datetime NULL,
  PRIMARY KEY (`id`),
  CONSTRAINT `session_of_one` CHECK ((buyer_id IS NULL) <> (staff_id IS NULL))
);
-- Create index "session_revoked_at" to table: "sessions"
CREATE INDEX `session_revoked_at` ON `sessions` (`revoked_at`);
-- Create "shipments" table
CREATE TABLE `shipments` (
  `id` blob NOT NULL,
  `shop_id` blob NOT NULL,
  `staff_id` blob NOT NULL,
  `method` text NOT NULL,
  `carrier` text NULL,
  `tracking_number` text NULL,
  `shipped_at` datetime NOT NULL,
  `order_id` blob NOT NULL,
  PRIMARY KEY (`id`),
  CONSTRAINT `shipments_orders_shipments` FOREIGN KEY (`order_id`) REFERENCES `orders` (`id`) ON DELETE NO ACTION
);
-- Create index "shipment_order_id" to table: "shipments"
CREATE INDEX `shipment_order_id` ON `shipments` (`order_id`);
-- Create "shipment_lines" table
CREATE TABLE `shipment_lines` (
  `id` blob NOT NULL,
  `order_line_id` blob NOT NULL,
  `quantity` integer NOT NULL,
  `shipment_id` blob NOT NULL,
  PRIMARY KEY (`id`),
  CONSTRAINT `shipment_lines_shipments_lines` FOREIGN KEY (`shipment_id`) REFERENCES `shipments` (`id`) ON DELETE NO ACTION,
  CONSTRAINT `shipment_line_quantity` CHECK (quantity > 0)
);
-- Create index "shipmentline_shipment_id_order_line_id" to table: "shipment_lines"
CREATE UNIQUE INDEX `shipmentline_shipment_id_order_line_id` ON `shipment_lines` (`shipment_id`, `order_line_id`);
-- Create "shops" table
CREATE TABLE `shops` (
  `id` blob NOT NULL,
  `name` text NOT NULL,
  `subject` text NOT NULL,
  `currency` text NOT NULL,
  `status` text NOT NULL,
  `receiver` text NOT NULL,
  `max_share_basis_points` integer NOT NULL,
  `created_at` datetime NOT NULL,
  PRIMARY KEY (`id`),
  CONSTRAINT `shop_max_share` CHECK (max_share_basis_points BETWEEN 0 AND 10000)
);
-- Create "shop_staff" table
CREATE TABLE `shop_staff` (
  `id` blob NOT NULL,
  `staff_id` blob NOT NULL,
  `shop_id` blob NOT NULL,
  `role` text NOT NULL,
  PRIMARY KEY (`id`)
);
-- Create index "shopstaff_staff_id_shop_id" to table: "shop_staff"
CREATE UNIQUE INDEX `shopstaff_staff_id_shop_id` ON `shop_staff` (`staff_id`, `shop_id`);
-- Create "signing_keys" table
CREATE TABLE `signing_keys` (
  `id` text NOT NULL,
  `secret` blob NOT NULL,
  `created_at` datetime NOT NULL,
  PRIMARY KEY (`id`)
);
-- Create "split_returns" table
CREATE TABLE `split_returns` (
  `id` blob NOT NULL,
  `shop_id` blob NOT NULL,
  `amount` integer NOT NULL,
  `currency` text NOT NULL,
  `status` text NOT NULL,
  `created_at` datetime NOT NULL,
  `split_id` blob NOT NULL,
  `refund_id` blob NOT NULL,
  PRIMARY KEY (`id`),
  CONSTRAINT `split_returns_payment_splits_returns` FOREIGN KEY (`split_id`) REFERENCES `payment_splits` (`id`) ON DELETE NO ACTION,
  CONSTRAINT `split_returns_refunds_returns` FOREIGN KEY (`refund_id`) REFERENCES `refunds` (`id`) ON DELETE NO ACTION,
  CONSTRAINT `split_return_amount` CHECK (amount > 0)
);
-- Create index "splitreturn_refund_id" to table: "split_returns"
CREATE INDEX `splitreturn_refund_id` ON `split_returns` (`refund_id`);
-- Create index "splitreturn_split_id" to table: "split_returns"
CREATE INDEX `splitreturn_split_id` ON `split_returns` (`split_id`);
-- Create "split_rules" table
CREATE TABLE `split_rules` (
  `id` blob NOT NULL,
  `shop_id` blob NOT NULL,
  `receiver` text NOT NULL,
  `role` text NOT NULL,
  `basis_points` integer NOT NULL,
  `position` integer NOT NULL,
  PRIMARY KEY (`id`),
  CONSTRAINT `split_rule_points` CHECK (basis_points BETWEEN 1 AND 10000)
);
-- Create index "splitrule_shop_id_receiver" to table: "split_rules"
CREATE UNIQUE INDEX `splitrule_shop_id_receiver` ON `split_rules` (`shop_id`, `receiver`);
-- Create "staff" table
CREATE TABLE `staff` (
  `id` blob NOT NULL,
  `email` text NOT NULL,
  `password_hash` text NOT NULL,
  `is_operator` bool NOT NULL,
  `created_at` datetime NOT NULL,
  PRIMARY KEY (`id`)
);
-- Create index "staff_email_key" to table: "staff"
CREATE UNIQUE INDEX `staff_email_key` ON `staff` (`email`);
-- Create "staff_requests" table
CREATE TABLE `staff_requests` (
  `id` blob NOT NULL,
  `staff_id` blob NOT NULL,
  `operation` text NOT NULL,
  `idempotency_key` text NOT NULL,
  `request_hash` blob NOT NULL,
  `created_at` datetime NOT NULL,
  PRIMARY KEY (`id`)
);
-- Create index "staffrequest_staff_id_operation_idempotency_key" to table: "staff_requests"
CREATE UNIQUE INDEX `staffrequest_staff_id_operation_idempotency_key` ON `staff_requests` (`staff_id`, `operation`, `idempotency_key`);
-- Create "stocks" table
CREATE TABLE `stocks` (
  `variant_id` blob NOT NULL,
  `shop_id` blob NOT NULL,
  `on_hand` integer NOT NULL,
  `held` integer NOT NULL,
  `low_stock_threshold` integer NOT NULL,
  `version` integer NOT NULL,
  `changed_at` datetime NOT NULL,
  PRIMARY KEY (`variant_id`),
  CONSTRAINT `stock_held_within_on_hand` CHECK (held >= 0 AND held <= on_hand),
  CONSTRAINT `stock_threshold` CHECK (low_stock_threshold >= 0)
);
-- Create index "stock_shop_id" to table: "stocks"
CREATE INDEX `stock_shop_id` ON `stocks` (`shop_id`);
-- Create "stock_movements" table
CREATE TABLE `stock_movements` (
  `id` blob NOT NULL,
  `shop_id` blob NOT NULL,
  `variant_id` blob NOT NULL,
  `kind` text NOT NULL,
  `on_hand_delta` integer NOT NULL,
  `held_delta` integer NOT NULL,
  `order_id` blob NULL,
  `staff_id` blob NULL,
  `reason` text NULL,
  `created_at` datetime NOT NULL,
  PRIMARY KEY (`id`),
  CONSTRAINT `movement_moves` CHECK (on_hand_delta <> 0 OR held_delta <> 0)
);
-- Create index "stockmovement_variant_id" to table: "stock_movements"
CREATE INDEX `stockmovement_variant_id` ON `stock_movements` (`variant_id`);
