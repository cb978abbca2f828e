-- Modify "orders" table
ALTER TABLE `orders` ADD COLUMN `freed_at` datetime(6) NULL;
-- Modify "payment_splits" table
ALTER TABLE `payment_splits` ADD COLUMN `attempts` bigint NOT NULL DEFAULT 0;
-- Modify "shops" table
ALTER TABLE `shops` ADD COLUMN `share_when` varchar(24) NOT NULL DEFAULT "AFTER_PAYMENT";
-- Modify "split_returns" table
ALTER TABLE `split_returns` ADD COLUMN `attempts` bigint NOT NULL DEFAULT 0;
-- Create "ledger_entries" table
CREATE TABLE `ledger_entries` (
  `id` binary(16) NOT NULL,
  `kind` varchar(24) NOT NULL,
  `movement_id` binary(16) NOT NULL,
  `order_id` binary(16) NOT NULL,
  `shop_id` binary(16) NOT NULL,
  `account` varchar(24) NOT NULL,
  `receiver` varchar(128) NOT NULL,
  `amount` bigint NOT NULL,
  `currency` varchar(24) NOT NULL,
  `created_at` datetime(6) NOT NULL,
  PRIMARY KEY (`id`),
  UNIQUE INDEX `ledgerentry_movement_id_kind_order_id_account` (`movement_id`, `kind`, `order_id`, `account`),
  INDEX `ledgerentry_order_id` (`order_id`),
  INDEX `ledgerentry_shop_id_id` (`shop_id`, `id`),
  INDEX `ledgerentry_shop_id_receiver` (`shop_id`, `receiver`),
  CONSTRAINT `ledger_entry_amount` CHECK (`amount` <> 0),
  CONSTRAINT `ledger_entry_receiver` CHECK ((`account` = _utf8mb4'RECEIVER') = (`receiver` <> _utf8mb4''))
) CHARSET utf8mb4 COLLATE utf8mb4_bin;
