"use strict";

const keyField = document.getElementById("key");
const TOKEN_LIFE_S = 60;

// Browsers sign on secure pages only: https, or this machine.
if (!globalThis.crypto?.subtle) {
  keyField.disabled = true;
  document.getElementById("hint").textContent =
    "This page can sign requests over https or on localhost only. Use Authorize with a token made elsewhere.";
}

function base64url(bytes) {
  const text = btoa(String.fromCharCode(...bytes));
  return text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** A token for one URL, signed as the SDKs do it. */
async function sign(url, accessKey) {
  const encoder = new TextEncoder();
  const part = (value) => base64url(encoder.encode(JSON.stringify(value)));
  const now = Math.floor(Date.now() / 1000);
  const claims = { aud: url, iat: now, exp: now + TOKEN_LIFE_S };
  const input = `${part({ alg: "HS256", typ: "JWT" })}.${part(claims)}`;
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", encoder.encode(accessKey), algorithm, false, ["sign"]);
  const signature = await crypto.subtle.sign("HMAC", key, encoder.encode(input));
  return `${input}.${base64url(new Uint8Array(signature))}`;
}

SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#page",
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  tryItOutEnabled: true,
  // No service elsewhere gets to see this document.
  validatorUrl: null,
  async requestInterceptor(request) {
    const url = new URL(request.url, document.baseURI);
    const accessKey = keyField.value.trim();
    // A token from "Authorize" wins; other origins never get one.
    if (accessKey && url.origin === location.origin && !request.loadSpec && !request.headers.Authorization) {
      request.headers.Authorization = `Bearer ${await sign(url.href, accessKey)}`;
    }
    return request;
  },
});
