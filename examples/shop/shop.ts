// The shop of the demo: a gRPC server that asks the catalogue for everything, each kind of call by the same kind.
// It knows one address, its agent's, and calls the catalogue there by name; trace context passes from the calls it
// gets to the calls it makes, which is all that a program must do to be part of a trace.
//   node examples/shop/shop.ts --listen 127.0.0.1:50051 --catalogue 127.0.0.1:15001
import {
  type ClientDuplexStream,
  type ClientReadableStream,
  credentials,
  Metadata,
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
  type OrderRequest,
  type Product,
  type Question,
  type Receipt,
  type Review,
  type ReviewSummary,
  Shop,
} from './messages.ts';
import { readFlags, serve } from './program.ts';

const { listen, catalogue: address } = readFlags({ listen: '127.0.0.1:50051', catalogue: '127.0.0.1:15001' });
// The agent finds the endpoints by this name; a program without an agent would dial the catalogue itself.
const catalogue = new Catalogue(address, credentials.createInsecure(), {
  'grpc.default_authority': 'catalogue',
  // The agent may come up after this program: ask again soon.
  'grpc.max_reconnect_backoff_ms': 1_000,
});

/** What is passed on of a call's metadata: its place in a trace, and whether the caller asked for a preview. */
const passedOn = ['traceparent', 'tracestate', 'x-preview'];

function passOn(metadata: Metadata): Metadata {
  const passed = new Metadata();
  for (const key of passedOn) for (const value of metadata.get(key)) passed.add(key, value);
  return passed;
}

/** Ends a call as the one it made ended. Not on `end`, which comes before the status says whether all was well. */
function finishWith(
  call: ServerWritableStream<Filter, Product> | ServerDuplexStream<Question, Answer>,
  made: ClientReadableStream<Product> | ClientDuplexStream<Question, Answer>,
): void {
  made.on('error', (error) => call.emit('error', error));
  made.on('status', ({ code }) => {
    if (code === status.OK) call.end();
  });
}

function order(call: ServerUnaryCall<OrderRequest, Receipt>, answer: sendUnaryData<Receipt>): void {
  const { product_id: id, quantity } = call.request;
  // A child call ends when its parent is cancelled, and has what is left of its deadline.
  catalogue.GetProduct({ id }, passOn(call.metadata), { parent: call }, (error, product) => {
    if (error !== null || product === undefined) answer(error);
    else {
      const { name, price_cents, served_by } = product;
      answer(null, { product_name: name, total_cents: price_cents * quantity, priced_by: served_by });
    }
  });
}

function browse(call: ServerWritableStream<Filter, Product>): void {
  const products = catalogue.ListProducts(call.request, passOn(call.metadata), { parent: call });
  products.on('data', (product: Product) => call.write(product));
  finishWith(call, products);
}

function review(call: ServerReadableStream<Review, ReviewSummary>, answer: sendUnaryData<ReviewSummary>): void {
  const reviews = catalogue.AddReviews(passOn(call.metadata), { parent: call }, (error, summary) => {
    answer(error, summary);
  });
  call.on('data', (one: Review) => reviews.write(one));
  call.on('end', () => reviews.end());
  call.on('error', () => reviews.cancel());
}

function chat(call: ServerDuplexStream<Question, Answer>): void {
  const answers = catalogue.Ask(passOn(call.metadata), { parent: call });
  answers.on('data', (one: Answer) => call.write(one));
  finishWith(call, answers);
  call.on('data', (question: Question) => answers.write(question));
  call.on('end', () => answers.end());
  call.on('error', () => answers.cancel());
}

const server = new Server();
server.addService(Shop.service, { Order: order, Browse: browse, Review: review, Chat: chat });
serve(server, listen, 'shop');
