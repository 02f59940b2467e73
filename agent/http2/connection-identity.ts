// Who a connection is with, before that is known, and in clear text.
import type { ConnectionIdentity } from './connection-contract.ts';

export const noIdentity: ConnectionIdentity = {
  localAddress: '',
  destination: null,
  alpn: null,
  serverName: '',
  subject: null,
  sans: [],
  fingerprint: '',
};
