// CSDS (envoy.service.status.v3.ClientStatusDiscoveryService, gRFC A40): what an xDS client has, asked over gRPC.
import { Server, type ServerDuplexStream, type ServerUnaryCall, type sendUnaryData, status } from '@grpc/grpc-js';
import { type ClientStatusRequest, type ClientStatusResponse, loadProtos } from '../protos.ts';
import { bindServer } from './bind.ts';

/** What the client has; its contents are left out where nobody asks for them. */
export type ReadClientConfigs = (withContents: boolean) => ClientStatusResponse['config'];

const refusal = { code: status.INVALID_ARGUMENT, details: 'node_matchers: a client knows of no other node' };

export class ClientStatusServer {
  readonly #read: ReadClientConfigs;
  readonly #server = new Server();

  constructor(read: ReadClientConfigs) {
    this.#read = read;
    this.#server.addService(loadProtos().csdsService, {
      FetchClientStatus: (
        { request }: ServerUnaryCall<ClientStatusRequest, ClientStatusResponse>,
        answer: sendUnaryData<ClientStatusResponse>,
      ) => {
        const response = this.#answer(request);
        if (response === null) answer(refusal);
        else answer(null, response);
      },
      StreamClientStatus: (call: ServerDuplexStream<ClientStatusRequest, ClientStatusResponse>) => {
        call.on('data', (request: ClientStatusRequest) => {
          const response = this.#answer(request);
          if (response === null) call.emit('error', refusal);
          else call.write(response);
        });
        call.on('end', () => call.end());
        call.on('error', () => {});
      },
    });
  }

  /** Answers the bound port; 0 takes any free one. Rejects with one sentence where the address is not to be had. */
  listen({ host, port }: { readonly host: string; readonly port: number }): Promise<number> {
    return bindServer(this.#server, 'the client status service', host, port);
  }

  close(): void {
    this.#server.forceShutdown();
  }

  /** `null`: it asks for what we can't answer. */
  #answer({ node_matchers: matchers = [], exclude_resource_contents: isBare = false }: ClientStatusRequest) {
    if (matchers.length > 0) return null;
    return { config: this.#read(!isBare) };
  }
}
