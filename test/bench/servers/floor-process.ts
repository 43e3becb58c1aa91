// The least that a receiver can do: checks the signature and answers, and stores nothing. By
// `node:crypto`, or by WebCrypto where the argument says `webcrypto`.
import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";
import process from "node:process";

const { PORT = "0", WEBHOOK_SECRET: secret = "" } = process.env;
const byWebCrypto = process.argv[2] === "webcrypto";
const algorithm = { name: "HMAC", hash: "SHA-256" };
const key = await crypto.subtle.importKey("raw", Buffer.from(secret), algorithm, false, ["verify"]);

function verify(
  signature: Buffer<ArrayBuffer>,
  body: Buffer<ArrayBuffer>,
): boolean | Promise<boolean> {
  if (byWebCrypto) return crypto.subtle.verify("HMAC", key, signature, body);
  const mac = createHmac("sha256", secret).update(body).digest();
  return signature.byteLength === mac.byteLength && timingSafeEqual(mac, signature);
}

createServer((request, response) => {
  const chunks: Buffer<ArrayBuffer>[] = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", () => {
    const signature = Buffer.from(String(request.headers["x-imggo-signature"]).slice(7), "hex");
    const answer = (verified: boolean) => {
      response.writeHead(verified ? 200 : 401, { "content-type": "application/json" });
      response.end('{"status":"received"}');
    };
    const verified = verify(signature, Buffer.concat(chunks));
    if (typeof verified === "boolean") answer(verified);
    else void verified.then(answer);
  });
}).listen(Number(PORT), "127.0.0.1");
