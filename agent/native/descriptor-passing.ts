// Passes open file descriptors between two processes: SCM_RIGHTS over a Unix socket (unix(7), cmsg(3)). The kernel gives
// the receiver descriptors of its own for the same open sockets, so that a listening socket, with the connections that
// wait in it, goes on as long as one of both has it.
import { endianness } from 'node:os';
import { type CLibrary, loadCLibrary } from './c-library.ts';

/** The kernel takes 253 in one message (SCM_MAX_FD). */
export const MAX_DESCRIPTORS = 250;

export interface DescriptorPassing {
  /** Another descriptor of the same open file, to be closed by itself; `null`: there is none to be had. */
  readonly duplicate: (descriptor: number) => number | null;
  /** Sends `text` with at most `MAX_DESCRIPTORS`, which stay open here. `false`: the socket didn't take all of it. */
  readonly send: (socket: number, text: string, descriptors: readonly number[]) => boolean;
  /** What has come; `nothing` yet, or the other side has `ended`. The descriptors are the caller's to close. */
  readonly receive: (socket: number) => ReceivedDescriptors | 'nothing' | 'ended';
  /** The user at the other end of a Unix socket, as the kernel has it; `null`: unknown. */
  readonly peerUser: (socket: number) => number | null;
}

export interface ReceivedDescriptors {
  readonly text: string;
  readonly descriptors: readonly number[];
}

const SIGNATURES = {
  dup: { arguments: ['i32'], return: 'i32' },
  getsockopt: { arguments: ['i32', 'i32', 'i32', 'pointer', 'pointer'], return: 'i32' },
  sendmsg: { arguments: ['i32', 'pointer', 'i32'], return: 'i64' },
  recvmsg: { arguments: ['i32', 'pointer', 'i32'], return: 'i64' },
} as const;

/** sys/socket.h and linux/socket.h, of all architectures that Node runs on but MIPS and SPARC. */
const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
const SCM_RIGHTS = 1;
const MSG_CTRUNC = 0x8;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const MSG_CMSG_CLOEXEC = 0x4000_0000;

/** struct msghdr of 64 bits: name, name length, iov, count, control, length, flags. The C libraries differ in padding. */
const MESSAGE_BYTES = 56;
const [VECTOR_AT, VECTOR_COUNT_AT, CONTROL_AT, CONTROL_BYTES_AT, FLAGS_AT] = [16, 24, 32, 40, 48];
/** struct iovec: where, how much. */
const VECTOR_BYTES = 16;
/** struct cmsghdr of 64 bits: length, level, type; then the descriptors. */
const CONTROL_HEAD_BYTES = 16;
const [LEVEL_AT, TYPE_AT] = [8, 12];
const DESCRIPTOR_BYTES = 4;
const CREDENTIALS_BYTES = 12;
const USER_AT = 4;
const MAX_TEXT_BYTES = 64 * 1024;

/** Or why it can't be done here, a sentence's end. */
export function loadDescriptorPassing(): DescriptorPassing | { readonly reason: string } {
  const is64BitLittleEndian = endianness() === 'LE' && process.arch.endsWith('64');
  if (!is64BitLittleEndian) return { reason: `the layout of its messages on ${process.arch} is not known` };
  const loaded = loadCLibrary(SIGNATURES);
  return 'reason' in loaded ? loaded : createDescriptorPassing(loaded);
}

