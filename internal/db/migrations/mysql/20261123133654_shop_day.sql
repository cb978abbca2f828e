-- Modify "shop_staff" table
ALTER TABLE `shop_staff` ADD INDEX `shopstaff_shop_id` (`shop_id`);
-- Create "audit_entries" table
CREATE TABLE `audit_entries` (
  `id` binary(16) NOT NULL,
  `shop_id` binary(16) NOT NULL,
  `staff_id` binary(16) NOT NULL,
  `action` varchar(128) NOT NULL,
  `subject` varchar(128) NOT NULL,
  `detail` longtext NOT NULL,
  `created_at` datetime(6) NOT NULL,
  PRIMARY KEY (`id`),
  INDEX `auditentry_shop_id_id` (`shop_id`, `id`)
) CHARSET utf8mb4 COLLATE utf8mb4_bin;
-- Modify "orders" table
ALTER TABLE `orders` ADD COLUMN `shipped_at` datetime(6) NULL, ADD COLUMN `completed_at` datetime(6) NULL, DROP INDEX `order_buyer_id`, DROP INDEX `order_shop_id`, DROP INDEX `order_shop_id_ship_phone`, DROP INDEX `order_shop_id_status`, ADD INDEX `order_buyer_id_id` (`buyer_id`, `id`), ADD INDEX `order_shop_id_id` (`shop_id`, `id`), ADD INDEX `order_shop_id_ship_phone_id` (`shop_id`, `ship_phone`, `id`), ADD INDEX `order_shop_id_status_id` (`shop_id`, `status`, `id`);
-- Modify "product_variants" table
ALTER TABLE `product_variants` ADD COLUMN `status` varchar(24) NOT NULL DEFAULT "ACTIVE";
-- Modify "products" table
ALTER TABLE `products` DROP INDEX `product_shop_id_status`, ADD INDEX `product_shop_id_status_id` (`shop_id`, `status`, `id`);
-- Modify "refunds" table
ALTER TABLE `refunds` ADD COLUMN `succeeded_at` datetime(6) NULL, ADD INDEX `refund_payment_id` (`payment_id`);
-- Modify "order_lines" table
ALTER TABLE `order_lines` DROP INDEX `orderline_shop_id_sku`, ADD INDEX `orderline_shop_id_sku_order_id` (`shop_id`, `sku`, `order_id`);
-- Modify "stock_movements" table
ALTER TABLE `stock_movements` ADD COLUMN `version` bigint NOT NULL DEFAULT 0, DROP INDEX `stockmovement_variant_id`, ADD INDEX `stockmovement_variant_id_id` (`variant_id`, `id`);
-- Modify "cart_lines" table
ALTER TABLE `cart_lines` ADD COLUMN `price` bigint NULL;
-- Create "addresses" table
CREATE TABLE `addresses` (
  `id` binary(16) NOT NULL,
  `buyer_id` binary(16) NOT NULL,
  `name` varchar(128) NOT NULL,
  `phone` varchar(32) NOT NULL,
  `country` varchar(24) NOT NULL,
  `province` varchar(128) NOT NULL,
  `city` varchar(128) NOT NULL,
  `district` varchar(128) NULL,
  `street` varchar(200) NOT NULL,
  `postal_code` varchar(32) NULL,
  `is_default` bool NOT NULL,
  `created_at` datetime(6) NOT NULL,
  PRIMARY KEY (`id`),
  INDEX `address_buyer_id` (`buyer_id`)
) CHARSET utf8mb4 COLLATE utf8mb4_bin;
-- Modify "staff_requests" table
ALTER TABLE `staff_requests` ADD COLUMN `result` longtext NULL;
-- Create "jobs" table
CREATE TABLE `jobs` (
  `id` binary(16) NOT NULL,
  `kind` varchar(24) NOT NULL,
  `run_at` datetime(6) NOT NULL,
  `leased_until` datetime(6) NULL,
  `attempts` bigint NOT NULL,
  `wakes` bigint NOT NULL,
  `last_error` varchar(500) NULL,
  `created_at` datetime(6) NOT NULL,
  PRIMARY KEY (`id`),
  INDEX `job_run_at` (`run_at`)
) CHARSET utf8mb4 COLLATE utf8mb4_bin;
-- Create "order_notes" table
CREATE TABLE `order_notes` (
  `id` binary(16) NOT NULL,
  `order_id` binary(16) NOT NULL,
  `shop_id` binary(16) NOT NULL,
  `staff_id` binary(16) NOT NULL,
  `text` varchar(500) NOT NULL,
  `created_at` datetime(6) NOT NULL,
  PRIMARY KEY (`id`),
  INDEX `ordernote_order_id` (`order_id`)
) CHARSET utf8mb4 COLLATE utf8mb4_bin;
-- Create "staff_invitations" table
CREATE TABLE `staff_invitations` (
  `id` binary(16) NOT NULL,
  `shop_id` binary(16) NOT NULL,
  `email` varchar(200) NOT NULL,
  `role` varchar(24) NOT NULL,
  `token_hash` binary(32) NOT NULL,
  `invited_by` binary(16) NOT NULL,
  `expires_at` datetime(6) NOT NULL,
  `accepted_at` datetime(6) NULL,
  `created_at` datetime(6) NOT NULL,
  PRIMARY KEY (`id`),
  INDEX `staffinvitation_shop_id` (`shop_id`),
  UNIQUE INDEX `token_hash` (`token_hash`)
) CHARSET utf8mb4 COLLATE utf8mb4_bin;
-- Create "refund_lines" table
CREATE TABLE `refund_lines` (
  `id` binary(16) NOT NULL,
  `order_line_id` binary(16) NOT NULL,
  `quantity` bigint NOT NULL,
  `restocked` bigint NOT NULL,
  `refund_id` binary(16) NOT NULL,
  PRIMARY KEY (`id`),
  INDEX `refundline_order_line_id` (`order_line_id`),
  UNIQUE INDEX `refundline_refund_id_order_line_id` (`refund_id`, `order_line_id`),
  CONSTRAINT `refund_lines_refunds_lines` FOREIGN KEY (`refund_id`) REFERENCES `refunds` (`id`) ON UPDATE NO ACTION ON DELETE NO ACTION,
  CONSTRAINT `refund_line_says` CHECK ((`quantity` + `restocked`) > 0)
) CHARSET utf8mb4 COLLATE utf8mb4_bin;
-- Orders that were paid before this version have shares that nobody has paid out
INSERT INTO `jobs` (`id`, `kind`, `run_at`, `attempts`, `wakes`, `created_at`) SELECT `id`, 'ORDER', `paid_at`, 0, 1, `paid_at` FROM `orders` WHERE `paid_at` IS NOT NULL;
