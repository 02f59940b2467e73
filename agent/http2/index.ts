// The codec's public face: everything above sees connections, streams, and header blocks made of shapes.
// The codec knows no gRPC and no mesh.

export type {
  BlockKind,
  Field,
  HeaderBlock,
  HeaderEdit,
  Shape,
  ShapeMemo,
} from './header-contract.ts';
export { HeaderShapes, type HeaderShapesOptions } from './header-shapes.ts';
