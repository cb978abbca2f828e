-- Disable the enforcement of foreign-keys constraints
PRAGMA foreign_keys = off;
-- Add column "price" to table: "cart_lines"
ALTER TABLE `cart_lines` ADD COLUMN `price` integer NULL;
-- Add column "shipped_at" to table: "orders"
ALTER TABLE `orders` ADD COLUMN `shipped_at` datetime NULL;
-- Add column "completed_at" to table: "orders"
ALTER TABLE `orders` ADD COLUMN `completed_at` datetime NULL;
-- Drop index "order_buyer_id" from table: "orders"
DROP INDEX `order_buyer_id`;
-- Drop index "order_shop_id" from table: "orders"
DROP INDEX `order_shop_id`;
-- Drop index "order_shop_id_status" from table: "orders"
DROP INDEX `order_shop_id_status`;
-- Drop index "order_shop_id_ship_phone" from table: "orders"
DROP INDEX `order_shop_id_ship_phone`;
-- Create index "order_buyer_id_id" to table: "orders"
CREATE INDEX `order_buyer_id_id` ON `orders` (`buyer_id`, `id`);
-- Create index "order_shop_id_id" to table: "orders"
CREATE INDEX `order_shop_id_id` ON `orders` (`shop_id`, `id`);
-- Create index "order_shop_id_status_id" to table: "orders"
CREATE INDEX `order_shop_id_status_id` ON `orders` (`shop_id`, `status`, `id`);
-- Create index "order_shop_id_ship_phone_id" to table: "orders"
CREATE INDEX `order_shop_id_ship_phone_id` ON `orders` (`shop_id`, `ship_phone`, `id`);
-- Drop index "orderline_shop_id_sku" from table: "order_lines"
DROP INDEX `orderline_shop_id_sku`;
-- Create index "orderline_shop_id_sku_order_id" to table: "order_lines"
CREATE INDEX `orderline_shop_id_sku_order_id` ON `order_lines` (`shop_id`, `sku`, `order_id`);
-- Drop index "product_shop_id_status" from table: "products"
DROP INDEX `product_shop_id_status`;
-- Create index "product_shop_id_status_id" to table: "products"
CREATE INDEX `product_shop_id_status_id` ON `products` (`shop_id`, `status`, `id`);
-- Create "new_product_variants" table
CREATE TABLE `new_product_variants` (
  `id` blob NOT NULL,
  `shop_id` blob NOT NULL,
  `product_id` blob NOT NULL,
  `sku` text NOT NULL,
  `title` text NOT NULL,
  `price` integer NOT NULL,
  `currency` text NOT NULL,
  `position` integer NOT NULL,
  `status` text NOT NULL DEFAULT ('ACTIVE'),
  `created_at` datetime NOT NULL,
  PRIMARY KEY (`id`),
  CONSTRAINT `variant_price` CHECK (price >= 0)
);
-- Copy rows from old table "product_variants" to new temporary table "new_product_variants"
INSERT INTO `new_product_variants` (`id`, `shop_id`, `product_id`, `sku`, `title`, `price`, `currency`, `position`, `created_at`) SELECT `id`, `shop_id`, `product_id`, `sku`, `title`, `price`, `currency`, `position`, `created_at` FROM `product_variants`;
-- Drop "product_variants" table after copying rows
DROP TABLE `product_variants`;
-- Rename temporary table "new_product_variants" to "product_variants"
ALTER TABLE `new_product_variants` RENAME TO `product_variants`;
-- Create index "productvariant_shop_id_sku" to table: "product_variants"
CREATE UNIQUE INDEX `productvariant_shop_id_sku` ON `product_variants` (`shop_id`, `sku`);
-- Create index "productvariant_product_id_position" to table: "product_variants"
CREATE INDEX `productvariant_product_id_position` ON `product_variants` (`product_id`, `position`);
-- Add column "succeeded_at" to table: "refunds"
ALTER TABLE `refunds` ADD COLUMN `succeeded_at` datetime NULL;
-- Create index "refund_payment_id" to table: "refunds"
CREATE INDEX `refund_payment_id` ON `refunds` (`payment_id`);
-- Create index "shopstaff_shop_id" to table: "shop_staff"
CREATE INDEX `shopstaff_shop_id` ON `shop_staff` (`shop_id`);
-- Add column "result" to table: "staff_requests"
ALTER TABLE `staff_requests` ADD COLUMN `result` text NULL;
-- Create "new_stock_movements" table
CREATE TABLE `new_stock_movements` (
  `id` blob NOT NULL,
  `shop_id` blob NOT NULL,
  `variant_id` blob NOT NULL,
  `kind` text NOT NULL,
  `on_hand_delta` integer NOT NULL,
  `held_delta` integer NOT NULL,
  `order_id` blob NULL,
  `staff_id` blob NULL,
  `reason` text NULL,
  `version` integer NOT NULL DEFAULT (0),
  `created_at` datetime NOT NULL,
  PRIMARY KEY (`id`),
  CONSTRAINT `movement_moves` CHECK (on_hand_delta <> 0 OR held_delta <> 0)
);
-- Copy rows from old table "stock_movements" to new temporary table "new_stock_movements"
INSERT INTO `new_stock_movements` (`id`, `shop_id`, `variant_id`, `kind`, `on_hand_delta`, `held_delta`, `order_id`, `staff_id`, `reason`, `created_at`) SELECT `id`, `shop_id`, `variant_id`, `kind`, `on_hand_delta`, `held_delta`, `order_id`, `staff_id`, `reason`, `created_at` FROM `stock_movements`;
-- Drop "stock_movements" table after copying rows
DROP TABLE `stock_movements`;
-- Rename temporary table "new_stock_movements" to "stock_movements"
ALTER TABLE `new_stock_movements` RENAME TO `stock_movements`;
-- Create index "stockmovement_variant_id_id" to table: "stock_movements"
CREATE INDEX `stockmovement_variant_id_id` ON `stock_movements` (`variant_id`, `id`);
-- Create "addresses" table
CREATE TABLE `addresses` (
  `id` blob NOT NULL,
  `buyer_id` blob NOT NULL,
  `name` text NOT NULL,
  `phone` text NOT NULL,
  `country` text NOT NULL,
  `province` text NOT NULL,
  `city` text NOT NULL,
  `district` text NULL,
  `street` text NOT NULL,
  `postal_code` text NULL,
  `is_default` bool NOT NULL,
  `created_at` datetime NOT NULL,
  PRIMARY KEY (`id`)
);
-- Create index "address_buyer_id" to table: "addresses"
CREATE INDEX `address_buyer_id` ON `addresses` (`buyer_id`);
-- Create "audit_entries" table
CREATE TABLE `audit_entries` (
  `id` blob NOT NULL,
  `shop_id` blob NOT NULL,
  `staff_id` blob NOT NULL,
  `action` text NOT NULL,
  `subject` text NOT NULL,
  `detail` text NOT NULL,
  `created_at` datetime NOT NULL,
  PRIMARY KEY (`id`)
);
-- Create index "auditentry_shop_id_id" to table: "audit_entries"
CREATE INDEX `auditentry_shop_id_id` ON `audit_entries` (`shop_id`, `id`);
-- Create "jobs" table
CREATE TABLE `jobs` (
  `id` blob NOT NULL,
  `kind` text NOT NULL,
  `run_at` datetime NOT NULL,
  `leased_until` datetime NULL,
  `attempts` integer NOT NULL,
  `wakes` integer NOT NULL,
  `last_error` text NULL,
  `created_at` datetime NOT NULL,
  PRIMARY KEY (`id`)
);
-- Create index "job_run_at" to table: "jobs"
CREATE INDEX `job_run_at` ON `jobs` (`run_at`);
-- Create "order_notes" table
CREATE TABLE `order_notes` (
  `id` blob NOT NULL,
  `order_id` blob NOT NULL,
  `shop_id` blob NOT NULL,
  `staff_id` blob NOT NULL,
  `text` text NOT NULL,
  `created_at` datetime NOT NULL,
  PRIMARY KEY (`id`)
);
-- Create index "ordernote_order_id" to table: "order_notes"
CREATE INDEX `ordernote_order_id` ON `order_notes` (`order_id`);
-- Create "refund_lines" table
CREATE TABLE `refund_lines` (
  `id` blob NOT NULL,
  `order_line_id` blob NOT NULL,
  `quantity` integer NOT NULL,
  `restocked` integer NOT NULL,
  `refund_id` blob NOT NULL,
  PRIMARY KEY (`id`),
  CONSTRAINT `refund_lines_refunds_lines` FOREIGN KEY (`refund_id`) REFERENCES `refunds` (`id`) ON DELETE NO ACTION,
  CONSTRAINT `refund_line_says` CHECK (quantity + restocked > 0)
);
-- Create index "refundline_refund_id_order_line_id" to table: "refund_lines"
CREATE UNIQUE INDEX `refundline_refund_id_order_line_id` ON `refund_lines` (`refund_id`, `order_line_id`);
-- Create index "refundline_order_line_id" to table: "refund_lines"
CREATE INDEX `refundline_order_line_id` ON `refund_lines` (`order_line_id`);
-- Create "staff_invitations" table
CREATE TABLE `staff_invitations` (
  `id` blob NOT NULL,
  `shop_id` blob NOT NULL,
  `email` text NOT NULL,
  `role` text NOT NULL,
  `token_hash` blob NOT NULL,
  `invited_by` blob NOT NULL,
  `expires_at` datetime NOT NULL,
  `accepted_at` datetime NULL,
  `created_at` datetime NOT NULL,
  PRIMARY KEY (`id`)
);
-- Create index "staff_invitations_token_hash_key" to table: "staff_invitations"
CREATE UNIQUE INDEX `staff_invitations_token_hash_key` ON `staff_invitations` (`token_hash`);
-- Create index "staffinvitation_shop_id" to table: "staff_invitations"
CREATE INDEX `staffinvitation_shop_id` ON `staff_invitations` (`shop_id`);
-- Orders that were paid before this version have shares that nobody has paid out
INSERT INTO `jobs` (`id`, `kind`, `run_at`, `attempts`, `wakes`, `created_at`) SELECT `id`, 'ORDER', `paid_at`, 0, 1, `paid_at` FROM `orders` WHERE `paid_at` IS NOT NULL;
-- Enable back the enforcement of foreign-keys constraints
PRAGMA foreign_keys = on;
