// The admin API with the access key of a connection string, which the SDKs do not know.
import { createHmac } from "node:crypto";

/** @param {string} connectionString @returns {(method: string, path: string, body?: object) => Promise<{ status: number, text: string }>} path: as `api/ext/hubs` */
export function adminOf(connectionString) {
  const part = (name) => new RegExp(`${name}=([^;]*)`).exec(connectionString)[1];
  const encode = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  return async (method, path, body) => {
    const url = `${part("Endpoint")}/${path}`;
    const claims = { aud: url.split("?")[0], exp: Math.floor(Date.now() / 1000) + 600 };
    const signed = `${encode({ alg: "HS256", typ: "JWT" })}.${encode(claims)}`;
    const token = `${signed}.${createHmac("sha256", part("AccessKey")).update(signed).digest("base64url")}`;
    const response = await fetch(url, { method, headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" }, body: body && JSON.stringify(body) });
    return { status: response.status, text: await response.text() };
  };
}
