// The customers of the demo: a steady trickle of calls of all four kinds, and one in fifty asks for what is not sold.
// Says something only when calls begin to fail and when they succeed again.
//   node examples/shop/traffic.ts --shop 127.0.0.1:15051 --rate 10
import { credentials, type StatusObject, status } from '@grpc/grpc-js';
import { Shop } from './messages.ts';
import { onEnd, readFlags } from './program.ts';

const { shop: address, rate } = readFlags({ shop: '127.0.0.1:15051', rate: '10' });
const callsPerSecond = Number(rate);
if (!(callsPerSecond > 0 && callsPerSecond <= 1_000)) {
  console.error(`--rate takes calls per second, above 0 and at most 1000, not "${rate}"`);
  process.exit(64);
}

const shop = new Shop(address, credentials.createInsecure(), {
  'grpc.default_authority': 'shop',
  // The agent may come up after this program: ask again soon.
  'grpc.max_reconnect_backoff_ms': 1_000,
});
const productIds = ['paddle', 'sail', 'lashing', 'float', 'bailer'];
const ok = { code: status.OK, details: '' };
let isFailing = false;

function settle(method: string, { code, details }: Pick<StatusObject, 'code' | 'details'>): void {
  // What is not sold is an answer like any other.
  const failed = code !== status.OK;
  if (failed && !isFailing) console.log(`${method} fails: ${status[code]} ${details}`);
  if (!failed && isFailing) console.log(`${method} succeeds again`);
  isFailing = failed;
}

function options(): { deadline: number } {
  return { deadline: Date.now() + 5_000 };
}

function pick<Item>(items: readonly Item[]): Item {
  return items[Math.floor(Math.random() * items.length)] as Item;
}

function order(): void {
  shop.Order({ product_id: pick(productIds), quantity: 1 + Math.floor(Math.random() * 3) }, options(), (error) =>
    settle('Order', error ?? ok),
  );
}

function browse(): void {
  const products = shop.Browse({ filter: '' }, options());
  products.resume();
  products.on('status', (end) => settle('Browse', end));
  products.on('error', () => {});
}

function review(): void {
  const reviews = shop.Review(options(), (error) => settle('Review', error ?? ok));
  for (let count = 0; count < 3; count++) reviews.write({ product_id: pick(productIds), stars: pick([3, 4, 5]) });
  reviews.end();
}

/** Three questions, each after the answer to the one before. */
function chat(): void {
  const questions = ['Is it dry?', 'Is it light?', 'Is it fast?'];
  const conversation = shop.Chat(options());
  function askNext(): void {
    const text = questions.shift();
    if (text === undefined) conversation.end();
    else conversation.write({ text });
  }
  conversation.on('data', askNext);
  conversation.on('status', (end) => settle('Chat', end));
  conversation.on('error', () => {});
  askNext();
}

/** Most customers order, some look around, few have something to say. */
const customers = [order, order, order, order, order, browse, browse, review, review, chat];

// Customers come at random, `callsPerSecond` on average.
function comeSoon(): void {
  setTimeout(
    () => {
      pick(customers)();
      comeSoon();
    },
    (-Math.log(1 - Math.random()) * 1_000) / callsPerSecond,
  );
}

comeSoon();
onEnd(() => process.exit(0));
