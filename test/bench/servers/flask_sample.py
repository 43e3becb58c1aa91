# The sample of the guide for Flask: checks the signature and answers, and stores nothing.
import hashlib
import hmac
import os

from flask import Flask, jsonify, request

app = Flask(__name__)
secret = os.environ["WEBHOOK_SECRET"]


@app.route("/webhook", methods=["POST"])
def webhook():
    signature = request.headers.get("X-ImgGo-Signature", "")
    mac = hmac.new(secret.encode(), request.get_data(), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(signature, "sha256=" + mac):
        return jsonify(error="Invalid signature"), 401
    event = request.get_json()
    if event["event"] not in ("job.succeeded", "job.failed"):
        return jsonify(status="ignored"), 200
    return jsonify(status="received"), 200
