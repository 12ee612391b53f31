-- What was given back for an id that two lines of an order share, as units of one SKU sold at two prices, counts once.
-- One row a line of a sale that sold a product or gift card, with what was given back for it.
CREATE OR REPLACE VIEW analytics.sold_lines WITH (security_invoker = true) AS
SELECT s.store_id, s.order_id, s.day, s.currency, s.includes_tax, i.position, i.product_external_id, i.product_id,
       i.variation_external_id, i.variation_id, i.product_name, i.sku, i.quantity AS units,
       coalesce(i.subtotal, i.total, 0) AS gross, coalesce(i.total, i.subtotal, 0) AS sold, coalesce(i.tax_total, 0) AS tax,
       coalesce(r.units, 0) AS refunded_units, coalesce(r.amount, 0) AS refunded,
       coalesce(i.total, i.subtotal, 0) - coalesce(r.amount, 0) AS net
  FROM analytics.sales s
  JOIN public.order_items i ON i.store_id = s.store_id AND i.order_id = s.order_id AND i.kind IN ('product', 'gift_card')
  LEFT JOIN LATERAL (
       SELECT sum(x.quantity) AS units, sum(x.amount) AS amount
         FROM analytics.refunded_lines x
        WHERE x.store_id = i.store_id AND x.order_id = i.order_id AND x.line_external_id = i.line_external_id
           -- An id that two lines share, as a SKU sold at two prices, counts once.
           AND NOT EXISTS (SELECT FROM public.order_items f
                            WHERE f.store_id = i.store_id AND f.order_id = i.order_id
                              AND f.line_external_id = i.line_external_id AND f.position < i.position)) r ON true;
