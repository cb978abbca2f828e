-- Create "staff_requests" table
CREATE TABLE `staff_requests` (
  `id` binary(16) NOT NULL,
  `staff_id` binary(16) NOT NULL,
  `operation` varchar(128) NOT NULL,
  `idempotency_key` varchar(128) NOT NULL,
  `request_hash` binary(32) NOT NULL,
  `created_at` datetime(6) NOT NULL,
  PRIMARY KEY (`id`),
  UNIQUE INDEX `staffrequest_staff_id_operation_idempotency_key` (`staff_id`, `operation`, `idempotency_key`)
) CHARSET utf8mb4 COLLATE utf8mb4_bin;
-- Create "products" table
CREATE TABLE `products` (
  `id` binary(16) NOT NULL,
  `shop_id` binary(16) NOT NULL,
  `title` varchar(200) NOT NULL,
  `description` longtext NOT NULL,
  `image_urls` longtext NOT NULL,
  `status` varchar(24) NOT NULL,
  `requires_shipping` bool NOT NULL,
  `created_at` datetime(6) NOT NULL,
  PRIMARY KEY (`id`),
  INDEX `product_shop_id_status` (`shop_id`, `status`)
) CHARSET utf8mb4 COLLATE utf8mb4_bin;
-- Create "shops" table
CREATE TABLE `shops` (
  `id` binary(16) NOT NULL,
  `name` varchar(128) NOT NULL,
  `subject` varchar(128) NOT NULL,
  `currency` varchar(24) NOT NULL,
  `status` varchar(24) NOT NULL,
  `receiver` varchar(128) NOT NULL,
  `max_share_basis_points` bigint NOT NULL,
  `created_at` datetime(6) NOT NULL,
  PRIMARY KEY (`id`),
  CONSTRAINT `shop_max_share` CHECK (`max_share_basis_points` between 0 and 10000)
) CHARSET utf8mb4 COLLATE utf8mb4_bin;
-- Create "signing_keys" table
CREATE TABLE `signing_keys` (
  `id` varchar(24) NOT NULL,
  `secret` binary(32) NOT NULL,
  `created_at` datetime(6) NOT NULL,
  PRIMARY KEY (`id`)
) CHARSET utf8mb4 COLLATE utf8mb4_bin;
-- Create "holds" table
CREATE TABLE `holds` (
  `id` binary(16) NOT NULL,
  `shop_id` binary(16) NOT NULL,
  `buyer_id` binary(16) NOT NULL,
  `variant_id` binary(16) NOT NULL,
  `checkout_id` binary(16) NOT NULL,
  `order_id` binary(16) NOT NULL,
  `order_line_id` binary(16) NOT NULL,
  `quantity` bigint NOT NULL,
  `status` varchar(24) NOT NULL,
  `expires_at` datetime(6) NOT NULL,
  PRIMARY KEY (`id`),
  INDEX `hold_checkout_id` (`checkout_id`),
  INDEX `hold_variant_id_status_expires_at` (`variant_id`, `status`, `expires_at`),
  CONSTRAINT `hold_quantity` CHECK (`quantity` > 0)
) CHARSET utf8mb4 COLLATE utf8mb4_bin;
-- Create "mini_programs" table
CREATE TABLE `mini_programs` (
  `id` binary(16) NOT NULL,
  `app_id` varchar(128) NOT NULL,
  `name` varchar(128) NOT NULL,
  `subject` varchar(128) NOT NULL,
  `created_at` datetime(6) NOT NULL,
  PRIMARY KEY (`id`),
  UNIQUE INDEX `app_id` (`app_id`)
) CHARSET utf8mb4 COLLATE utf8mb4_bin;
-- Create "mini_program_shops" table
CREATE TABLE `mini_program_shops` (
  `id` binary(16) NOT NULL,
  `mini_program_id` binary(16) NOT NULL,
  `shop_id` binary(16) NOT NULL,
  PRIMARY KEY (`id`),
  UNIQUE INDEX `miniprogramshop_mini_program_id_shop_id` (`mini_program_id`, `shop_id`)
) CHARSET utf8mb4 COLLATE utf8mb4_bin;
-- Create "buyers" table
CREATE TABLE `buyers` (
  `id` binary(16) NOT NULL,
  `mini_program_id` binary(16) NOT NULL,
  `open_id` varchar(128) NOT NULL,
  `created_at` datetime(6) NOT NULL,
  PRIMARY KEY (`id`),
  UNIQUE INDEX `buyer_mini_program_id_open_id` (`mini_program_id`, `open_id`)
) CHARSET utf8mb4 COLLATE utf8mb4_bin;
-- Create "stock_movements" table
CREATE TABLE `stock_movements` (
  `id` binary(16) NOT NULL,
  `shop_id` binary(16) NOT NULL,
  `variant_id` binary(16) NOT NULL,
  `kind` varchar(24) NOT NULL,
  `on_hand_delta` bigint NOT NULL,
  `held_delta` bigint NOT NULL,
  `order_id` binary(16) NULL,
  `staff_id` binary(16) NULL,
  `reason` varchar(500) NULL,
  `created_at` datetime(6) NOT NULL,
  PRIMARY KEY (`id`),
  INDEX `stockmovement_variant_id` (`variant_id`),
  CONSTRAINT `movement_moves` CHECK ((`on_hand_delta` <> 0) or (`held_delta` <> 0))
) CHARSET utf8mb4 COLLATE utf8mb4_bin;
-- Create "stocks" table
CREATE TABLE `stocks` (
  `variant_id` binary(16) NOT NULL,
  `shop_id` binary(16) NOT NULL,
  `on_hand` bigint NOT NULL,
  `held` bigint NOT NULL,
  `low_stock_threshold` bigint NOT NULL,
  `version` bigint NOT NULL,
  `changed_at` datetime(6) NOT NULL,
  PRIMARY KEY (`variant_id`),
  INDEX `stock_shop_id` (`shop_id`),
  CONSTRAINT `stock_held_within_on_hand` CHECK ((`held` >= 0) and (`held` <= `on_hand`)),
  CONSTRAINT `stock_threshold` CHECK (`low_stock_threshold` >= 0)
) CHARSET utf8mb4 COLLATE utf8mb4_bin;
-- Create "carts" table
CREATE TABLE `carts` (
  `id` binary(16) NOT NULL,
  `version` bigint NOT NULL,
  PRIMARY KEY (`id`)
) CHARSET utf8mb4 COLLATE utf8mb4_bin;
-- Create "product_variants" table
CREATE TABLE `product_variants` (
  `id` binary(16) NOT NULL,
  `shop_id` binary(16) NOT NULL,
  `product_id` binary(16) NOT NULL,
  `sku` varchar(64) NOT NULL,
  `title` varchar(200) NOT NULL,
  `price` bigint NOT NULL,
  `currency` varchar(24) NOT NULL,
  `position` bigint NOT NULL,
  `created_at` datetime(6) NOT NULL,
  PRIMARY KEY (`id`),
  INDEX `productvariant_product_id_position` (`product_id`, `position`),
  UNIQUE INDEX `productvariant_shop_id_sku` (`shop_id`, `sku`),
  CONSTRAINT `variant_price` CHECK (`price` >= 0)
) CHARSET utf8mb4 COLLATE utf8mb4_bin;
-- Create "shop_staff" table
CREATE TABLE `shop_staff` (
  `id` binary(16) NOT NULL,
  `staff_id` binary(16) NOT NULL,
  `shop_id` binary(16) NOT NULL,
  `role` varchar(24) NOT NULL,
  PRIMARY KEY (`id`),
  UNIQUE INDEX `shopstaff_staff_id_shop_id` (`staff_id`, `shop_id`)
) CHARSET utf8mb4 COLLATE utf8mb4_bin;
-- Create "refresh_tokens" table
CREATE TABLE `refresh_tokens` (
  `id` binary(16) NOT NULL,
  `token_hash` binary(32) NOT NULL,
  `session_id` binary(16) NOT NULL,
  `expires_at` datetime(6) NOT NULL,
  `used_at` datetime(6) NULL,
  PRIMARY KEY (`id`),
  INDEX `refreshtoken_expires_at` (`expires_at`),
  UNIQUE INDEX `token_hash` (`token_hash`)
) CHARSET utf8mb4 COLLATE utf8mb4_bin;
-- Create "staff" table
CREATE TABLE `staff` (
  `id` binary(16) NOT NULL,
  `email` varchar(200) NOT NULL,
  `password_hash` varchar(200) NOT NULL,
  `is_operator` bool NOT NULL,
  `created_at` datetime(6) NOT NULL,
  PRIMARY KEY (`id`),
  UNIQUE INDEX `email` (`email`)
) CHARSET utf8mb4 COLLATE utf8mb4_bin;
-- Create "sandbox_trades" table
CREATE TABLE `sandbox_trades` (
  `id` varchar(32) NOT NULL,
  `status` varchar(24) NOT NULL,
  `amount` bigint NOT NULL,
  `currency` varchar(24) NOT NULL,
  `created_at` datetime(6) NOT NULL,
  PRIMARY KEY (`id`)
) CHARSET utf8mb4 COLLATE utf8mb4_bin;
-- Create "sandbox_transfers" table
CREATE TABLE `sandbox_transfers` (
  `id` varchar(32) NOT NULL,
  `trade_id` varchar(32) NOT NULL,
  `kind` varchar(24) NOT NULL,
  `receiver` varchar(128) NOT NULL,
  `amount` bigint NOT NULL,
  `currency` varchar(24) NOT NULL,
  `created_at` datetime(6) NOT NULL,
  PRIMARY KEY (`id`),
  INDEX `sandboxtransfer_trade_id` (`trade_id`)
) CHARSET utf8mb4 COLLATE utf8mb4_bin;
-- Create "sessions" table
CREATE TABLE `sessions` (
  `id` binary(16) NOT NULL,
  `buyer_id` binary(16) NULL,
  `staff_id` binary(16) NULL,
  `mini_program_id` binary(16) NULL,
  `created_at` datetime(6) NOT NULL,
  `revoked_at` datetime(6) NULL,
  PRIMARY KEY (`id`),
  INDEX `session_revoked_at` (`revoked_at`),
  CONSTRAINT `session_of_one` CHECK ((`buyer_id` is null) <> (`staff_id` is null))
) CHARSET utf8mb4 COLLATE utf8mb4_bin;
-- Create "split_rules" table
CREATE TABLE `split_rules` (
  `id` binary(16) NOT NULL,
  `shop_id` binary(16) NOT NULL,
  `receiver` varchar(128) NOT NULL,
  `role` varchar(24) NOT NULL,
  `basis_points` bigint NOT NULL,
  `position` bigint NOT NULL,
  PRIMARY KEY (`id`),
  UNIQUE INDEX `splitrule_shop_id_receiver` (`shop_id`, `receiver`),
  CONSTRAINT `split_rule_points` CHECK (`basis_points` between 1 and 10000)
) CHARSET utf8mb4 COLLATE utf8mb4_bin;
-- Create "cart_lines" table
CREATE TABLE `cart_lines` (
  `id` binary(16) NOT NULL,
  `variant_id` binary(16) NOT NULL,
  `quantity` bigint NOT NULL,
  `cart_id` binary(16) NOT NULL,
  PRIMARY KEY (`id`),
  UNIQUE INDEX `cartline_cart_id_variant_id` (`cart_id`, `variant_id`),
  CONSTRAINT `cart_lines_carts_lines` FOREIGN KEY (`cart_id`) REFERENCES `carts` (`id`) ON UPDATE NO ACTION ON DELETE NO ACTION,
  CONSTRAINT `cart_line_quantity` CHECK (`quantity` between 1 and 9999)
) CHARSET utf8mb4 COLLATE utf8mb4_bin;
-- Create "checkouts" table
CREATE TABLE `checkouts` (
  `id` binary(16) NOT NULL,
  `buyer_id` binary(16) NOT NULL,
  `mini_program_id` binary(16) NOT NULL,
  `idempotency_key` varchar(128) NOT NULL,
  `request_hash` binary(32) NOT NULL,
  `status` varchar(24) NOT NULL,
  `placed_at` datetime(6) NOT NULL,
  `held_until` datetime(6) NOT NULL,
  PRIMARY KEY (`id`),
  UNIQUE INDEX `checkout_buyer_id_idempotency_key` (`buyer_id`, `idempotency_key`),
  INDEX `checkout_buyer_id_status_held_until` (`buyer_id`, `status`, `held_until`),
  INDEX `checkout_status_held_until` (`status`, `held_until`),
  CONSTRAINT `checkout_status` CHECK (`status` in (_utf8mb4'OPEN',_utf8mb4'PAID',_utf8mb4'CANCELLED',_utf8mb4'EXPIRED'))
) CHARSET utf8mb4 COLLATE utf8mb4_bin;
-- Create "orders" table
CREATE TABLE `orders` (
  `id` binary(16) NOT NULL,
  `number` varchar(32) NOT NULL,
  `buyer_id` binary(16) NOT NULL,
  `shop_id` binary(16) NOT NULL,
  `status` varchar(24) NOT NULL,
  `currency` varchar(24) NOT NULL,
  `subtotal` bigint NOT NULL,
  `discount` bigint NOT NULL,
  `shipping_fee` bigint NOT NULL,
  `total` bigint NOT NULL,
  `refunded` bigint NOT NULL,
  `ship_name` varchar(128) NULL,
  `ship_phone` varchar(32) NULL,
  `ship_country` varchar(24) NULL,
  `ship_province` varchar(128) NULL,
  `ship_city` varchar(128) NULL,
  `ship_district` varchar(128) NULL,
  `ship_street` varchar(200) NULL,
  `ship_postal_code` varchar(32) NULL,
  `note` varchar(500) NULL,
  `placed_at` datetime(6) NOT NULL,
  `held_until` datetime(6) NOT NULL,
  `paid_at` datetime(6) NULL,
  `version` bigint NOT NULL,
  `checkout_id` binary(16) NOT NULL,
  PRIMARY KEY (`id`),
  UNIQUE INDEX `number` (`number`),
  INDEX `order_buyer_id` (`buyer_id`),
  INDEX `order_checkout_id` (`checkout_id`),
  INDEX `order_shop_id` (`shop_id`),
  INDEX `order_shop_id_ship_phone` (`shop_id`, `ship_phone`),
  INDEX `order_shop_id_status` (`shop_id`, `status`),
  CONSTRAINT `orders_checkouts_orders` FOREIGN KEY (`checkout_id`) REFERENCES `checkouts` (`id`) ON UPDATE NO ACTION ON DELETE NO ACTION,
  CONSTRAINT `order_refunded` CHECK (`refunded` between 0 and `total`),
  CONSTRAINT `order_status` CHECK (`status` in (_utf8mb4'PENDING_PAYMENT',_utf8mb4'PAID',_utf8mb4'SHIPPED',_utf8mb4'COMPLETED',_utf8mb4'CANCELLED',_utf8mb4'EXPIRED',_utf8mb4'REFUNDED')),
  CONSTRAINT `order_total` CHECK ((`total` = ((`subtotal` - `discount`) + `shipping_fee`)) and (`total` >= 0))
) CHARSET utf8mb4 COLLATE utf8mb4_bin;
-- Create "order_lines" table
CREATE TABLE `order_lines` (
  `id` binary(16) NOT NULL,
  `shop_id` binary(16) NOT NULL,
  `variant_id` binary(16) NOT NULL,
  `title` varchar(400) NOT NULL,
  `sku` varchar(64) NOT NULL,
  `image_url` varchar(1000) NULL,
  `unit_price` bigint NOT NULL,
  `quantity` bigint NOT NULL,
  `amount` bigint NOT NULL,
  `currency` varchar(24) NOT NULL,
  `position` bigint NOT NULL,
  `order_id` binary(16) NOT NULL,
  PRIMARY KEY (`id`),
  INDEX `orderline_order_id_position` (`order_id`, `position`),
  INDEX `orderline_shop_id_sku` (`shop_id`, `sku`),
  CONSTRAINT `order_lines_orders_lines` FOREIGN KEY (`order_id`) REFERENCES `orders` (`id`) ON UPDATE NO ACTION ON DELETE NO ACTION,
  CONSTRAINT `order_line_amount` CHECK (`amount` = (`unit_price` * `quantity`)),
  CONSTRAINT `order_line_quantity` CHECK (`quantity` > 0)
) CHARSET utf8mb4 COLLATE utf8mb4_bin;
-- Create "payment_splits" table
CREATE TABLE `payment_splits` (
  `id` binary(16) NOT NULL,
  `payment_id` binary(16) NOT NULL,
  `shop_id` binary(16) NOT NULL,
  `receiver` varchar(128) NOT NULL,
  `role` varchar(24) NOT NULL,
  `amount` bigint NOT NULL,
  `returned` bigint NOT NULL,
  `currency` varchar(24) NOT NULL,
  `status` varchar(24) NOT NULL,
  `position` bigint NOT NULL,
  `order_id` binary(16) NOT NULL,
  PRIMARY KEY (`id`),
  INDEX `paymentsplit_order_id_position` (`order_id`, `position`),
  INDEX `paymentsplit_payment_id` (`payment_id`),
  CONSTRAINT `payment_splits_orders_splits` FOREIGN KEY (`order_id`) REFERENCES `orders` (`id`) ON UPDATE NO ACTION ON DELETE NO ACTION,
  CONSTRAINT `split_returned` CHECK (`returned` between 0 and `amount`)
) CHARSET utf8mb4 COLLATE utf8mb4_bin;
-- Create "payments" table
CREATE TABLE `payments` (
  `id` binary(16) NOT NULL,
  `buyer_id` binary(16) NOT NULL,
  `status` varchar(24) NOT NULL,
  `amount` bigint NOT NULL,
  `currency` varchar(24) NOT NULL,
  `transaction_id` varchar(128) NULL,
  `expires_at` datetime(6) NOT NULL,
  `paid_at` datetime(6) NULL,
  `checkout_id` binary(16) NOT NULL,
  PRIMARY KEY (`id`),
  UNIQUE INDEX `checkout_id` (`checkout_id`),
  CONSTRAINT `payments_checkouts_payment` FOREIGN KEY (`checkout_id`) REFERENCES `checkouts` (`id`) ON UPDATE NO ACTION ON DELETE NO ACTION,
  CONSTRAINT `payment_amount` CHECK (`amount` >= 0),
  CONSTRAINT `payment_paid` CHECK ((`status` in (_utf8mb4'PENDING',_utf8mb4'CLOSED')) = (`paid_at` is null))
) CHARSET utf8mb4 COLLATE utf8mb4_bin;
-- Create "refunds" table
CREATE TABLE `refunds` (
  `id` binary(16) NOT NULL,
  `payment_id` binary(16) NOT NULL,
  `shop_id` binary(16) NOT NULL,
  `staff_id` binary(16) NULL,
  `amount` bigint NOT NULL,
  `currency` varchar(24) NOT NULL,
  `reason` varchar(500) NOT NULL,
  `status` varchar(24) NOT NULL,
  `created_at` datetime(6) NOT NULL,
  `order_id` binary(16) NOT NULL,
  PRIMARY KEY (`id`),
  INDEX `refund_order_id` (`order_id`),
  CONSTRAINT `refunds_orders_refunds` FOREIGN KEY (`order_id`) REFERENCES `orders` (`id`) ON UPDATE NO ACTION ON DELETE NO ACTION,
  CONSTRAINT `refund_amount` CHECK (`amount` > 0)
) CHARSET utf8mb4 COLLATE utf8mb4_bin;
-- Create "shipments" table
CREATE TABLE `shipments` (
  `id` binary(16) NOT NULL,
  `shop_id` binary(16) NOT NULL,
  `staff_id` binary(16) NOT NULL,
  `method` varchar(24) NOT NULL,
  `carrier` varchar(128) NULL,
  `tracking_number` varchar(128) NULL,
  `shipped_at` datetime(6) NOT NULL,
  `order_id` binary(16) NOT NULL,
  PRIMARY KEY (`id`),
  INDEX `shipment_order_id` (`order_id`),
  CONSTRAINT `shipments_orders_shipments` FOREIGN KEY (`order_id`) REFERENCES `orders` (`id`) ON UPDATE NO ACTION ON DELETE NO ACTION
) CHARSET utf8mb4 COLLATE utf8mb4_bin;
-- Create "shipment_lines" table
CREATE TABLE `shipment_lines` (
  `id` binary(16) NOT NULL,
  `order_line_id` binary(16) NOT NULL,
  `quantity` bigint NOT NULL,
  `shipment_id` binary(16) NOT NULL,
  PRIMARY KEY (`id`),
  UNIQUE INDEX `shipmentline_shipment_id_order_line_id` (`shipment_id`, `order_line_id`),
  CONSTRAINT `shipment_lines_shipments_lines` FOREIGN KEY (`shipment_id`) REFERENCES `shipments` (`id`) ON UPDATE NO ACTION ON DELETE NO ACTION,
  CONSTRAINT `shipment_line_quantity` CHECK (`quantity` > 0)
) CHARSET utf8mb4 COLLATE utf8mb4_bin;
-- Create "split_returns" table
CREATE TABLE `split_returns` (
  `id` binary(16) NOT NULL,
  `shop_id` binary(16) NOT NULL,
  `amount` bigint NOT NULL,
  `currency` varchar(24) NOT NULL,
  `status` varchar(24) NOT NULL,
  `created_at` datetime(6) NOT NULL,
  `split_id` binary(16) NOT NULL,
  `refund_id` binary(16) NOT NULL,
  PRIMARY KEY (`id`),
  INDEX `splitreturn_refund_id` (`refund_id`),
  INDEX `splitreturn_split_id` (`split_id`),
  CONSTRAINT `split_returns_payment_splits_returns` FOREIGN KEY (`split_id`) REFERENCES `payment_splits` (`id`) ON UPDATE NO ACTION ON DELETE NO ACTION,
  CONSTRAINT `split_returns_refunds_returns` FOREIGN KEY (`refund_id`) REFERENCES `refunds` (`id`) ON UPDATE NO ACTION ON DELETE NO ACTION,
  CONSTRAINT `split_return_amount` CHECK (`amount` > 0)
) CHARSET utf8mb4 COLLATE utf8mb4_bin;
