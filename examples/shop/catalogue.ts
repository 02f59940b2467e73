// The catalogue of the demo: a gRPC server that knows products, one method for each kind of call.
//   node examples/shop/catalogue.ts --listen 127.0.0.1:50061 --name catalogue-1 --version v1
import { setTimeout as wait } from 'node:timers/promises';
import {
  Server,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js';
import {
  type Answer,
  Catalogue,
  type Filter,
  type Product,
  type Question,
  type Review,
  type ReviewSummary,
} from './messages.ts';
import { readFlags, serve } from './program.ts';

const { listen, name, version } = readFlags({ listen: '127.0.0.1:50061', name: 'catalogue', version: 'v1' });

const products: readonly Product[] = [
  { id: 'paddle', name: 'carved paddle', price_cents: 4_900 },
  { id: 'sail', name: 'crab claw sail', price_cents: 31_000 },
  { id: 'lashing', name: 'coir lashing', price_cents: 650 },
  { id: 'float', name: 'outrigger float', price_cents: 18_500 },
  { id: 'bailer', name: 'wooden bailer', price_cents: 1_200 },
].map((product) => ({ ...product, served_by: name, version }));

/** Work of a few milliseconds, and now and then of many more. */
async function work(): Promise<void> {
  const usual = 1 + Math.random() * 6;
  await wait(Math.random() < 0.03 ? usual + 20 + Math.random() * 60 : usual);
}

async function getProduct(
  call: ServerUnaryCall<{ id: string }, Product>,
  answer: sendUnaryData<Product>,
): Promise<void> {
  await work();
  const product = products.find(({ id }) => id === call.request.id);
  if (product !== undefined) answer(null, product);
  else answer({ code: status.NOT_FOUND, details: `the catalogue has no product "${call.request.id}"` });
}

async function listProducts(call: ServerWritableStream<Filter, Product>): Promise<void> {
  for (const product of products) {
    if (call.cancelled) return;
    if (!product.name.includes(call.request.filter)) continue;
    await work();
    call.write(product);
  }
  call.end();
}

async function addReviews(
  call: ServerReadableStream<Review, ReviewSummary>,
  answer: sendUnaryData<ReviewSummary>,
): Promise<void> {
  let count = 0;
  let stars = 0;
  try {
    for await (const review of call) {
      count++;
      stars += review.stars;
    }
  } catch {
    // The caller is gone; nobody waits for the answer.
    return;
  }
  await work();
  answer(null, { count, average_stars: count === 0 ? 0 : stars / count, served_by: name });
}

async function ask(call: ServerDuplexStream<Question, Answer>): Promise<void> {
  try {
    // An ordinary loop would destroy the stream with its last question, and the end of the answers with it.
    for await (const question of call.iterator({ destroyOnReturn: false }) as AsyncIterable<Question>) {
      await work();
      call.write({ text: `${question.text} Yes.`, served_by: name });
    }
  } catch {
    return;
  }
  call.end();
}

const server = new Server();
server.addService(Catalogue.service, {
  GetProduct: getProduct,
  ListProducts: listProducts,
  AddReviews: addReviews,
  Ask: ask,
});
serve(server, listen, `${name} (${version})`);
