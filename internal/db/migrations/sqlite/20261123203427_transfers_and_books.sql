-- Disable the enforcement of foreign-keys constraints
PRAGMA foreign_keys = off;
-- Add column "freed_at" to table: "orders"
ALTER TABLE `orders` ADD COLUMN `freed_at` datetime NULL;
-- Create "new_payment_splits" table
CREATE TABLE `new_payment_splits` (
  `id` blob NOT NULL,
  `payment_id` blob NOT NULL,
  `shop_id` blob NOT NULL,
  `receiver` text NOT NULL,
  `role` text NOT NULL,
  `amount` integer NOT NULL,
  `returned` integer NOT NULL,
  `currency` text NOT NULL,
  `status` text NOT NULL,
  `attempts` integer NOT NULL DEFAULT (0),
  `position` integer NOT NULL,
  `order_id` blob NOT NULL,
  PRIMARY KEY (`id`),
  CONSTRAINT `payment_splits_orders_splits` FOREIGN KEY (`order_id`) REFERENCES `orders` (`id`) ON DELETE NO ACTION,
  CONSTRAINT `split_returned` CHECK (returned BETWEEN 0 AND amount)
);
-- Copy rows from old table "payment_splits" to new temporary table "new_payment_splits"
INSERT INTO `new_payment_splits` (`id`, `payment_id`, `shop_id`, `receiver`, `role`, `amount`, `returned`, `currency`, `status`, `position`, `order_id`) SELECT `id`, `payment_id`, `shop_id`, `receiver`, `role`, `amount`, `returned`, `currency`, `status`, `position`, `order_id` FROM `payment_splits`;
-- Drop "payment_splits" table after copying rows
DROP TABLE `payment_splits`;
-- Rename temporary table "new_payment_splits" to "payment_splits"
ALTER TABLE `new_payment_splits` RENAME TO `payment_splits`;
-- Create index "paymentsplit_order_id_position" to table: "payment_splits"
CREATE INDEX `paymentsplit_order_id_position` ON `payment_splits` (`order_id`, `position`);
-- Create index "paymentsplit_payment_id" to table: "payment_splits"
CREATE INDEX `paymentsplit_payment_id` ON `payment_splits` (`payment_id`);
-- Create "new_shops" table
CREATE TABLE `new_shops` (
  `id` blob NOT NULL,
  `name` text NOT NULL,
  `subject` text NOT NULL,
  `currency` text NOT NULL,
  `status` text NOT NULL,
  `receiver` text NOT NULL,
  `max_share_basis_points` integer NOT NULL,
  `share_when` text NOT NULL DEFAULT ('AFTER_PAYMENT'),
  `created_at` datetime NOT NULL,
  PRIMARY KEY (`id`),
  CONSTRAINT `shop_max_share` CHECK (max_share_basis_points BETWEEN 0 AND 10000)
);
-- Copy rows from old table "shops" to new temporary table "new_shops"
INSERT INTO `new_shops` (`id`, `name`, `subject`, `currency`, `status`, `receiver`, `max_share_basis_points`, `created_at`) SELECT `id`, `name`, `subject`, `currency`, `status`, `receiver`, `max_share_basis_points`, `created_at` FROM `shops`;
-- Drop "shops" table after copying rows
DROP TABLE `shops`;
-- Rename temporary table "new_shops" to "shops"
ALTER TABLE `new_shops` RENAME TO `shops`;
-- Create "new_split_returns" table
CREATE TABLE `new_split_returns` (
  `id` blob NOT NULL,
  `shop_id` blob NOT NULL,
  `amount` integer NOT NULL,
  `currency` text NOT NULL,
  `status` text NOT NULL,
  `attempts` integer NOT NULL DEFAULT (0),
  `created_at` datetime NOT NULL,
  `split_id` blob NOT NULL,
  `refund_id` blob NOT NULL,
  PRIMARY KEY (`id`),
  CONSTRAINT `split_returns_payment_splits_returns` FOREIGN KEY (`split_id`) REFERENCES `payment_splits` (`id`) ON DELETE NO ACTION,
  CONSTRAINT `split_returns_refunds_returns` FOREIGN KEY (`refund_id`) REFERENCES `refunds` (`id`) ON DELETE NO ACTION,
  CONSTRAINT `split_return_amount` CHECK (amount > 0)
);
-- Copy rows from old table "split_returns" to new temporary table "new_split_returns"
INSERT INTO `new_split_returns` (`id`, `shop_id`, `amount`, `currency`, `status`, `created_at`, `split_id`, `refund_id`) SELECT `id`, `shop_id`, `amount`, `currency`, `status`, `created_at`, `split_id`, `refund_id` FROM `split_returns`;
-- Drop "split_returns" table after copying rows
DROP TABLE `split_returns`;
-- Rename temporary table "new_split_returns" to "split_returns"
ALTER TABLE `new_split_returns` RENAME TO `split_returns`;
-- Create index "splitreturn_refund_id" to table: "split_returns"
CREATE INDEX `splitreturn_refund_id` ON `split_returns` (`refund_id`);
-- Create index "splitreturn_split_id" to table: "split_returns"
CREATE INDEX `splitreturn_split_id` ON `split_returns` (`split_id`);
-- Create "ledger_entries" table
CREATE TABLE `ledger_entries` (
  `id` blob NOT NULL,
  `kind` text NOT NULL,
  `movement_id` blob NOT NULL,
  `order_id` blob NOT NULL,
  `shop_id` blob NOT NULL,
  `account` text NOT NULL,
  `receiver` text NOT NULL,
  `amount` integer NOT NULL,
  `currency` text NOT NULL,
  `created_at` datetime NOT NULL,
  PRIMARY KEY (`id`),
  CONSTRAINT `ledger_entry_amount` CHECK (amount <> 0),
  CONSTRAINT `ledger_entry_receiver` CHECK ((account = 'RECEIVER') = (receiver <> ''))
);
-- Create index "ledgerentry_movement_id_kind_order_id_account" to table: "ledger_entries"
CREATE UNIQUE INDEX `ledgerentry_movement_id_kind_order_id_account` ON `ledger_entries` (`movement_id`, `kind`, `order_id`, `account`);
-- Create index "ledgerentry_order_id" to table: "ledger_entries"
CREATE INDEX `ledgerentry_order_id` ON `ledger_entries` (`order_id`);
-- Create index "ledgerentry_shop_id_id" to table: "ledger_entries"
CREATE INDEX `ledgerentry_shop_id_id` ON `ledger_entries` (`shop_id`, `id`);
-- Create index "ledgerentry_shop_id_account_receiver_currency_amount" to table: "ledger_entries"
CREATE INDEX `ledgerentry_shop_id_account_receiver_currency_amount` ON `ledger_entries` (`shop_id`, `account`, `receiver`, `currency`, `amount`);
-- Enable back the enforcement of foreign-keys constraints
PRAGMA foreign_keys = on;
-- What moved before there were books, as the rows have it: of shares what their receivers still have.
-- Ids begin as those of what moved, so that they sort by when that began.
INSERT INTO `ledger_entries` (`id`, `kind`, `movement_id`, `order_id`, `shop_id`, `account`, `receiver`, `amount`, `currency`, `created_at`)
SELECT CAST(substr(p.id, 1, 8) || randomblob(8) AS blob), 'RECEIVED', p.id, o.id, o.shop_id, a.account, '', a.sign * o.total, o.currency, p.paid_at
FROM `orders` AS o JOIN `payments` AS p ON p.checkout_id = o.checkout_id CROSS JOIN (SELECT 'BUYER' AS account, -1 AS sign UNION ALL SELECT 'ORDER', 1) AS a WHERE p.paid_at IS NOT NULL AND o.total <> 0;
INSERT INTO `ledger_entries` (`id`, `kind`, `movement_id`, `order_id`, `shop_id`, `account`, `receiver`, `amount`, `currency`, `created_at`)
SELECT CAST(substr(s.id, 1, 8) || randomblob(8) AS blob), 'SHARED', s.id, s.order_id, s.shop_id, a.account, CASE a.account WHEN 'RECEIVER' THEN s.receiver ELSE '' END, a.sign * (s.amount - s.returned), s.currency, p.paid_at
FROM `payment_splits` AS s JOIN `payments` AS p ON p.id = s.payment_id CROSS JOIN (SELECT 'ORDER' AS account, -1 AS sign UNION ALL SELECT 'RECEIVER', 1) AS a WHERE s.status IN ('SUCCEEDED', 'RETURNED') AND s.amount <> s.returned;
INSERT INTO `ledger_entries` (`id`, `kind`, `movement_id`, `order_id`, `shop_id`, `account`, `receiver`, `amount`, `currency`, `created_at`)
SELECT CAST(substr(r.id, 1, 8) || randomblob(8) AS blob), 'REFUNDED', r.id, r.order_id, r.shop_id, a.account, '', a.sign * r.amount, r.currency, COALESCE(r.succeeded_at, r.created_at)
FROM `refunds` AS r CROSS JOIN (SELECT 'ORDER' AS account, -1 AS sign UNION ALL SELECT 'BUYER', 1) AS a WHERE r.status = 'SUCCEEDED';
