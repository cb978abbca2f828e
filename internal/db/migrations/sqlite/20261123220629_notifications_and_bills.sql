-- Disable the enforcement of foreign-keys constraints
PRAGMA foreign_keys = off;
-- Create "new_refunds" table
CREATE TABLE `new_refunds` (
  `id` blob NOT NULL,
  `payment_id` blob NOT NULL,
  `shop_id` blob NOT NULL,
  `staff_id` blob NULL,
  `amount` integer NOT NULL,
  `currency` text NOT NULL,
  `reason` text NOT NULL,
  `status` text NOT NULL,
  `attempts` integer NOT NULL DEFAULT (0),
  `failure` text NULL,
  `created_at` datetime NOT NULL,
  `succeeded_at` datetime NULL,
  `order_id` blob NOT NULL,
  PRIMARY KEY (`id`),
  CONSTRAINT `refunds_orders_refunds` FOREIGN KEY (`order_id`) REFERENCES `orders` (`id`) ON DELETE NO ACTION,
  CONSTRAINT `refund_amount` CHECK (amount > 0)
);
-- Copy rows from old table "refunds" to new temporary table "new_refunds"
INSERT INTO `new_refunds` (`id`, `payment_id`, `shop_id`, `staff_id`, `amount`, `currency`, `reason`, `status`, `created_at`, `succeeded_at`, `order_id`) SELECT `id`, `payment_id`, `shop_id`, `staff_id`, `amount`, `currency`, `reason`, `status`, `created_at`, `succeeded_at`, `order_id` FROM `refunds`;
-- Drop "refunds" table after copying rows
DROP TABLE `refunds`;
-- Rename temporary table "new_refunds" to "refunds"
ALTER TABLE `new_refunds` RENAME TO `refunds`;
-- Create index "refund_order_id" to table: "refunds"
CREATE INDEX `refund_order_id` ON `refunds` (`order_id`);
-- Create index "refund_payment_id" to table: "refunds"
CREATE INDEX `refund_payment_id` ON `refunds` (`payment_id`);
-- Create "new_jobs" table
CREATE TABLE `new_jobs` (
  `id` blob NOT NULL,
  `kind` text NOT NULL,
  `run_at` datetime NOT NULL,
  `leased_until` datetime NULL,
  `attempts` integer NOT NULL,
  `wakes` integer NOT NULL,
  `last_error` text NULL,
  `failing_since` datetime NULL,
  `created_at` datetime NOT NULL,
  PRIMARY KEY (`id`)
);
-- Copy rows from old table "jobs" to new temporary table "new_jobs"
INSERT INTO `new_jobs` (`id`, `kind`, `run_at`, `leased_until`, `attempts`, `wakes`, `last_error`, `created_at`) SELECT `id`, `kind`, `run_at`, `leased_until`, `attempts`, `wakes`, `last_error`, `created_at` FROM `jobs`;
-- Drop "jobs" table after copying rows
DROP TABLE `jobs`;
-- Rename temporary table "new_jobs" to "jobs"
ALTER TABLE `new_jobs` RENAME TO `jobs`;
-- Create index "job_run_at" to table: "jobs"
CREATE INDEX `job_run_at` ON `jobs` (`run_at`);
-- Create index "job_failing_since_id" to table: "jobs"
CREATE INDEX `job_failing_since_id` ON `jobs` (`failing_since`, `id`);
-- Add column "failure" to table: "payment_splits"
ALTER TABLE `payment_splits` ADD COLUMN `failure` text NULL;
-- Add column "failure" to table: "split_returns"
ALTER TABLE `split_returns` ADD COLUMN `failure` text NULL;
-- Create "differences" table
CREATE TABLE `differences` (
  `id` blob NOT NULL,
  `kind` text NOT NULL,
  `subject` text NOT NULL,
  `order_id` blob NULL,
  `here` integer NOT NULL,
  `there` integer NOT NULL,
  `note` text NOT NULL,
  `position` integer NOT NULL,
  `reconciliation_id` blob NOT NULL,
  PRIMARY KEY (`id`),
  CONSTRAINT `differences_reconciliations_found` FOREIGN KEY (`reconciliation_id`) REFERENCES `reconciliations` (`id`) ON DELETE NO ACTION
);
-- Create index "difference_reconciliation_id_position" to table: "differences"
CREATE INDEX `difference_reconciliation_id_position` ON `differences` (`reconciliation_id`, `position`);
-- Create index "difference_order_id" to table: "differences"
CREATE INDEX `difference_order_id` ON `differences` (`order_id`);
-- Create "notifications" table
CREATE TABLE `notifications` (
  `id` blob NOT NULL,
  `kind` text NOT NULL,
  `about_id` blob NOT NULL,
  `buyer_id` blob NOT NULL,
  `shop_id` blob NOT NULL,
  `order_id` blob NULL,
  `status` text NOT NULL,
  `failure` text NULL,
  `created_at` datetime NOT NULL,
  `ended_at` datetime NULL,
  PRIMARY KEY (`id`),
  CONSTRAINT `notification_ended` CHECK ((status = 'PENDING') = (ended_at IS NULL))
);
-- Create index "notification_order_id" to table: "notifications"
CREATE INDEX `notification_order_id` ON `notifications` (`order_id`);
-- Create "reconciliations" table
CREATE TABLE `reconciliations` (
  `id` blob NOT NULL,
  `merchant` text NOT NULL,
  `day` text NOT NULL,
  `status` text NOT NULL,
  `payments` integer NOT NULL,
  `refunds` integer NOT NULL,
  `differences` integer NOT NULL,
  `received` integer NOT NULL,
  `refunded` integer NOT NULL,
  `fees` integer NOT NULL,
  `currency` text NOT NULL,
  `created_at` datetime NOT NULL,
  `compared_at` datetime NULL,
  PRIMARY KEY (`id`),
  CONSTRAINT `reconciliation_compared` CHECK ((status = 'PENDING') = (compared_at IS NULL))
);
-- Create index "reconciliation_merchant_day" to table: "reconciliations"
CREATE UNIQUE INDEX `reconciliation_merchant_day` ON `reconciliations` (`merchant`, `day`);
-- Create "stock_reminders" table
CREATE TABLE `stock_reminders` (
  `id` blob NOT NULL,
  `variant_id` blob NOT NULL,
  `shop_id` blob NOT NULL,
  `buyer_id` blob NOT NULL,
  `created_at` datetime NOT NULL,
  PRIMARY KEY (`id`)
);
-- Create index "stockreminder_variant_id_buyer_id" to table: "stock_reminders"
CREATE UNIQUE INDEX `stockreminder_variant_id_buyer_id` ON `stock_reminders` (`variant_id`, `buyer_id`);
-- Create index "stockreminder_buyer_id_variant_id" to table: "stock_reminders"
CREATE INDEX `stockreminder_buyer_id_variant_id` ON `stock_reminders` (`buyer_id`, `variant_id`);
-- Enable back the enforcement of foreign-keys constraints
PRAGMA foreign_keys = on;
