// Signing in with what people have at hand: an access key, a connection string or a token.
import { messageOf } from "../api.js";
import { h } from "../dom.js";
import { mark } from "../icons.js";
import { field, textInput } from "../components/fields.js";
import { notice } from "../components/states.js";
import { credentialOf, session, signIn } from "../session.js";
import { themeButton } from "../shell.js";

/** @param {{ notice?: string|undefined, onDone: () => void }} options */
export function signInPage({ notice: said, onDone }) {
  const { development, issuers, endpoint, version } = session();
  const secret = field({
    label: "Access key, connection string or token",
    control: textInput({ type: "password", class: "mono", required: true, autocomplete: "current-password", on: { input: describe } }),
    hint: "It is exchanged for a session cookie, and kept nowhere else.",
    behind: h("button", { class: "button", type: "button", "aria-pressed": "false", on: { click: reveal } }, "Show"),
  });
  const hint = /** @type {HTMLElement} */ (secret.element.querySelector(".hint"));
  const button = h("button", { class: "button primary", type: "submit" }, "Sign in");

  function describe() {
    secret.setError("");
    hint.textContent = secret.control.value.trim() === ""
      ? "It is exchanged for a session cookie, and kept nowhere else."
      : `This looks like ${credentialOf(secret.control.value).kind}.`;
  }

  /** @param {MouseEvent} event */
  function reveal(event) {
    const shown = secret.control.type === "text";
    secret.control.type = shown ? "password" : "text";
    const toggle = /** @type {HTMLElement} */ (event.currentTarget);
    toggle.textContent = shown ? "Show" : "Hide";
    toggle.setAttribute("aria-pressed", String(!shown));
  }

  /** @param {import("../session.js").Credential} credential */
  async function attempt(credential) {
    button.disabled = true;
    try {
      await signIn(credential);
      onDone();
    } catch (error) {
      secret.setError(messageOf(error));
      secret.control.focus();
    } finally {
      button.disabled = false;
    }
  }

  const form = h("form", {
    class: "card", novalidate: true,
    on: {
      submit: (event) => {
        event.preventDefault();
        if (secret.control.value.trim() === "") secret.setError("Nothing was entered. Paste an access key, a connection string or a token.");
        else attempt(credentialOf(secret.control.value).credential);
      },
    },
  },
  h("h1", {}, "Sign in"),
  said ? notice("note", said) : null,
  // So that password managers know for what the key is.
  h("input", { type: "text", class: "hush", name: "username", autocomplete: "username", value: endpoint, tabindex: "-1", "aria-hidden": "true" }),
  secret.element,
  button,
  development && h("button", { class: "button", type: "button", on: { click: () => attempt({ development: true }) } }, "Sign in without a key"));

  return h("div", { class: "sign-in" },
    h("main", { id: "main", tabindex: "-1" },
      h("p", { class: "brand" }, mark(), "hublet"),
      form,
      h("div", { class: "after stack-s" },
        issuers.length > 0
          ? h("p", {}, "Tokens of ", issuers.map((issuer, index) => [index > 0 && ", ", h("code", {}, issuer)]).flat(), " are accepted.")
          : h("p", {}, "The service printed its connection string when it made its keys. The keys are in the file ", h("code", {}, "access-keys"), " of its data folder, or in its configuration."),
        h("p", {}, `${endpoint} · v${version}`), h("div", {}, themeButton()))));
}
