// The least that a receiver can do: checks the signature and answers, and stores nothing.
import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";
import process from "node:process";

const { PORT = "0", WEBHOOK_SECRET: secret = "" } = process.env;

function verify(signature: Buffer, body: Buffer): boolean {
  const mac = createHmac("sha256", secret).update(body).digest();
  return signature.byteLength === mac.byteLength && timingSafeEqual(mac, signature);
}

createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", () => {
    const signature = Buffer.from(String(request.headers["x-imggo-signature"]).slice(7), "hex");
    const verified = verify(signature, Buffer.concat(chunks));
    response.writeHead(verified ? 200 : 401, { "content-type": "application/json" });
    response.end('{"status":"received"}');
  });
}).listen(Number(PORT), "127.0.0.1");
