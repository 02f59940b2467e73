// Has a certificate signed by the certificate authority of a mesh (`istio.v1.auth.IstioCertificateService`). Each request
// has a connection of its own: there are a few a day, and files of roots and tokens are renewed meanwhile.
import { readFileSync } from 'node:fs';
import { Client, type ServiceError, status } from '@grpc/grpc-js';
import type { ServerConfig } from './model/bootstrap.ts';
import { loadProtos } from './protos.ts';
import { channelCredentials, streamMetadata, targetNameOptions } from './server-credentials.ts';

/** What became of a request. */
export type SigningResult =
  /** PEM: the certificate, what leads to its root, and the root last. */
  | { readonly kind: 'signed'; readonly chain: readonly string[] }
  /** `isFinal`: the authority has judged; else it could not be reached, or could not judge. */
  | { readonly kind: 'failed'; readonly reason: string; readonly isFinal: boolean };

/** Answers once, unless the function that it returns was called before. Never throws. */
export type SignRequest = (
  requestPem: string,
  lifetimeMs: number,
  onResult: (result: SigningResult) => void,
) => () => void;

const timeoutMs = 10_000;
/** A chain of certificates; gRPC's own limit would take 4 MiB. */
const maxReceiveBytes = 256 * 1024;

const judgements: readonly status[] = [
  status.UNAUTHENTICATED,
  status.PERMISSION_DENIED,
  status.INVALID_ARGUMENT,
  status.FAILED_PRECONDITION,
  status.UNIMPLEMENTED,
];

export function signAt(server: ServerConfig, readFile: (path: string) => Buffer = readFileSync): SignRequest {
  const { path, requestSerialize, responseDeserialize } = loadProtos().caService.CreateCertificate;
  return (requestPem, lifetimeMs, onResult) => {
    let isOver = false;
    const end = (result: SigningResult) => {
      if (isOver) return;
      isOver = true;
      onResult(result);
    };
    const fail = (reason: string, isFinal = false) => end({ kind: 'failed', reason, isFinal });
    let client: Client;
    let metadata: ReturnType<typeof streamMetadata>;
    try {
      metadata = streamMetadata(server, readFile);
      client = new Client(server.serverUri, channelCredentials(server, readFile), {
        'grpc.max_receive_message_length': maxReceiveBytes,
        'grpc.use_local_subchannel_pool': 1,
        'grpc.enable_retries': 0,
        'grpc.service_config_disable_resolution': 1,
        ...targetNameOptions(server),
      });
    } catch (error) {
      queueMicrotask(() => fail(error instanceof Error ? error.message : String(error)));
      return () => {
        isOver = true;
      };
    }
    const message = { csr: requestPem, validity_duration: Math.round(lifetimeMs / 1000) };
    const options = { deadline: Date.now() + timeoutMs };
    const call = client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      message,
      metadata,
      options,
      (error: ServiceError | null, response) => {
        client.close();
        if (error === null) end({ kind: 'signed', chain: response?.cert_chain ?? [] });
        else fail(`status ${error.code}: ${error.details}`, judgements.includes(error.code));
      },
    );
    return () => {
      if (isOver) return;
      isOver = true;
      call.cancel();
      client.close();
    };
  };
}
