/** What is used here of Bun's way to call C: https://bun.com/docs/runtime/ffi */
declare module "bun:ffi" {
  type CType = "i32" | "u64" | "i64" | "ptr";
  type CValue = number | bigint | NodeJS.TypedArray;

  export function dlopen<Name extends string>(
    library: string,
    functions: Readonly<
      Record<Name, { readonly args: readonly CType[]; readonly returns: CType }>
    >,
  ): { readonly symbols: Readonly<Record<Name, (...values: CValue[]) => number>> };
  export function ptr(value: NodeJS.TypedArray): number;
  export const read: { i32(address: number, offset: number): number };
}
