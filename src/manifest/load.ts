/**
 * A package that is installed by whoever uses it.
 *
 * @throws {Error} when it is not, with what to do.
 */
export async function load<Module>(
  format: string,
  name: string,
  imported: Promise<Module>,
): Promise<Module> {
  return await imported.catch((cause) => {
    throw new Error(
      `The result is ${format}: expected the package ${name}. Install it: npm install ${name}`,
      { cause },
    );
  });
}
