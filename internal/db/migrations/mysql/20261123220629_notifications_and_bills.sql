-- Modify "jobs" table
ALTER TABLE `jobs` ADD COLUMN `failing_since` datetime(6) NULL, ADD INDEX `job_failing_since_id` (`failing_since`, `id`);
-- Modify "payment_splits" table
ALTER TABLE `payment_splits` ADD COLUMN `failure` varchar(500) NULL;
-- Modify "refunds" table
ALTER TABLE `refunds` ADD COLUMN `attempts` bigint NOT NULL DEFAULT 0, ADD COLUMN `failure` varchar(500) NULL;
-- Modify "split_returns" table
ALTER TABLE `split_returns` ADD COLUMN `failure` varchar(500) NULL;
-- Create "notifications" table
CREATE TABLE `notifications` (
  `id` binary(16) NOT NULL,
  `kind` varchar(24) NOT NULL,
  `about_id` binary(16) NOT NULL,
  `buyer_id` binary(16) NOT NULL,
  `shop_id` binary(16) NOT NULL,
  `order_id` binary(16) NULL,
  `status` varchar(24) NOT NULL,
  `failure` varchar(500) NULL,
  `created_at` datetime(6) NOT NULL,
  `ended_at` datetime(6) NULL,
  PRIMARY KEY (`id`),
  INDEX `notification_order_id` (`order_id`),
  CONSTRAINT `notification_ended` CHECK ((`status` = _utf8mb4'PENDING') = (`ended_at` is null))
) CHARSET utf8mb4 COLLATE utf8mb4_bin;
-- Create "reconciliations" table
CREATE TABLE `reconciliations` (
  `id` binary(16) NOT NULL,
  `merchant` varchar(128) NOT NULL,
  `day` varchar(10) NOT NULL,
  `status` varchar(24) NOT NULL,
  `payments` bigint NOT NULL,
  `refunds` bigint NOT NULL,
  `differences` bigint NOT NULL,
  `received` bigint NOT NULL,
  `refunded` bigint NOT NULL,
  `fees` bigint NOT NULL,
  `currency` varchar(24) NOT NULL,
  `created_at` datetime(6) NOT NULL,
  `compared_at` datetime(6) NULL,
  PRIMARY KEY (`id`),
  UNIQUE INDEX `reconciliation_merchant_day` (`merchant`, `day`),
  CONSTRAINT `reconciliation_compared` CHECK ((`status` = _utf8mb4'PENDING') = (`compared_at` is null))
) CHARSET utf8mb4 COLLATE utf8mb4_bin;
-- Create "stock_reminders" table
CREATE TABLE `stock_reminders` (
  `id` binary(16) NOT NULL,
  `variant_id` binary(16) NOT NULL,
  `shop_id` binary(16) NOT NULL,
  `buyer_id` binary(16) NOT NULL,
  `created_at` datetime(6) NOT NULL,
  PRIMARY KEY (`id`),
  INDEX `stockreminder_buyer_id_variant_id` (`buyer_id`, `variant_id`),
  UNIQUE INDEX `stockreminder_variant_id_buyer_id` (`variant_id`, `buyer_id`)
) CHARSET utf8mb4 COLLATE utf8mb4_bin;
-- Create "differences" table
CREATE TABLE `differences` (
  `id` binary(16) NOT NULL,
  `kind` varchar(24) NOT NULL,
  `subject` varchar(128) NOT NULL,
  `order_id` binary(16) NULL,
  `here` bigint NOT NULL,
  `there` bigint NOT NULL,
  `note` varchar(500) NOT NULL,
  `position` bigint NOT NULL,
  `reconciliation_id` binary(16) NOT NULL,
  PRIMARY KEY (`id`),
  INDEX `difference_order_id` (`order_id`),
  INDEX `difference_reconciliation_id_position` (`reconciliation_id`, `position`),
  CONSTRAINT `differences_reconciliations_found` FOREIGN KEY (`reconciliation_id`) REFERENCES `reconciliations` (`id`) ON UPDATE NO ACTION ON DELETE NO ACTION
) CHARSET utf8mb4 COLLATE utf8mb4_bin;
