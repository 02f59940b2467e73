// Where a redirected connection was meant to go: SO_ORIGINAL_DST of the kernel's connection tracking.
import type { Socket } from 'node:net';
import { isIPv4 } from 'node:net';
import type { SocketAddress } from '../../xds/model/address.ts';
import { plainAddress } from '../grpc/address-range.ts';
import { loadCLibrary } from '../native/c-library.ts';
import { descriptorOf } from '../native/descriptor-of.ts';

/** `null`: the kernel knows of no redirection, or the socket is gone. */
export type OriginalDestination = (socket: Socket) => SocketAddress | null;

/** linux/in.h, linux/in6.h, linux/netfilter_ipv4.h: the option has one number in both families. */
const SOL_IP = 0;
const SOL_IPV6 = 41;
const SO_ORIGINAL_DST = 80;
/** sizeof(struct sockaddr_in) and sockaddr_in6. */
const IPV4_BYTES = 16;
const IPV6_BYTES = 28;

const GETSOCKOPT = {
  getsockopt: { arguments: ['i32', 'i32', 'i32', 'pointer', 'pointer'], return: 'i32' },
} as const;

/** Or why it can't be asked here, a sentence's end. */
export function loadOriginalDestination():
  | { readonly originalDestination: OriginalDestination }
  | { readonly reason: string } {
  const loaded = loadCLibrary(GETSOCKOPT);
  if ('reason' in loaded) return loaded;
  const { getsockopt } = loaded.functions;
  const value = Buffer.alloc(IPV6_BYTES);
  const length = Buffer.alloc(4);
  const ask = (fd: number, level: number, bytes: number): boolean => {
    length.writeInt32LE(bytes);
    return getsockopt(fd, level, SO_ORIGINAL_DST, value, length) === 0;
  };
  const askIpv4 = (fd: number): SocketAddress | null => {
    if (!ask(fd, SOL_IP, IPV4_BYTES)) return null;
    return { host: value.subarray(4, 8).join('.'), port: value.readUInt16BE(2) };
  };
  const askIpv6 = (fd: number): SocketAddress | null => {
    if (!ask(fd, SOL_IPV6, IPV6_BYTES)) return null;
    const groups = Array.from({ length: 8 }, (_, i) => value.readUInt16BE(8 + 2 * i).toString(16));
    return {
      host: plainAddress(new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1)),
      port: value.readUInt16BE(2),
    };
  };
  return {
    originalDestination: (socket) => {
      const fd = descriptorOf(socket);
      if (fd === null) return null;
      // An IPv4 client of a listener for both families is known to the tracking of IPv4 only.
      return isIPv4(plainAddress(socket.remoteAddress ?? ''))
        ? (askIpv4(fd) ?? askIpv6(fd))
        : (askIpv6(fd) ?? askIpv4(fd));
    },
  };
}
