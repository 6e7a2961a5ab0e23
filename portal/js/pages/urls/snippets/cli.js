// A terminal.
import { addressOf, isSimple, program, shellQuoted } from "./plan.js";

const GREETING = "hello from a terminal";

/** A word of the terminal client; it knows quotes. @param {string} name */
const word = (name) => (/^[^\s"'\\]+$/.test(name) ? name : JSON.stringify(name));

/** @param {import("./plan.js").Plan} plan */
function code(plan) {
  const lines = isSimple(plan)
    ? (plan.maySend ? [GREETING] : [])
    : [...(plan.mayJoin ? [`join ${word(plan.group)}`] : []), ...(plan.maySend ? [`send ${word(plan.group)} ${GREETING}`] : [])];
  // What is typed goes on after the first lines.
  const typed = lines.length > 0 ? `(printf '%s\\n' ${lines.map(shellQuoted).join(" ")}; cat) | ` : "";
  return program(`${typed}hublet connect ${shellQuoted(addressOf(plan))} --protocol ${plan.cli}`);
}

/** @type {import("./plan.js").Language} */
export const cli = {
  id: "cli",
  title: "hublet connect",
  colours: "sh",
  file: "",
  how: "Paste it into a terminal; then type on: help lists what the client knows.",
  code,
};
