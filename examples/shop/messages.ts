// The messages and services of proto/demo as TypeScript sees them, and their definitions for grpc-js.
import { fileURLToPath } from 'node:url';
import {
  type CallOptions,
  type ChannelCredentials,
  type ChannelOptions,
  type Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  type ClientUnaryCall,
  type ClientWritableStream,
  loadPackageDefinition,
  type Metadata,
  type requestCallback,
  type ServiceDefinition,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

export interface Product {
  readonly id: string;
  readonly name: string;
  readonly price_cents: number;
  readonly served_by: string;
  readonly version: string;
}

export interface Review {
  readonly product_id: string;
  readonly stars: number;
}

export interface ReviewSummary {
  readonly count: number;
  readonly average_stars: number;
  readonly served_by: string;
}

export interface Question {
  readonly text: string;
}

export interface Answer {
  readonly text: string;
  readonly served_by: string;
}

export interface OrderRequest {
  readonly product_id: string;
  readonly quantity: number;
}

export interface Receipt {
  readonly product_name: string;
  readonly total_cents: number;
  readonly priced_by: string;
}

export interface Filter {
  readonly filter: string;
}

export interface CatalogueClient extends Client {
  GetProduct(
    request: { readonly id: string },
    metadata: Metadata,
    options: CallOptions,
    callback: requestCallback<Product>,
  ): ClientUnaryCall;
  ListProducts(request: Filter, metadata: Metadata, options: CallOptions): ClientReadableStream<Product>;
  AddReviews(
    metadata: Metadata,
    options: CallOptions,
    callback: requestCallback<ReviewSummary>,
  ): ClientWritableStream<Review>;
  Ask(metadata: Metadata, options: CallOptions): ClientDuplexStream<Question, Answer>;
}

export interface ShopClient extends Client {
  Order(request: OrderRequest, options: CallOptions, callback: requestCallback<Receipt>): ClientUnaryCall;
  Browse(request: Filter, options: CallOptions): ClientReadableStream<Product>;
  Review(options: CallOptions, callback: requestCallback<ReviewSummary>): ClientWritableStream<Review>;
  Chat(options: CallOptions): ClientDuplexStream<Question, Answer>;
}

interface ServiceClass<ServiceClient> {
  readonly service: ServiceDefinition;
  new (address: string, credentials: ChannelCredentials, options?: ChannelOptions): ServiceClient;
}

const definitions = loadSync(['demo/catalogue.proto', 'demo/shop.proto'], {
  includeDirs: [fileURLToPath(new URL('../../proto', import.meta.url))],
  keepCase: true,
  defaults: true,
});

// What proto-loader makes has no types; the interfaces above say what is in the files.
const { demo } = loadPackageDefinition(definitions) as unknown as {
  readonly demo: {
    readonly catalogue: { readonly Catalogue: ServiceClass<CatalogueClient> };
    readonly shop: { readonly Shop: ServiceClass<ShopClient> };
  };
};

export const { Catalogue } = demo.catalogue;
export const { Shop } = demo.shop;
