// Calls of the C library that Node has none for, through node:ffi. Whoever needs one says what happens without it.
import type { FunctionDefinitions, getRawPointer, WrappedFunctionsFromDefinitions } from 'node:ffi';

export interface CLibrary<Signatures extends FunctionDefinitions> {
  readonly functions: WrappedFunctionsFromDefinitions<Signatures>;
  /** Where the bytes of a buffer lie, for a structure that points to others. Valid while the buffer is referenced. */
  readonly addressOf: typeof getRawPointer;
}

/** Or why they can't be called here, a sentence's end. */
export function loadCLibrary<const Signatures extends FunctionDefinitions>(
  signatures: Signatures,
): CLibrary<Signatures> | { readonly reason: string } {
  if (process.platform !== 'linux') return { reason: 'this is not Linux' };
  // It warns of being experimental when it is loaded; that it may be missing or change is reckoned with here.
  const { emitWarning } = process;
  process.emitWarning = () => {};
  try {
    const ffi = process.getBuiltinModule('node:ffi');
    if (ffi === undefined) return { reason: `Node ${process.versions.node} has no node:ffi` };
    // Without a name: what the program itself is linked with.
    const { functions } = ffi.dlopen(null as unknown as string, signatures);
    return { functions, addressOf: ffi.getRawPointer };
  } catch (error) {
    return { reason: error instanceof Error ? error.message : String(error) };
  } finally {
    process.emitWarning = emitWarning;
  }
}
