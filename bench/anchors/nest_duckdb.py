"""Nest a shop's tables as tutorials do it with DuckDB: one query per kind. `nest_duckdb.py MEMORY` in the directory."""
# ruff: noqa: S608, E501 - an afternoon's script

import sys

import duckdb

REWARD = "5f0c2d1e-8a43-4b6f-9d27-0a1b3c5d7e90"
ISO = "strftime((created_at AT TIME ZONE 'America/Bogota') AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%SZ')"

database = duckdb.connect()
database.execute(f"SET memory_limit = '{sys.argv[1]}'; SET threads = 2; SET temp_directory = 'by-hand/temporary'")
database.execute("SET TimeZone = 'UTC'; SET preserve_insertion_order = false")
database.execute(f"""
COPY (SELECT c.id::VARCHAR AS id, name, email, {ISO} AS registration_date,
             [{{'reward_id': '{REWARD}', 'amount': coalesce(p.points, 0)}}] AS balance
      FROM 'customers.csv' c LEFT JOIN (SELECT customer_id, sum(points) points FROM 'ledger.csv' GROUP BY 1) p
      ON p.customer_id = c.id WHERE state = 'enabled') TO 'by-hand/customers.ndjson' (FORMAT json)""")
database.execute(f"""
COPY (WITH products AS (SELECT order_id, list({{'sku': sku, 'amount': quantity, 'value': price}} ORDER BY line_no) products
                        FROM 'lines.csv' GROUP BY order_id)
      SELECT customer_id::VARCHAR AS id,
             list({{'type': 'PURCHASE', 'order': {{'purchase_id': id::VARCHAR, 'value': total,
                   'discounted_value': total - discount, 'products': products, 'payment_method':
                   CASE gateway WHEN 'credit_card' THEN 'CREDIT' WHEN 'debit' THEN 'DEBIT' WHEN 'cash' THEN 'CASH'
                   ELSE 'BANK_TRANSFER' END}}, 'fulfilled': true, 'issued_at': {ISO}, 'resolved_at': NULL,
                   'brand_id': NULL}} ORDER BY created_at, id) AS events
      FROM 'orders.csv' JOIN products ON order_id = id WHERE status = 'paid' GROUP BY customer_id)
TO 'by-hand/events.ndjson' (FORMAT json)""")
database.execute(f"""
COPY (SELECT customer_id::VARCHAR AS id,
             list({{'reward_id': '{REWARD}', 'type': CASE WHEN points > 0 THEN 'ACCUMULATION' ELSE 'REDEMPTION' END,
                   'amount': points, 'issued_at': {ISO}, 'details': note}} ORDER BY created_at, id) AS transactions
      FROM 'ledger.csv' GROUP BY customer_id) TO 'by-hand/transactions.ndjson' (FORMAT json)""")
