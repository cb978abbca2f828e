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
  INDEX `ledgerentry_shop_id_account_receiver_currency_amount` (`shop_id`, `account`, `receiver`, `currency`, `amount`),
  INDEX `ledgerentry_shop_id_id` (`shop_id`, `id`),
  CONSTRAINT `ledger_entry_amount` CHECK (`amount` <> 0),
  CONSTRAINT `ledger_entry_receiver` CHECK ((`account` = _utf8mb4'RECEIVER') = (`receiver` <> _utf8mb4''))
) CHARSET utf8mb4 COLLATE utf8mb4_bin;
-- What moved before there were books, as the rows have it: of shares what their receivers still have.
-- Ids begin as those of what moved, so that they sort by when that began.
INSERT INTO `ledger_entries` (`id`, `kind`, `movement_id`, `order_id`, `shop_id`, `account`, `receiver`, `amount`, `currency`, `created_at`)
SELECT CONCAT(SUBSTRING(p.id, 1, 8), UNHEX(SUBSTRING(SHA2(CONCAT(p.id, o.id, a.account), 256), 1, 16))), 'RECEIVED', p.id, o.id, o.shop_id, a.account, '', a.sign * o.total, o.currency, p.paid_at
FROM `orders` AS o JOIN `payments` AS p ON p.checkout_id = o.checkout_id CROSS JOIN (SELECT 'BUYER' AS account, -1 AS sign UNION ALL SELECT 'ORDER', 1) AS a WHERE p.paid_at IS NOT NULL AND o.total <> 0;
INSERT INTO `ledger_entries` (`id`, `kind`, `movement_id`, `order_id`, `shop_id`, `account`, `receiver`, `amount`, `currency`, `created_at`)
SELECT CONCAT(SUBSTRING(s.id, 1, 8), UNHEX(SUBSTRING(SHA2(CONCAT(s.id, s.order_id, a.account), 256), 1, 16))), 'SHARED', s.id, s.order_id, s.shop_id, a.account, CASE a.account WHEN 'RECEIVER' THEN s.receiver ELSE '' END, a.sign * (s.amount - s.returned), s.currency, p.paid_at
FROM `payment_splits` AS s JOIN `payments` AS p ON p.id = s.payment_id CROSS JOIN (SELECT 'ORDER' AS account, -1 AS sign UNION ALL SELECT 'RECEIVER', 1) AS a WHERE s.status IN ('SUCCEEDED', 'RETURNED') AND s.amount <> s.returned;
INSERT INTO `ledger_entries` (`id`, `kind`, `movement_id`, `order_id`, `shop_id`, `account`, `receiver`, `amount`, `currency`, `created_at`)
SELECT CONCAT(SUBSTRING(r.id, 1, 8), UNHEX(SUBSTRING(SHA2(CONCAT(r.id, r.order_id, a.account), 256), 1, 16))), 'REFUNDED', r.id, r.order_id, r.shop_id, a.account, '', a.sign * r.amount, r.currency, COALESCE(r.succeeded_at, r.created_at)
FROM `refunds` AS r CROSS JOIN (SELECT 'ORDER' AS account, -1 AS sign UNION ALL SELECT 'BUYER', 1) AS a WHERE r.status = 'SUCCEEDED';
