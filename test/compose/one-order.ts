// One order at the shop of which the address is given; prints the receipt. A test runs it inside of a network namespace.
import { credentials } from '@grpc/grpc-js';
import { Shop } from '../../examples/shop/messages.ts';

const shop = new Shop(process.argv[2] ?? '', credentials.createInsecure(), { 'grpc.default_authority': 'shop' });
shop.Order({ product_id: 'paddle', quantity: 2 }, { deadline: Date.now() + 5_000 }, (error, receipt) => {
  if (error !== null || receipt === undefined) {
    console.error(error?.message);
    process.exitCode = 1;
  } else console.log(`${receipt.product_name}, ${receipt.total_cents}, priced by ${receipt.priced_by}`);
  shop.close();
});
