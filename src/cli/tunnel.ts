import process from "node:process";
import { describeError } from "../describe-error.ts";
import { commandName } from "./command-name.ts";
import { ExpectedError } from "./expected-error.ts";

/** A way from the internet to a port of this machine. */
export interface Tunnel {
  /** Of the tunnel's other end: `https://….ngrok-free.app`. */
  readonly url: URL;
  close(): Promise<void>;
}

const otherTunnels = "Or open any other tunnel to this port and make it known to ImgGo: " +
  `${commandName} register --url https://…/webhook`;

/**
 * Makes ready to open tunnels by the package `@ngrok/ngrok`.
 *
 * @throws {ExpectedError} where it, or the account's token, is not there.
 */
export async function prepareTunnel(): Promise<(port: number) => Promise<Tunnel>> {
  const { default: ngrok } = await import("@ngrok/ngrok").catch(() => {
    throw new ExpectedError(
      1,
      `--tunnel expects the package @ngrok/ngrok: npm install @ngrok/ngrok\n${otherTunnels}`,
    );
  });
  const authtoken = process.env["NGROK_AUTHTOKEN"];
  if (!authtoken) {
    throw new ExpectedError(
      1,
      "--tunnel expects NGROK_AUTHTOKEN, the authtoken that your ngrok account shows.\n" +
        otherTunnels,
    );
  }
  return async (port) => {
    try {
      const listener = await ngrok.forward({ addr: port, authtoken });
      return { url: new URL(String(listener.url())), close: () => listener.close() };
    } catch (error) {
      throw new ExpectedError(
        1,
        `ngrok opened no tunnel: ${describeError(error)}\n${otherTunnels}`,
      );
    }
  };
}
