// The start of the portal: sign in, then the shell.
import { messageOf, whenSignedOut } from "./api.js";
import { h, replace } from "./dom.js";
import { failed } from "./components/states.js";
import { toast } from "./components/toast.js";
import { loadSession, renew, session, signOut } from "./session.js";
import { showShell } from "./shell.js";

const app = /** @type {HTMLElement} */ (document.getElementById("app"));
/** Ends what the shell runs, when somebody signs out. */
let shown = new AbortController();

document.querySelector(".skip")?.addEventListener("click", (event) => {
  event.preventDefault(); // The hash of the address belongs to the router.
  document.getElementById("main")?.focus();
});

whenSignedOut(async (sentAt) => {
  if (await renew(sentAt)) return true;
  if (!shown.signal.aborted) showSignIn("The session has ended. Sign in again; you come back to this page.");
  return false;
});

/** @param {string} [notice] */
async function showSignIn(notice) {
  shown.abort();
  const { signInPage } = await import("./pages/sign-in.js");
  document.title = "Sign in – hublet";
  replace(app, signInPage({ notice, onDone: start }));
}

function start() {
  shown = new AbortController();
  showShell(app, { signal: shown.signal, onSignOut: leave });
}

async function leave() {
  try {
    await signOut();
    // Nothing of the session may stay in the page: no list, no client of the playground.
    location.reload();
  } catch (error) {
    toast(messageOf(error), "bad");
  }
}

async function boot() {
  /** @type {string|undefined} */
  let refused;
  try {
    refused = await loadSession();
  } catch (error) {
    replace(app, h("main", { id: "main" }, h("h1", { class: "hush" }, "hublet"), failed("The portal cannot start.", messageOf(error),
      h("button", { class: "button", type: "button", on: { click: boot } }, "Try again"))));
    return;
  }
  if (session().signedIn) start();
  else await showSignIn(refused);
}

await boot();
