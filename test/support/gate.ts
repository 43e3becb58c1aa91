/** A door that is closed until it is opened. */
export interface Gate {
  readonly open: () => void;
  /** Resolves once it is open. */
  readonly opened: Promise<void>;
}

export function createGate(): Gate {
  let open = () => {};
  const opened = new Promise<void>((resolve) => open = resolve);
  return { open, opened };
}
