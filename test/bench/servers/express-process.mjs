// The sample of the guide for Express: checks the signature and answers, and stores nothing.
import { createHmac, timingSafeEqual } from "node:crypto";
import process from "node:process";
import express from "express";

const { PORT, WEBHOOK_SECRET } = process.env;
const app = express();

app.post("/webhook", express.raw({ type: "application/json" }), (request, response) => {
  const signature = request.get("X-ImgGo-Signature") ?? "";
  const mac = createHmac("sha256", WEBHOOK_SECRET).update(request.body).digest("hex");
  const expected = Buffer.from(`sha256=${mac}`);
  const received = Buffer.from(signature);
  if (received.length !== expected.length || !timingSafeEqual(received, expected)) {
    return response.status(401).json({ error: "Invalid signature" });
  }
  const event = JSON.parse(request.body);
  switch (event.event) {
    case "job.succeeded":
    case "job.failed":
      break;
    default:
      return response.status(200).json({ status: "ignored" });
  }
  response.status(200).json({ status: "received" });
});

app.listen(Number(PORT), "127.0.0.1");
