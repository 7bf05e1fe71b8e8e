/** What this room uses of WebAssembly, which Node and browsers have and the ECMAScript library of TypeScript does not. */
declare namespace WebAssembly {
  class Module {
    static exports(module: Module): readonly { readonly name: string }[];
    private readonly opaque;
    constructor(bytes: Uint8Array<ArrayBuffer>);
  }
  class Memory {
    readonly buffer: ArrayBuffer;
    constructor(descriptor: { readonly initial: number; readonly maximum?: number; readonly shared?: boolean });
  }
  class Instance {
    readonly exports: Readonly<Record<string, unknown>>;
    constructor(module: Module, imports: Readonly<Record<string, Readonly<Record<string, unknown>>>>);
  }
}