function createDescriptorPassing({ functions, addressOf }: CLibrary<typeof SIGNATURES>): DescriptorPassing {
  const { dup, getsockopt, sendmsg, recvmsg } = functions;
  return {
    duplicate: (descriptor) => {
      const copy = dup(descriptor);
      return copy < 0 ? null : copy;
    },
    send: (socket, text, descriptors) => {
      const rights = encodeRights(descriptors);
      const textBytes = Buffer.byteLength(text);
      const message = createMessage(addressOf, rights.length, textBytes);
      rights.copy(message.control);
      message.text.write(text);
      return Number(sendmsg(socket, message.whole, MSG_DONTWAIT | MSG_NOSIGNAL)) === textBytes;
    },
    receive: (socket) => {
      const room = CONTROL_HEAD_BYTES + MAX_DESCRIPTORS * DESCRIPTOR_BYTES;
      const { whole, control, text } = createMessage(addressOf, room, MAX_TEXT_BYTES);
      const count = Number(recvmsg(socket, whole, MSG_DONTWAIT | MSG_CMSG_CLOEXEC));
      if (count <= 0) return count === 0 ? 'ended' : 'nothing';
      const descriptors = decodeRights(control, Number(whole.readBigUInt64LE(CONTROL_BYTES_AT)));
      // The kernel has closed what found no room here, for want of free descriptors say.
      const isWhole = (whole.readInt32LE(FLAGS_AT) & MSG_CTRUNC) === 0;
      return { text: isWhole ? text.toString('utf8', 0, count) : '', descriptors };
    },
    peerUser: (socket) => {
      const credentials = Buffer.alloc(CREDENTIALS_BYTES);
      const length = Buffer.alloc(4);
      length.writeInt32LE(CREDENTIALS_BYTES);
      const failed = getsockopt(socket, SOL_SOCKET, SO_PEERCRED, credentials, length) !== 0;
      return failed ? null : credentials.readUInt32LE(USER_AT);
    },
  };
}

/** A struct msghdr and all that it points to in one piece of memory, which lives as long as the call that it is for. */
function createMessage(addressOf: CLibrary<typeof SIGNATURES>['addressOf'], controlBytes: number, textBytes: number) {
  const [vectorAt, controlAt] = [MESSAGE_BYTES, MESSAGE_BYTES + VECTOR_BYTES];
  const textAt = controlAt + controlBytes;
  const whole = Buffer.alloc(textAt + textBytes);
  const start = addressOf(whole);
  whole.writeBigUInt64LE(start + BigInt(vectorAt), VECTOR_AT);
  whole.writeBigUInt64LE(1n, VECTOR_COUNT_AT);
  whole.writeBigUInt64LE(controlBytes === 0 ? 0n : start + BigInt(controlAt), CONTROL_AT);
  whole.writeBigUInt64LE(BigInt(controlBytes), CONTROL_BYTES_AT);
  whole.writeBigUInt64LE(start + BigInt(textAt), vectorAt);
  whole.writeBigUInt64LE(BigInt(textBytes), vectorAt + 8);
  return { whole, control: whole.subarray(controlAt, textAt), text: whole.subarray(textAt) };
}

function encodeRights(descriptors: readonly number[]): Buffer {
  if (descriptors.length === 0) return Buffer.alloc(0);
  const length = CONTROL_HEAD_BYTES + descriptors.length * DESCRIPTOR_BYTES;
  // CMSG_SPACE: the next header would be aligned.
  const control = Buffer.alloc(Math.ceil(length / 8) * 8);
  control.writeBigUInt64LE(BigInt(length), 0);
  control.writeInt32LE(SOL_SOCKET, LEVEL_AT);
  control.writeInt32LE(SCM_RIGHTS, TYPE_AT);
  for (const [i, descriptor] of descriptors.entries()) {
    control.writeInt32LE(descriptor, CONTROL_HEAD_BYTES + i * DESCRIPTOR_BYTES);
  }
  return control;
}

function decodeRights(control: Buffer, received: number): number[] {
  if (received < CONTROL_HEAD_BYTES) return [];
  const isRights = control.readInt32LE(LEVEL_AT) === SOL_SOCKET && control.readInt32LE(TYPE_AT) === SCM_RIGHTS;
  if (!isRights) return [];
  const count = Math.floor((Number(control.readBigUInt64LE(0)) - CONTROL_HEAD_BYTES) / DESCRIPTOR_BYTES);
  return Array.from({ length: count }, (_, i) => control.readInt32LE(CONTROL_HEAD_BYTES + i * DESCRIPTOR_BYTES));
}
