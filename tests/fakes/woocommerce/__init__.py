"""A fake WooCommerce shop on a real socket, that answers as recorded traffic of a real one does.

    with FakeWooCommerce() as shop:
        client = open_client(shop.url, shop.credentials, Clock(), allow_http=True)
        shop.faults.add(Fault("rate_limit", "POST /products/batch", seconds=3))

By hand: `python -m tests.fakes.woocommerce --port 8090 --products 100 --orders 50`.
"""

from tests.fakes.woocommerce.faults import Fault as Fault
from tests.fakes.woocommerce.shop import FakeWooCommerce as FakeWooCommerce
from tests.fakes.woocommerce.state import ApiKey as ApiKey
from tests.fakes.woocommerce.state import Settings as Settings
